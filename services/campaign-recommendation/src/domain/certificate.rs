//! Proof that a plan is best: a bound on every plan's profit from the prices of the bounds alone.
//!
//! By weak duality no plan earns more than the sum over cells of the best `margin * f(s) - (1 + prices) * s`, plus what
//! the bounds are worth at these prices. The solver is not asked: any prices give a valid bound, good ones a tight one.

use super::problem::{Bounds, Cell, Problem};

/// Prices of the total, the channels and the segments: above 0 where a maximum holds spend back, below 0 where a
/// minimum forces it.
#[derive(Debug, Clone)]
pub struct Multipliers {
    /// Price of the total.
    pub total: f64,
    /// Price of each channel's bounds.
    pub channels: Vec<f64>,
    /// Price of each segment's bounds.
    pub segments: Vec<f64>,
}

impl Multipliers {
    /// Sets prices to zero that could not be real: a maximum that nobody set has no price, nor has a budget that need
    /// not be spent a negative one.
    #[must_use]
    pub fn admissible(mut self, problem: &Problem) -> Self {
        if !problem.exactly {
            self.total = self.total.max(0.0);
        }
        let limit = |price: &mut f64, bounds: &Bounds| {
            if bounds.max.is_none() {
                *price = price.min(0.0);
            }
            if bounds.min == 0 {
                *price = price.max(0.0);
            }
        };
        self.channels
            .iter_mut()
            .zip(&problem.channels)
            .for_each(|(price, channel)| limit(price, &channel.bounds));
        self.segments
            .iter_mut()
            .zip(&problem.segments)
            .for_each(|(price, segment)| limit(price, &segment.bounds));
        self
    }

    /// Returns the price that a unit of spend in a cell carries beyond itself.
    pub fn of(&self, cell: &Cell) -> f64 {
        self.total + self.channels[cell.channel] + self.segments[cell.segment]
    }
}

/// Returns by how much the best plan's profit can exceed that of the feasible plan `spend`, in minor units, at least 0.
///
/// The dual bound less the profit, summed term by term so that large sums do not swallow a small gap.
pub fn gap(problem: &Problem, multipliers: &Multipliers, spend: &[i64]) -> f64 {
    let mut gap = 0.0;
    let mut channels = vec![0_i64; problem.channels.len()];
    let mut segments = vec![0_i64; problem.segments.len()];
    for (cell, &s) in problem.cells.iter().zip(spend) {
        gap += cell_regret(problem, cell, 1.0 + multipliers.of(cell), s);
        channels[cell.channel] += s;
        segments[cell.segment] += s;
    }
    let slack = |price: f64, bounds: &Bounds, s: i64| {
        let limit = if price > 0.0 {
            bounds.max.unwrap_or(problem.budget)
        } else {
            bounds.min
        };
        price * (limit - s) as f64
    };
    for ((channel, &price), &s) in problem
        .channels
        .iter()
        .zip(&multipliers.channels)
        .zip(&channels)
    {
        gap += slack(price, &channel.bounds, s);
    }
    for ((segment, &price), &s) in problem
        .segments
        .iter()
        .zip(&multipliers.segments)
        .zip(&segments)
    {
        gap += slack(price, &segment.bounds, s);
    }
    let min = if problem.exactly { problem.budget } else { 0 };
    gap + slack(
        multipliers.total,
        &Bounds {
            min,
            max: Some(problem.budget),
        },
        spend.iter().sum(),
    )
}

/// What a cell would gain by moving from `spend` to its best spend at a price of `price` per unit.
fn cell_regret(problem: &Problem, cell: &Cell, price: f64, spend: i64) -> f64 {
    let (low, high) = (
        cell.bounds.min,
        cell.bounds
            .max
            .unwrap_or(problem.budget)
            .min(problem.budget)
            .max(cell.bounds.min),
    );
    let best = cell
        .curve
        .spend_at_slope(price / problem.margin)
        .clamp(low as f64, high as f64) as i64;
    let gain = |target: i64| {
        let target = target.clamp(low, high);
        let (from, to) = (spend.min(target) as f64, spend.max(target) as f64);
        let moved = problem.margin * cell.curve.gain_between(from, to) - price * (to - from);
        if target >= spend { moved } else { -moved }
    };
    [best - 1, best, best + 1, best + 2]
        .into_iter()
        .map(gain)
        .fold(0.0, f64::max)
}
