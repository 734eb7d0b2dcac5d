//! Tells how the times of a column are written.

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime};

/// Days as they are written, each with its pattern.
const DAYS: [&str; 17] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%Y年%m月%d日",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%d %B %Y",
];
/// Times of day after a day.
const HOURS: [&str; 8] = [
    "",
    " %H:%M:%S",
    " %H:%M",
    "T%H:%M:%S",
    " %H:%M:%S%.f",
    "T%H:%M:%S%.f",
    " %H:%M:%S%.f%:z",
    " %I:%M %p",
];
/// Pairs of patterns that differ in the order of day and month alone.
const ORDERS: [(&str, &str); 3] = [
    ("%d/%m/%Y", "%m/%d/%Y"),
    ("%d-%m-%Y", "%m-%d-%Y"),
    ("%d/%m/%y", "%m/%d/%y"),
];
/// Shortest and longest text of a time.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=40;
/// One in so many values may be no time.
const WRONG_SHARE: u64 = 1000;
/// Years that a file may speak of.
const YEARS: std::ops::RangeInclusive<i32> = 1800..=2200;
/// Years in which seconds and milliseconds since 1970 lie.
const UNIX_YEARS: std::ops::RangeInclusive<i32> = 1990..=2100;

/// Tells the patterns that the values of a column fit.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    seen: u64,
    live: Option<Vec<Candidate>>,
    first: Option<NaiveDateTime>,
    last: Option<NaiveDateTime>,
}

#[derive(Clone, Debug)]
struct Candidate {
    pattern: String,
    items: Vec<Item<'static>>,
    wrong: u64,
}

/// How the times of a column are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimesFound {
    /// A pattern, `rfc3339`, `unix` or `unix_ms`.
    pub(super) pattern: String,
    /// The pattern of the other order of day and month, which fits as well.
    pub(super) other: Option<String>,
    /// Whether there is a time of day.
    pub(super) has_hours: bool,
    /// Values that do not fit.
    pub(super) wrong: u64,
    /// First and last time.
    pub(super) range: Option<(NaiveDateTime, NaiveDateTime)>,
}

impl Times {
    /// Looks at a value that is not missing.
    pub(super) fn add(&mut self, text: &str) {
        self.seen += 1;
        let live = self.live.get_or_insert_with(|| candidates(text));
        if live.is_empty() {
            return;
        }
        let seen = self.seen;
        let mut read = None;
        live.retain_mut(|candidate| {
            match candidate.read(text) {
                Some(time) => read = read.or(Some(time)),
                None => candidate.wrong += 1,
            }
            candidate.wrong * WRONG_SHARE <= seen.max(WRONG_SHARE * u64::from(seen > 50))
        });
        if let Some(time) = read {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
    }

    /// Returns how the times are written; `None` when they are none.
    pub(super) fn found(&self) -> Option<TimesFound> {
        let live = self.live.as_deref().unwrap_or_default();
        let best = live.iter().min_by_key(|candidate| candidate.wrong)?;
        let equal = |pattern: &str| {
            let found = live.iter().find(|it| it.pattern == pattern)?;
            (found.wrong == best.wrong).then(|| found.pattern.clone())
        };
        let other = ORDERS.iter().find_map(|(days, months)| {
            let rest = best
                .pattern
                .strip_prefix(days)
                .map(|rest| (months, rest))
                .or_else(|| best.pattern.strip_prefix(months).map(|rest| (days, rest)));
            let (other, rest) = rest?;
            equal(&format!("{other}{rest}"))
        });
        let day_alone = ["%H", "%I", "unix", "rfc"];
        Some(TimesFound {
            has_hours: day_alone.iter().any(|part| best.pattern.contains(part)),
            pattern: best.pattern.clone(),
            other,
            wrong: best.wrong,
            range: self.first.zip(self.last),
        })
    }
}

impl Candidate {
    fn read(&self, text: &str) -> Option<NaiveDateTime> {
        let time = match self.pattern.as_str() {
            "unix" => DateTime::from_timestamp(text.parse().ok()?, 0)?.naive_utc(),
            "unix_ms" => DateTime::from_timestamp_millis(text.parse().ok()?)?.naive_utc(),
            "rfc3339" => DateTime::parse_from_rfc3339(text).ok()?.naive_utc(),
            _ => {
                let mut parsed = Parsed::new();
                parse(&mut parsed, text, self.items.iter()).ok()?;
                let day = parsed.to_naive_date().ok()?;
                day.and_time(parsed.to_naive_time().unwrap_or(NaiveTime::MIN))
            }
        };
        let years = match self.pattern.starts_with("unix") {
            true => UNIX_YEARS,
            false => YEARS,
        };
        years.contains(&time.year()).then_some(time)
    }
}

/// Returns the patterns that a value fits.
fn candidates(text: &str) -> Vec<Candidate> {
    if !LENGTHS.contains(&text.len()) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let days = DAYS.iter().flat_map(|day| {
        HOURS.iter().filter_map(move |hour| {
            // Digits alone are a day, not a day with a time of day.
            (*day != "%Y%m%d" || hour.is_empty()).then(|| format!("{day}{hour}"))
        })
    });
    let plain = ["rfc3339", "unix", "unix_ms"].map(str::to_owned);
    let all = days.chain(plain).filter_map(|pattern| {
        let items = match pattern.contains('%') {
            true => StrftimeItems::new(&pattern).parse_to_owned().ok()?,
            false => Vec::new(),
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if pattern == "%Y%m%d" && !(digits && text.len() == 8) {
            return None;
        }
        let candidate = Candidate {
            pattern,
            items,
            wrong: 0,
        };
        candidate.read(text).is_some().then_some(candidate)
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str]) -> Option<TimesFound> {
        let mut times = Times::default();
        texts.iter().for_each(|text| times.add(text));
        times.found()
    }

    #[track_caller]
    fn check(texts: &[&str], pattern: &str, other: Option<&str>) {
        let found = found(texts).expect("times");
        let both = (found.pattern.as_str(), found.other.as_deref());
        assert_eq!(both, (pattern, other));
    }

    #[test]
    fn tells_how_times_are_written() {
        check(&["2017-04-27", "2017-4-3"], "%Y-%m-%d", None);
        check(&["2010-12-01 08:26:00"], "%Y-%m-%d %H:%M:%S", None);
        check(
            &["2019-11-24 00:01:29.788335+00:00"],
            "%Y-%m-%d %H:%M:%S%.f%:z",
            None,
        );
        check(&["2024-01-01T10:00:00Z"], "rfc3339", None);
        check(&["1511544070", "1511561733"], "unix", None);
        check(&["19970101"], "%Y%m%d", None);
        check(&["2017年4月27日"], "%Y年%m月%d日", None);
        check(&["01/02/2024", "13/02/2024"], "%d/%m/%Y", None);
        check(&["01/02/2024", "02/13/2024"], "%m/%d/%Y", None);
        check(&["01/02/2024", "03/04/2024"], "%d/%m/%Y", Some("%m/%d/%Y"));
        check(
            &["01/02/24 10:00", "03/04/24 9:30"],
            "%d/%m/%y %H:%M",
            Some("%m/%d/%y %H:%M"),
        );
    }

    #[test]
    fn takes_nothing_else_for_times() {
        for text in [
            "12345678", "85123A", "2.55", "01/02", "99999999", "10018", "1-2-3",
        ] {
            assert_eq!(found(&[text]), None, "{text}");
        }
        assert_eq!(found(&["2024-01-01", "soon", "later"]), None);
    }
}
