//! The profile service, as scoring calls it.

use api::common::{CustomerRef, Freshness, customer_ref};
use api::profile::feature_service_client::FeatureServiceClient;
use api::profile::identity_service_client::IdentityServiceClient;
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{
    BatchGetFeatureStatesRequest, FeatureState, GetTenantRequest, LeaseCacheEpochRequest,
    ResolveCustomersRequest, ResolvedCustomer,
};
use async_trait::async_trait;
use cache::{CacheError, Epoch, EpochGrant, EpochSource};
use runtime::client::Channel;
use runtime::context::{RequestContext, TenantId};
use runtime::fault::Fault;
use std::time::Duration;
use tonic::{Code, Request, Status};
use uuid::Uuid;

/// Most customers in one call.
pub(super) const CUSTOMERS_MAX: usize = 1_000;

/// Why the profile service gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PeerError {
    /// It cannot be reached, or is too busy; trying again later is right.
    #[error("the profile service is not available")]
    Unavailable,
    /// The caller's time ran out first.
    #[error("the profile service did not answer in time")]
    TooLate,
    /// It does not know, or does not serve, the tenant.
    #[error("{message}")]
    Tenant {
        /// Code that it answered with.
        code: Code,
        /// Its words.
        message: String,
    },
    /// It answered what it should not.
    #[error("the profile service failed: {0}")]
    Failed(String),
}

impl Fault for PeerError {
    fn code(&self) -> Code {
        match self {
            Self::Unavailable => Code::Unavailable,
            Self::TooLate => Code::DeadlineExceeded,
            Self::Tenant { code, .. } => *code,
            Self::Failed(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable => "PROFILE_UNAVAILABLE",
            Self::TooLate => "DEADLINE_EXCEEDED",
            Self::Tenant {
                code: Code::NotFound,
                ..
            } => "TENANT_NOT_FOUND",
            Self::Tenant { .. } => "TENANT_SUSPENDED",
            Self::Failed(_) => "PROFILE_FAILED",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Unavailable).then_some(Duration::from_millis(500))
    }
}

impl From<Status> for PeerError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unavailable | Code::ResourceExhausted | Code::Aborted | Code::Cancelled => {
                Self::Unavailable
            }
            Code::DeadlineExceeded => Self::TooLate,
            code @ (Code::NotFound | Code::FailedPrecondition) => Self::Tenant {
                code,
                message: status.message().to_owned(),
            },
            code => Self::Failed(format!("{code:?}: {}", status.message())),
        }
    }
}

/// What scoring needs to know of a tenant; fixed when the tenant was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Zone in which its days begin.
    pub zone: chrono_tz::Tz,
    /// ISO 4217 code of its values.
    pub currency: String,
}

/// Calls the profile service. Cheap to clone. Everything asked here may be asked twice without harm.
#[derive(Clone)]
pub struct Profile {
    features: FeatureServiceClient<Channel>,
    identity: IdentityServiceClient<Channel>,
    tenants: TenantServiceClient<Channel>,
    epoch: FeatureServiceClient<Channel>,
    patience: Duration,
}

impl Profile {
    /// Calls it over a channel; answers of up to `bytes_max` are read. No call takes longer than `patience`, however much
    /// time its caller has: whoever waits for a score does not wait for a service that says nothing.
    pub fn new(channel: &Channel, bytes_max: usize, patience: Duration) -> Self {
        let channel = channel.idempotent();
        let features =
            FeatureServiceClient::new(channel.clone()).max_decoding_message_size(bytes_max);
        Self {
            epoch: features.clone(),
            features,
            identity: IdentityServiceClient::new(channel.clone())
                .max_decoding_message_size(bytes_max),
            tenants: TenantServiceClient::new(channel),
            patience,
        }
    }

    fn request<T>(&self, context: &RequestContext, message: T) -> Request<T> {
        let mut request = context.request(message);
        request.set_timeout(
            context
                .deadline
                .map_or(self.patience, |deadline| deadline.left().min(self.patience)),
        );
        request
    }

    /// Returns the states of customers, one per id, in their order, and how fresh they are.
    pub async fn states(
        &self,
        context: &RequestContext,
        customers: &[Uuid],
        bypass_cache: bool,
    ) -> Result<(Vec<FeatureState>, Freshness), PeerError> {
        let mut states = Vec::with_capacity(customers.len());
        let mut freshness = Freshness::default();
        for chunk in customers.chunks(CUSTOMERS_MAX) {
            let reference = |id: &Uuid| CustomerRef {
                r#ref: Some(customer_ref::Ref::CustomerId(id.to_string())),
            };
            let message = BatchGetFeatureStatesRequest {
                customers: chunk.iter().map(reference).collect(),
                bypass_cache,
            };
            let answer = self
                .features
                .clone()
                .batch_get_feature_states(self.request(context, message))
                .await?
                .into_inner();
            if answer.states.len() != chunk.len() {
                return Err(PeerError::Failed(
                    "it answered for another number of customers".to_owned(),
                ));
            }
            states.extend(answer.states);
            freshness = answer.freshness.unwrap_or_default();
        }
        Ok((states, freshness))
    }

    /// Returns whom references belong to, one per reference, in their order.
    pub async fn resolve(
        &self,
        context: &RequestContext,
        customers: Vec<CustomerRef>,
    ) -> Result<Vec<ResolvedCustomer>, PeerError> {
        let asked = customers.len();
        let message = ResolveCustomersRequest { customers };
        let answer = self
            .identity
            .clone()
            .resolve_customers(self.request(context, message))
            .await?
            .into_inner();
        if answer.customers.len() != asked {
            return Err(PeerError::Failed(
                "it answered for another number of customers".to_owned(),
            ));
        }
        Ok(answer.customers)
    }

    /// Returns a tenant's zone and currency.
    pub async fn tenant(&self, tenant: &TenantId) -> Result<Tenant, PeerError> {
        let context = RequestContext::new(tenant.clone());
        let message = GetTenantRequest {
            tenant_id: tenant.as_str().to_owned(),
        };
        let answer = self
            .tenants
            .clone()
            .get_tenant(context.request(message))
            .await?
            .into_inner();
        let zone = answer.time_zone.parse();
        let zone = zone.map_err(|_| {
            PeerError::Failed("it answered with a time zone that is none".to_owned())
        })?;
        Ok(Tenant {
            zone,
            currency: answer.currency_code,
        })
    }
}

#[async_trait]
impl EpochSource for Profile {
    async fn read(&self) -> Result<EpochGrant, CacheError> {
        let context = RequestContext::new(TenantId::default());
        let asked = self
            .epoch
            .clone()
            .lease_cache_epoch(context.request(LeaseCacheEpochRequest {}))
            .await;
        let answer = asked
            .map_err(|status| CacheError::EpochUnknown(status.message().to_owned()))?
            .into_inner();
        let lease = Duration::from_millis(u64::try_from(answer.lease_ms).unwrap_or(0));
        Ok(EpochGrant {
            epoch: Epoch(answer.epoch),
            lease,
        })
    }
}
