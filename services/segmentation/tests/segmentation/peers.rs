//! Small neighbours: a profile that knows its customers, and a scoring that can be away.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api::common::{CustomerRef, Freshness, customer_ref::Ref};
use api::profile::identity_service_server::{IdentityService, IdentityServiceServer};
use api::profile::tenant_service_server::{TenantService, TenantServiceServer};
use api::profile::{self as pb, Tenant};
use api::scoring::scoring_service_server::{ScoringService, ScoringServiceServer};
use api::scoring::{self as scoring, CustomerScore, ScoreValue};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Knows customers by the value of their identifier, and merged-away ids.
#[derive(Clone, Default)]
pub(super) struct Profile {
    pub(super) by_identifier: Arc<HashMap<String, (Uuid, i64)>>,
    pub(super) aliases: Arc<HashMap<Uuid, (Uuid, i64)>>,
}

impl Profile {
    pub(super) fn routes(&self) -> Routes {
        Routes::new(IdentityServiceServer::new(self.clone()))
            .add_service(TenantServiceServer::new(self.clone()))
    }

    fn resolve(&self, customer: &CustomerRef) -> pb::ResolvedCustomer {
        let found = match &customer.r#ref {
            Some(Ref::Identifier(identifier)) => self.by_identifier.get(&identifier.value).copied(),
            Some(Ref::CustomerId(id)) => {
                let id = Uuid::parse_str(id).unwrap_or_default();
                let own = self
                    .by_identifier
                    .values()
                    .find(|(own, _)| *own == id)
                    .copied();
                own.or_else(|| self.aliases.get(&id).copied())
            }
            None => None,
        };
        let resolved = |(id, ordinal): (Uuid, i64)| pb::ResolvedCustomer {
            customer_id: id.to_string(),
            ordinal,
            alias: false,
        };
        found.map(resolved).unwrap_or_default()
    }
}

#[tonic::async_trait]
impl IdentityService for Profile {
    async fn resolve_customers(
        &self,
        request: Request<pb::ResolveCustomersRequest>,
    ) -> Result<Response<pb::ResolveCustomersResponse>, Status> {
        if request
            .metadata()
            .get("x-clientele-tenant")
            .is_some_and(|tenant| tenant == "nobody")
        {
            return Err(Status::not_found("there is no tenant `nobody`"));
        }
        let customers = request
            .into_inner()
            .customers
            .iter()
            .map(|customer| self.resolve(customer))
            .collect();
        Ok(Response::new(pb::ResolveCustomersResponse { customers }))
    }
}

#[tonic::async_trait]
impl TenantService for Profile {
    async fn create_tenant(
        &self,
        _: Request<pb::CreateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn get_tenant(
        &self,
        request: Request<pb::GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Ok(Response::new(Tenant {
            tenant_id: request.into_inner().tenant_id,
            time_zone: "Pacific/Auckland".into(),
            currency_code: "NZD".into(),
            ..Default::default()
        }))
    }

    async fn list_tenants(
        &self,
        _: Request<pb::ListTenantsRequest>,
    ) -> Result<Response<pb::ListTenantsResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn update_tenant(
        &self,
        _: Request<pb::UpdateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn delete_tenant(
        &self,
        _: Request<pb::DeleteTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

/// Gives every customer 12.34 of lifetime value, and refuses when it is away.
#[derive(Clone, Default)]
pub(super) struct Scoring {
    pub(super) away: Arc<AtomicBool>,
    /// Knows nothing of the first customer of each page, and says that it lags behind.
    pub(super) behind: Arc<AtomicBool>,
}

impl Scoring {
    pub(super) fn routes(&self) -> Routes {
        Routes::new(ScoringServiceServer::new(self.clone()))
    }
}

#[tonic::async_trait]
impl ScoringService for Scoring {
    async fn score(
        &self,
        _: Request<scoring::ScoreRequest>,
    ) -> Result<Response<scoring::ScoreResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn batch_score(
        &self,
        request: Request<scoring::BatchScoreRequest>,
    ) -> Result<Response<scoring::BatchScoreResponse>, Status> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let value = |name: &str, value| ScoreValue {
            name: name.into(),
            value,
            ..Default::default()
        };
        let score = |_: &CustomerRef| CustomerScore {
            values: vec![
                value("clv_minor", 1_234.0),
                value("expected_purchases", 0.5),
                value("churn_risk", 0.25),
            ],
            ..Default::default()
        };
        let mut scores: Vec<CustomerScore> =
            request.into_inner().customers.iter().map(score).collect();
        let behind = self.behind.load(Ordering::SeqCst);
        if behind {
            scores[0] = CustomerScore {
                missing_reason: "CUSTOMER_NOT_FOUND".into(),
                ..Default::default()
            };
        }
        let degraded_reasons = if behind {
            vec!["WATERMARK_STUCK".to_owned()]
        } else {
            Vec::new()
        };
        Ok(Response::new(scoring::BatchScoreResponse {
            scores,
            model_version: "models/clv/versions/1".into(),
            freshness: Some(Freshness {
                degraded: behind,
                degraded_reasons,
                ..Default::default()
            }),
            ..Default::default()
        }))
    }
}
