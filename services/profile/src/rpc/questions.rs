//! Questions that several RPCs ask in the same words: which tenant, which customers, as of when.

use api::common::{CustomerRef, customer_ref};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use runtime::context::RequestContext;
use runtime::fault::Violations;
use runtime::identity::IdentityKey;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::error::Error;
use crate::service::Core;
use crate::store::customers::Asked;
use crate::store::tenants::{self, Tenant};

/// Most customers in one question.
pub(crate) const CUSTOMERS_MAX: usize = 1_000;
/// Most rows on one page.
const PAGE_MAX: u64 = 1_000;
/// Longest namespace in bytes.
const NAMESPACE_BYTES_MAX: usize = 64;
/// Longest identifier in bytes.
const VALUE_BYTES_MAX: usize = 512;

/// The tenant of a request, served.
pub(crate) async fn tenant<T>(core: &Core, request: &Request<T>) -> Result<Tenant, Status> {
    let context = RequestContext::from_request(request)?;
    Ok(tenants::serve(core.store.reader(), context.tenant.as_str()).await?)
}

/// Reads a list of customers; all that is wrong with it goes to `violations`.
pub(crate) fn customers(
    violations: &mut Violations,
    tenant: &str,
    key: &IdentityKey,
    customers: &[CustomerRef],
) -> Vec<Asked> {
    let count = customers.len();
    let description = format!("must be 1 to {CUSTOMERS_MAX}, not {count}");
    if !violations.require(
        (1..=CUSTOMERS_MAX).contains(&count),
        "customers",
        "OUT_OF_RANGE",
        description,
    ) {
        return Vec::new();
    }
    let read = |(index, it): (usize, &CustomerRef)| {
        customer(violations, &format!("customers[{index}]"), tenant, key, it)
    };
    customers.iter().enumerate().filter_map(read).collect()
}

/// Reads one customer; all that is wrong with it goes to `violations`.
pub(crate) fn customer(
    violations: &mut Violations,
    field: &str,
    tenant: &str,
    key: &IdentityKey,
    customer: &CustomerRef,
) -> Option<Asked> {
    match &customer.r#ref {
        None => {
            violations.push(
                field,
                "REQUIRED",
                "must have a customer_id or an identifier",
            );
            None
        }
        Some(customer_ref::Ref::CustomerId(text)) => {
            let id = text.parse::<Uuid>().map_err(|_| "must be a UUID");
            violations
                .take(format!("{field}.customer_id"), "MALFORMED", id)
                .map(Asked::Id)
        }
        Some(customer_ref::Ref::Identifier(it)) => {
            let namespace = (1..=NAMESPACE_BYTES_MAX).contains(&it.namespace.len());
            let value = (1..=VALUE_BYTES_MAX).contains(&it.value.len());
            let path = |part: &str| format!("{field}.identifier.{part}");
            violations.require(
                namespace,
                path("namespace"),
                "OUT_OF_RANGE",
                "must be 1 to 64 bytes",
            );
            violations.require(
                value,
                path("value"),
                "OUT_OF_RANGE",
                "must be 1 to 512 bytes",
            );
            (namespace && value)
                .then(|| Asked::Fragment(key.fragment_id(tenant, &it.namespace, &it.value)))
        }
    }
}

/// Reads a time that may be absent.
pub(crate) fn as_of(
    violations: &mut Violations,
    as_of: Option<&Timestamp>,
) -> Option<DateTime<Utc>> {
    let instant = runtime::time::from_proto(as_of?).ok_or("must be a time of the years 1 to 9999");
    violations.take("as_of", "MALFORMED", instant)
}

/// Reads an idempotency key that may be empty.
pub(crate) fn request_id(violations: &mut Violations, text: &str) -> Option<Uuid> {
    if text.is_empty() {
        return None;
    }
    violations.take(
        "request_id",
        "MALFORMED",
        text.parse::<Uuid>().map_err(|_| "must be a UUID"),
    )
}

/// Reads the size of a page.
pub(crate) fn page_size(violations: &mut Violations, requested: i32, default: u64) -> u64 {
    let size = store::page::page_size(requested, default, PAGE_MAX)
        .map_err(|_| "must be 0 (the default) or more");
    violations
        .take("page_size", "OUT_OF_RANGE", size)
        .unwrap_or(default)
}

/// Reads a page token; an empty one is the beginning.
pub(crate) fn page_token<F: serde::Serialize, T: serde::de::DeserializeOwned>(
    violations: &mut Violations,
    filter: &F,
    token: &str,
) -> Option<T> {
    if token.is_empty() {
        return None;
    }
    let position = store::page::decode_for(filter, token)
        .map_err(|_| "is not a token of this list and filter");
    violations.take("page_token", "MALFORMED", position)
}

/// Ends the reading of a request: fails with everything that is wrong with it.
pub(crate) fn finish(violations: Violations) -> Result<(), Status> {
    violations.finish().map_err(|it| Error::Invalid(it).into())
}

/// Fails when something valid was expected and is not there.
pub(crate) fn valid<T>(value: Option<T>) -> Result<T, Status> {
    value.ok_or_else(|| Status::internal("a valid request could not be read"))
}
