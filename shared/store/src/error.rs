use std::time::Duration;

use runtime::fault::{Fault, FieldViolation};
use sea_orm::{
    DbErr, RuntimeErr, SqlxPostgresError,
    sqlx::{self, error::DatabaseError},
};
use tonic::Code;

/// What can go wrong with stored data, named for what the caller can do about it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is overloaded, or gave up on this transaction (deadlock, timeout, full disk).
    /// Trying the whole transaction again later is right; of a commit it is not known whether it happened.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// A row with this key exists already, or changed since it was read.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The lease was taken over; the effect must not happen.
    #[error("lease {0} was taken over")]
    Fenced(String),
    /// The id of an earlier request came with another request.
    #[error("request_id was used before with another request")]
    RequestReused,
    /// A field of the request that the store reads, such as a page token, is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Field at fault.
        field: &'static str,
        /// Stable reason, upper snake case.
        reason: &'static str,
        /// What is wrong, for a person.
        problem: String,
    },
    /// What was read is not what was written.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// Settings that cannot be right.
    #[error("{0}")]
    Misconfigured(String),
    /// The database refused a statement: an error in this program.
    #[error("statement failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Tells whether the same transaction may succeed when tried again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    // The parser's own words may hold the password.
    pub(crate) fn bad_url(_: sqlx::Error) -> Self {
        Self::Misconfigured("database.url cannot be parsed".into())
    }
}

impl Fault for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Unavailable(_) => Code::Unavailable,
            Self::Conflict(_) | Self::Fenced(_) => Code::Aborted,
            Self::RequestReused | Self::Invalid { .. } => Code::InvalidArgument,
            Self::Corrupt(_) | Self::Misconfigured(_) | Self::Failed(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "STORE_UNAVAILABLE",
            Self::Conflict(_) => "STORE_CONFLICT",
            Self::Fenced(_) => "FENCED",
            Self::RequestReused => "REQUEST_ID_REUSED",
            Self::Invalid { reason, .. } => reason,
            Self::Corrupt(_) => "STORE_CORRUPT",
            Self::Misconfigured(_) => "STORE_MISCONFIGURED",
            Self::Failed(_) => "STORE_FAILED",
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Unavailable(_) => {
                "the database is away or overloaded; try again later".to_owned()
            }
            _ => self.to_string(),
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::Invalid {
                field,
                reason,
                problem,
            } => vec![violation(field, reason, problem.clone())],
            Self::RequestReused => vec![violation("request_id", self.reason(), self.to_string())],
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.is_retryable().then_some(Duration::from_millis(500))
    }
}

fn violation(field: &str, reason: &'static str, description: String) -> FieldViolation {
    FieldViolation {
        field: field.to_owned(),
        reason,
        description,
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => from_driver(cause),
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error.to_string()),
            DbErr::TryIntoErr { .. } | DbErr::Type(_) | DbErr::Json(_) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn from_driver(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => from_database(&**error),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => StoreError::Unavailable(error.to_string()),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            StoreError::Corrupt(error.to_string())
        }
        _ => StoreError::Failed(error.to_string()),
    }
}

fn from_database(error: &dyn DatabaseError) -> StoreError {
    let text = error.to_string();
    if error.is_unique_violation() {
        return StoreError::Conflict(error.constraint().map_or(text, str::to_owned));
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqlxPostgresError>().is_some() {
        from_sqlstate(&code, text)
    } else {
        from_sqlite(code.parse().unwrap_or_default(), text)
    }
}

/// Sorts PostgreSQL's SQLSTATE by its class, the first two characters.
fn from_sqlstate(code: &str, text: String) -> StoreError {
    match (code.get(..2).unwrap_or_default(), code) {
        // Connection lost; rolled back for a deadlock or another transaction; out of resources; ended by an operator.
        ("08" | "40" | "53" | "57" | "58", _) => StoreError::Unavailable(text),
        // A lock not had in time; a session ended while idle; a server that became a read-only standby.
        (_, "55P03" | "25P03" | "25006") => StoreError::Unavailable(text),
        ("XX", _) => StoreError::Corrupt(text),
        ("28" | "3D", _) => StoreError::Misconfigured(text),
        _ => StoreError::Failed(text),
    }
}

/// Sorts SQLite's result code by its low byte, the primary code.
fn from_sqlite(code: i32, text: String) -> StoreError {
    match code & 0xff {
        // BUSY, LOCKED, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL
        5 | 6 | 9 | 10 | 13 | 14 | 15 => StoreError::Unavailable(text),
        // CORRUPT, NOTADB
        11 | 26 => StoreError::Corrupt(text),
        _ => StoreError::Failed(text),
    }
}

pub(crate) fn out_of_time(what: &str) -> StoreError {
    StoreError::Unavailable(format!("{what} took too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_can_be_retried() {
        for code in [
            "40001", "40P01", "57014", "57P01", "08006", "53100", "55P03", "25006",
        ] {
            assert!(from_sqlstate(code, String::new()).is_retryable(), "{code}");
        }
        for code in [5, 6, 10, 13, 517, 522] {
            assert!(from_sqlite(code, String::new()).is_retryable(), "{code}");
        }
    }

    #[test]
    fn mistakes_and_damage_are_told_apart() {
        assert!(matches!(
            from_sqlstate("42P01", String::new()),
            StoreError::Failed(_)
        ));
        assert!(matches!(
            from_sqlstate("XX001", String::new()),
            StoreError::Corrupt(_)
        ));
        assert!(matches!(
            from_sqlstate("28P01", String::new()),
            StoreError::Misconfigured(_)
        ));
        assert!(matches!(
            from_sqlite(11, String::new()),
            StoreError::Corrupt(_)
        ));
        assert!(matches!(
            from_sqlite(1, String::new()),
            StoreError::Failed(_)
        ));
    }
}
