//! A profile service of a few lines: what it is given it answers, and it counts how often it is asked.

use super::harness::Person;
use api::common::{Freshness, customer_ref};
use api::profile::feature_service_server::{FeatureService, FeatureServiceServer};
use api::profile::identity_service_server::{IdentityService, IdentityServiceServer};
use api::profile::tenant_service_server::{TenantService, TenantServiceServer};
use api::profile::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// What the peer does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// Answers.
    #[default]
    Up,
    /// Refuses at once.
    Down,
    /// Takes the call and never answers.
    Silent,
}

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) mood: Mood,
    pub(crate) people: HashMap<Uuid, (i64, Vec<u8>)>,
    /// Merged-away id to survivor.
    pub(crate) aliases: HashMap<Uuid, Uuid>,
    /// Identifier value to customer.
    pub(crate) identifiers: HashMap<String, Uuid>,
    pub(crate) epoch: i64,
    pub(crate) complete_through: Option<prost_types::Timestamp>,
    /// Customers asked for, call by call.
    pub(crate) state_calls: Vec<Vec<Uuid>>,
    pub(crate) resolve_calls: usize,
    /// How long a call for states takes.
    pub(crate) delay: Duration,
}

/// The peer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Peer {
    known: Arc<Mutex<Known>>,
}

impl Default for Peer {
    fn default() -> Self {
        let now = runtime::time::to_proto(runtime::clock::now());
        let known = Known {
            epoch: 1,
            complete_through: Some(now),
            ..Known::default()
        };
        Self {
            known: Arc::new(Mutex::new(known)),
        }
    }
}

impl Peer {
    /// Serves on a free port and returns the address.
    pub(crate) async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder()
            .add_service(FeatureServiceServer::new(self.clone()))
            .add_service(IdentityServiceServer::new(self.clone()))
            .add_service(TenantServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.lock().unwrap())
    }

    pub(crate) fn learn(&self, people: &[Person]) {
        self.change(|known| {
            for person in people {
                known
                    .people
                    .insert(person.id, (person.ordinal, person.state()));
            }
        });
    }

    async fn greet(&self) -> Result<(), Status> {
        match self.change(|known| known.mood) {
            Mood::Up => Ok(()),
            Mood::Down => Err(Status::unavailable("down for the test")),
            Mood::Silent => std::future::pending().await,
        }
    }
}

fn no<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not a part of this peer"))
}

#[tonic::async_trait]
impl FeatureService for Peer {
    type WatchProfileChangesStream = tonic::codegen::BoxStream<WatchProfileChangesResponse>;

    async fn batch_get_feature_states(
        &self,
        request: Request<BatchGetFeatureStatesRequest>,
    ) -> Result<Response<BatchGetFeatureStatesResponse>, Status> {
        self.greet().await?;
        let asked: Vec<Uuid> = request
            .get_ref()
            .customers
            .iter()
            .map(|customer| match &customer.r#ref {
                Some(customer_ref::Ref::CustomerId(id)) => id.parse().unwrap(),
                _ => panic!("scoring asks by id alone"),
            })
            .collect();
        let (answer, delay) = self.change(|known| {
            let states = asked
                .iter()
                .map(|id| {
                    let id = known.aliases.get(id).unwrap_or(id);
                    known
                        .people
                        .get(id)
                        .map_or_else(FeatureState::default, |(ordinal, state)| FeatureState {
                            customer_id: id.to_string(),
                            ordinal: *ordinal,
                            version: 1,
                            state: state.clone(),
                            origin: StateOrigin::Store.into(),
                        })
                })
                .collect();
            known.state_calls.push(asked.clone());
            let freshness = Freshness {
                complete_through: known.complete_through,
                ..Freshness::default()
            };
            (
                BatchGetFeatureStatesResponse {
                    states,
                    freshness: Some(freshness),
                },
                known.delay,
            )
        });
        tokio::time::sleep(delay).await;
        Ok(Response::new(answer))
    }

    async fn lease_cache_epoch(
        &self,
        _: Request<LeaseCacheEpochRequest>,
    ) -> Result<Response<LeaseCacheEpochResponse>, Status> {
        self.greet().await?;
        Ok(Response::new(LeaseCacheEpochResponse {
            epoch: self.change(|known| known.epoch),
            lease_ms: 2_000,
        }))
    }

    async fn get_features(
        &self,
        _: Request<GetFeaturesRequest>,
    ) -> Result<Response<GetFeaturesResponse>, Status> {
        no()
    }

    async fn list_feature_definitions(
        &self,
        _: Request<ListFeatureDefinitionsRequest>,
    ) -> Result<Response<ListFeatureDefinitionsResponse>, Status> {
        no()
    }

    async fn watch_profile_changes(
        &self,
        _: Request<WatchProfileChangesRequest>,
    ) -> Result<Response<Self::WatchProfileChangesStream>, Status> {
        no()
    }
}

#[tonic::async_trait]
impl IdentityService for Peer {
    async fn resolve_customers(
        &self,
        request: Request<ResolveCustomersRequest>,
    ) -> Result<Response<ResolveCustomersResponse>, Status> {
        self.greet().await?;
        let customers = self.change(|known| {
            known.resolve_calls += 1;
            request
                .get_ref()
                .customers
                .iter()
                .map(|customer| {
                    let id = match &customer.r#ref {
                        Some(customer_ref::Ref::Identifier(identifier)) => {
                            known.identifiers.get(&identifier.value)
                        }
                        _ => None,
                    };
                    let customer_id = id.map(Uuid::to_string).unwrap_or_default();
                    ResolvedCustomer {
                        customer_id,
                        ..ResolvedCustomer::default()
                    }
                })
                .collect()
        });
        Ok(Response::new(ResolveCustomersResponse { customers }))
    }
}

#[tonic::async_trait]
impl TenantService for Peer {
    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        self.greet().await?;
        Ok(Response::new(Tenant {
            tenant_id: request.into_inner().tenant_id,
            time_zone: "Europe/London".into(),
            currency_code: "GBP".into(),
            state: TenantState::Active.into(),
            ..Tenant::default()
        }))
    }

    async fn create_tenant(
        &self,
        _: Request<CreateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        no()
    }

    async fn list_tenants(
        &self,
        _: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        no()
    }

    async fn update_tenant(
        &self,
        _: Request<UpdateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        no()
    }

    async fn delete_tenant(
        &self,
        _: Request<DeleteTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        no()
    }
}
