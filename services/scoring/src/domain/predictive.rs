//! Posterior predictive intervals of one customer.
//!
//! Parameters are drawn from their approximate posterior, then the customer's rate, drop-out and spend given the history,
//! then purchases and their values. The uncertainty of the parameters alone would cover about one customer in a hundred.

use super::dropout::{Form, Posterior};
use super::history::Purchases;
use super::model::{CustomerValueModel, Draw, WEEKS_PER_MONTH};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Exp1, Gamma};

/// Futures drawn from each draw of the parameters.
const FUTURES_PER_DRAW: usize = 2;
/// Purchases at which a future ends: a rate that gives more is beyond anything that a history can tell.
const PURCHASES_MAX: u32 = 10_000;

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// Futures of one customer: what they bought in each.
#[derive(Debug, Clone)]
pub struct Futures {
    /// Purchases within the horizon, rising.
    pub purchases: Vec<u32>,
    /// Discounted value over the months of the lifetime value, in minor units, rising.
    pub value_minor: Vec<f64>,
}

impl Futures {
    /// Draws futures; empty where the model holds no draws. The same model, history and seed give the same bytes.
    pub fn draw(
        model: &CustomerValueModel,
        purchases: &Purchases,
        horizon_weeks: f64,
        seed: u64,
    ) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut futures = Self {
            purchases: Vec::new(),
            value_minor: Vec::new(),
        };
        for draw in &model.draws {
            let buying = Posterior::new(Form::BgNbd, &draw.bgnbd, &purchases.history);
            for _ in 0..FUTURES_PER_DRAW {
                let (count, value) =
                    one_future(model, draw, &buying, purchases, horizon_weeks, &mut random);
                futures.purchases.push(count);
                futures.value_minor.push(value);
            }
        }
        futures.purchases.sort_unstable();
        futures.value_minor.sort_by(f64::total_cmp);
        futures
    }

    /// Returns the central interval of the number of purchases: the outcome lies in it with at least probability `level`.
    pub fn purchases(&self, level: f64) -> Option<Interval> {
        let (lower, upper) = ends(self.purchases.len(), level)?;
        Some(Interval {
            lower: f64::from(self.purchases[lower]),
            upper: f64::from(self.purchases[upper]),
        })
    }

    /// Returns the central interval of the discounted value, in minor units.
    pub fn value_minor(&self, level: f64) -> Option<Interval> {
        let (lower, upper) = ends(self.value_minor.len(), level)?;
        Some(Interval {
            lower: self.value_minor[lower],
            upper: self.value_minor[upper],
        })
    }
}

fn ends(count: usize, level: f64) -> Option<(usize, usize)> {
    let last = count.checked_sub(1)?;
    let tail = 0.5 * (1.0 - level);
    Some((
        (tail * count as f64).floor() as usize,
        ((1.0 - tail) * count as f64).ceil() as usize - 1,
    ))
    .map(|(lower, upper)| (lower.min(last), upper.min(last)))
}

fn one_future(
    model: &CustomerValueModel,
    draw: &Draw,
    buying: &Posterior,
    purchases: &Purchases,
    horizon_weeks: f64,
    random: &mut impl Rng,
) -> (u32, f64) {
    if random.random::<f64>() >= buying.alive {
        return (0, 0.0);
    }
    let rate = gamma(buying.rate_shape, random) / buying.rate_rate;
    let dropout = beta(buying.dropout_a, buying.dropout_b, random);
    let months = model.clv.months;
    let end = horizon_weeks.max(f64::from(months) * WEEKS_PER_MONTH);
    let mut within_horizon = 0;
    let mut value = Discounted::new(model, draw, purchases, random);
    let mut at = 0.0;
    for _ in 0..PURCHASES_MAX {
        let wait: f64 = Exp1.sample(random);
        at += wait / rate;
        if at.is_nan() || end < at {
            break;
        }
        if at <= horizon_weeks {
            within_horizon += 1;
        }
        value.add(at, random);
        if random.random::<f64>() < dropout {
            break;
        }
    }
    (within_horizon, value.close(random))
}

/// Sums a future's values month by month: a month's purchases together are one gamma variate.
struct Discounted<'a> {
    model: &'a CustomerValueModel,
    shape: f64,
    rate: f64,
    month: u32,
    purchases_of_month: f64,
    sum: f64,
}

impl<'a> Discounted<'a> {
    fn new(
        model: &'a CustomerValueModel,
        draw: &Draw,
        purchases: &Purchases,
        random: &mut impl Rng,
    ) -> Self {
        let mean = purchases.mean_value_minor / model.minor_per_major;
        let repeats = if mean > 0.0 {
            purchases.history.repeats()
        } else {
            0.0
        };
        let (shape, scale) = draw.spend.posterior(repeats, mean);
        let [p, ..] = draw.spend.to_array();
        Self {
            model,
            shape: p,
            rate: gamma(shape, random) / scale,
            month: 1,
            purchases_of_month: 0.0,
            sum: 0.0,
        }
    }

    fn add(&mut self, at_weeks: f64, random: &mut impl Rng) {
        let month = (at_weeks / WEEKS_PER_MONTH).floor() as u32 + 1;
        if month > self.month {
            self.settle(random);
            self.month = month;
        }
        if month <= self.model.clv.months {
            self.purchases_of_month += 1.0;
        }
    }

    fn settle(&mut self, random: &mut impl Rng) {
        if self.purchases_of_month > 0.0 {
            let value = gamma(self.shape * self.purchases_of_month, random) / self.rate;
            self.sum += value / (1.0 + self.model.clv.monthly_discount).powi(self.month as i32);
            self.purchases_of_month = 0.0;
        }
    }

    fn close(mut self, random: &mut impl Rng) -> f64 {
        self.settle(random);
        self.sum * self.model.clv.margin * self.model.minor_per_major
    }
}

/// A gamma variate of rate 1; at least the smallest positive number, so that it may divide.
fn gamma(shape: f64, random: &mut impl Rng) -> f64 {
    let distribution = Gamma::new(shape, 1.0).expect("shapes are finite and above zero");
    distribution.sample(random).max(f64::MIN_POSITIVE)
}

fn beta(a: f64, b: f64, random: &mut impl Rng) -> f64 {
    Beta::new(a, b)
        .expect("both parameters are finite and above zero")
        .sample(random)
}
