//! What profile says of tenants, believed for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{GetTenantRequest, TenantState};
use runtime::client::Channel;
use runtime::context::{RequestContext, TenantId};
use runtime::fault::{Fault, FieldViolation};
use store::StoreError;
use tonic::{Code, Status};

use crate::domain::judge::Tenant;

/// Most tenants that are remembered.
const TENANTS_MAX: usize = 10_000;

/// Knows tenants by asking profile.
pub struct Tenants {
    client: TenantServiceClient<Channel>,
    believe: Duration,
    known: Mutex<HashMap<TenantId, (Instant, Tenant)>>,
}

/// Why a tenant's events are not taken.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// Profile does not know it.
    #[error("there is no tenant `{0}`")]
    NotFound(TenantId),
    /// It is suspended.
    #[error("the tenant `{0}` is suspended")]
    Suspended(TenantId),
    /// Profile does not answer, and nothing is remembered.
    #[error("profile, which knows the tenants, does not answer: {0}")]
    Unavailable(String),
    /// Profile gives a zone that is none.
    #[error("the tenant `{0}` has the unknown time zone `{1}`")]
    BadZone(TenantId, String),
    /// Its taxonomies cannot be read.
    #[error(transparent)]
    Taxonomies(#[from] StoreError),
}

impl Fault for TenantError {
    fn code(&self) -> Code {
        match self {
            Self::NotFound(_) => Code::NotFound,
            Self::Suspended(_) => Code::FailedPrecondition,
            Self::Unavailable(_) => Code::Unavailable,
            Self::BadZone(..) => Code::Internal,
            Self::Taxonomies(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "TENANT_NOT_FOUND",
            Self::Suspended(_) => "TENANT_SUSPENDED",
            Self::Unavailable(_) => "PROFILE_UNAVAILABLE",
            Self::BadZone(..) => "TENANT_ZONE_UNKNOWN",
            Self::Taxonomies(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        Vec::new()
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Unavailable(_)).then_some(Duration::from_secs(1))
    }
}

impl Tenants {
    /// Asks over `channel` and believes each answer for a while.
    pub fn new(channel: Channel, believe: Duration) -> Self {
        Self {
            client: TenantServiceClient::new(channel.idempotent()),
            believe,
            known: Mutex::default(),
        }
    }

    /// Returns a tenant whose events may be taken. While profile is down, an older answer is believed.
    pub async fn get(&self, id: &TenantId) -> Result<Tenant, TenantError> {
        let remembered = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned();
        if let Some((asked, tenant)) = &remembered
            && asked.elapsed() < self.believe
        {
            return Ok(tenant.clone());
        }
        match (self.ask(id).await, remembered) {
            (Ok(tenant), _) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                if known.len() >= TENANTS_MAX {
                    known.clear();
                }
                known.insert(id.clone(), (Instant::now(), tenant.clone()));
                Ok(tenant)
            }
            (Err(TenantError::Unavailable(_)), Some((_, tenant))) => Ok(tenant),
            (Err(error), _) => {
                self.known
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(id);
                Err(error)
            }
        }
    }

    async fn ask(&self, id: &TenantId) -> Result<Tenant, TenantError> {
        let request = RequestContext::new(id.clone()).request(GetTenantRequest {
            tenant_id: id.to_string(),
        });
        let unavailable = |status: Status| match status.code() {
            Code::NotFound => TenantError::NotFound(id.clone()),
            _ => TenantError::Unavailable(status.message().to_owned()),
        };
        let tenant = self
            .client
            .clone()
            .get_tenant(request)
            .await
            .map_err(unavailable)?
            .into_inner();
        match tenant.state() {
            TenantState::Active | TenantState::Unspecified => {}
            TenantState::Suspended => return Err(TenantError::Suspended(id.clone())),
            TenantState::Deleted => return Err(TenantError::NotFound(id.clone())),
        }
        let zone = tenant
            .time_zone
            .parse()
            .map_err(|_| TenantError::BadZone(id.clone(), tenant.time_zone.clone()))?;
        Ok(Tenant {
            id: id.to_string(),
            zone,
            currency: tenant.currency_code,
        })
    }
}
