//! Purchases that a living customer is expected to make.
//!
//! Given rate λ and drop-out probability p a living customer makes `(1 - e^(-λpt)) / p` purchases in t weeks. With λ gamma
//! distributed (shape s, rate β) and p beta distributed (a, b) the mean is, in closed form,
//! `(a+b-1)/(a-1) · [1 - (β/(β+t))^s · ₂F₁(s, b; a+b-1; t/(β+t))]` (Fader, Hardie & Lee 2005, equation 10), which is 0/0 at
//! a = 1 and loses digits near it. Expanding Gauss' series in z = t/(β+t) and summing by parts gives the same number as
//! `Σ_k c_k Σ_{j<k} m_j`, where `c_k = (s)_k/k! · (1-z)^s z^k` are the probabilities of k purchases without drop-out and
//! `m_j = (b)_j/(a+b)_j` that of surviving j of them. Every term is positive, so nothing cancels and no a or b is special.

use super::dropout::Posterior;
use super::special::ln_beta;

/// Terms above which quadrature is cheaper than the series.
const TERMS_MAX: f64 = 4_000.0;
/// Relative truncation of the series.
const PRECISION: f64 = 1e-13;

/// Returns the purchases expected in the next `weeks` of a customer who is alive; 0 for no time.
pub(super) fn purchases_while_alive(posterior: &Posterior, weeks: f64) -> f64 {
    if weeks <= 0.0 {
        return 0.0;
    }
    let mean = posterior.rate_shape * weeks / posterior.rate_rate;
    let stretch = 1.0 + weeks / posterior.rate_rate;
    if mean + 8.0 * (mean * stretch).sqrt() + 35.0 * stretch < TERMS_MAX {
        by_series(posterior, weeks)
    } else {
        by_quadrature(posterior, weeks)
    }
}

/// The series, rescaled as it grows: `c_0` alone underflows for customers with hundreds of purchases.
pub(super) fn by_series(posterior: &Posterior, weeks: f64) -> f64 {
    let Posterior {
        rate_shape: s,
        rate_rate: beta,
        dropout_a: a,
        dropout_b: b,
        ..
    } = *posterior;
    let z = weeks / (beta + weeks);
    let (mut weight, mut weights, mut sum) = (1.0, 1.0, 0.0);
    let (mut survival, mut survived) = (1.0, 0.0);
    let mut k = 0.0;
    loop {
        survived += survival;
        survival *= (b + k) / (a + b + k);
        let ratio = z * (s + k) / (k + 1.0);
        weight *= ratio;
        k += 1.0;
        weights += weight;
        sum += weight * survived;
        if weight > 1e200 {
            weight *= 1e-200;
            weights *= 1e-200;
            sum *= 1e-200;
        }
        // Once the ratio of terms falls, what is left is below a geometric series.
        let next = z * (s + k) / (k + 1.0);
        let bound = next.max(z);
        if bound < 1.0
            && weight * (survived + 1.0 / (1.0 - bound)) / (1.0 - bound) <= PRECISION * sum
        {
            return sum / weights;
        }
    }
}

/// Double-exponential quadrature over p (Takahasi & Mori 1974), good for every horizon; also the check of the series.
pub(super) fn by_quadrature(posterior: &Posterior, weeks: f64) -> f64 {
    let Posterior {
        rate_shape: s,
        rate_rate: beta,
        dropout_a: a,
        dropout_b: b,
        ..
    } = *posterior;
    let u = weeks / beta;
    let norm = ln_beta(a, b);
    // p = 1/(1+e^-w), w = centre + scale · sinh h: both ends of the density decay double exponentially.
    let (centre, scale) = ((a / b).ln(), (1.0 / a + 1.0 / b).sqrt());
    let term = |h: f64| {
        let w = centre + scale * h.sinh();
        let (ln_p, ln_q) = (-ln_1p_exp(-w), -ln_1p_exp(w));
        let density = (a * ln_p + b * ln_q - norm).exp() * scale * h.cosh();
        if density == 0.0 {
            return 0.0;
        }
        let p = ln_p.exp();
        let purchases = if p * u < 1e-12 {
            s * u
        } else {
            -(-s * (p * u).ln_1p()).exp_m1() / p
        };
        density * purchases
    };
    let reach = (60.0 / (a.min(b) * scale)).asinh() + 0.5;
    let mut steps = 64;
    let mut step = reach / f64::from(steps);
    let mut sum: f64 = (-steps..=steps).map(|i| term(f64::from(i) * step)).sum();
    let mut before = sum * step;
    // Halving reuses every point; the trapezium rule converges exponentially here.
    for _ in 0..10 {
        sum += (-steps..steps)
            .map(|i| term((f64::from(i) + 0.5) * step))
            .sum::<f64>();
        steps *= 2;
        step *= 0.5;
        let now = sum * step;
        if (now - before).abs() <= 1e-12 * now {
            return now;
        }
        before = now;
    }
    before
}

fn ln_1p_exp(x: f64) -> f64 {
    if x > 35.0 { x } else { x.exp().ln_1p() }
}
