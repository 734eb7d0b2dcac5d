//! What is read off the numbers of a column.

use serde::{Deserialize, Serialize};

use crate::numbers::{Numbers, quantile};

/// What the median of absolute distances is multiplied by to estimate the standard deviation of normal numbers.
pub const MAD_TO_DEVIATION: f64 = 1.482_602_218_505_602;

/// What numbers look like: enough to fill gaps and to judge outliers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Numbers counted.
    pub count: u64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Arithmetic mean, from an exact sum.
    pub mean: f64,
    /// Standard deviation with divisor n - 1, from exact sums.
    pub deviation: f64,
    /// First quartile, relative error at most 1 %.
    pub q1: f64,
    /// Median, relative error at most 1 %.
    pub median: f64,
    /// Third quartile, relative error at most 1 %.
    pub q3: f64,
    /// Median of the absolute distances to the median. Its error is at most 1 % of the sum of the median's magnitude and of
    /// the magnitudes of the numbers at that distance.
    pub mad: f64,
    /// Most frequent number; absent when none repeats or there are too many different ones to know.
    pub mode: Option<f64>,
    /// The magnitudes on a logarithmic scale; absent when all numbers are zero.
    pub log: Option<LogFigures>,
}

/// What magnitudes look like on a scale of decimal logarithms. Zeros are left out. Absolute errors are at most 0.0044.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogFigures {
    /// Magnitudes counted.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation with divisor n - 1.
    pub deviation: f64,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// Median of the absolute distances to the median.
    pub mad: f64,
}

impl Figures {
    /// Reads the figures off; `None` without numbers.
    pub fn of(numbers: &Numbers) -> Option<Self> {
        let (min, max) = numbers.ends()?;
        let points = numbers.points();
        let median = quantile(&points, 0.5)?;
        Some(Self {
            count: numbers.count(),
            min,
            max,
            mean: numbers.mean()?,
            deviation: numbers.deviation()?,
            q1: quantile(&points, 0.25)?,
            median,
            q3: quantile(&points, 0.75)?,
            mad: median_distance(&points, median)?,
            mode: numbers.mode(),
            log: LogFigures::of(&points),
        })
    }
}

impl LogFigures {
    fn of(points: &[(f64, u64)]) -> Option<Self> {
        let mut logs: Vec<(f64, u64)> = points
            .iter()
            .filter(|(number, _)| *number != 0.0)
            .map(|(number, count)| (number.abs().log10(), *count))
            .collect();
        logs.sort_by(|left, right| left.0.total_cmp(&right.0));
        let count: u64 = logs.iter().map(|(_, count)| count).sum();
        let median = quantile(&logs, 0.5)?;
        let weighted = |value: &dyn Fn(f64) -> f64| -> f64 {
            logs.iter()
                .map(|(log, count)| value(*log) * *count as f64)
                .sum()
        };
        let mean = weighted(&|log| log) / count as f64;
        let squares = weighted(&|log| (log - mean) * (log - mean));
        Some(Self {
            count,
            mean,
            deviation: (squares / count.saturating_sub(1).max(1) as f64).sqrt(),
            q1: quantile(&logs, 0.25)?,
            median,
            q3: quantile(&logs, 0.75)?,
            mad: median_distance(&logs, median)?,
        })
    }
}

fn median_distance(points: &[(f64, u64)], center: f64) -> Option<f64> {
    let mut distances: Vec<(f64, u64)> = points
        .iter()
        .map(|(number, count)| ((number - center).abs(), *count))
        .collect();
    distances.sort_by(|left, right| left.0.total_cmp(&right.0));
    quantile(&distances, 0.5)
}
