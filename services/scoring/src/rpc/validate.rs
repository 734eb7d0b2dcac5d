//! Everything that a request may break, in one place; every violation is told, not the first alone.

use crate::serving::Ask;
use crate::store::artefact::clv_from_proto;
use crate::store::registry::{VersionName, Which, is_model_name};
use api::common::{CustomerRef, customer_ref};
use api::scoring::{BatchScoreRequest, ScoreOptions, ScoreRequest, TrainModelRequest};
use runtime::fault::{Invalid, Violations};
use uuid::Uuid;

/// Model that is meant where none is named.
pub(super) const DEFAULT_MODEL: &str = "clv";
const CUSTOMERS_MAX: usize = 1_000;
const HORIZON_DAYS_DEFAULT: i32 = 90;
const HORIZON_DAYS_MAX: i32 = 1_825;
const INTERVAL_LEVEL_DEFAULT: f64 = 0.9;
const NAMESPACE_BYTES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 512;

/// Reads a request for one score.
pub(super) fn score(request: ScoreRequest) -> Result<(CustomerRef, Ask), Invalid> {
    let mut violations = Violations::new();
    let ask = options(request.options.as_ref(), &mut violations);
    let customer = match request.customer {
        Some(reference) => {
            customer(&reference, "customer", &mut violations);
            reference
        }
        None => {
            violations.push("customer", "REQUIRED", "must name a customer");
            CustomerRef::default()
        }
    };
    violations.finish()?;
    Ok((customer, ask))
}

/// Reads a request for several scores.
pub(super) fn batch(request: BatchScoreRequest) -> Result<(Vec<CustomerRef>, Ask), Invalid> {
    let mut violations = Violations::new();
    let ask = options(request.options.as_ref(), &mut violations);
    let count = request.customers.len();
    let description = format!("must hold 1 to {CUSTOMERS_MAX} customers, not {count}");
    if violations.require(
        (1..=CUSTOMERS_MAX).contains(&count),
        "customers",
        "OUT_OF_RANGE",
        description,
    ) {
        for (place, reference) in request.customers.iter().enumerate() {
            customer(reference, &format!("customers[{place}]"), &mut violations);
        }
    }
    violations.finish()?;
    Ok((request.customers, ask))
}

/// Reads a request to train; fills in what is defaulted, so that the stored request says what was done.
pub(super) fn train(
    mut request: TrainModelRequest,
) -> Result<(TrainModelRequest, Option<Uuid>), Invalid> {
    let mut violations = Violations::new();
    if request.model.is_empty() {
        request.model = DEFAULT_MODEL.to_owned();
    }
    let named = is_model_name(&request.model);
    violations.require(
        named,
        "model",
        "MALFORMED",
        "must be 1 to 40 characters of [a-z0-9-]",
    );
    let dated = request.as_of.is_empty() || crate::serving::parse_day(&request.as_of).is_some();
    violations.require(
        dated,
        "as_of",
        "MALFORMED",
        "must be a day as YYYY-MM-DD, or empty",
    );
    if let Err(invalid) = clv_from_proto(request.clv.as_ref()) {
        violations.push(
            format!("clv.{}", invalid.field),
            "OUT_OF_RANGE",
            invalid.to_string(),
        );
    }
    let request_id = request_id(&request.request_id, &mut violations);
    violations.finish()?;
    Ok((request, request_id))
}

/// Reads the name of a version, or of the alias where that is allowed.
pub(super) fn version(
    field: &str,
    name: &str,
    alias: bool,
    violations: &mut Violations,
) -> Option<VersionName> {
    if name.is_empty() {
        violations.push(field, "REQUIRED", "must name a version");
        return None;
    }
    let parsed = VersionName::parse(name).filter(|name| alias || name.which != Which::Champion);
    if parsed.is_none() {
        let description = match alias {
            true => "must be models/{model}/versions/{number}, or models/{model}/versions/champion",
            false => "must be models/{model}/versions/{number}",
        };
        violations.push(field, "MALFORMED", description);
    }
    parsed
}

/// Reads an idempotency key.
pub(super) fn request_id(text: &str, violations: &mut Violations) -> Option<Uuid> {
    if text.is_empty() {
        return None;
    }
    let id = Uuid::parse_str(text).ok();
    violations.require(
        id.is_some(),
        "request_id",
        "MALFORMED",
        "must be a UUID, or empty",
    );
    id
}

fn options(options: Option<&ScoreOptions>, violations: &mut Violations) -> Ask {
    let default = ScoreOptions::default();
    let options = options.unwrap_or(&default);
    let as_of = options.as_of.as_ref().map(runtime::time::from_proto);
    violations.require(
        as_of != Some(None),
        "options.as_of",
        "OUT_OF_RANGE",
        "must be a time of the years 1 to 9999",
    );
    let horizon_days = if options.horizon_days == 0 {
        HORIZON_DAYS_DEFAULT
    } else {
        options.horizon_days
    };
    violations.require(
        (1..=HORIZON_DAYS_MAX).contains(&horizon_days),
        "options.horizon_days",
        "OUT_OF_RANGE",
        format!("must be 1 to {HORIZON_DAYS_MAX} days, or 0 for {HORIZON_DAYS_DEFAULT}"),
    );
    let level = if options.interval_level == 0.0 {
        INTERVAL_LEVEL_DEFAULT
    } else {
        options.interval_level
    };
    violations.require(
        0.0 < level && level < 1.0,
        "options.interval_level",
        "OUT_OF_RANGE",
        format!("must be above 0 and below 1, or 0 for {INTERVAL_LEVEL_DEFAULT}"),
    );
    let champion = VersionName {
        model: DEFAULT_MODEL.to_owned(),
        which: Which::Champion,
    };
    let version = match options.model_version.as_str() {
        "" => Some(champion.clone()),
        name => version("options.model_version", name, true, violations),
    };
    Ask {
        as_of: as_of.flatten(),
        horizon_days,
        reasons: options.reasons,
        interval_level: options.intervals.then_some(level),
        version: version.unwrap_or(champion),
    }
}

fn customer(reference: &CustomerRef, path: &str, violations: &mut Violations) {
    match &reference.r#ref {
        None => violations.push(
            path,
            "REQUIRED",
            "must name a customer by id or by identifier",
        ),
        Some(customer_ref::Ref::CustomerId(id)) => {
            let sound = Uuid::parse_str(id).is_ok();
            violations.require(
                sound,
                format!("{path}.customer_id"),
                "MALFORMED",
                "must be a UUID",
            );
        }
        Some(customer_ref::Ref::Identifier(identifier)) => {
            let mut bounded = |field: &str, text: &str, max: usize| {
                let description = format!("must be 1 to {max} bytes");
                let path = format!("{path}.identifier.{field}");
                violations.require(
                    (1..=max).contains(&text.len()),
                    path,
                    "OUT_OF_RANGE",
                    description,
                );
            };
            bounded("namespace", &identifier.namespace, NAMESPACE_BYTES_MAX);
            bounded("value", &identifier.value, VALUE_BYTES_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::common::Identifier;

    #[track_caller]
    fn fields(error: Invalid) -> Vec<String> {
        error
            .all()
            .iter()
            .map(|violation| violation.field.clone())
            .collect()
    }

    #[test]
    fn lists_every_violation_of_a_score() {
        let options = ScoreOptions {
            horizon_days: 2_000,
            interval_level: 1.0,
            model_version: "clv".into(),
            ..Default::default()
        };
        let error = score(ScoreRequest {
            customer: None,
            options: Some(options),
        })
        .unwrap_err();
        assert_eq!(
            fields(error),
            [
                "options.horizon_days",
                "options.interval_level",
                "options.model_version",
                "customer"
            ]
        );
    }

    #[test]
    fn names_the_customers_at_fault() {
        let by_id = |id: &str| CustomerRef {
            r#ref: Some(customer_ref::Ref::CustomerId(id.into())),
        };
        let identifier = Identifier {
            namespace: String::new(),
            value: "x".repeat(513),
        };
        let by_identifier = CustomerRef {
            r#ref: Some(customer_ref::Ref::Identifier(identifier)),
        };
        let customers = vec![
            by_id(&Uuid::nil().to_string()),
            by_id("7"),
            CustomerRef::default(),
            by_identifier,
        ];
        let error = batch(BatchScoreRequest {
            customers,
            options: None,
        })
        .unwrap_err();
        assert_eq!(
            fields(error),
            [
                "customers[1].customer_id",
                "customers[2]",
                "customers[3].identifier.namespace",
                "customers[3].identifier.value"
            ]
        );
    }

    #[test]
    fn fills_in_what_is_defaulted() {
        let (request, id) = train(TrainModelRequest::default()).unwrap();
        assert_eq!((request.model.as_str(), id), ("clv", None));
        let bad = TrainModelRequest {
            model: "CLV".into(),
            as_of: "yesterday".into(),
            clv: Some(api::scoring::ClvSettings {
                margin: Some(0.0),
                ..Default::default()
            }),
            request_id: "7".into(),
            ..Default::default()
        };
        assert_eq!(
            fields(train(bad).unwrap_err()),
            ["model", "as_of", "clv.margin", "request_id"]
        );
    }
}
