//! Finds days that are worse than they should be: a pure function of the history and the rules.

use std::collections::BTreeMap;

use sketch::series::{Expected, Point, online_normal, rate_of_change, seasonal};

use super::counts::{DayCounts, Dimension};
use super::delta::NO_DAY;
use super::report::date;
use super::score::{Weights, dimensions, field_dimensions};

/// Days up to the newest that are judged; what is older stands as it was found.
const DAYS_JUDGED: i32 = 14;
/// Most findings of a source.
const FINDINGS_MAX: usize = 200;
/// By how much a share must leave what history lets expect before it is told, so that a history without any spread does not
/// make an alarm of one record in a thousand.
const SHARE_MARGIN: f64 = 0.01;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Score over all dimensions, 0 to 100.
    Score,
    /// Share of checks of a dimension that passed, 0 to 1.
    Dimension(Dimension),
    /// Records of a day.
    Records,
    /// Share of a field's values that are missing, 0 to 1.
    Missing,
}

impl Metric {
    /// Returns the name that contracts and alerts use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Dimension(dimension) => dimension.name(),
            Self::Records => "records",
            Self::Missing => "missing",
        }
    }

    /// Returns the metric of a name.
    pub fn named(name: &str) -> Option<Self> {
        let dimensions = Dimension::ALL.into_iter().map(Self::Dimension);
        let mut all = [Self::Score, Self::Records, Self::Missing]
            .into_iter()
            .chain(dimensions);
        all.find(|metric| metric.name() == name)
    }

    /// Writes a value of the metric for a person.
    fn write(self, value: f64) -> String {
        match self {
            Self::Records => format!("{value:.0}"),
            Self::Score => format!("{value:.2}"),
            Self::Dimension(_) | Self::Missing => format!("{:.2} %", value * 100.0),
        }
    }

    /// Widens what history lets expect, and opens the end at which nothing is wrong.
    fn only_worse(self, expected: Expected) -> Expected {
        match self {
            Self::Records => expected,
            Self::Missing => Expected {
                min: None,
                max: expected.max.map(|max| max + SHARE_MARGIN),
            },
            Self::Score => Expected {
                min: expected.min.map(|min| min - 100.0 * SHARE_MARGIN),
                max: None,
            },
            Self::Dimension(_) => Expected {
                min: expected.min.map(|min| min - SHARE_MARGIN),
                max: None,
            },
        }
    }
}

/// How a value is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// By fixed ends.
    Threshold {
        /// Smallest value that is no alarm.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
    /// By the day before.
    RateOfChange {
        /// Share by which it may fall.
        fall: Option<f64>,
        /// Share by which it may rise.
        rise: Option<f64>,
    },
    /// By mean and standard deviation of all days before.
    OnlineNormal {
        /// Standard deviations that are no alarm.
        deviations: f64,
        /// Days that must lie before.
        days: usize,
    },
    /// By the same day of earlier periods.
    Seasonal {
        /// Days of a period.
        period: i64,
        /// Robust standard deviations that are no alarm.
        deviations: f64,
        /// Periods that must lie before.
        periods: usize,
    },
}

impl Test {
    /// Returns the name that contracts and alerts use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Threshold { .. } => "threshold",
            Self::RateOfChange { .. } => "rate_of_change",
            Self::OnlineNormal { .. } => "online_normal",
            Self::Seasonal { .. } => "seasonal",
        }
    }

    fn expected(&self, metric: Metric, history: &[Point], day: i64) -> Option<Expected> {
        let by_history = match *self {
            Self::Threshold { min, max } => return Some(Expected { min, max }),
            Self::RateOfChange { fall, rise } => rate_of_change(history, day, fall, rise),
            Self::OnlineNormal { deviations, days } => {
                online_normal(history, day, deviations, days)
            }
            Self::Seasonal {
                period,
                deviations,
                periods,
            } => seasonal(history, day, period, deviations, periods),
        };
        by_history.map(|expected| metric.only_worse(expected))
    }

    /// Says by what something was expected.
    fn reason(&self) -> &'static str {
        match self {
            Self::Threshold { .. } => "by the contract",
            Self::RateOfChange { .. } => "after the day before",
            Self::OnlineNormal { .. } => "by the days before",
            Self::Seasonal { .. } => "by the same day of earlier weeks",
        }
    }
}

/// A rule of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What is watched.
    pub metric: Metric,
    /// Field; absent means the source, and every field for [`Metric::Missing`].
    pub field: Option<String>,
    /// How it is judged.
    pub test: Test,
    /// Records that a day must have for its shares to be judged.
    pub records_min: i64,
}

impl Rule {
    /// The rules of sources whose contract has none: the score and missing values by the days before, the number of records
    /// by the same weekday.
    pub fn defaults() -> Vec<Self> {
        let rule = |metric, test| Self {
            metric,
            field: None,
            test,
            records_min: 50,
        };
        let by_days = Test::OnlineNormal {
            deviations: 4.0,
            days: 7,
        };
        let by_weekday = Test::Seasonal {
            period: 7,
            deviations: 5.0,
            periods: 4,
        };
        vec![
            rule(Metric::Score, by_days),
            rule(Metric::Missing, by_days),
            rule(Metric::Records, by_weekday),
        ]
    }
}

/// A day that is worse than it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Field; empty for the whole source.
    pub field: String,
    /// What was watched.
    pub metric: &'static str,
    /// Rule that fired.
    pub rule: &'static str,
    /// Day that it speaks of; absent when it speaks of the present.
    pub day: Option<i32>,
    /// What was seen.
    pub value: f64,
    /// What was expected.
    pub expected: Expected,
    /// Sentence for a person.
    pub description: String,
}

/// Days of a source with their counts.
pub type History = BTreeMap<i32, DayCounts>;

/// Judges the newest days of a history by the rules. `today` is the tenant's day: how many records it has is not judged
/// before it is over.
pub fn find(history: &History, rules: &[Rule], weights: &Weights, today: i32) -> Vec<Finding> {
    let days = || history.range(NO_DAY + 1..=today);
    let Some((newest, _)) = days().next_back() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for rule in rules {
        let fields: Vec<Option<&str>> = match (&rule.field, rule.metric) {
            (Some(field), _) => vec![Some(field)],
            (None, Metric::Missing) => {
                let names = days().flat_map(|(_, counts)| counts.fields.keys());
                let names: std::collections::BTreeSet<&str> = names.map(String::as_str).collect();
                names.into_iter().map(Some).collect()
            }
            (None, _) => vec![None],
        };
        for field in fields {
            let points = series(history, rule, field, weights, today);
            let judged = points
                .iter()
                .filter(|it| it.day > i64::from(newest - DAYS_JUDGED));
            for point in judged {
                found.extend(judge(rule, field, &points, *point));
            }
        }
    }
    found.truncate(FINDINGS_MAX);
    found
}

/// Returns the figure of a rule day by day.
fn series(
    history: &History,
    rule: &Rule,
    field: Option<&str>,
    weights: &Weights,
    today: i32,
) -> Vec<Point> {
    let mut points = Vec::new();
    let mut before = None;
    for (day, counts) in history.range(NO_DAY + 1..=today) {
        if rule.metric == Metric::Records {
            if *day == today {
                break;
            }
            // A day without a record is a day like any other, once there was one.
            let gap = before.map_or(*day, |before| before + 1)..*day;
            let silent = gap.map(|day| point(day, 0.0));
            points.extend(silent);
            before = Some(*day);
        }
        let value = figure(counts, rule, field, weights);
        points.extend(value.map(|value| point(*day, value)));
    }
    points
}

fn point(day: i32, value: f64) -> Point {
    Point {
        day: day.into(),
        value,
    }
}

fn figure(counts: &DayCounts, rule: &Rule, field: Option<&str>, weights: &Weights) -> Option<f64> {
    let of_field = field.map(|name| counts.fields.get(name));
    let records = match of_field {
        None => counts.records,
        Some(field) => counts.records_of(field?),
    };
    if rule.metric != Metric::Records && records < rule.records_min.max(1) {
        return None;
    }
    let tallies = match of_field.flatten() {
        None => dimensions(counts).to_vec(),
        Some(field) => field_dimensions(field).to_vec(),
    };
    match rule.metric {
        Metric::Records => Some(records as f64),
        Metric::Score => weights.score(&tallies),
        Metric::Dimension(dimension) => {
            let tally = tallies.iter().find(|(it, _)| *it == dimension);
            tally.and_then(|(_, tally)| tally.share())
        }
        Metric::Missing => {
            let present = of_field.flatten()?.present;
            Some((records - present).max(0) as f64 / records as f64)
        }
    }
}

fn judge(rule: &Rule, field: Option<&str>, points: &[Point], point: Point) -> Option<Finding> {
    let expected = rule.test.expected(rule.metric, points, point.day)?;
    if expected.holds(point.value) {
        return None;
    }
    let day = i32::try_from(point.day).ok()?;
    let metric = rule.metric;
    let name = match metric {
        Metric::Missing => "missing values",
        metric => metric.name(),
    };
    let what = match field {
        Some(field) => format!("{name} of `{field}`"),
        None => name.to_owned(),
    };
    let bound = match (expected.min, expected.max) {
        (Some(min), _) if point.value < min => format!("at least {}", metric.write(min)),
        (_, Some(max)) => format!("at most {}", metric.write(max)),
        _ => "something else".to_owned(),
    };
    let description = format!(
        "{what}: {} on {}, expected {bound} {}",
        metric.write(point.value),
        date(day),
        rule.test.reason()
    );
    Some(Finding {
        field: field.unwrap_or_default().to_owned(),
        metric: metric.name(),
        rule: rule.test.name(),
        day: Some(day),
        value: point.value,
        expected,
        description,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history of days with 100 records, each with this many values in the field `city`.
    fn history(present: &[i64]) -> History {
        let day = |(day, present): (usize, &i64)| {
            let mut counts = DayCounts {
                records: 100,
                ..DayCounts::default()
            };
            let field = counts.fields.entry("city".into()).or_default();
            field.records = 100;
            field.present = *present;
            field.complete = super::super::Tally {
                good: *present,
                checked: 100,
            };
            (1000 + day as i32, counts)
        };
        present.iter().enumerate().map(day).collect()
    }

    fn found(history: &History, rules: &[Rule], today: i32) -> Vec<(&'static str, i32)> {
        let found = find(history, rules, &Weights::default(), today);
        found
            .into_iter()
            .filter_map(|it| Some((it.rule, it.day?)))
            .collect()
    }

    #[test]
    fn the_usual_rules_see_a_day_that_falls_out_of_line() {
        let mut present = [98, 99, 97, 98, 99, 98, 97, 99, 98, 97, 98, 99].to_vec();
        let quiet = history(&present);
        assert_eq!(found(&quiet, &Rule::defaults(), 2000), []);
        present.push(60);
        let loud = history(&present);
        let rules = Rule::defaults();
        let both = [("online_normal", 1012), ("online_normal", 1012)];
        assert_eq!(found(&loud, &rules, 2000), both);
        // The same history gives the same findings.
        assert_eq!(
            find(&loud, &rules, &Weights::default(), 2000),
            find(&loud.clone(), &rules, &Weights::default(), 2000)
        );
    }

    #[test]
    fn a_day_that_is_not_over_is_not_short_of_records() {
        let mut days = history(&[100; 40]);
        days.insert(
            1040,
            DayCounts {
                records: 3,
                ..DayCounts::default()
            },
        );
        let rules = Rule::defaults();
        assert_eq!(found(&days, &rules, 1040), []);
        assert_eq!(found(&days, &rules, 1041), [("seasonal", 1040)]);
    }

    #[test]
    fn a_silent_day_has_no_records() {
        let mut days = history(&[100; 40]);
        days.remove(&1036);
        assert_eq!(found(&days, &Rule::defaults(), 1041), [("seasonal", 1036)]);
    }

    #[test]
    fn thresholds_and_changes_are_judged_as_they_are_written() {
        let days = history(&[100, 100, 80]);
        let rule = |metric, field: &str, test| Rule {
            metric,
            field: Some(field.into()),
            test,
            records_min: 1,
        };
        let max = Test::Threshold {
            min: None,
            max: Some(0.1),
        };
        let rules = [
            rule(Metric::Missing, "city", max),
            rule(
                Metric::Dimension(Dimension::Completeness),
                "city",
                Test::RateOfChange {
                    fall: Some(0.1),
                    rise: None,
                },
            ),
            rule(Metric::Missing, "no such field", max),
        ];
        let expected = [("threshold", 1002), ("rate_of_change", 1002)];
        assert_eq!(found(&days, &rules, 2000), expected);
        let text = find(&days, &rules, &Weights::default(), 2000);
        assert_eq!(
            text[0].description,
            "missing values of `city`: 20.00 % on 1972-09-29, expected at most 10.00 % by the contract"
        );
    }
}
