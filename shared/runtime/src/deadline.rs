//! The instant by which a caller wants its answer.

use http::{HeaderMap, HeaderValue};
use std::time::Duration;
use tokio::time::Instant;

/// Header in which gRPC carries what is left of the time.
pub(crate) const HEADER: &str = "grpc-timeout";

/// When the request being served must be answered. Servers put it among the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the instant.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// Returns how much time is left, zero when it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Returns the deadline that lies this far ahead.
    pub(crate) fn after(length: Duration) -> Self {
        // An instant too far for the clock means a century, which is as good as never.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        Self(Instant::now() + length.min(CENTURY))
    }
}

/// Returns the time that the caller gives, or `None` if it sets no limit or the header is malformed.
pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(HEADER)?.to_str().ok()?)
}

/// Writes what is left of the time.
pub(crate) fn to_header(left: Duration) -> HeaderValue {
    let text = match left.as_micros() {
        micros @ ..=99_999_999 => format!("{micros}u"),
        _ => match left.as_millis() {
            millis @ ..=99_999_999 => format!("{millis}m"),
            _ => format!("{}S", left.as_secs().min(99_999_999)),
        },
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("1S"))
}

/// Reads at most eight digits and a unit, as the gRPC protocol has it.
fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(count * 3_600)),
        'M' => Some(Duration::from_secs(count * 60)),
        'S' => Some(Duration::from_secs(count)),
        'm' => Some(Duration::from_millis(count)),
        'u' => Some(Duration::from_micros(count)),
        'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Duration>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn reads_what_the_protocol_allows() {
        check("1H", Some(Duration::from_secs(3_600)));
        check("2M", Some(Duration::from_secs(120)));
        check("99999999m", Some(Duration::from_millis(99_999_999)));
        check("5n", Some(Duration::from_nanos(5)));
        check("", None);
        check("S", None);
        check("123456789S", None);
        check("1x", None);
        check("-1S", None);
        check("1µ", None);
    }

    #[test]
    fn writes_what_it_reads() {
        for length in [
            Duration::from_micros(7),
            Duration::from_secs(30),
            Duration::from_secs(86_400 * 40),
        ] {
            assert_eq!(parse(to_header(length).to_str().unwrap()), Some(length));
        }
    }
}
