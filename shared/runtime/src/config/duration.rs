//! Lengths of time written as text: `250us`, `5ms`, `2s`, `1m30s`, `12h`, `400d`.

use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// Reads a length; for `#[serde(with = "runtime::config::duration")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// Writes a length in the form that is read.
pub fn serialize<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*length))
}

/// Reads a length from text: one or more whole numbers, each with its unit (`us`, `ms`, `s`, `m`, `h`, `d`).
pub fn parse(text: &str) -> Result<Duration, String> {
    let problem =
        || format!("`{text}` is no length of time; write for example 250ms, 2s, 1m30s or 400d");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(problem());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|it: char| !it.is_ascii_digit())
            .ok_or_else(problem)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|it: char| it.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| problem())?;
        let part = match unit {
            "us" => Some(Duration::from_micros(number)),
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => number.checked_mul(60).map(Duration::from_secs),
            "h" => number.checked_mul(3_600).map(Duration::from_secs),
            "d" => number.checked_mul(86_400).map(Duration::from_secs),
            _ => None,
        };
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(problem)?;
        rest = tail;
    }
    Ok(total)
}

/// Writes a length in the largest unit that is exact.
pub fn format(length: Duration) -> String {
    let micros = length.as_micros();
    for (unit, size) in [
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1_000),
    ] {
        if micros >= size && micros.is_multiple_of(size) {
            return format!("{}{unit}", micros / size);
        }
    }
    format!("{micros}us")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Duration>) {
        assert_eq!(parse(text).ok(), expected, "{text}");
    }

    #[test]
    fn reads_lengths() {
        check("250us", Some(Duration::from_micros(250)));
        check("5ms", Some(Duration::from_millis(5)));
        check("2s", Some(Duration::from_secs(2)));
        check("1m30s", Some(Duration::from_secs(90)));
        check("400d", Some(Duration::from_secs(400 * 86_400)));
        check("0s", Some(Duration::ZERO));
        check("", None);
        check("2", None);
        check("s", None);
        check("-2s", None);
        check("1.5s", None);
        check("2 weeks", None);
        check("99999999999999999999s", None);
        check("18446744073709551615d", None);
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["250us", "5ms", "2s", "90s", "12h", "400d", "0us"] {
            assert_eq!(parse(&format(parse(text).unwrap())), parse(text));
        }
    }
}
