//! The Gamma-Gamma model of spend.
//!
//! A customer's purchase values are gamma distributed (shape *p*, rate ν); ν is gamma distributed over customers (shape *q*,
//! rate *v*); spend does not depend on frequency. Reference: Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary
//! Value" (brucehardie.com/notes/025), whose γ is our v.

use super::fault::Invalid;
use super::special::{digamma, ln_gamma};
use std::collections::BTreeMap;

/// Population parameters: every one finite and above zero, by construction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    p: f64,
    q: f64,
    v: f64,
}

impl Params {
    /// - `p`: shape of a customer's purchase values;
    /// - `q`, `v`: shape and scale, in major units of the currency, of the distribution over customers.
    ///
    /// Fails unless all are finite and above zero.
    pub fn new(p: f64, q: f64, v: f64) -> Result<Self, Invalid> {
        for (field, value) in [("p", p), ("q", q), ("v", v)] {
            if !(value.is_finite() && 0.0 < value) {
                return Err(Invalid {
                    field,
                    rule: "finite and above zero",
                    value,
                });
            }
        }
        Ok(Self { p, q, v })
    }

    /// From logarithms, as the optimiser moves them; `None` where one over- or underflows.
    pub(super) fn from_logs(logs: &[f64; 3]) -> Option<Self> {
        let [p, q, v] = logs.map(f64::exp);
        Self::new(p, q, v).ok()
    }

    /// Returns p, q, v.
    pub fn to_array(&self) -> [f64; 3] {
        [self.p, self.q, self.v]
    }

    /// Returns the expected value of a purchase of a customer, in major units; the population's mean for `repeats` 0.
    ///
    /// - `repeats`: repeat purchases that `mean_value` is the mean of;
    /// - `mean_value`: in major units, not negative.
    ///
    /// `None` where the distribution has no mean: q at or below 1, for a customer without repeats. Equation 5.
    pub fn expected_value(&self, repeats: f64, mean_value: f64) -> Option<f64> {
        let shape = self.p * repeats + self.q - 1.0;
        (shape > 0.0).then(|| self.p * (self.v + repeats * mean_value) / shape)
    }

    /// Returns shape and rate of the gamma distribution of a customer's ν.
    pub fn posterior(&self, repeats: f64, mean_value: f64) -> (f64, f64) {
        (self.p * repeats + self.q, self.v + repeats * mean_value)
    }
}

/// Repeat purchases and their mean value, grouped by the number of repeats.
#[derive(Debug, Clone)]
pub struct Spends {
    /// (repeats, mean values by rising value).
    blocks: Vec<(f64, Vec<f64>)>,
    customers: usize,
}

impl Spends {
    /// Takes (repeat purchases, mean value in major units) of customers; those without either are left out.
    pub fn new(spends: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut blocks: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        let mut customers = 0;
        for (repeats, value) in spends {
            if repeats > 0.0 && value > 0.0 && value.is_finite() {
                blocks.entry(repeats.to_bits()).or_default().push(value);
                customers += 1;
            }
        }
        let mut blocks: Vec<_> = blocks
            .into_iter()
            .map(|(repeats, values)| (f64::from_bits(repeats), values))
            .collect();
        for (_, values) in &mut blocks {
            values.sort_by(f64::total_cmp);
        }
        Self { blocks, customers }
    }

    /// Customers in all.
    pub fn customers(&self) -> usize {
        self.customers
    }

    /// Mean of the customers' mean values, in major units; 0 without customers.
    pub fn mean_value(&self) -> f64 {
        let sum: f64 = self.blocks.iter().flat_map(|(_, values)| values).sum();
        if self.customers == 0 {
            0.0
        } else {
            sum / self.customers as f64
        }
    }

    /// Pearson's correlation of repeats and mean value, which the model takes to be near zero; 0 where it is not defined.
    pub fn correlation(&self) -> f64 {
        let n = self.customers as f64;
        let rows = || {
            self.blocks
                .iter()
                .flat_map(|(x, values)| values.iter().map(move |z| (*x, *z)))
        };
        let (sum_x, sum_z) = rows().fold((0.0, 0.0), |(sx, sz), (x, z)| (sx + x, sz + z));
        let (mean_x, mean_z) = (sum_x / n, sum_z / n);
        let (mut xx, mut zz, mut xz) = (0.0, 0.0, 0.0);
        for (x, z) in rows() {
            xx += (x - mean_x) * (x - mean_x);
            zz += (z - mean_z) * (z - mean_z);
            xz += (x - mean_x) * (z - mean_z);
        }
        if xx > 0.0 && zz > 0.0 {
            xz / (xx * zz).sqrt()
        } else {
            0.0
        }
    }
}

/// Returns the total log-likelihood and its derivatives by p, q and v. Equation 1a of the note.
///
/// Cost: two logarithms per customer; gamma functions once per distinct number of repeats.
pub fn value_and_gradient(params: &Params, spends: &Spends) -> (f64, [f64; 3]) {
    let Params { p, q, v } = *params;
    let (mut value, mut by_p, mut by_q, mut by_v) = (0.0, 0.0, 0.0, 0.0);
    let (ln_v, ln_gamma_q, digamma_q) = (v.ln(), ln_gamma(q), digamma(q));
    for (x, values) in &spends.blocks {
        let n = values.len() as f64;
        let shape = p * x + q;
        let (mut ln_z, mut ln_rate, mut inverse) = (0.0, 0.0, 0.0);
        for z in values {
            let rate = v + x * z;
            ln_z += z.ln();
            ln_rate += rate.ln();
            inverse += 1.0 / rate;
        }
        let constant = ln_gamma(shape) - ln_gamma(p * x) - ln_gamma_q + q * ln_v + p * x * x.ln();
        value += n * constant + (p * x - 1.0) * ln_z - shape * ln_rate;
        by_p += x * (n * (digamma(shape) - digamma(p * x) + x.ln()) + ln_z - ln_rate);
        by_q += n * (digamma(shape) - digamma_q + ln_v) - ln_rate;
        by_v += n * q / v - shape * inverse;
    }
    (value, [by_p, by_q, by_v])
}
