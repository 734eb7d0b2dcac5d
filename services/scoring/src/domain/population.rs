//! The training population, which one customer's scores are compared with.

use super::history::{DAYS_PER_WEEK, Purchases};
use super::model::{CustomerValueModel, Value};

/// Horizons, in days, at which values that have one are ranked.
pub const RANKED_HORIZONS: [i32; 5] = [30, 90, 180, 365, 1_825];
/// Steps of a quantile table: per mille.
pub const QUANTILE_STEPS: usize = 1_000;

/// The average customer, in the respects that reasons speak of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    /// Purchase days after the first.
    pub repeats: f64,
    /// Weeks since the last purchase.
    pub silence_weeks: f64,
    /// Weeks since the first purchase.
    pub age_weeks: f64,
    /// Mean value of a purchase of those who came back and spent, in minor units; 0 when there is none.
    pub value_minor: f64,
    /// Share of their age at which customers who came back bought last, in [0, 1]; 0 when there is none.
    pub recency_share: f64,
}

/// Quantiles of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles {
    /// The value.
    pub value: Value,
    /// Horizon in days; 0 for values that have none.
    pub horizon_days: i32,
    /// The value at 0, 1, ..., 1,000 per mille, rising.
    pub per_mille: Vec<f64>,
}

/// What scores are compared with. Holds nothing of any one customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// The average customer.
    pub average: Average,
    /// Quantiles by value and horizon.
    pub quantiles: Vec<Quantiles>,
}

impl Population {
    /// Scores the whole population and keeps its quantiles and averages.
    pub fn new(model: &CustomerValueModel, customers: &[Purchases]) -> Self {
        let mut quantiles = Vec::new();
        for value in Value::ALL {
            let horizons: &[i32] = if value.has_horizon() {
                &RANKED_HORIZONS
            } else {
                &[0]
            };
            for &horizon_days in horizons {
                let weeks = f64::from(horizon_days) / DAYS_PER_WEEK;
                let mut values: Vec<f64> = customers
                    .iter()
                    .map(|one| model.value(value, one, weeks))
                    .collect();
                values.sort_by(f64::total_cmp);
                quantiles.push(Quantiles {
                    value,
                    horizon_days,
                    per_mille: per_mille(&values),
                });
            }
        }
        Self {
            average: average(customers),
            quantiles,
        }
    }

    /// Returns the rank of a customer's value in the population, from 0 (lowest) to 100; the middle of equal ones.
    /// `actual` is the value at the horizon asked for.
    ///
    /// Values with a horizon are ranked at the nearest one of [`RANKED_HORIZONS`], by their ratio: ranks hardly move with
    /// the horizon. `None` without quantiles of the value.
    pub fn percentile(
        &self,
        model: &CustomerValueModel,
        value: Value,
        actual: f64,
        purchases: &Purchases,
        horizon_days: i32,
    ) -> Option<f64> {
        let distance = |table: &&Quantiles| {
            (f64::from(table.horizon_days.max(1)) / f64::from(horizon_days.max(1)))
                .ln()
                .abs()
        };
        let tables = self
            .quantiles
            .iter()
            .filter(|table| table.value == value && !table.per_mille.is_empty());
        let table = tables.min_by(|one, other| distance(one).total_cmp(&distance(other)))?;
        let at = match table.horizon_days {
            0 => actual,
            ranked if ranked == horizon_days => actual,
            ranked => model.value(value, purchases, f64::from(ranked) / DAYS_PER_WEEK),
        };
        // Equal values come out of equal arithmetic, yet a table from another machine may differ in its last bits.
        let margin = 1e-12 * at.abs();
        let below = table.per_mille.partition_point(|held| *held < at - margin);
        let up_to = table.per_mille.partition_point(|held| *held <= at + margin);
        Some(100.0 * (below + up_to) as f64 / (2.0 * table.per_mille.len() as f64))
    }
}

fn per_mille(sorted: &[f64]) -> Vec<f64> {
    if sorted.is_empty() {
        return Vec::new();
    }
    let last = sorted.len() - 1;
    // Whole-number arithmetic: the nearest customer's value, the same on every machine.
    (0..=QUANTILE_STEPS)
        .map(|step| sorted[(step * last + QUANTILE_STEPS / 2) / QUANTILE_STEPS])
        .collect()
}

/// Sums run over sorted values, so that the order of the customers cannot change a bit of the averages.
fn average(customers: &[Purchases]) -> Average {
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        if values.is_empty() {
            0.0
        } else {
            values.iter().sum::<f64>() / values.len() as f64
        }
    };
    let histories = || customers.iter().map(|one| one.history);
    let returned =
        || histories().filter(|history| history.repeats() > 0.0 && history.age_weeks() > 0.0);
    let valued = customers
        .iter()
        .map(|one| one.mean_value_minor)
        .filter(|value| *value > 0.0);
    Average {
        repeats: mean(&mut histories().map(|history| history.repeats())),
        silence_weeks: mean(&mut histories().map(|history| history.silence_weeks())),
        age_weeks: mean(&mut histories().map(|history| history.age_weeks())),
        value_minor: mean(&mut { valued }),
        recency_share: mean(
            &mut returned().map(|history| history.recency_weeks() / history.age_weeks()),
        ),
    }
}
