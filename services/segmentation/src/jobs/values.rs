//! Lifetime values of customers, asked of scoring.

use std::collections::{BTreeSet, HashMap};

use api::common::{CustomerRef, customer_ref};
use api::scoring::scoring_service_client::ScoringServiceClient;
use api::scoring::{BatchScoreRequest, CustomerScore, ScoreOptions};
use runtime::client::Channel;
use runtime::fault;
use runtime::operations::OperationContext;
use tonic::Status;
use uuid::Uuid;

/// Customers asked for at a time.
const PAGE: usize = 1_000;

/// What scoring says of one customer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Value {
    /// Lifetime value in minor units.
    pub(super) clv_minor: f64,
    /// Purchases expected in the horizon.
    pub(super) expected_purchases: f64,
    /// Probability of no purchase in the horizon.
    pub(super) churn_risk: f64,
}

/// What scoring says of all customers.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// By customer.
    pub(super) by_customer: HashMap<Uuid, Value>,
    /// Version of the model that gave them.
    pub(super) model_version: String,
    /// Stable reasons why they are older or fewer than they should be.
    pub(super) degraded: BTreeSet<String>,
}

/// Some customers have no values: sums over them are too small.
const SCORES_INCOMPLETE: &str = "SCORES_INCOMPLETE";

/// Asks scoring about customers as of a time, a page at a time.
///
/// # Errors
/// Returns the stable reason for which there are no values.
pub(super) async fn ask(
    scoring: &Channel,
    context: &OperationContext,
    customers: &[Uuid],
    as_of: prost_types::Timestamp,
) -> Result<Values, &'static str> {
    let mut client =
        ScoringServiceClient::new(scoring.idempotent()).max_decoding_message_size(64 << 20);
    let mut values = Values::default();
    for page in customers.chunks(PAGE) {
        let by_id = |id: &Uuid| CustomerRef {
            r#ref: Some(customer_ref::Ref::CustomerId(id.to_string())),
        };
        let customers = page.iter().map(by_id).collect();
        let options = Some(ScoreOptions {
            as_of: Some(as_of),
            ..Default::default()
        });
        let request = context
            .request_context()
            .request(BatchScoreRequest { customers, options });
        let answer = client
            .batch_score(request)
            .await
            .map_err(|status| missing(&status))?
            .into_inner();
        values.model_version = answer.model_version;
        values
            .degraded
            .extend(answer.freshness.unwrap_or_default().degraded_reasons);
        for (id, score) in page
            .iter()
            .zip(&answer.scores)
            .filter(|(_, score)| score.missing_reason.is_empty())
        {
            values.by_customer.insert(*id, value(score));
        }
    }
    if values.by_customer.len() < customers.len() {
        values.degraded.insert(SCORES_INCOMPLETE.to_owned());
    }
    Ok(values)
}

fn missing(status: &Status) -> &'static str {
    tracing::warn!(code = ?status.code(), "segments are computed without lifetime values");
    match fault::reason(status).as_deref() {
        Some("NO_CHAMPION") => "NO_CHAMPION",
        _ => "SCORING_UNAVAILABLE",
    }
}

fn value(score: &CustomerScore) -> Value {
    let named = |name: &str| {
        score
            .values
            .iter()
            .find(|value| value.name == name)
            .map_or(0.0, |value| value.value)
    };
    Value {
        clv_minor: named("clv_minor"),
        expected_purchases: named("expected_purchases"),
        churn_risk: named("churn_risk"),
    }
}
