//! Starts the service as production does, on a free port, with stores of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::cache::{CacheConfig, FeatureCache};
use api::common::{CustomerRef, FragmentRef, Identifier, IdentifierStrength, Money, StandardEvent, customer_ref};
use api::longrunning::operations_client::OperationsClient;
use api::profile::feature_service_client::FeatureServiceClient;
use api::profile::identity_service_client::IdentityServiceClient;
use api::profile::profile_service_client::ProfileServiceClient;
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{ApplyEventsRequest, ApplyEventsResponse, CreateTenantRequest, FeatureState, Tenant};
use api::profile::{BatchGetFeatureStatesRequest, BatchGetFeatureStatesResponse};
use prost_types::Timestamp;
use runtime::identity::IdentityKey;
use runtime::server::{Server, Shutdown, ShutdownTrigger};
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

/// Key of the hash that names fragments in these tests.
pub(crate) const KEY: [u8; 32] = [7; 32];
/// A tenant that every world has.
pub(crate) const TENANT: &str = "acme";
/// 2011-01-01.
pub(crate) const DAY: i32 = 14_975;

/// Defines each scenario twice: on the embedded stores, and on PostgreSQL with Redis where those are given.
macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::World::embedded().await).await;
            })*
        }
        mod production {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(world) = $crate::harness::World::production().await {
                    super::$name(world).await;
                }
            })*
        }
    };
}
pub(crate) use scenarios;

/// Where a world keeps its data; opening the same place again finds it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) database: String,
    pub(crate) schema: Option<String>,
    pub(crate) redis: String,
    pub(crate) prefix: String,
}

impl Place {
    pub(crate) fn embedded(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            database: format!("sqlite://{}/profile.db?mode=rwc", folder.display()),
            schema: None,
            redis: String::new(),
            prefix: "test".into(),
        }
    }

    /// A schema and a key prefix of their own on the servers given, if they are.
    pub(crate) fn production(folder: &Path) -> Option<Self> {
        let servers = (std::env::var("CLIENTELE_TEST_POSTGRES"), std::env::var("CLIENTELE_TEST_REDIS"));
        let (Ok(postgres), Ok(redis)) = servers else {
            let line = "NOT RUN: CLIENTELE_TEST_POSTGRES and CLIENTELE_TEST_REDIS are not both set\n";
            let _ = std::io::stderr().write_all(line.as_bytes());
            return None;
        };
        let name = format!("profile_{}", Uuid::now_v7().simple());
        Some(Self {
            folder: folder.to_owned(),
            database: postgres,
            schema: Some(name.clone()),
            redis,
            prefix: name,
        })
    }

    /// The place as one text, for another process.
    pub(crate) fn to_text(&self) -> String {
        let schema = self.schema.clone().unwrap_or_default();
        [&self.folder.display().to_string(), &self.database, &schema, &self.redis, &self.prefix].map(String::as_str).join("\n")
    }

    /// Reads what [`Place::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Self {
        let [folder, database, schema, redis, prefix] =
            text.split('\n').collect::<Vec<_>>().try_into().expect("five lines");
        Self {
            folder: folder.into(),
            database: database.into(),
            schema: Some(schema.to_owned()).filter(|it| !it.is_empty()),
            redis: redis.into(),
            prefix: prefix.into(),
        }
    }

    pub(crate) fn config(&self) -> profile::Config {
        let key_file = self.folder.join("identity.key");
        std::fs::write(&key_file, KEY).expect("write the key");
        let mut config: profile::Config = runtime::config::load(profile::DEFAULTS, None).expect("defaults");
        config.database.url.clone_from(&self.database);
        config.database.schema.clone_from(&self.schema);
        config.lake.path = self.folder.join("lake");
        config.identity.key_file = key_file;
        config.outbox.interval = std::time::Duration::from_millis(50);
        config.repair.interval = std::time::Duration::from_millis(200);
        config.repair.orphan_age = std::time::Duration::from_millis(300);
        config.cache = self.cache_config();
        config
    }

    pub(crate) fn cache_config(&self) -> CacheConfig {
        let text = format!("url = \"{}\"\nprefix = \"{}\"\n", self.redis, self.prefix);
        runtime::config::load(&text, None).expect("cache settings")
    }

    pub(crate) async fn cache(&self) -> Arc<dyn FeatureCache> {
        ::cache::open(&self.cache_config()).await.expect("open the cache")
    }
}

/// A running service and its clients.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) cache: Arc<dyn FeatureCache>,
    pub(crate) profiles: ProfileServiceClient<Channel>,
    pub(crate) features: FeatureServiceClient<Channel>,
    pub(crate) identity: IdentityServiceClient<Channel>,
    pub(crate) tenants: TenantServiceClient<Channel>,
    pub(crate) operations: OperationsClient<Channel>,
    shutdown: ShutdownTrigger,
    running: Vec<tokio::task::JoinHandle<()>>,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn embedded() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::embedded(folder.path());
        let cache = place.cache().await;
        let mut world = Self::start(place, cache).await;
        world._folder = Some(folder);
        world.create_tenant(TENANT).await;
        world
    }

    pub(crate) async fn production() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::production(folder.path())?;
        let cache = place.cache().await;
        let mut world = Self::start(place, cache).await;
        world._folder = Some(folder);
        world.create_tenant(TENANT).await;
        Some(world)
    }

    /// Starts the service in a place, old or new.
    pub(crate) async fn start(place: Place, cache: Arc<dyn FeatureCache>) -> Self {
        let config = place.config();
        profile::Service::migrate(&config).await.expect("migrate");
        let service = profile::Service::open(config.clone(), Arc::clone(&cache)).await.expect("open");
        let service = Arc::new(service);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let (trigger, shutdown) = Shutdown::new();
        let server = Server::new("profile", config.server).add(service.routes());
        let until = shutdown.clone();
        let running = vec![
            tokio::spawn(async move { server.serve(listener, until).await.expect("serve") }),
            tokio::spawn(async move { service.run(shutdown).await.expect("run") }),
        ];
        let channel = Channel::from_shared(format!("http://{address}")).expect("uri").connect_lazy();
        Self {
            place,
            cache,
            profiles: ProfileServiceClient::new(channel.clone()).max_encoding_message_size(64 << 20),
            features: FeatureServiceClient::new(channel.clone()),
            identity: IdentityServiceClient::new(channel.clone()),
            tenants: TenantServiceClient::new(channel.clone()),
            operations: OperationsClient::new(channel),
            shutdown: trigger,
            running,
            _folder: None,
        }
    }

    /// Stops the service in order and hands back its place.
    pub(crate) async fn stop(self) -> (Place, Option<tempfile::TempDir>) {
        self.shutdown.trigger();
        drop((self.profiles, self.features, self.identity, self.tenants, self.operations));
        for task in self.running {
            task.await.expect("stopped");
        }
        (self.place, self._folder)
    }

    pub(crate) async fn create_tenant(&mut self, id: &str) -> Tenant {
        let tenant = tenant(id);
        let request = CreateTenantRequest { tenant: Some(tenant), request_id: String::new() };
        self.tenants.create_tenant(request).await.expect("create the tenant").into_inner()
    }

    pub(crate) async fn apply(&mut self, lane: &str, number: i64, events: Vec<StandardEvent>) -> ApplyEventsResponse {
        self.try_apply(batch(lane, number, events)).await.expect("apply")
    }

    pub(crate) async fn try_apply(&mut self, request: ApplyEventsRequest) -> Result<ApplyEventsResponse, Status> {
        self.profiles.apply_events(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn states(&mut self, customers: Vec<CustomerRef>) -> BatchGetFeatureStatesResponse {
        let request = BatchGetFeatureStatesRequest { customers, bypass_cache: false };
        self.features.batch_get_feature_states(of(TENANT, request)).await.expect("states").into_inner()
    }

    pub(crate) async fn state(&mut self, customer: CustomerRef) -> FeatureState {
        self.states(vec![customer]).await.states.remove(0)
    }

    /// Orders that the customer's state counts.
    pub(crate) async fn orders(&mut self, customer: CustomerRef) -> u64 {
        orders(&self.state(customer).await)
    }
}

pub(crate) fn tenant(id: &str) -> Tenant {
    Tenant {
        tenant_id: id.into(),
        display_name: "Acme".into(),
        time_zone: "Europe/London".into(),
        currency_code: "GBP".into(),
        ..Tenant::default()
    }
}

pub(crate) fn batch(lane: &str, number: i64, events: Vec<StandardEvent>) -> ApplyEventsRequest {
    let complete_through = Some(Timestamp { seconds: 1_700_000_000 + number, nanos: 0 });
    ApplyEventsRequest { lane: lane.into(), number, events, complete_through, fence: 1 }
}

/// Orders that a state counts.
pub(crate) fn orders(state: &FeatureState) -> u64 {
    let state = features::CustomerState::decode(&state.state).expect("a state");
    state.events_of(features::EventKind::OrderCompleted)
}

/// A request of a tenant.
pub(crate) fn of<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-clientele-tenant", tenant.parse().expect("a tenant"));
    request
}

/// `namespace:value` as a customer asked for.
pub(crate) fn by(text: &str) -> CustomerRef {
    let (namespace, value) = text.split_once(':').expect("namespace:value");
    let identifier = Identifier { namespace: namespace.into(), value: value.into() };
    CustomerRef { r#ref: Some(customer_ref::Ref::Identifier(identifier)) }
}

/// A customer asked for by id.
pub(crate) fn by_id(id: &str) -> CustomerRef {
    CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(id.into())) }
}

/// An order of `value` pence on `day`, by `namespace:value` identifiers, the own one first.
pub(crate) fn order(identifiers: &[&str], day: i32, value: i64) -> StandardEvent {
    order_of(TENANT, identifiers, day, value)
}

/// As [`order`], of another tenant.
pub(crate) fn order_of(tenant: &str, identifiers: &[&str], day: i32, value: i64) -> StandardEvent {
    let key = IdentityKey::from_bytes(KEY);
    let fragment = |text: &&str| {
        let (namespace, value) = text.split_once(':').expect("namespace:value");
        let strength = match namespace {
            "customer_id" | "login" => IdentifierStrength::Strong,
            "email" | "phone" => IdentifierStrength::Medium,
            _ => IdentifierStrength::Weak,
        };
        FragmentRef {
            fragment_id: key.fragment_id(tenant, namespace, value).to_vec(),
            namespace: namespace.into(),
            strength: strength.into(),
        }
    };
    let time = Timestamp { seconds: i64::from(day) * 86_400 + 43_200, nanos: 0 };
    StandardEvent {
        event_id: Uuid::now_v7().as_bytes().to_vec(),
        tenant: tenant.into(),
        source: "shop".into(),
        r#type: "Order Completed".into(),
        event_time: Some(time),
        known_time: Some(time),
        fragments: identifiers.iter().map(fragment).collect(),
        value: Some(Money { currency_code: "GBP".into(), minor_units: value }),
        local_day: day,
        ..StandardEvent::default()
    }
}

/// Fails unless the call was refused with this code and reason.
#[track_caller]
pub(crate) fn assert_fault<T: std::fmt::Debug>(result: Result<T, Status>, code: tonic::Code, reason: &str) -> Status {
    let status = result.expect_err("refused");
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(runtime::fault::reason(&status).as_deref(), Some(reason), "{status:?}");
    status
}

/// Stands between the service and Redis, and can be cut.
pub(crate) struct Proxy {
    open: tokio::sync::watch::Sender<bool>,
}

impl Proxy {
    /// Starts a proxy to the server of `url` and puts itself into the URL.
    pub(crate) async fn start(url: &mut String) -> Self {
        let server = url.trim_start_matches("redis://").split('/').next().expect("an address").to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        *url = url.replace(&server, &listener.local_addr().expect("address").to_string());
        let open = tokio::sync::watch::Sender::new(true);
        let gate = open.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut gate) = (server.clone(), gate.clone());
                tokio::spawn(async move {
                    if !*gate.borrow_and_update() {
                        return;
                    }
                    let Ok(mut far) = tokio::net::TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = gate.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { open }
    }

    /// Drops every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }
}
