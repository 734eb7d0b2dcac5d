//! Answers to client libraries.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tonic::{Code, Status};

use crate::domain::Violation;

/// One thing that is wrong with a message.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Wrong {
    /// Place of the message in its batch, from 0.
    pub(super) index: usize,
    field: String,
    reason: String,
    description: String,
}

impl Wrong {
    /// Tells a violation of a message; fields of the event are named as the message has them.
    pub(super) fn of(index: usize, violation: &Violation) -> Self {
        let field = match violation.field.as_str() {
            "message_id" => "messageId",
            "type" => "event",
            "event_time" => "timestamp",
            other => other,
        };
        Self {
            index,
            field: field.to_owned(),
            reason: violation.reason.to_owned(),
            description: violation.description.clone(),
        }
    }
}

/// An answer to be.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    /// Seconds after which the library should try again.
    retry_after: Option<u64>,
    message: String,
    errors: Vec<Wrong>,
}

#[derive(Serialize)]
struct Told<'a> {
    success: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "<[Wrong]>::is_empty")]
    errors: &'a [Wrong],
}

impl Answer {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            retry_after: None,
            message: message.into(),
            errors: Vec::new(),
        }
    }

    pub(super) fn success() -> Self {
        Self::new(StatusCode::OK, "")
    }

    pub(super) fn nothing() -> Self {
        Self::new(StatusCode::NO_CONTENT, "")
    }

    pub(super) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "post to /v1/track, identify, page, screen, group, alias or batch",
        )
    }

    pub(super) fn unauthorised() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "the write key is missing, unknown or void",
        )
    }

    pub(super) fn unknown_packing() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a body is plain or packed with gzip",
        )
    }

    pub(super) fn too_large(most: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body has at most {most} bytes, also unpacked"),
        )
    }

    pub(super) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body took too long to come",
        )
    }

    pub(super) fn busy() -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests are being worked on",
            )
        }
    }

    /// The request as a whole cannot be read.
    pub(super) fn malformed(field: &str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        let wrong = Wrong {
            index: 0,
            field: field.to_owned(),
            reason: "MALFORMED".to_owned(),
            description: problem.clone(),
        };
        Self {
            errors: vec![wrong],
            ..Self::new(StatusCode::BAD_REQUEST, problem)
        }
    }

    /// Some messages cannot be taken; the others are committed.
    pub(super) fn wrong(errors: Vec<Wrong>) -> Self {
        Self {
            errors,
            ..Self::new(
                StatusCode::BAD_REQUEST,
                "these messages cannot be taken; all others are",
            )
        }
    }

    /// Nothing was taken, for a reason that gRPC callers are told as well.
    pub(super) fn of_status(status: &Status) -> Self {
        let reason = runtime::fault::reason(status).unwrap_or_default();
        let code = match (status.code(), reason.as_str()) {
            (_, "RATE_LIMITED") => StatusCode::TOO_MANY_REQUESTS,
            (_, "TENANT_SUSPENDED") => StatusCode::FORBIDDEN,
            // A key of a tenant that is gone is as good as none.
            (Code::NotFound, _) => StatusCode::UNAUTHORIZED,
            (Code::InvalidArgument, _) => StatusCode::BAD_REQUEST,
            (Code::Internal | Code::Unknown | Code::DataLoss, _) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let wait = runtime::fault::retry_delay(status).map(|it| it.as_secs_f64().ceil() as u64);
        let again = matches!(
            code,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        Self {
            retry_after: again.then(|| wait.unwrap_or(5).max(1)),
            ..Self::new(code, status.message())
        }
    }

    /// Returns a word for the kind of failure, which libraries log; empty for success.
    fn code(&self) -> &'static str {
        match self.status.as_u16() {
            200..=299 => "",
            400 => "malformed",
            401 => "unauthorised",
            403 => "suspended",
            404 => "not_found",
            408 => "too_slow",
            413 => "too_large",
            415 => "unknown_packing",
            429 => "rate_limited",
            503 => "unavailable",
            _ => "internal",
        }
    }

    /// Makes the response.
    pub(super) fn respond(self) -> Response {
        if self.status == StatusCode::NO_CONTENT {
            return self.status.into_response();
        }
        let told = Told {
            success: self.status.is_success(),
            code: self.code(),
            message: &self.message,
            errors: &self.errors,
        };
        let mut response = (self.status, Json(told)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"write key\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// Lets pages of an origin send and read the answer.
pub(super) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    let fixed = HeaderValue::from_static;
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, fixed("origin"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed("POST, OPTIONS"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        fixed("authorization, content-type, content-encoding"),
    );
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, fixed("retry-after"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, fixed("86400"));
}
