//! The clock.

use chrono::{DateTime, SubsecRound, Utc};

/// Returns the present instant in whole microseconds, the finest step that every store keeps.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
