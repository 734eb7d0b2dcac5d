//! The service over a lake with a known history, between small neighbours.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::common::{FragmentRef, IdentifierStrength, Money, StandardEvent};
use api::longrunning::operation::Result as Outcome;
use api::longrunning::operations_client::OperationsClient;
use api::longrunning::{Operation, WaitOperationRequest};
use api::segmentation::segment_service_client::SegmentServiceClient;
use api::segmentation::{ComputeRfmSegmentsRequest, ComputeRfmSegmentsResponse};
use chrono::{DateTime, Utc};
use lake::events::LakeRow;
use lake::identity::IdentityRow;
use lake::{Lake, Table, Transaction};
use runtime::server::{Server, Shutdown, ShutdownTrigger};
use segmentation::{Config, DEFAULTS, Service};
use store::DatabaseConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Channel;
use uuid::Uuid;

use super::peers::{Profile, Scoring};

/// First day of the history, 2023-01-01, as days since 1970.
pub(super) const FIRST_DAY: i32 = 19_358;
/// Customers with purchases.
pub(super) const BUYERS: i64 = 200;

pub(super) struct Harness {
    pub(super) segments: SegmentServiceClient<Channel>,
    pub(super) operations: OperationsClient<Channel>,
    pub(super) scoring: Scoring,
    pub(super) ids: Vec<Uuid>,
    pub(super) alias: Uuid,
    stops: Vec<ShutdownTrigger>,
    _folder: TempDir,
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.stops.iter().for_each(ShutdownTrigger::trigger);
    }
}

/// Runs a story on SQLite, and on PostgreSQL where `CLIENTELE_TEST_POSTGRES` says where one is.
pub(super) async fn on_every_database<F: Future<Output = ()>>(story: impl Fn(Harness) -> F) {
    story(Harness::start(None).await).await;
    match std::env::var("CLIENTELE_TEST_POSTGRES") {
        Ok(url) => {
            let schema = Some(format!("segmentation_{}", Uuid::new_v4().simple()));
            story(
                Harness::start(Some(DatabaseConfig {
                    url,
                    connections_max: 4,
                    schema,
                }))
                .await,
            )
            .await;
        }
        Err(_) => println!("NOT RUN: on PostgreSQL (CLIENTELE_TEST_POSTGRES is not set)"),
    }
}

impl Harness {
    async fn start(database: Option<DatabaseConfig>) -> Self {
        let folder = TempDir::new().unwrap();
        let ids: Vec<Uuid> = (0..=BUYERS).map(|_| Uuid::new_v4()).collect();
        fill(&folder.path().join("lake"), &ids).await;

        let known = ids
            .iter()
            .enumerate()
            .map(|(i, id)| (format!("c{i}"), (*id, i as i64 + 1)));
        let alias = Uuid::new_v4();
        let profile = Profile {
            by_identifier: Arc::new(known.collect()),
            aliases: Arc::new(HashMap::from([(alias, (ids[3], 4))])),
        };
        let scoring = Scoring::default();
        let (profile_address, stop_profile) = serve("profile", profile.routes()).await;
        let (scoring_address, stop_scoring) = serve("scoring", scoring.routes()).await;

        let mut config: Config = runtime::config::load_from(DEFAULTS, None, []).unwrap();
        let file = folder.path().join("segmentation.db");
        config.database = database.unwrap_or_else(|| DatabaseConfig {
            url: format!("sqlite://{}?mode=rwc", file.display()),
            ..Default::default()
        });
        config.lake.path = folder.path().join("lake");
        config.peers.profile = profile_address;
        config.peers.scoring = scoring_address;
        config.client.timeout = Duration::from_secs(5);
        Service::migrate(&config).await.unwrap();
        let service = Arc::new(Service::open(config).await.unwrap());
        let (address, stop) = serve("segmentation", service.routes()).await;
        let (trigger, shutdown) = Shutdown::new();
        tokio::spawn(service.run(shutdown));
        let channel = Channel::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap();
        Self {
            segments: SegmentServiceClient::new(channel.clone()),
            operations: OperationsClient::new(channel),
            scoring,
            ids,
            alias,
            stops: vec![stop_profile, stop_scoring, stop, trigger],
            _folder: folder,
        }
    }

    /// Starts a computation and waits for its end.
    pub(super) async fn compute(&mut self, request: ComputeRfmSegmentsRequest) -> Operation {
        let started = self
            .segments
            .compute_rfm_segments(request)
            .await
            .unwrap()
            .into_inner();
        let timeout = Some(prost_types::Duration {
            seconds: 30,
            nanos: 0,
        });
        let wait = WaitOperationRequest {
            name: started.name,
            timeout,
        };
        self.operations
            .wait_operation(wait)
            .await
            .unwrap()
            .into_inner()
    }

    /// Computes, and returns the response.
    pub(super) async fn computed(
        &mut self,
        request: ComputeRfmSegmentsRequest,
    ) -> ComputeRfmSegmentsResponse {
        match self.compute(request).await.result {
            Some(Outcome::Response(response)) => runtime::any::unpack(&response).unwrap(),
            other => panic!("no response: {other:?}"),
        }
    }
}

async fn serve(name: &str, routes: Routes) -> (String, ShutdownTrigger) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (trigger, shutdown) = Shutdown::new();
    let server = Server::new(name, Default::default()).add(routes);
    tokio::spawn(server.serve(listener, shutdown));
    (address, trigger)
}

/// Writes the history: customer `i` of 200 buys on `1 + i % 4` days, the last one `i` days before day 300, for
/// `10.00 + i`; the last customer only looks around.
async fn fill(root: &Path, ids: &[Uuid]) {
    let lake = Lake::open(root).await.unwrap();
    let mut rows = Vec::new();
    let mut owners = Vec::new();
    for (i, &customer_id) in ids.iter().enumerate() {
        let fragment: [u8; 16] = *Uuid::new_v4().as_bytes();
        let buys = (i as i64) < BUYERS;
        for k in 0..if buys { 1 + i as i32 % 4 } else { 1 } {
            let day = FIRST_DAY + 300 - i as i32 - 20 * k;
            let value = buys.then_some(1_000 + i as i64);
            rows.push((day, fragment, value));
        }
        owners.push(IdentityRow {
            tenant: "default".into(),
            fragment,
            customer_id,
            ordinal: i as i64 + 1,
            change_seq: i as i64 + 1,
            known_time: instant(FIRST_DAY),
        });
    }
    let rows: Vec<LakeRow> = rows
        .into_iter()
        .enumerate()
        .map(|(n, row)| lake_row(n, row))
        .collect();
    let transaction = Transaction {
        app_id: "lane".into(),
        version: 1,
    };
    lake.append(
        Table::Events,
        &[lake::events::to_batch(&rows).unwrap()],
        &transaction,
    )
    .await
    .unwrap();
    lake.append(
        Table::Identity,
        &[lake::identity::to_batch(&owners).unwrap()],
        &transaction,
    )
    .await
    .unwrap();
}

fn lake_row(n: usize, (day, fragment, value): (i32, [u8; 16], Option<i64>)) -> LakeRow {
    let time = Some(runtime::time::to_proto(instant(day)));
    let event = StandardEvent {
        event_id: Uuid::new_v4().as_bytes().to_vec(),
        tenant: "default".into(),
        source: "shop".into(),
        r#type: if value.is_some() {
            "Order Completed"
        } else {
            "Page"
        }
        .into(),
        event_time: time,
        known_time: time,
        fragments: vec![FragmentRef {
            fragment_id: fragment.to_vec(),
            namespace: "customer_id".into(),
            strength: IdentifierStrength::Strong.into(),
        }],
        value: value.map(|minor_units| Money {
            currency_code: "NZD".into(),
            minor_units,
        }),
        local_day: day,
        ..Default::default()
    };
    LakeRow {
        lane: "lane".into(),
        batch: 1,
        position: n as i32,
        event,
    }
}

fn instant(day: i32) -> DateTime<Utc> {
    DateTime::from_timestamp(i64::from(day) * 86_400, 0).unwrap()
}
