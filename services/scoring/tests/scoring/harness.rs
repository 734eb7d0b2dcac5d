//! Starts the service as production does, on a free port, with a lake that the test filled.

use super::peer::Peer;
use api::common::{CustomerRef, FragmentRef, Money, StandardEvent, customer_ref};
use api::longrunning::operation::Result as Outcome;
use api::longrunning::operations_client::OperationsClient;
use api::longrunning::{Operation, WaitOperationRequest};
use api::scoring::model_service_client::ModelServiceClient;
use api::scoring::scoring_service_client::ScoringServiceClient;
use api::scoring::*;
use cache::{FeatureCache, MemoryCache};
use chrono::{DateTime, Utc};
use features::CustomerState;
use lake::events::LakeRow;
use lake::identity::IdentityRow;
use lake::{Lake, Table, Transaction};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Gamma};
use runtime::server::{Server, Shutdown, ShutdownTrigger};
use scoring::{Config, DEFAULTS, Service};
use std::sync::Arc;
use std::time::Duration;
use store::DatabaseConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

/// Last day of the made-up histories: 2024-06-30.
pub(crate) const AS_OF: &str = "2024-06-30";
pub(crate) const AS_OF_DAY: i32 = 19_904;

/// A customer with purchases: (day, minor units).
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) ordinal: i64,
    pub(crate) purchases: Vec<(i32, i64)>,
}

impl Person {
    pub(crate) fn events(&self, tenant: &str) -> Vec<StandardEvent> {
        let event = |(place, (day, value)): (usize, &(i32, i64))| {
            let at = Some(prost_types::Timestamp {
                seconds: i64::from(*day) * 86_400 + 43_200,
                nanos: 0,
            });
            StandardEvent {
                event_id: blake3::hash(format!("{}-{place}", self.id).as_bytes()).as_bytes()[..16]
                    .to_vec(),
                tenant: tenant.into(),
                source: "shop".into(),
                r#type: "Order Completed".into(),
                event_time: at,
                known_time: at,
                fragments: vec![FragmentRef {
                    fragment_id: self.id.as_bytes().to_vec(),
                    namespace: "customer_id".into(),
                    strength: 3,
                }],
                value: Some(Money {
                    currency_code: "GBP".into(),
                    minor_units: *value,
                }),
                local_day: *day,
                ..StandardEvent::default()
            }
        };
        self.purchases.iter().enumerate().map(event).collect()
    }

    pub(crate) fn state(&self) -> Vec<u8> {
        let mut state = CustomerState::default();
        for event in self.events("default") {
            state.apply(&lake::events::from_standard(&event));
        }
        state.encode(features::Version::from_number(features::STATE_VERSION_NEWEST).unwrap())
    }
}

/// A population that buys by the model itself: gamma rates, drop-out one time in five.
pub(crate) fn people(count: usize, seed: u64) -> Vec<Person> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|number| {
            let rate: f64 = Gamma::new(0.9, 1.0 / 40.0).unwrap().sample(&mut random);
            let mean: f64 = 20_000.0 / Gamma::new(4.0, 1.0).unwrap().sample(&mut random);
            let mut day = AS_OF_DAY - random.random_range(60..360);
            let mut purchases = Vec::new();
            loop {
                let value: f64 = Gamma::new(6.0, mean / 6.0).unwrap().sample(&mut random);
                purchases.push((day, value.round().max(1.0) as i64));
                let wait = -(1.0 - random.random::<f64>()).ln() / rate;
                day += wait.ceil().min(10_000.0) as i32;
                if day > AS_OF_DAY || random.random::<f64>() < 0.2 {
                    break;
                }
            }
            let id = Uuid::from_u128(0x1000_0000 + number as u128);
            Person {
                id,
                ordinal: number as i64 + 1,
                purchases,
            }
        })
        .collect()
}

/// A running service with its peer, cache and lake.
pub(crate) struct Scoring {
    pub(crate) scores: ScoringServiceClient<Channel>,
    pub(crate) models: ModelServiceClient<Channel>,
    pub(crate) operations: OperationsClient<Channel>,
    pub(crate) peer: Peer,
    pub(crate) cache: Arc<dyn FeatureCache>,
    pub(crate) lake: Lake,
    config: Config,
    folder: Arc<TempDir>,
    trigger: ShutdownTrigger,
    running: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Scoring {
    pub(crate) async fn start(database: Option<DatabaseConfig>) -> Self {
        Self::start_with(database, Arc::new(MemoryCache::new(64 << 20))).await
    }

    pub(crate) async fn start_with(
        database: Option<DatabaseConfig>,
        cache: Arc<dyn FeatureCache>,
    ) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut config: Config = runtime::config::load_from(DEFAULTS, None, []).unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("scoring.db").display()
        );
        config.database = database.unwrap_or(DatabaseConfig {
            url,
            ..DatabaseConfig::default()
        });
        config.lake.path = folder.path().join("lake");
        config.champion_refresh = Duration::from_millis(100);
        config.client.timeout = Duration::from_millis(700);
        let peer = Peer::default();
        config.peers.profile = peer.serve().await;
        Self::run(config, peer, cache, folder).await
    }

    async fn run(
        config: Config,
        peer: Peer,
        cache: Arc<dyn FeatureCache>,
        folder: Arc<TempDir>,
    ) -> Self {
        Service::migrate(&config).await.unwrap();
        let service = Arc::new(Service::open(config.clone(), cache.clone()).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (trigger, shutdown) = Shutdown::new();
        let server = Server::new("scoring", config.server.clone()).add(service.routes());
        let running = vec![
            tokio::spawn(service.run(shutdown.clone())),
            tokio::spawn(server.serve(listener, shutdown)),
        ];
        let channel = Channel::from_shared(address).unwrap().connect_lazy();
        Self {
            scores: ScoringServiceClient::new(channel.clone()),
            models: ModelServiceClient::new(channel.clone()),
            operations: OperationsClient::new(channel),
            lake: Lake::open(&config.lake.path).await.unwrap(),
            peer,
            cache,
            config,
            folder,
            trigger,
            running,
        }
    }

    /// Starts a second process on the same database, lake, cache and peer.
    pub(crate) async fn beside(&self) -> Self {
        Self::run(
            self.config.clone(),
            self.peer.clone(),
            self.cache.clone(),
            self.folder.clone(),
        )
        .await
    }

    pub(crate) async fn stop(self) {
        self.trigger.trigger();
        for running in self.running {
            running.await.unwrap().unwrap();
        }
    }

    /// Writes the purchases of people into the lake, and their states into the peer.
    pub(crate) async fn know(&self, people: &[Person]) {
        self.peer.learn(people);
        self.archive("default", people).await;
    }

    pub(crate) async fn archive(&self, tenant: &str, people: &[Person]) {
        let mut rows = Vec::new();
        for event in people.iter().flat_map(|person| person.events(tenant)) {
            rows.push(LakeRow {
                lane: "lane-0".into(),
                batch: 1,
                position: rows.len() as i32,
                event,
            });
        }
        let owners: Vec<IdentityRow> = people
            .iter()
            .map(|person| IdentityRow {
                tenant: tenant.into(),
                fragment: *person.id.as_bytes(),
                customer_id: person.id,
                ordinal: person.ordinal,
                change_seq: person.ordinal,
                known_time: DateTime::<Utc>::UNIX_EPOCH,
            })
            .collect();
        let transaction = Transaction {
            app_id: format!("lane-{tenant}"),
            version: 1,
        };
        let events = lake::events::to_batch(&rows).unwrap();
        self.lake
            .append(Table::Events, &[events], &transaction)
            .await
            .unwrap();
        let identity = lake::identity::to_batch(&owners).unwrap();
        self.lake
            .append(Table::Identity, &[identity], &transaction)
            .await
            .unwrap();
    }

    /// Trains and waits for the end.
    pub(crate) async fn train(
        &mut self,
        request: TrainModelRequest,
    ) -> Result<ModelVersion, Status> {
        let operation = self.models.train_model(request).await?.into_inner();
        self.outcome(operation).await
    }

    pub(crate) async fn outcome(&mut self, operation: Operation) -> Result<ModelVersion, Status> {
        let timeout = Some(prost_types::Duration {
            seconds: 60,
            nanos: 0,
        });
        let wait = WaitOperationRequest {
            name: operation.name,
            timeout,
        };
        let mut request = Request::new(wait);
        request.set_timeout(Duration::from_secs(60));
        match self
            .operations
            .wait_operation(request)
            .await?
            .into_inner()
            .result
        {
            Some(Outcome::Response(any)) => runtime::any::unpack(&any),
            Some(Outcome::Error(error)) => Err(runtime::fault::from_rpc(&error)),
            None => panic!("the training did not end"),
        }
    }

    /// Trains on what is known and makes it the champion.
    pub(crate) async fn champion(&mut self) -> ModelVersion {
        self.train(TrainModelRequest {
            promote: true,
            as_of: AS_OF.into(),
            seed: 1,
            ..Default::default()
        })
        .await
        .unwrap()
    }

    pub(crate) async fn score(
        &mut self,
        id: Uuid,
        options: ScoreOptions,
    ) -> Result<ScoreResponse, Status> {
        let request = ScoreRequest {
            customer: Some(by_id(id)),
            options: Some(options),
        };
        self.scores
            .score(request)
            .await
            .map(|response| response.into_inner())
    }
}

pub(crate) fn by_id(id: Uuid) -> CustomerRef {
    CustomerRef {
        r#ref: Some(customer_ref::Ref::CustomerId(id.to_string())),
    }
}

pub(crate) fn value(score: &CustomerScore, name: &str) -> ScoreValue {
    score
        .values
        .iter()
        .find(|value| value.name == name)
        .unwrap()
        .clone()
}

/// Settings of a database for the test: PostgreSQL where there is one.
pub(crate) fn postgres() -> Option<DatabaseConfig> {
    let Ok(url) = std::env::var("CLIENTELE_TEST_POSTGRES") else {
        println!("NOT RUN: no PostgreSQL (CLIENTELE_TEST_POSTGRES is not set)");
        return None;
    };
    let schema = Some(format!("scoring_{}", Uuid::new_v4().simple()));
    Some(DatabaseConfig {
        url,
        connections_max: 4,
        schema,
    })
}

#[track_caller]
pub(crate) fn assert_fault<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: tonic::Code,
    reason: &str,
) {
    let status = result.unwrap_err();
    assert_eq!(
        (status.code(), runtime::fault::reason(&status).as_deref()),
        (code, Some(reason)),
        "{status:?}"
    );
}
