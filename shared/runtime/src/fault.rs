//! Errors as callers meet them: one code, one stable reason, and google.rpc details.

mod violations;

pub use violations::{FieldViolation, Invalid, Violations};

use api::google::rpc;
use prost::{Message, Name};
use std::time::Duration;
use tonic::{Code, Status};

/// Domain of every reason, in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "clientele";

/// An error that knows what it means to the caller of an RPC.
pub trait Fault: std::error::Error {
    /// Returns the gRPC code.
    fn code(&self) -> Code;

    /// Returns the reason in capitals, for example `CUSTOMER_NOT_FOUND`. It is stable: clients match on it.
    fn reason(&self) -> &'static str;

    /// Returns the sentence that the caller is told. To be overridden where the error's own words hold what only operators
    /// may know, such as a database's message.
    fn told(&self) -> String {
        self.to_string()
    }

    /// Returns every field at fault.
    fn violations(&self) -> Vec<FieldViolation> {
        Vec::new()
    }

    /// Returns facts that a client may want beside the reason. Never personal data.
    fn metadata(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Returns how long to wait before the same request may succeed.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// Turns a fault into the status that the caller gets.
///
/// What is wrong inside us is logged with its causes and answered as "internal error".
pub fn status<F: Fault + ?Sized>(fault: &F) -> Status {
    let code = fault.code();
    let message = match code {
        Code::Internal | Code::Unknown | Code::DataLoss => {
            tracing::error!(reason = fault.reason(), error = %Causes(fault), "request failed inside the service");
            "internal error".to_owned()
        }
        Code::Unavailable => {
            tracing::warn!(reason = fault.reason(), error = %Causes(fault), "request failed for want of a dependency");
            fault.told()
        }
        _ => fault.told(),
    };
    let mut details = vec![pack(&rpc::ErrorInfo {
        reason: fault.reason().to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: fault.metadata().into_iter().collect(),
    })];
    let violations = fault.violations();
    if !violations.is_empty() {
        let field_violations = violations.into_iter().map(Into::into).collect();
        details.push(pack(&rpc::BadRequest { field_violations }));
    }
    if let Some(delay) = fault.retry_after() {
        details.push(pack(&rpc::RetryInfo {
            retry_delay: Some(crate::time::duration_to_proto(delay)),
        }));
    }
    with_details(code, message, details)
}

/// A failed result as a status: `store.load(id).await.or_status()?`.
pub trait OrStatus<T> {
    /// Turns the error into the status that the caller gets.
    fn or_status(self) -> Result<T, Status>;
}

impl<T, F: Fault> OrStatus<T> for Result<T, F> {
    fn or_status(self) -> Result<T, Status> {
        self.map_err(|fault| status(&fault))
    }
}

/// Returns the reason that a status carries, if it carries one of ours.
pub fn reason(status: &Status) -> Option<String> {
    let info: rpc::ErrorInfo = detail(status)?;
    (info.domain == DOMAIN).then_some(info.reason)
}

/// Returns the field violations that a status carries.
pub fn violations(status: &Status) -> Vec<rpc::bad_request::FieldViolation> {
    detail::<rpc::BadRequest>(status)
        .map(|it| it.field_violations)
        .unwrap_or_default()
}

/// Returns how long the answering server asks to wait.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    let info: rpc::RetryInfo = detail(status)?;
    crate::time::duration_from_proto(&info.retry_delay?)
}

/// Returns the first detail of a type that a status carries.
pub fn detail<M: Name + Default>(status: &Status) -> Option<M> {
    let status = rpc::Status::decode(status.details()).ok()?;
    let name = M::full_name();
    let found = status
        .details
        .iter()
        .find(|it| it.type_url.rsplit('/').next() == Some(name.as_str()))?;
    M::decode(found.value.as_slice()).ok()
}

/// Returns the status as google.rpc's message, with its details.
pub fn to_rpc(status: &Status) -> rpc::Status {
    match rpc::Status::decode(status.details()) {
        Ok(message) if !message.details.is_empty() => message,
        _ => rpc::Status {
            code: status.code() as i32,
            message: status.message().to_owned(),
            details: Vec::new(),
        },
    }
}

/// Returns google.rpc's message as a status, with its details.
pub fn from_rpc(message: &rpc::Status) -> Status {
    Status::with_details(
        Code::from_i32(message.code),
        message.message.clone(),
        message.encode_to_vec().into(),
    )
}

/// Makes a status for what the runtime itself answers: code, stable reason, message and when to come back.
pub(crate) fn plain(
    code: Code,
    reason: &'static str,
    message: &str,
    retry_after: Option<Duration>,
) -> Status {
    let mut details = vec![pack(&rpc::ErrorInfo {
        reason: reason.to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: Default::default(),
    })];
    if let Some(delay) = retry_after {
        details.push(pack(&rpc::RetryInfo {
            retry_delay: Some(crate::time::duration_to_proto(delay)),
        }));
    }
    with_details(code, message.to_owned(), details)
}

fn with_details(code: Code, message: String, details: Vec<prost_types::Any>) -> Status {
    let encoded = rpc::Status {
        code: code as i32,
        message: message.clone(),
        details,
    }
    .encode_to_vec();
    Status::with_details(code, message, encoded.into())
}

fn pack<M: Name>(message: &M) -> prost_types::Any {
    crate::any::pack(message)
}

/// An error with its chain of causes on one line.
struct Causes<'a, F: ?Sized>(&'a F);

impl<F: Fault + ?Sized> std::fmt::Display for Causes<'_, F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Error {
        #[error("no customer 7")]
        NotFound,
        #[error("row 12 of table x is broken")]
        Corrupt,
        #[error("store away")]
        Away,
    }

    impl Fault for Error {
        fn code(&self) -> Code {
            match self {
                Self::NotFound => Code::NotFound,
                Self::Corrupt => Code::Internal,
                Self::Away => Code::Unavailable,
            }
        }

        fn reason(&self) -> &'static str {
            match self {
                Self::NotFound => "CUSTOMER_NOT_FOUND",
                Self::Corrupt => "STORE_CORRUPT",
                Self::Away => "STORE_UNAVAILABLE",
            }
        }

        fn metadata(&self) -> Vec<(String, String)> {
            vec![("table".into(), "x".into())]
        }

        fn retry_after(&self) -> Option<Duration> {
            matches!(self, Self::Away).then_some(Duration::from_millis(1500))
        }
    }

    #[test]
    fn tells_reason_metadata_and_when_to_come_back() {
        let status = status(&Error::Away);

        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason(&status).as_deref(), Some("STORE_UNAVAILABLE"));
        assert_eq!(retry_delay(&status), Some(Duration::from_millis(1500)));
        assert_eq!(
            detail::<rpc::ErrorInfo>(&status).unwrap().metadata["table"],
            "x"
        );
    }

    #[test]
    fn hides_what_is_wrong_inside() {
        let status = status(&Error::Corrupt);

        assert_eq!(status.message(), "internal error");
        assert_eq!(reason(&status).as_deref(), Some("STORE_CORRUPT"));
    }

    #[test]
    fn survives_the_way_through_an_operation() {
        let status = status(&Error::NotFound);

        let back = from_rpc(&to_rpc(&status));

        assert_eq!(back.code(), Code::NotFound);
        assert_eq!(back.message(), "no customer 7");
        assert_eq!(reason(&back).as_deref(), Some("CUSTOMER_NOT_FOUND"));
    }
}
