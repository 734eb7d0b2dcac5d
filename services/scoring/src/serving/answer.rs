//! One customer's answer, from a state and a model. Pure, but for the messages it makes.

use super::models::LoadedModel;
use crate::domain::history::{DAYS_PER_WEEK, History, Purchases};
use crate::domain::model::Value;
use crate::domain::predictive::{Futures, Interval};
use crate::domain::reasons::reasons;
use crate::peers::states::State;
use api::scoring as proto;
use features::CustomerState;

/// The customer is known but never bought, or not by the as-of day.
pub(super) const NO_PURCHASE: &str = "NO_PURCHASE";
/// Nobody knows the customer.
pub(super) const CUSTOMER_NOT_FOUND: &str = "CUSTOMER_NOT_FOUND";
/// The stored state cannot be read.
pub(super) const STATE_UNREADABLE: &str = "STATE_UNREADABLE";

/// What to answer beside the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    /// Last day whose purchases count.
    pub(super) as_of_day: i32,
    /// Horizon of churn risk and expected purchases.
    pub(super) horizon_days: i32,
    /// Whether to give reasons.
    pub(super) reasons: bool,
    /// Probability that intervals cover, where they are asked for.
    pub(super) interval_level: Option<f64>,
}

/// Scores one customer.
pub(super) fn answer(
    model: &LoadedModel,
    state: Option<&State>,
    extent: &Extent,
) -> proto::CustomerScore {
    let missing = |state: Option<&State>, reason: &str| proto::CustomerScore {
        customer_id: state
            .map(|state| state.customer_id.to_string())
            .unwrap_or_default(),
        ordinal: state.map_or(0, |state| state.ordinal),
        missing_reason: reason.to_owned(),
        ..Default::default()
    };
    let Some(state) = state else {
        return missing(None, CUSTOMER_NOT_FOUND);
    };
    let read = match CustomerState::decode(&state.state) {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(customer = %state.customer_id, %error, "a stored state cannot be read");
            return missing(Some(state), STATE_UNREADABLE);
        }
    };
    let Some(purchases) = purchases(&read, extent.as_of_day) else {
        return missing(Some(state), NO_PURCHASE);
    };
    proto::CustomerScore {
        customer_id: state.customer_id.to_string(),
        ordinal: state.ordinal,
        values: values(model, state, &purchases, extent),
        history: Some(proto::PurchaseSummary {
            repeat_purchases: purchases.history.repeats() as i32,
            recency_weeks: purchases.history.recency_weeks(),
            age_weeks: purchases.history.age_weeks(),
            mean_value_minor: purchases.mean_value_minor,
        }),
        missing_reason: String::new(),
    }
}

/// Returns a customer's purchases as of a day in the models' terms, cancellations netted; `None` without any.
pub(crate) fn purchases(state: &CustomerState, as_of_day: i32) -> Option<Purchases> {
    let summary = state.purchase_summary(as_of_day)?;
    let weeks = |from: i32, to: i32| f64::from(to - from) / DAYS_PER_WEEK;
    let (recency, age) = (
        weeks(summary.first_day, summary.last_day),
        weeks(summary.first_day, as_of_day),
    );
    let history = History::new(summary.repeats, recency, age).ok()?;
    let repeats = f64::from(summary.repeats);
    let mean_value_minor = if summary.repeats == 0 {
        0.0
    } else {
        summary.repeat_total_minor as f64 / repeats
    };
    Some(Purchases {
        history,
        mean_value_minor: mean_value_minor.max(0.0),
    })
}

fn values(
    model: &LoadedModel,
    state: &State,
    purchases: &Purchases,
    extent: &Extent,
) -> Vec<proto::ScoreValue> {
    let horizon_weeks = f64::from(extent.horizon_days) / DAYS_PER_WEEK;
    let all = model.model.values(purchases, horizon_weeks);
    let futures = extent.interval_level.map(|level| {
        // The same customer has the same futures in every batch: the seed is the model's and the customer's.
        let seed = model.seed ^ (state.customer_id.as_u128() as u64).rotate_left(17);
        (
            Futures::draw(&model.model, purchases, horizon_weeks, seed),
            level,
        )
    });
    let interval = |value: Value| {
        let (futures, level) = futures.as_ref()?;
        match value {
            Value::ExpectedPurchases => futures.purchases(*level),
            Value::ClvMinor => futures.value_minor(*level),
            // Probabilities are no quantities of the future: there is nothing that an interval could cover.
            Value::PAlive | Value::ChurnRisk => None,
        }
    };
    let one = |value: Value| {
        let actual = all.get(value);
        let percentile = model.population.percentile(
            &model.model,
            value,
            actual,
            purchases,
            extent.horizon_days,
        );
        proto::ScoreValue {
            name: value.name().to_owned(),
            value: actual,
            percentile: percentile.unwrap_or(50.0),
            interval: interval(value)
                .map(|Interval { lower, upper }| proto::Interval { lower, upper }),
            reasons: if extent.reasons {
                reasons_of(model, value, purchases, extent)
            } else {
                Vec::new()
            },
        }
    };
    Value::ALL.into_iter().map(one).collect()
}

fn reasons_of(
    model: &LoadedModel,
    value: Value,
    purchases: &Purchases,
    extent: &Extent,
) -> Vec<proto::ScoreReason> {
    reasons(
        &model.model,
        &model.population.average,
        value,
        purchases,
        extent.horizon_days,
    )
    .into_iter()
    .map(|reason| proto::ScoreReason {
        code: reason.code.to_owned(),
        text: reason.text,
        contribution: reason.contribution,
    })
    .collect()
}
