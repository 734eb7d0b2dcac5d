//! Starts the service as production does, on a free port.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::common::{Event, Identifier, Money};
use api::ingestion::event_service_client::EventServiceClient;
use api::ingestion::import_service_client::ImportServiceClient;
use api::ingestion::quality_service_client::QualityServiceClient;
use api::ingestion::quarantine_service_client::QuarantineServiceClient;
use api::ingestion::rate_service_client::RateServiceClient;
use api::ingestion::source_service_client::SourceServiceClient;
use api::ingestion::taxonomy_service_client::TaxonomyServiceClient;
use api::ingestion::*;
use api::longrunning::operation::Result as Outcome;
use api::longrunning::operations_client::OperationsClient;
use api::longrunning::{Operation, WaitOperationRequest};
use ingestion::{Config, DEFAULTS, Service};
use prost::Message;
use runtime::server::{Server, Shutdown, ShutdownTrigger};
use store::DatabaseConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::peer::Peer;

/// A running service with its peer.
pub struct Ingestion {
    pub events: EventServiceClient<Channel>,
    pub imports: ImportServiceClient<Channel>,
    pub quality: QualityServiceClient<Channel>,
    pub rates: RateServiceClient<Channel>,
    pub sources: SourceServiceClient<Channel>,
    pub taxonomies: TaxonomyServiceClient<Channel>,
    pub quarantine: QuarantineServiceClient<Channel>,
    pub operations: OperationsClient<Channel>,
    pub peer: Peer,
    /// `http://host:port` of the endpoint for client libraries.
    pub http: String,
    pub config: Config,
    folder: Arc<TempDir>,
    trigger: ShutdownTrigger,
    running: Vec<JoinHandle<anyhow::Result<()>>>,
}

/// Runs a test on every database there is.
pub async fn on_each_database<F: Future<Output = ()>>(test: impl Fn(DatabaseConfig) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("ingestion.db").display()
    );
    test(DatabaseConfig {
        url,
        ..DatabaseConfig::default()
    })
    .await;
    match std::env::var("CLIENTELE_TEST_POSTGRES") {
        Ok(url) => {
            let schema = Some(format!("ingestion_{}", Uuid::new_v4().simple()));
            test(DatabaseConfig {
                url,
                connections_max: 8,
                schema,
            })
            .await;
        }
        Err(_) => println!("NOT RUN: no PostgreSQL (CLIENTELE_TEST_POSTGRES is not set)"),
    }
}

/// Returns the folder of public data, or says that there is none.
pub fn data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = std::env::var_os("CLIENTELE_DATA")
        .map_or_else(|| root.join("../shared/data"), PathBuf::from);
    if !path.is_dir() {
        println!("NOT RUN: no data");
        return None;
    }
    Some(path)
}

/// Returns a contract of the project.
pub fn contract(name: &str) -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/contracts/{name}.yaml"));
    std::fs::read_to_string(path).unwrap()
}

impl Ingestion {
    pub async fn start(database: DatabaseConfig) -> Self {
        Self::start_with(database, |_| {}).await
    }

    /// Starts with a changed configuration.
    pub async fn start_with(database: DatabaseConfig, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let key = folder.path().join("identity.key");
        std::fs::write(&key, [7; 32]).unwrap();
        let mut config: Config = runtime::config::load_from(DEFAULTS, None, []).unwrap();
        config.database = database;
        config.identity.key_file = key;
        config.lake.path = folder.path().join("lake");
        config.uploads.path = folder.path().join("uploads");
        config.dispatch.lease = Duration::from_secs(2);
        config.dispatch.watermark_interval = Duration::from_millis(100);
        config.dispatch.backoff_max = Duration::from_millis(200);
        config.archive.interval = Duration::from_millis(50);
        let peer = Peer::default();
        config.peers.profile = peer.serve().await;
        change(&mut config);
        Self::run(config, peer, folder).await
    }

    async fn run(mut config: Config, peer: Peer, folder: Arc<TempDir>) -> Self {
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http_url = format!("http://{}", http.local_addr().unwrap());
        config.http.bound = Some(Arc::new(http));
        Service::migrate(&config).await.unwrap();
        let service = Arc::new(Service::open(config.clone()).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (trigger, shutdown) = Shutdown::new();
        let server = Server::new("ingestion", config.server.clone()).add(service.routes());
        let running = vec![
            tokio::spawn(service.run(shutdown.clone())),
            tokio::spawn(server.serve(listener, shutdown)),
        ];
        let channel = Channel::from_shared(address).unwrap().connect_lazy();
        Self {
            events: EventServiceClient::new(channel.clone()),
            imports: ImportServiceClient::new(channel.clone()),
            quality: QualityServiceClient::new(channel.clone()),
            rates: RateServiceClient::new(channel.clone()),
            sources: SourceServiceClient::new(channel.clone()),
            taxonomies: TaxonomyServiceClient::new(channel.clone()),
            quarantine: QuarantineServiceClient::new(channel.clone()),
            operations: OperationsClient::new(channel),
            peer,
            http: http_url,
            config,
            folder,
            trigger,
            running,
        }
    }

    /// Starts a second process on the same database, lake and peer.
    pub async fn beside(&self) -> Self {
        Self::run(self.config.clone(), self.peer.clone(), self.folder.clone()).await
    }

    /// Stops in the order of production.
    pub async fn stop(self) {
        self.trigger.trigger();
        for task in self.running {
            task.await.unwrap().unwrap();
        }
    }

    pub async fn ingest(&mut self, events: Vec<Event>) -> Vec<Receipt> {
        let request = BatchIngestEventsRequest {
            events,
            contract: String::new(),
        };
        self.events
            .batch_ingest_events(request)
            .await
            .unwrap()
            .into_inner()
            .receipts
    }

    /// Asks how far the log is; both laws hold in every answer, whatever is at work.
    pub async fn status(&mut self) -> GetLogStatusResponse {
        let status = self
            .events
            .get_log_status(GetLogStatusRequest {})
            .await
            .unwrap()
            .into_inner();
        for source in &status.sources {
            check_law(&source.receipts.unwrap());
            let it = source.quarantine.unwrap();
            let left = it.replayed + it.discarded + it.superseded + it.expired;
            assert_eq!(it.entered, it.held + left, "{it:?}");
        }
        assert_eq!(
            status.accepted,
            status.applied + status.parked + status.pending
        );
        status
    }

    /// Waits until everything accepted is applied or parked and in the lake.
    pub async fn settled(&mut self) -> GetLogStatusResponse {
        for _ in 0..600 {
            let status = self.status().await;
            if status.pending == 0 && status.archived == status.accepted {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not settled: {:?}", self.status().await);
    }

    /// Uploads a file in pieces.
    pub async fn upload(&mut self, file_name: &str, bytes: &[u8]) -> String {
        self.upload_for("default", file_name, bytes).await
    }

    /// Uploads a file of a tenant in pieces.
    pub async fn upload_for(&mut self, tenant: &str, file_name: &str, bytes: &[u8]) -> String {
        let mut pieces: Vec<_> = bytes
            .chunks(1 << 20)
            .map(|data| UploadFileRequest {
                file_name: String::new(),
                data: data.to_vec(),
            })
            .collect();
        if pieces.is_empty() {
            pieces.push(UploadFileRequest::default());
        }
        pieces[0].file_name = file_name.into();
        self.imports
            .upload_file(for_tenant(tenant, futures::stream::iter(pieces)))
            .await
            .unwrap()
            .into_inner()
            .upload
    }

    /// Imports a file to its end.
    pub async fn import(
        &mut self,
        tenant: &str,
        file: (&str, &[u8]),
        contract: &str,
    ) -> Result<ImportFileResponse, Status> {
        let pieces: Vec<_> = file.1.chunks(1 << 20).map(<[u8]>::to_vec).collect();
        let first = UploadFileRequest {
            file_name: file.0.into(),
            data: Vec::new(),
        };
        let rest = pieces.into_iter().map(|data| UploadFileRequest {
            file_name: String::new(),
            data,
        });
        let stream = futures::stream::iter(std::iter::once(first).chain(rest));
        let upload = self
            .imports
            .upload_file(for_tenant(tenant, stream))
            .await
            .unwrap()
            .into_inner()
            .upload;
        let request = ImportFileRequest {
            upload,
            source: "shop".into(),
            contract_yaml: contract.into(),
            ..ImportFileRequest::default()
        };
        let operation = self
            .imports
            .import_file(for_tenant(tenant, request))
            .await?
            .into_inner();
        self.wait(tenant, operation).await
    }

    /// Waits for an import.
    pub async fn wait(
        &mut self,
        tenant: &str,
        operation: Operation,
    ) -> Result<ImportFileResponse, Status> {
        self.wait_for(tenant, operation).await
    }

    /// Waits for an operation.
    pub async fn wait_for<M: Message + Default>(
        &mut self,
        tenant: &str,
        mut operation: Operation,
    ) -> Result<M, Status> {
        while !operation.done {
            let timeout = Some(prost_types::Duration {
                seconds: 10,
                nanos: 0,
            });
            let request = WaitOperationRequest {
                name: operation.name.clone(),
                timeout,
            };
            match self
                .operations
                .wait_operation(for_tenant(tenant, request))
                .await
            {
                Ok(answer) => operation = answer.into_inner(),
                Err(status) if status.code() == Code::Unavailable => {
                    tokio::time::sleep(Duration::from_millis(100)).await
                }
                Err(status) => panic!("{status:?}"),
            }
        }
        match operation.result.unwrap() {
            Outcome::Response(any) => Ok(M::decode(any.value.as_slice()).unwrap()),
            Outcome::Error(error) => Err(runtime::fault::from_rpc(&error)),
        }
    }
}

/// Names the tenant of a call.
pub fn for_tenant<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("x-clientele-tenant", tenant.parse().unwrap());
    request
}

/// received = accepted + duplicate + conflict + quarantined + rejected
#[track_caller]
pub fn check_law(it: &ReceiptCounts) {
    assert_eq!(
        it.received,
        it.accepted + it.duplicate + it.conflict + it.quarantined + it.rejected,
        "{it:?}"
    );
}

/// An order of a customer, a minute ago.
pub fn order(message_id: &str, customer: &str, pence: i64) -> Event {
    let now = chrono::Utc::now().timestamp() - 60;
    Event {
        message_id: message_id.into(),
        source: "shop".into(),
        r#type: "Order Completed".into(),
        event_time: Some(prost_types::Timestamp {
            seconds: now - now % 3600,
            nanos: 0,
        }),
        identifiers: vec![Identifier {
            namespace: "customer_id".into(),
            value: customer.into(),
        }],
        value: Some(Money {
            currency_code: "GBP".into(),
            minor_units: pence,
        }),
        ..Event::default()
    }
}

/// Codes of receipts, short.
pub fn codes(receipts: &[Receipt]) -> String {
    let letter = |it: &Receipt| match it.code() {
        ReceiptCode::Unspecified => '?',
        ReceiptCode::Accepted => 'a',
        ReceiptCode::Duplicate => 'd',
        ReceiptCode::Conflict => 'c',
        ReceiptCode::Quarantined => 'q',
        ReceiptCode::Rejected => 'r',
    };
    receipts.iter().map(letter).collect()
}
