//! Special functions in logs, and sums that do not overflow.

pub(super) use statrs::function::gamma::{digamma, ln_gamma};

/// Returns `ln B(a, b)` for positive `a` and `b`.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// Returns `ln(e^x + e^y)`; either may be minus infinity.
pub(super) fn ln_add_exp(x: f64, y: f64) -> f64 {
    let (low, high) = if x < y { (x, y) } else { (y, x) };
    if high == f64::NEG_INFINITY {
        return high;
    }
    high + (low - high).exp().ln_1p()
}

/// Returns `1 / (1 + e^x)` without overflow.
pub(super) fn falling_logistic(x: f64) -> f64 {
    if x > 0.0 {
        let e = (-x).exp();
        return e / (1.0 + e);
    }
    1.0 / (1.0 + x.exp())
}
