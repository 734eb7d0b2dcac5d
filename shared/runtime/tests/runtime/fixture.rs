//! A server of real contracts whose answers a test writes.

use api::profile::feature_service_server::{FeatureService, FeatureServiceServer};
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::tenant_service_server::{TenantService, TenantServiceServer};
use api::profile::*;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use runtime::client::{Channel, ClientConfig, connect};
use runtime::server::{Server, ServerConfig, Shutdown, ShutdownTrigger};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Long enough for anything that should happen at all on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

type Answer = Result<Response<Tenant>, Status>;
type Handler = Arc<dyn Fn(Request<GetTenantRequest>) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Answers `GetTenant` by a closure, and `WatchProfileChanges` never.
#[derive(Clone)]
pub(crate) struct Scripted(Handler);

impl Scripted {
    pub(crate) fn new<F>(
        answer: impl Fn(Request<GetTenantRequest>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(answer(request))))
    }

    /// Answers with the tenant that was asked for.
    pub(crate) fn echo() -> Self {
        Self::new(|request| async move { Ok(named(&request.get_ref().tenant_id)) })
    }

    pub(crate) fn routes(self) -> Routes {
        Routes::new(TenantServiceServer::new(self.clone()).max_decoding_message_size(4096))
            .add_service(FeatureServiceServer::new(self))
    }
}

pub(crate) fn named(tenant_id: &str) -> Response<Tenant> {
    Response::new(Tenant {
        tenant_id: tenant_id.to_owned(),
        ..Default::default()
    })
}

pub(crate) fn ask(tenant_id: &str) -> GetTenantRequest {
    GetTenantRequest {
        tenant_id: tenant_id.to_owned(),
    }
}

#[tonic::async_trait]
impl TenantService for Scripted {
    async fn get_tenant(&self, request: Request<GetTenantRequest>) -> Answer {
        (self.0)(request).await
    }

    async fn create_tenant(&self, _: Request<CreateTenantRequest>) -> Answer {
        Err(Status::unimplemented(""))
    }

    async fn list_tenants(
        &self,
        _: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_tenant(&self, _: Request<UpdateTenantRequest>) -> Answer {
        Err(Status::unimplemented(""))
    }

    async fn delete_tenant(&self, _: Request<DeleteTenantRequest>) -> Answer {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl FeatureService for Scripted {
    type WatchProfileChangesStream =
        BoxStream<'static, Result<WatchProfileChangesResponse, Status>>;

    async fn watch_profile_changes(
        &self,
        _: Request<WatchProfileChangesRequest>,
    ) -> Result<Response<Self::WatchProfileChangesStream>, Status> {
        let first = futures::stream::iter([Ok(WatchProfileChangesResponse::default())]);
        Ok(Response::new(Box::pin(futures::StreamExt::chain(
            first,
            futures::stream::pending(),
        ))))
    }

    async fn batch_get_feature_states(
        &self,
        _: Request<BatchGetFeatureStatesRequest>,
    ) -> Result<Response<BatchGetFeatureStatesResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_features(
        &self,
        _: Request<GetFeaturesRequest>,
    ) -> Result<Response<GetFeaturesResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_feature_definitions(
        &self,
        _: Request<ListFeatureDefinitionsRequest>,
    ) -> Result<Response<ListFeatureDefinitionsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn lease_cache_epoch(
        &self,
        _: Request<LeaseCacheEpochRequest>,
    ) -> Result<Response<LeaseCacheEpochResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) trigger: ShutdownTrigger,
    pub(crate) task: JoinHandle<anyhow::Result<()>>,
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        shutdown_grace: Duration::from_secs(5),
        ..Default::default()
    }
}

pub(crate) async fn serve(name: &str, config: ServerConfig, routes: Routes) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve_on(listener, name, config, routes)
}

pub(crate) fn serve_on(
    listener: TcpListener,
    name: &str,
    config: ServerConfig,
    routes: Routes,
) -> Running {
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Shutdown::new();
    let task = tokio::spawn(
        Server::new(name, config)
            .add(routes)
            .serve(listener, shutdown),
    );
    Running {
        address,
        trigger,
        task,
    }
}

impl Running {
    pub(crate) fn target(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn channel(&self) -> Channel {
        connect("test", &self.target(), &ClientConfig::default()).unwrap()
    }

    pub(crate) fn client(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.channel())
    }

    /// A client without retries, deadlines or anything else of ours.
    pub(crate) fn bare(&self) -> tonic::transport::Channel {
        tonic::transport::Endpoint::from_shared(self.target())
            .unwrap()
            .connect_lazy()
    }

    pub(crate) async fn stop(self) {
        self.trigger.trigger();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}
