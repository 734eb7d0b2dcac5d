//! What our server and client cost on top of tonic's own: the same echo, one call at a time and 64 at once.

use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::tenant_service_server::{TenantService, TenantServiceServer};
use api::profile::*;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures::future::join_all;
use runtime::client::{ClientConfig, connect};
use runtime::server::{Server, ServerConfig, Shutdown};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Bytes, StdError};
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, transport};

/// Calls at once.
const CONCURRENCY: [usize; 2] = [1, 64];

struct Echo;

#[tonic::async_trait]
impl TenantService for Echo {
    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        let tenant_id = request.into_inner().tenant_id;
        Ok(Response::new(Tenant {
            tenant_id,
            ..Default::default()
        }))
    }

    async fn create_tenant(
        &self,
        _: Request<CreateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_tenants(
        &self,
        _: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_tenant(
        &self,
        _: Request<UpdateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn delete_tenant(
        &self,
        _: Request<DeleteTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented(""))
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = format!(
        "http://{}",
        listener.local_addr().expect("a bound listener")
    );
    (listener, target)
}

async fn serve_plain() -> String {
    let (listener, target) = listen().await;
    let server = transport::Server::builder().add_service(TenantServiceServer::new(Echo));
    // Without delay, as our server has it: else the comparison measures the kernel's patience.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(server.serve_with_incoming(incoming));
    target
}

async fn serve_ours() -> String {
    let (listener, target) = listen().await;
    let (trigger, shutdown) = Shutdown::new();
    let server = Server::new("profile", ServerConfig::default())
        .add(Routes::new(TenantServiceServer::new(Echo)));
    tokio::spawn(async move {
        let _kept = trigger;
        server.serve(listener, shutdown).await
    });
    target
}

async fn call<S>(client: &TenantServiceClient<S>, concurrency: usize)
where
    S: GrpcService<Body> + Clone,
    S::Error: Into<StdError>,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<StdError> + Send,
{
    let calls = (0..concurrency).map(|_| {
        let mut client = client.clone();
        async move {
            let request = GetTenantRequest {
                tenant_id: "acme".into(),
            };
            client.get_tenant(request).await.expect("an echo")
        }
    });
    join_all(calls).await;
}

fn echo(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let plain_server = runtime.block_on(serve_plain());
    let our_server = runtime.block_on(serve_ours());
    let tonic = |target: &str| {
        let endpoint = transport::Endpoint::from_shared(target.to_owned()).expect("an address");
        TenantServiceClient::new(endpoint.connect_lazy())
    };
    let plain = tonic(&plain_server);
    let served = tonic(&our_server);
    let ours = TenantServiceClient::new(
        connect("profile", &our_server, &ClientConfig::default()).expect("an address"),
    );

    let mut group = criterion.benchmark_group("echo");
    for concurrency in CONCURRENCY {
        group.bench_function(BenchmarkId::new("tonic", concurrency), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(|| call(&plain, concurrency));
        });
        group.bench_function(BenchmarkId::new("our server", concurrency), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(|| call(&served, concurrency));
        });
        group.bench_function(
            BenchmarkId::new("our server and client", concurrency),
            |bencher| {
                bencher.to_async(&runtime).iter(|| call(&ours, concurrency));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, echo);
criterion_main!(benches);
