//! Instants in contracts.

use chrono::{DateTime, Utc};
use prost_types::{Duration as ProtoDuration, Timestamp};
use std::time::Duration;

/// Returns the instant as a contract's timestamp.
pub fn to_proto(instant: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: instant.timestamp(),
        nanos: i32::try_from(instant.timestamp_subsec_nanos().min(999_999_999)).unwrap_or(0),
    }
}

/// Returns the instant of a contract's timestamp, or `None` outside the years 1 to 9999 or with nanoseconds outside
/// `0..1_000_000_000`.
pub fn from_proto(timestamp: &Timestamp) -> Option<DateTime<Utc>> {
    const YEAR_1: i64 = -62_135_596_800;
    const YEAR_10000: i64 = 253_402_300_800;
    let nanos = u32::try_from(timestamp.nanos)
        .ok()
        .filter(|it| *it < 1_000_000_000)?;
    if !(YEAR_1..YEAR_10000).contains(&timestamp.seconds) {
        return None;
    }
    DateTime::from_timestamp(timestamp.seconds, nanos)
}

/// Returns the length as a contract's duration; lengths beyond a contract's range become its greatest.
pub fn duration_to_proto(length: Duration) -> ProtoDuration {
    ProtoDuration {
        seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(length.subsec_nanos()).unwrap_or(0),
    }
}

/// Returns the length of a contract's duration, or `None` when it is negative or malformed.
pub fn duration_from_proto(length: &ProtoDuration) -> Option<Duration> {
    let nanos = u32::try_from(length.nanos)
        .ok()
        .filter(|it| *it < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(length.seconds).ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_instants_and_refuses_impossible_ones() {
        let instant = DateTime::from_timestamp(-1, 999_999_000).unwrap();

        assert_eq!(from_proto(&to_proto(instant)), Some(instant));
        assert_eq!(
            from_proto(&Timestamp {
                seconds: 0,
                nanos: -1
            }),
            None
        );
        assert_eq!(
            from_proto(&Timestamp {
                seconds: 0,
                nanos: 1_000_000_000
            }),
            None
        );
        assert_eq!(
            from_proto(&Timestamp {
                seconds: i64::MAX,
                nanos: 0
            }),
            None
        );
    }

    #[test]
    fn refuses_negative_lengths() {
        assert_eq!(
            duration_from_proto(&ProtoDuration {
                seconds: -1,
                nanos: 0
            }),
            None
        );
        assert_eq!(
            duration_from_proto(&duration_to_proto(Duration::from_millis(1500))),
            Some(Duration::from_millis(1500))
        );
    }
}
