//! Starts the service as production does, on a free port, with stores of its own.

use std::sync::Arc;

use ::cache::FeatureCache;
use api::common::{
    CustomerRef, FragmentRef, Identifier, IdentifierStrength, Money, StandardEvent, customer_ref,
};
use api::longrunning::operations_client::OperationsClient;
use api::profile::feature_service_client::FeatureServiceClient;
use api::profile::identity_service_client::IdentityServiceClient;
use api::profile::profile_service_client::ProfileServiceClient;
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{
    ApplyEventsRequest, ApplyEventsResponse, CreateTenantRequest, FeatureState, Tenant,
};
use api::profile::{BatchGetFeatureStatesRequest, BatchGetFeatureStatesResponse};
use prost_types::Timestamp;
use runtime::identity::IdentityKey;
use runtime::server::{Server, Shutdown, ShutdownTrigger};
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::place::Place;

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
        let service = profile::Service::open(config.clone(), Arc::clone(&cache))
            .await
            .expect("open");
        let service = Arc::new(service);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("bind");
        let address = listener.local_addr().expect("address");
        let (trigger, shutdown) = Shutdown::new();
        let server = Server::new("profile", config.server).add(service.routes());
        let until = shutdown.clone();
        let running = vec![
            tokio::spawn(async move { server.serve(listener, until).await.expect("serve") }),
            tokio::spawn(async move { service.run(shutdown).await.expect("run") }),
        ];
        let channel = Channel::from_shared(format!("http://{address}"))
            .expect("uri")
            .connect_lazy();
        Self {
            place,
            cache,
            profiles: ProfileServiceClient::new(channel.clone())
                .max_encoding_message_size(64 << 20),
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
        drop((
            self.profiles,
            self.features,
            self.identity,
            self.tenants,
            self.operations,
        ));
        for task in self.running {
            task.await.expect("stopped");
        }
        (self.place, self._folder)
    }

    pub(crate) async fn create_tenant(&mut self, id: &str) -> Tenant {
        let tenant = tenant(id);
        let request = CreateTenantRequest {
            tenant: Some(tenant),
            request_id: String::new(),
        };
        self.tenants
            .create_tenant(request)
            .await
            .expect("create the tenant")
            .into_inner()
    }

    pub(crate) async fn apply(
        &mut self,
        lane: &str,
        number: i64,
        events: Vec<StandardEvent>,
    ) -> ApplyEventsResponse {
        self.try_apply(batch(lane, number, events))
            .await
            .expect("apply")
    }

    pub(crate) async fn try_apply(
        &mut self,
        request: ApplyEventsRequest,
    ) -> Result<ApplyEventsResponse, Status> {
        self.profiles
            .apply_events(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub(crate) async fn states(
        &mut self,
        customers: Vec<CustomerRef>,
    ) -> BatchGetFeatureStatesResponse {
        let request = BatchGetFeatureStatesRequest {
            customers,
            bypass_cache: false,
        };
        self.features
            .batch_get_feature_states(of(TENANT, request))
            .await
            .expect("states")
            .into_inner()
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
    let complete_through = Some(Timestamp {
        seconds: 1_700_000_000 + number,
        nanos: 0,
    });
    ApplyEventsRequest {
        lane: lane.into(),
        number,
        events,
        complete_through,
        fence: 1,
    }
}

/// Orders that a state counts.
pub(crate) fn orders(state: &FeatureState) -> u64 {
    let state = features::CustomerState::decode(&state.state).expect("a state");
    state.events_of(features::EventKind::OrderCompleted)
}

/// A request of a tenant.
pub(crate) fn of<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("x-clientele-tenant", tenant.parse().expect("a tenant"));
    request
}

/// `namespace:value` as a customer asked for.
pub(crate) fn by(text: &str) -> CustomerRef {
    let (namespace, value) = text.split_once(':').expect("namespace:value");
    let identifier = Identifier {
        namespace: namespace.into(),
        value: value.into(),
    };
    CustomerRef {
        r#ref: Some(customer_ref::Ref::Identifier(identifier)),
    }
}

/// A customer asked for by id.
pub(crate) fn by_id(id: &str) -> CustomerRef {
    CustomerRef {
        r#ref: Some(customer_ref::Ref::CustomerId(id.into())),
    }
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
    let time = Timestamp {
        seconds: i64::from(day) * 86_400 + 43_200,
        nanos: 0,
    };
    StandardEvent {
        event_id: Uuid::now_v7().as_bytes().to_vec(),
        tenant: tenant.into(),
        source: "shop".into(),
        r#type: "Order Completed".into(),
        event_time: Some(time),
        known_time: Some(time),
        fragments: identifiers.iter().map(fragment).collect(),
        value: Some(Money {
            currency_code: "GBP".into(),
            minor_units: value,
        }),
        local_day: day,
        ..StandardEvent::default()
    }
}

/// Fails unless the call was refused with this code and reason.
#[track_caller]
pub(crate) fn assert_fault<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: tonic::Code,
    reason: &str,
) -> Status {
    let status = result.expect_err("refused");
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(
        runtime::fault::reason(&status).as_deref(),
        Some(reason),
        "{status:?}"
    );
    status
}
