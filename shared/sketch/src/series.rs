//! Judges the figure of a day by those of the days before it: pure functions of a history.

/// Figure of a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Day, counted from any fixed day; days without a figure are left out.
    pub day: i64,
    /// Figure.
    pub value: f64,
}

/// What was to be expected of a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Smallest value that is no alarm; absent when there is none.
    pub min: Option<f64>,
    /// Largest value that is no alarm; absent when there is none.
    pub max: Option<f64>,
}

impl Expected {
    /// Returns true when a value is as expected.
    pub fn holds(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}

/// Expects a value not to differ from the last one before `day` by more than a share of it: `rise` 0.5 allows half as much
/// again, `fall` 0.5 allows half. Absent means any. `None` without an earlier day, and when that day's value is zero.
pub fn rate_of_change(
    history: &[Point],
    day: i64,
    fall: Option<f64>,
    rise: Option<f64>,
) -> Option<Expected> {
    let last = before(history, day)
        .max_by_key(|point| point.day)
        .filter(|last| last.value != 0.0)?;
    let size = last.value.abs();
    Some(Expected {
        min: fall.map(|fall| last.value - fall * size),
        max: rise.map(|rise| last.value + rise * size),
    })
}

/// Expects a value within `k` standard deviations of the mean of the days before `day`. A day that was itself beyond what the
/// days before it let expect is left out, so that one accident does not hide the next; seven such days in a row are the new
/// usual. Mean and variance by Welford (1962). `None` before there are `days_min` days, at least two.
pub fn online_normal(history: &[Point], day: i64, k: f64, days_min: usize) -> Option<Expected> {
    let mut days: Vec<&Point> = before(history, day).collect();
    days.sort_by_key(|point| point.day);
    let needed = days_min.max(2);
    let mut usual = Running::default();
    let mut odd: Vec<f64> = Vec::new();
    for point in days {
        if usual.count >= needed && !usual.expected(k).holds(point.value) {
            odd.push(point.value);
            if odd.len() == NEW_USUAL {
                usual = Running::default();
                odd.drain(..).for_each(|value| usual.add(value));
            }
        } else {
            odd.clear();
            usual.add(point.value);
        }
    }
    (usual.count >= needed).then(|| usual.expected(k))
}

/// Days beyond the expected, one after the other, that are no accident any more.
const NEW_USUAL: usize = 7;

/// Expects a value like those of the same day of earlier periods: within `k` robust deviations of their median, and never
/// narrower than 5 % of it. `period` is 7 for weekdays. At most the last eight periods count. `None` before there are
/// `periods_min` of them, at least three.
pub fn seasonal(
    history: &[Point],
    day: i64,
    period: i64,
    k: f64,
    periods_min: usize,
) -> Option<Expected> {
    const PERIODS: usize = 8;
    const WIDTH_MIN: f64 = 0.05;
    if period < 1 {
        return None;
    }
    let mut same: Vec<&Point> = before(history, day)
        .filter(|point| (day - point.day) % period == 0)
        .collect();
    same.sort_by_key(|point| std::cmp::Reverse(point.day));
    let mut values: Vec<f64> = same.iter().take(PERIODS).map(|point| point.value).collect();
    if values.len() < periods_min.max(3) {
        return None;
    }
    let center = median(&mut values);
    let mut distances: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    let reach =
        (k * crate::MAD_TO_DEVIATION * median(&mut distances)).max(WIDTH_MIN * center.abs());
    Some(Expected {
        min: Some(center - reach),
        max: Some(center + reach),
    })
}

fn before(history: &[Point], day: i64) -> impl Iterator<Item = &Point> {
    history
        .iter()
        .filter(move |point| point.day < day && point.value.is_finite())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

/// Mean and variance as they go on.
#[derive(Default)]
struct Running {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    fn expected(&self, k: f64) -> Expected {
        let deviation = (self.squares / self.count.saturating_sub(1).max(1) as f64).sqrt();
        // Days that are all alike to the last bit would make an alarm of a rounding.
        let reach = (k * deviation).max(1e-9 * self.mean.abs());
        Expected {
            min: Some(self.mean - reach),
            max: Some(self.mean + reach),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(values: &[f64]) -> Vec<Point> {
        values
            .iter()
            .enumerate()
            .map(|(day, value)| Point {
                day: day as i64,
                value: *value,
            })
            .collect()
    }

    #[test]
    fn change_is_measured_against_the_last_day() {
        let history = days(&[10.0, 100.0]);
        let expected = rate_of_change(&history, 5, Some(0.3), Some(0.5)).expect("history");
        assert_eq!(
            expected,
            Expected {
                min: Some(70.0),
                max: Some(150.0)
            }
        );
        assert!(expected.holds(70.0) && !expected.holds(69.0) && !expected.holds(151.0));
        assert_eq!(rate_of_change(&history, 0, Some(0.3), None), None);
        // The day itself and what follows do not count.
        assert_eq!(
            rate_of_change(&history, 1, None, Some(1.0)).and_then(|it| it.max),
            Some(20.0)
        );
    }

    #[test]
    fn one_accident_does_not_hide_the_next() {
        let mut values = vec![
            100.0, 101.0, 99.0, 100.0, 102.0, 98.0, 100.0, 101.0, 99.0, 100.0,
        ];
        values.push(5_000.0);
        let expected = online_normal(&days(&values), 11, 3.0, 7).expect("history");
        assert!(!expected.holds(5_000.0) && expected.holds(101.0));
        assert_eq!(online_normal(&days(&values[..6]), 6, 3.0, 7), None);
    }

    #[test]
    fn a_lasting_change_becomes_usual() {
        let mut values: Vec<f64> = (0..20).map(|day| 100.0 + f64::from(day % 3)).collect();
        values.extend((0..6).map(|day| 200.0 + f64::from(day % 3)));
        let early = online_normal(&days(&values), 26, 3.0, 7).expect("history");
        assert!(!early.holds(201.0));
        values.push(200.0);
        let late = online_normal(&days(&values), 27, 3.0, 7).expect("history");
        assert!(late.holds(201.0) && !late.holds(101.0));
    }

    #[test]
    fn sundays_are_judged_by_sundays() {
        let values: Vec<f64> = (0..35)
            .map(|day| {
                if day % 7 == 6 {
                    10.0
                } else {
                    100.0 + f64::from(day % 3)
                }
            })
            .collect();
        let history = days(&values[..34]);
        let sunday = seasonal(&history, 34, 7, 3.0, 3).expect("history");
        assert!(sunday.holds(10.0) && !sunday.holds(100.0));
        let monday = seasonal(&days(&values), 35, 7, 3.0, 3).expect("history");
        assert!(monday.holds(101.0) && !monday.holds(10.0));
        assert_eq!(seasonal(&history, 14, 7, 3.0, 3), None);
        assert_eq!(seasonal(&history, 34, 0, 3.0, 3), None);
    }

    #[test]
    fn days_may_come_in_any_order() {
        let mut history = days(&[5.0, 6.0, 5.5, 6.5, 5.2, 6.1, 5.9, 80.0, 6.0]);
        let forward = online_normal(&history, 9, 3.0, 4);
        history.reverse();
        assert_eq!(forward, online_normal(&history, 9, 3.0, 4));
    }
}
