//! Turns what a service answered into one plain sentence that says what to do.

use crate::cli::ServiceName;
use api::google::rpc;
use prost::Message;
use tonic::{Code, Status};

/// Returns an error that says in one sentence what went wrong with a call and what to do about it.
pub(crate) fn of_call(service: ServiceName, target: &str, status: &Status) -> anyhow::Error {
    anyhow::anyhow!(sentence(service, target, status))
}

/// Returns an error of an operation that ended badly.
pub(crate) fn of_operation(
    service: ServiceName,
    target: &str,
    status: rpc::Status,
) -> anyhow::Error {
    let code = Code::from_i32(status.code);
    let message = status.message.clone();
    of_call(
        service,
        target,
        &Status::with_details(code, message, status.encode_to_vec().into()),
    )
}

/// Returns the stable reason of a status, for example `NO_CHAMPION`; empty when it has none.
pub(crate) fn reason(status: &Status) -> String {
    details(status)
        .iter()
        .filter(|detail| detail.type_url.ends_with("/google.rpc.ErrorInfo"))
        .filter_map(|detail| rpc::ErrorInfo::decode(detail.value.as_slice()).ok())
        .map(|info| info.reason)
        .next()
        .unwrap_or_default()
}

fn sentence(service: ServiceName, target: &str, status: &Status) -> String {
    let name = service.as_str();
    let reason = reason(status);
    if status.code() == Code::Unavailable && reason.is_empty() {
        return format!(
            "cannot reach the {name} service at {target}: start the suite with 'clientele up', or say where it is with --endpoint"
        );
    }
    if status.code() == Code::DeadlineExceeded && reason.is_empty() {
        return format!(
            "the {name} service at {target} did not answer in time: check its address, or look at its log and try again"
        );
    }
    let mut text = match status.message() {
        // The service's own advice is for those who call it.
        _ if reason == "NO_CHAMPION" => "no model has been promoted yet".to_owned(),
        "" => format!("the {name} service answered {:?}", status.code()),
        message => message.trim_end_matches('.').to_owned(),
    };
    let violations = violations(status);
    if !violations.is_empty() {
        text = format!("{text}: {}", violations.join("; "));
    }
    match advice(&reason) {
        "" => text,
        advice => format!("{text}: {advice}"),
    }
}

fn violations(status: &Status) -> Vec<String> {
    let mut told = Vec::new();
    for detail in details(status) {
        if !detail.type_url.ends_with("/google.rpc.BadRequest") {
            continue;
        }
        let Ok(request) = rpc::BadRequest::decode(detail.value.as_slice()) else {
            continue;
        };
        for violation in request.field_violations {
            let description = violation.description.trim_end_matches('.');
            // A message of one violation often is that violation's sentence already.
            if !status.message().contains(description) {
                told.push(format!("{} {description}", violation.field));
            }
        }
    }
    told
}

fn details(status: &Status) -> Vec<prost_types::Any> {
    rpc::Status::decode(status.details())
        .map(|status| status.details)
        .unwrap_or_default()
}

/// What a person can do about the reasons that are met most.
fn advice(reason: &str) -> &'static str {
    match reason {
        "NO_CHAMPION" => "train one with 'clientele model train'",
        "NO_SEGMENTS" | "SEGMENT_NOT_FOUND" => {
            "compute segments with 'clientele segment compute' and see 'clientele segment list'"
        }
        "NO_CUSTOMERS" | "TOO_FEW_CUSTOMERS" | "NO_REPEAT_PURCHASES" => {
            "import more history with 'clientele ingest', or choose a later --as-of"
        }
        "TENANT_NOT_FOUND" => {
            "create it with 'clientele admin create-tenant', import into the default one, or name another with --tenant"
        }
        "CUSTOMER_NOT_FOUND" => "check the spelling; an identifier is written NAMESPACE=VALUE",
        "INFEASIBLE" => "loosen one of these bounds",
        "BASELINE_NOT_FOUND" => "compute one with 'clientele quality baseline fit'",
        "LOG_FULL" => "try again when the log has drained",
        "QUARANTINE_FULL" => "see 'clientele quarantine list'",
        "RATE_LIMITED" => "send more slowly, or raise the source's limit",
        "RECORD_NOT_FOUND" => "see 'clientele quarantine list'",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_details(code: Code, message: &str, details: Vec<prost_types::Any>) -> Status {
        let inner = rpc::Status {
            code: code as i32,
            message: message.into(),
            details,
        };
        Status::with_details(code, message, inner.encode_to_vec().into())
    }

    fn any<M: prost::Name>(message: &M) -> prost_types::Any {
        prost_types::Any {
            type_url: M::type_url(),
            value: message.encode_to_vec(),
        }
    }

    #[test]
    fn an_absent_service_is_told_with_its_address() {
        let text = sentence(
            ServiceName::Scoring,
            "http://127.0.0.1:7103",
            &Status::unavailable("tcp connect error"),
        );
        assert!(
            text.contains("scoring") && text.contains("7103") && text.contains("clientele up"),
            "{text}"
        );
    }

    #[test]
    fn every_violation_is_told() {
        let request = rpc::BadRequest {
            field_violations: vec![
                rpc::bad_request::FieldViolation {
                    field: "budget".into(),
                    description: "must be given".into(),
                    ..Default::default()
                },
                rpc::bad_request::FieldViolation {
                    field: "margin".into(),
                    description: "must be above 0".into(),
                    ..Default::default()
                },
            ],
        };
        let status = with_details(
            Code::InvalidArgument,
            "the request is not valid",
            vec![any(&request)],
        );

        let text = sentence(ServiceName::CampaignRecommendation, "x", &status);

        assert_eq!(
            text,
            "the request is not valid: budget must be given; margin must be above 0"
        );
    }

    #[test]
    fn a_known_reason_brings_its_advice() {
        let info = rpc::ErrorInfo {
            reason: "NO_CHAMPION".into(),
            domain: "clientele".into(),
            ..Default::default()
        };
        let status = with_details(
            Code::FailedPrecondition,
            "no model has been promoted yet",
            vec![any(&info)],
        );

        let text = sentence(ServiceName::Scoring, "x", &status);

        assert_eq!(
            text,
            "no model has been promoted yet: train one with 'clientele model train'"
        );
    }
}
