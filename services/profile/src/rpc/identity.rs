//! `IdentityService`.

use std::sync::Arc;

use api::profile::identity_service_server::IdentityService;
use api::profile::{ResolveCustomersRequest, ResolveCustomersResponse, ResolvedCustomer};
use runtime::fault::Violations;
use tonic::{Request, Response, Status};

use super::questions::{self, finish};
use crate::service::Core;
use crate::store::customers;

/// The service.
#[derive(Clone)]
pub(crate) struct Identity(pub(crate) Arc<Core>);

#[async_trait::async_trait]
impl IdentityService for Identity {
    async fn resolve_customers(
        &self,
        request: Request<ResolveCustomersRequest>,
    ) -> Result<Response<ResolveCustomersResponse>, Status> {
        let tenant = questions::tenant(&self.0, &request).await?;
        let mut violations = Violations::new();
        let asked = questions::customers(
            &mut violations,
            &tenant.id,
            &self.0.key,
            &request.into_inner().customers,
        );
        finish(violations)?;
        let resolved = customers::resolve(self.0.store.reader(), &tenant.id, &asked).await?;
        let answer = asked.iter().map(|asked| match resolved.get(asked) {
            None => ResolvedCustomer::default(),
            Some(it) => ResolvedCustomer {
                customer_id: it.id.to_string(),
                ordinal: it.ordinal,
                alias: it.alias,
            },
        });
        Ok(Response::new(ResolveCustomersResponse {
            customers: answer.collect(),
        }))
    }
}
