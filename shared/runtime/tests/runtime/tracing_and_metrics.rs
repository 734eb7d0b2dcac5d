use super::fixture::{PATIENCE, Scripted, ask, config, named, serve};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use runtime::context::RequestContext;
use runtime::operations_port::{self, Readiness};
use runtime::server::Shutdown;
use runtime::telemetry::{self, TelemetryConfig};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Request, Response, Status};

/// Keeps the spans that it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request
            .into_inner()
            .resource_spans
            .into_iter()
            .flat_map(|it| it.scope_spans);
        self.0.lock().unwrap().extend(spans.flat_map(|it| it.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server =
            tonic::transport::Server::builder().add_service(TraceServiceServer::new(self.clone()));
        tokio::spawn(
            server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)),
        );
        format!("http://{address}")
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

// One test, since telemetry is set up once per process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follows_a_call_through_two_services_and_counts_it() {
    let collector = Collector::default();
    let otlp_endpoint = Some(collector.start().await);
    let settings = TelemetryConfig {
        otlp_endpoint,
        log: "warn".into(),
        ..Default::default()
    };
    let telemetry = telemetry::init("test", &settings).unwrap();
    let _same = telemetry::init("other", &TelemetryConfig::default()).unwrap();

    let inner = serve("inner", config(), Scripted::echo().routes()).await;
    let next = inner.client();
    let outer = Scripted::new(move |request| {
        let mut next = next.clone();
        async move {
            next.get_tenant(RequestContext::from_request(&request)?.request(ask("b")))
                .await?;
            Ok(named("a"))
        }
    });
    let outer = serve("outer", config(), outer.routes()).await;
    let mut request = Request::new(ask("a"));
    request.metadata_mut().insert(
        "traceparent",
        format!("00-{TRACE}-{CALLER}-01").parse().unwrap(),
    );
    api::profile::tenant_service_client::TenantServiceClient::new(outer.bare())
        .get_tenant(request)
        .await
        .unwrap();
    let metrics = scrape().await;
    outer.stop().await;
    inner.stop().await;
    telemetry.shutdown(PATIENCE).await;

    // Caller, outer server, outer's client, inner server: each the parent of the next.
    let spans = collector.0.lock().unwrap().clone();
    let mut parent = CALLER.to_owned();
    for kind in [2, 3, 2] {
        let child = spans
            .iter()
            .find(|it| hex(&it.parent_span_id) == parent && hex(&it.trace_id) == TRACE);
        let child = child.unwrap_or_else(|| panic!("no child of {parent} among {spans:?}"));
        assert_eq!(
            (child.kind, child.name.as_str()),
            (kind, "clientele.profile.v1.TenantService/GetTenant")
        );
        parent = hex(&child.span_id);
    }

    let labels = r#"rpc_method="clientele.profile.v1.TenantService/GetTenant",rpc_response_status_code="OK""#;
    for name in [
        "rpc_server_call_duration_seconds_count",
        "rpc_client_call_duration_seconds_count",
    ] {
        assert!(
            metrics
                .lines()
                .any(|it| it.starts_with(name) && it.contains(labels)),
            "{name} in {metrics}"
        );
    }
    assert!(
        metrics.contains(r#"le="0.0001""#) && metrics.contains(r#"le="10""#),
        "{metrics}"
    );
}

/// Reads `/metrics` of an operations port, which is up, alive and ready.
async fn scrape() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Shutdown::new();
    let readiness = Readiness::new();
    let port = tokio::spawn(operations_port::serve(
        listener,
        readiness.clone(),
        shutdown,
    ));

    assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503"));
    readiness.set("outer", true);
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    readiness.set("outer", false);
    assert!(get(address, "/readyz").await.contains("not ready: outer"));
    let metrics = get(address, "/metrics").await;

    trigger.trigger();
    port.await.unwrap().unwrap();
    metrics
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn probes_find_health_on_the_operations_port() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (trigger, shutdown) = Shutdown::new();
    let readiness = Readiness::new();
    readiness.set("profile", true);
    let port = tokio::spawn(operations_port::serve(
        listener,
        readiness.clone(),
        shutdown,
    ));
    let channel = tonic::transport::Endpoint::from_shared(address).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    let mut status = async |service: &str| {
        let service = service.to_owned();
        let answer = client.check(HealthCheckRequest { service }).await;
        answer
            .map(|it| it.into_inner().status)
            .map_err(|it| it.code())
    };

    assert_eq!(status("readiness").await, Ok(1));
    assert_eq!(status("profile").await, Ok(1));
    assert_eq!(status("scoring").await, Err(tonic::Code::NotFound));
    readiness.set("profile", false);
    assert_eq!(status("readiness").await, Ok(2));
    assert_eq!(status("").await, Ok(2));
    assert_eq!(status("liveness").await, Ok(1));

    trigger.trigger();
    port.await.unwrap().unwrap();
}
