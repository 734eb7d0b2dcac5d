//! Local times and what becomes of those that a change of the clocks left out or showed twice.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{OffsetName, Tz};

use crate::Reason;

/// What becomes of a local time that never was, because the clocks were set forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Gap {
    /// It is read as if the clocks had not been set: an hour into the gap is an hour after it began.
    #[default]
    AsIfNotSet,
    /// It becomes the first instant after the gap.
    Next,
    /// It is refused.
    Refuse,
}

/// What becomes of a local time that was twice, because the clocks were set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It is the first of the two.
    #[default]
    First,
    /// It is the second.
    Second,
    /// It is refused.
    Refuse,
}

/// Abbreviations that mean one offset wherever they are used, in minutes.
const CERTAIN: &[(&str, i32)] = &[
    ("Z", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("WET", 0),
    ("WEST", 60),
    ("MSK", 180),
    ("JST", 540),
    ("KST", 540),
    ("HKT", 480),
    ("SGT", 480),
    ("EDT", -240),
    ("PDT", -420),
    ("MDT", -360),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
];

/// Returns the offset in seconds that an abbreviation means: in the zone of the source, if it is one of the zone's at that
/// time, or everywhere. `None` when several zones share it, as China and Chicago share `CST`.
pub(super) fn offset_of(name: &str, local: NaiveDateTime, zone: Tz) -> Option<i32> {
    let own = |moment: DateTime<Tz>| {
        let offset = moment.offset();
        (offset.abbreviation() == Some(name)).then(|| offset.fix().local_minus_utc())
    };
    let own = match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(time) => own(time),
        MappedLocalTime::Ambiguous(first, second) => own(first).or_else(|| own(second)),
        MappedLocalTime::None => None,
    };
    own.or_else(|| {
        CERTAIN
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, minutes)| minutes * 60)
    })
}

/// Returns the instant of a local time, and notes when a policy decided.
pub(super) fn instant(
    local: NaiveDateTime,
    zone: Tz,
    gap: Gap,
    overlap: Overlap,
    decided: &mut Vec<&'static str>,
) -> Result<DateTime<Utc>, Reason> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(time) => Ok(time.to_utc()),
        MappedLocalTime::Ambiguous(first, second) => {
            let time = match overlap {
                Overlap::First => first,
                Overlap::Second => second,
                Overlap::Refuse => return Err(Reason::Overlap),
            };
            decided.push("overlap");
            Ok(time.to_utc())
        }
        MappedLocalTime::None => {
            let time = match gap {
                Gap::Refuse => return Err(Reason::Gap),
                Gap::AsIfNotSet => before_gap(local, zone),
                Gap::Next => after_gap(local, zone),
            };
            decided.push("gap");
            time.ok_or(Reason::Time)
        }
    }
}

/// Returns the instant with the offset that held before the gap.
fn before_gap(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    // Gaps are an hour as a rule; whole days were left out where the date line moved.
    [3, 27].into_iter().find_map(|hours| {
        let span = TimeDelta::hours(hours);
        let before = zone
            .from_local_datetime(&local.checked_sub_signed(span)?)
            .latest()?;
        before.to_utc().checked_add_signed(span)
    })
}

/// Returns the first instant after the gap that a local time lies in.
fn after_gap(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let inside = before_gap(local, zone)?;
    let before = inside.with_timezone(&zone).offset().fix().local_minus_utc();
    let old = local.and_utc().timestamp() - inside.timestamp();
    // The clocks were set somewhere between the day before and now: halve the way to the second.
    let (mut low, mut high) = (inside.timestamp() - 2 * 86_400, inside.timestamp());
    if i64::from(before) == old {
        return Some(inside);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let offset = DateTime::from_timestamp(middle, 0)?
            .with_timezone(&zone)
            .offset()
            .fix()
            .local_minus_utc();
        if i64::from(offset) == old {
            low = middle;
        } else {
            high = middle;
        }
    }
    DateTime::from_timestamp(high, 0)
}
