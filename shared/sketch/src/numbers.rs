//! The numbers of a column: how many, their exact sums, and how they are spread.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sketches_ddsketch::Config;

use crate::exact::Moments;

/// Largest relative error of a quantile, once there are more than 256 different numbers; before, quantiles are exact.
///
/// Holds for magnitudes from 1e-12 to 1e18; beyond, a quantile is told as the nearest of the two.
pub const RELATIVE_ERROR: f64 = 0.01;
/// Different numbers that are kept as they are.
const EXACT_MAX: usize = 256;
/// Magnitudes that have buckets of their own.
const MAGNITUDES: (f64, f64) = (1e-12, 1e18);
/// Numbers beyond this are taken for it.
const LARGEST: f64 = 1e100;

/// How magnitudes fall into buckets: DDSketch (Masson, Rim, Lee 2019) with a relative error of [`RELATIVE_ERROR`]. The
/// range of magnitudes bounds the buckets, so that none is ever collapsed and merging does not depend on order.
static BUCKETS: LazyLock<Config> = LazyLock::new(|| Config::new(RELATIVE_ERROR, 4096, 1e-12));

/// A number with the order of its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordered(pub(crate) f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Ordered {}
impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// How often which numbers came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Each number by itself, while there are at most [`EXACT_MAX`] different ones.
    Exact(BTreeMap<Ordered, u64>),
    /// By bucket: those below zero by the bucket of their magnitude, zeros, those above.
    Buckets(Buckets),
}

/// Counts by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) negative: BTreeMap<i32, u64>,
    pub(crate) zero: u64,
    pub(crate) positive: BTreeMap<i32, u64>,
}

impl Buckets {
    fn add(&mut self, number: f64, count: u64) {
        if number == 0.0 {
            self.zero += count;
            return;
        }
        let magnitude = number.abs().clamp(MAGNITUDES.0, MAGNITUDES.1);
        let side = if number < 0.0 {
            &mut self.negative
        } else {
            &mut self.positive
        };
        *side.entry(BUCKETS.key(magnitude)).or_default() += count;
    }
}

/// The numbers of a column: a function of their multiset alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub(crate) count: u64,
    pub(crate) moments: Moments,
    /// Smallest and largest.
    pub(crate) ends: Option<(Ordered, Ordered)>,
    pub(crate) spread: Spread,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            count: 0,
            moments: Moments::default(),
            ends: None,
            spread: Spread::Exact(BTreeMap::new()),
        }
    }
}

impl Numbers {
    /// Adds a number. One that is not finite is ignored; one beyond 1e100 counts as 1e100.
    pub fn add(&mut self, number: f64) {
        if !number.is_finite() {
            return;
        }
        // There is one zero.
        let number = number.clamp(-LARGEST, LARGEST) + 0.0;
        self.count += 1;
        self.moments.add(number);
        self.widen((Ordered(number), Ordered(number)));
        self.place(number, 1);
    }

    /// Adds what another sketch has seen.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.moments.merge(&other.moments);
        if let Some(ends) = other.ends {
            self.widen(ends);
        }
        match &other.spread {
            Spread::Exact(numbers) => numbers
                .iter()
                .for_each(|(number, count)| self.place(number.0, *count)),
            Spread::Buckets(theirs) => {
                let ours = self.buckets();
                ours.zero += theirs.zero;
                for (key, count) in &theirs.negative {
                    *ours.negative.entry(*key).or_default() += count;
                }
                for (key, count) in &theirs.positive {
                    *ours.positive.entry(*key).or_default() += count;
                }
            }
        }
    }

    fn widen(&mut self, (low, high): (Ordered, Ordered)) {
        self.ends = Some(match self.ends {
            None => (low, high),
            Some((min, max)) => (min.min(low), max.max(high)),
        });
    }

    fn place(&mut self, number: f64, count: u64) {
        match &mut self.spread {
            Spread::Buckets(buckets) => buckets.add(number, count),
            Spread::Exact(numbers) => {
                *numbers.entry(Ordered(number)).or_default() += count;
                if numbers.len() > EXACT_MAX {
                    self.buckets();
                }
            }
        }
    }

    /// Returns the buckets, into which the exact numbers go when there were none yet.
    fn buckets(&mut self) -> &mut Buckets {
        if let Spread::Exact(numbers) = &self.spread {
            let mut buckets = Buckets::default();
            numbers
                .iter()
                .for_each(|(number, count)| buckets.add(number.0, *count));
            self.spread = Spread::Buckets(buckets);
        }
        match &mut self.spread {
            Spread::Buckets(buckets) => buckets,
            Spread::Exact(_) => unreachable!("it was replaced above"),
        }
    }

    /// Returns how many numbers there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum, rounded once.
    pub fn sum(&self) -> f64 {
        self.moments.sum()
    }

    /// Returns the smallest and the largest number.
    pub fn ends(&self) -> Option<(f64, f64)> {
        self.ends.map(|(min, max)| (min.0, max.0))
    }

    /// Returns the arithmetic mean, rounded once or twice; `None` without numbers.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum() / self.count as f64)
    }

    /// Returns the sample's standard deviation (divisor n - 1); 0 for one number, `None` for none.
    pub fn deviation(&self) -> Option<f64> {
        let free = self.count.checked_sub(1)?;
        let squares = self.moments.squared_distances(self.count);
        Some((squares / free.max(1) as f64).sqrt())
    }

    /// Returns true while quantiles are exact.
    pub fn is_exact(&self) -> bool {
        matches!(self.spread, Spread::Exact(_))
    }

    /// Returns the most frequent number, the smallest of several; `None` when none repeats, or when there are too many
    /// different ones to know.
    pub fn mode(&self) -> Option<f64> {
        let Spread::Exact(numbers) = &self.spread else {
            return None;
        };
        let (number, count) = numbers.iter().rev().max_by_key(|(_, count)| **count)?;
        (*count > 1).then_some(number.0)
    }

    /// Returns numbers with their counts, ascending: the numbers themselves, or the middle of each bucket.
    pub(crate) fn points(&self) -> Vec<(f64, u64)> {
        let inside = |number: f64| match self.ends {
            Some((min, max)) => number.clamp(min.0, max.0),
            None => number,
        };
        match &self.spread {
            Spread::Exact(numbers) => numbers.iter().map(|(at, count)| (at.0, *count)).collect(),
            Spread::Buckets(buckets) => {
                let middle = |key: &i32| BUCKETS.value(*key);
                let negative = buckets.negative.iter().rev();
                let below = negative.map(|(key, count)| (inside(-middle(key)), *count));
                let zero = (buckets.zero > 0).then_some((0.0, buckets.zero));
                let above = buckets.positive.iter();
                let above = above.map(|(key, count)| (inside(middle(key)), *count));
                below.chain(zero).chain(above).collect()
            }
        }
    }

    /// Returns a quantile, interpolated between the two nearest numbers as most statistics programs do; `None` without
    /// numbers.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        quantile(&self.points(), share)
    }
}

/// Returns a quantile of ascending points with counts: type 7 of Hyndman and Fan (1996).
pub(crate) fn quantile(points: &[(f64, u64)], share: f64) -> Option<f64> {
    let count: u64 = points.iter().map(|(_, count)| count).sum();
    let rank = share.clamp(0.0, 1.0) * count.checked_sub(1)? as f64;
    let below = at_rank(points, rank.floor() as u64)?;
    let above = at_rank(points, rank.ceil() as u64)?;
    Some(below + (above - below) * rank.fract())
}

fn at_rank(points: &[(f64, u64)], rank: u64) -> Option<f64> {
    let mut before = 0;
    points
        .iter()
        .find(|(_, count)| {
            before += count;
            rank < before
        })
        .map(|(number, _)| *number)
}
