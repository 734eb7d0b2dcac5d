//! Response curves: incremental revenue f(s) in minor units for a spend of s minor units, concave, f(0) = 0.
//!
//! Every difference f(b) - f(a) is computed without cancellation, so that the return of one minor unit is right to the
//! last digits even where the spend has fifteen of them.

use super::violation::Violation;

/// Largest parameter that is accepted, in minor units: far above any budget, far below where squares overflow.
pub const PARAMETER_MAX: f64 = 1e30;
/// Smallest parameter that is accepted, in minor units: far below any that means something, far above where spend divided
/// by it overflows.
pub const PARAMETER_MIN: f64 = 1e-30;

/// A concave response curve. Amounts are minor units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Curve {
    /// `ceiling * s^shape / (half^shape + s^shape)` with shape in (0, 1].
    Hill { ceiling: f64, half: f64, shape: f64 },
    /// `ceiling * (1 - exp(-s / scale))`.
    Exponential { ceiling: f64, scale: f64 },
    /// `ceiling * (1 - exp(-s / scale)) / (1 + exp(-s / scale))`.
    Logistic { ceiling: f64, scale: f64 },
    /// `gain * ln(1 + s / scale)`.
    Log { gain: f64, scale: f64 },
    /// `gain * (s / scale)^exponent` with exponent in (0, 1).
    Power {
        gain: f64,
        scale: f64,
        exponent: f64,
    },
}

impl Curve {
    /// Returns f(spend).
    pub fn value(&self, spend: f64) -> f64 {
        self.gain_between(0.0, spend)
    }

    /// Returns f(to) - f(from) for `0 <= from <= to`, without cancellation.
    pub fn gain_between(&self, from: f64, to: f64) -> f64 {
        let step = to - from;
        if step <= 0.0 {
            return 0.0;
        }
        match *self {
            Self::Hill {
                ceiling,
                half,
                shape,
            } => ceiling * hill_gain(from / half, to / half, step / half, shape),
            Self::Exponential { ceiling, scale } => {
                -ceiling * (-from / scale).exp() * (-step / scale).exp_m1()
            }
            Self::Logistic { ceiling, scale } => {
                let (low, high) = ((-from / scale).exp(), (-to / scale).exp());
                -2.0 * ceiling * low * (-step / scale).exp_m1() / ((1.0 + low) * (1.0 + high))
            }
            Self::Log { gain, scale } => gain * (step / (scale + from)).ln_1p(),
            Self::Power {
                gain,
                scale,
                exponent,
            } => gain * power_gain(from / scale, to / scale, step / scale, exponent),
        }
    }

    /// Returns f'(spend); infinite at 0 for curves that start upright.
    pub fn derivative(&self, spend: f64) -> f64 {
        match *self {
            Self::Hill {
                ceiling,
                half,
                shape,
            } => {
                let x = spend / half;
                if shape == 1.0 {
                    return ceiling / half / ((1.0 + x) * (1.0 + x));
                }
                let power = x.powf(shape);
                ceiling * shape / half * x.powf(shape - 1.0) / ((1.0 + power) * (1.0 + power))
            }
            Self::Exponential { ceiling, scale } => ceiling / scale * (-spend / scale).exp(),
            Self::Logistic { ceiling, scale } => {
                let decay = (-spend / scale).exp();
                2.0 * ceiling / scale * decay / ((1.0 + decay) * (1.0 + decay))
            }
            Self::Log { gain, scale } => gain / (scale + spend),
            Self::Power {
                gain,
                scale,
                exponent,
            } => gain * exponent / scale * (spend / scale).powf(exponent - 1.0),
        }
    }

    /// Returns the spend at which f' equals `slope`: 0 when f' is below it everywhere, `f64::INFINITY` when `slope` is
    /// not above 0.
    ///
    /// Closed form for every shape but Hill with shape below 1, which is solved in logarithms.
    pub fn spend_at_slope(&self, slope: f64) -> f64 {
        if slope <= 0.0 {
            return f64::INFINITY;
        }
        let spend = match *self {
            Self::Hill {
                ceiling,
                half,
                shape: 1.0,
            } => half * ((ceiling / half / slope).sqrt() - 1.0),
            Self::Hill {
                ceiling,
                half,
                shape,
            } => half * hill_root(slope * half / (ceiling * shape), shape),
            Self::Exponential { ceiling, scale } => scale * (ceiling / scale / slope).ln(),
            Self::Logistic { ceiling, scale } => {
                // With r = slope * scale / (2 ceiling), decay / (1 + decay)^2 = r; the root below 1.
                let r = slope * scale / (2.0 * ceiling);
                if r >= 0.25 {
                    return 0.0;
                }
                let decay = 2.0 * r / (1.0 - 2.0 * r + (1.0 - 4.0 * r).sqrt());
                -scale * decay.ln()
            }
            Self::Log { gain, scale } => gain / slope - scale,
            Self::Power {
                gain,
                scale,
                exponent,
            } => scale * (slope * scale / (gain * exponent)).powf(1.0 / (exponent - 1.0)),
        };
        if spend.is_nan() { 0.0 } else { spend.max(0.0) }
    }

    /// Returns the curve of a group of `customers` whose revenue is `revenue` times what the curve gives for the spend
    /// on one of them.
    pub fn scaled(&self, customers: f64, revenue: f64) -> Self {
        match *self {
            Self::Hill {
                ceiling,
                half,
                shape,
            } => Self::Hill {
                ceiling: ceiling * revenue,
                half: half * customers,
                shape,
            },
            Self::Exponential { ceiling, scale } => Self::Exponential {
                ceiling: ceiling * revenue,
                scale: scale * customers,
            },
            Self::Logistic { ceiling, scale } => Self::Logistic {
                ceiling: ceiling * revenue,
                scale: scale * customers,
            },
            Self::Log { gain, scale } => Self::Log {
                gain: gain * revenue,
                scale: scale * customers,
            },
            Self::Power {
                gain,
                scale,
                exponent,
            } => Self::Power {
                gain: gain * revenue,
                scale: scale * customers,
                exponent,
            },
        }
    }

    /// A curve that never returns anything, for cells that reach nobody.
    pub fn nothing() -> Self {
        Self::Log {
            gain: 0.0,
            scale: 1.0,
        }
    }

    /// Lists what is wrong with the parameters, each under `field`.
    pub fn violations(&self, field: &str) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut positive = |shape: &str, name: &str, value: f64| {
            if !(PARAMETER_MIN..=PARAMETER_MAX).contains(&value) {
                let text =
                    format!("must be from {PARAMETER_MIN:e} to {PARAMETER_MAX:e}, is {value}");
                found.push(Violation::new(
                    format!("{field}.{shape}.{name}"),
                    "OUT_OF_RANGE",
                    text,
                ));
            }
        };
        match *self {
            Self::Hill {
                ceiling,
                half,
                shape,
            } => {
                positive("hill", "ceiling_minor", ceiling);
                positive("hill", "half_spend_minor", half);
                if !(shape > 0.0 && shape <= 1.0) {
                    let text =
                        format!("must be in (0, 1], is {shape}; above 1 the curve is S-shaped");
                    found.push(Violation::new(
                        format!("{field}.hill.shape"),
                        "NOT_CONCAVE",
                        text,
                    ));
                }
            }
            Self::Exponential { ceiling, scale } => {
                positive("exponential", "ceiling_minor", ceiling);
                positive("exponential", "scale_minor", scale);
            }
            Self::Logistic { ceiling, scale } => {
                positive("logistic", "ceiling_minor", ceiling);
                positive("logistic", "scale_minor", scale);
            }
            Self::Log { gain, scale } => {
                positive("log", "gain_minor", gain);
                positive("log", "scale_minor", scale);
            }
            Self::Power {
                gain,
                scale,
                exponent,
            } => {
                positive("power", "gain_minor", gain);
                positive("power", "scale_minor", scale);
                if !(exponent > 0.0 && exponent < 1.0) {
                    let text = format!("must be in (0, 1), is {exponent}");
                    found.push(Violation::new(
                        format!("{field}.power.exponent"),
                        "NOT_CONCAVE",
                        text,
                    ));
                }
            }
        }
        found
    }
}

/// b^n - a^n for 0 <= a < b, given also `step` = b - a, which keeps digits that b has lost.
fn power_gain(a: f64, b: f64, step: f64, n: f64) -> f64 {
    if a == 0.0 {
        b.powf(n)
    } else {
        a.powf(n) * (n * (step / a).ln_1p()).exp_m1()
    }
}

/// b^n / (1 + b^n) - a^n / (1 + a^n) for 0 <= a < b, with `step` as in [`power_gain`].
fn hill_gain(a: f64, b: f64, step: f64, n: f64) -> f64 {
    if n == 1.0 {
        return step / ((1.0 + a) * (1.0 + b));
    }
    power_gain(a, b, step, n) / ((1.0 + a.powf(n)) * (1.0 + b.powf(n)))
}

/// Solves x^(n-1) / (1 + x^n)^2 = r for x, n in (0, 1), by Newton steps on the logarithm, kept inside a bracket.
///
/// With y = ln x the left side's logarithm is (n - 1) y - 2 ln(1 + e^(n y)): falling and concave in y.
fn hill_root(r: f64, n: f64) -> f64 {
    let target = r.ln();
    let (mut low, mut high) = (-2000.0_f64, 2000.0_f64);
    // Either end of the curve is a straight line in logarithms; the lower of the two roots starts on the right side.
    let mut y = (target / (n - 1.0))
        .min(-target / (n + 1.0))
        .clamp(low, high);
    for _ in 0..80 {
        let power = n * y;
        let soft = if power > 0.0 {
            power + (-power).exp().ln_1p()
        } else {
            power.exp().ln_1p()
        };
        let error = (n - 1.0) * y - 2.0 * soft - target;
        if error > 0.0 {
            low = y;
        } else {
            high = y;
        }
        let slope = (n - 1.0) - 2.0 * n / (1.0 + (-power).exp());
        let mut next = y - error / slope;
        if !(next > low && next < high) {
            next = 0.5 * (low + high);
        }
        // Newton's method squares the error: what such a step leaves is below rounding, in which a finer test would wander.
        if (next - y).abs() <= 1e-8 * y.abs().max(1.0) {
            return next.exp();
        }
        y = next;
    }
    y.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Curve> {
        vec![
            Curve::Hill {
                ceiling: 9e4,
                half: 3e3,
                shape: 1.0,
            },
            Curve::Hill {
                ceiling: 9e4,
                half: 3e3,
                shape: 0.6,
            },
            Curve::Exponential {
                ceiling: 5e4,
                scale: 2e3,
            },
            Curve::Logistic {
                ceiling: 5e4,
                scale: 2e3,
            },
            Curve::Log {
                gain: 2e4,
                scale: 1e3,
            },
            Curve::Power {
                gain: 7e3,
                scale: 1e3,
                exponent: 0.4,
            },
        ]
    }

    #[test]
    fn values_equal_the_formulas() {
        let s = 1500.0_f64;
        let expected = [
            9e4 * s / (3e3 + s),
            9e4 * s.powf(0.6) / (3e3_f64.powf(0.6) + s.powf(0.6)),
            5e4 * (1.0 - (-0.75_f64).exp()),
            5e4 * (1.0 - (-0.75_f64).exp()) / (1.0 + (-0.75_f64).exp()),
            2e4 * 2.5_f64.ln(),
            7e3 * 1.5_f64.powf(0.4),
        ];
        for (curve, expected) in samples().into_iter().zip(expected) {
            assert!((curve.value(s) / expected - 1.0).abs() < 1e-13, "{curve:?}");
            assert_eq!(curve.value(0.0), 0.0, "{curve:?}");
        }
    }

    #[test]
    fn derivatives_equal_central_differences() {
        for curve in samples() {
            for s in [1.0, 40.0, 900.0, 20_000.0] {
                let h = s * 1e-4;
                let numeric = curve.gain_between(s - h, s + h) / (2.0 * h);
                assert!(
                    (curve.derivative(s) / numeric - 1.0).abs() < 1e-6,
                    "{curve:?} at {s}"
                );
            }
        }
    }

    #[test]
    fn slopes_are_inverted() {
        for curve in samples() {
            for s in [1.0, 40.0, 900.0, 20_000.0] {
                let back = curve.spend_at_slope(curve.derivative(s));
                assert!((back / s - 1.0).abs() < 1e-8, "{curve:?} at {s}: {back}");
            }
            assert_eq!(curve.spend_at_slope(0.0), f64::INFINITY);
        }
    }

    #[test]
    fn steps_stay_exact_at_fifteen_digits() {
        let s = 1e15;
        let curve = Curve::Log {
            gain: 2e15,
            scale: 1e14,
        };
        let step = curve.gain_between(s, s + 1.0);
        assert!((step / curve.derivative(s) - 1.0).abs() < 1e-12);
        let curve = Curve::Power {
            gain: 2e15,
            scale: 1e15,
            exponent: 0.5,
        };
        let step = curve.gain_between(s, s + 1.0);
        assert!((step / curve.derivative(s) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scaling_spreads_spend_over_customers() {
        for curve in samples() {
            let group = curve.scaled(40.0, 3.0);
            assert!(
                (group.value(8_000.0) / (3.0 * curve.value(200.0)) - 1.0).abs() < 1e-12,
                "{curve:?}"
            );
        }
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let fields = |curve: Curve| {
            curve
                .violations("c")
                .into_iter()
                .map(|v| v.field)
                .collect::<Vec<_>>()
        };
        let hill = Curve::Hill {
            ceiling: f64::NAN,
            half: -1.0,
            shape: 1.5,
        };
        assert_eq!(
            fields(hill),
            [
                "c.hill.ceiling_minor",
                "c.hill.half_spend_minor",
                "c.hill.shape"
            ]
        );
        let power = Curve::Power {
            gain: f64::INFINITY,
            scale: 1e-310,
            exponent: 1.0,
        };
        assert_eq!(
            fields(power),
            [
                "c.power.gain_minor",
                "c.power.scale_minor",
                "c.power.exponent"
            ]
        );
        assert!(
            samples()
                .iter()
                .all(|curve| curve.violations("c").is_empty())
        );
    }

    #[test]
    fn parameters_at_the_ends_of_their_range_give_numbers() {
        let ends = [PARAMETER_MIN, 1.0, PARAMETER_MAX];
        for (ceiling, scale) in ends
            .into_iter()
            .flat_map(|one| ends.map(|other| (one, other)))
        {
            let curves = [
                Curve::Hill {
                    ceiling,
                    half: scale,
                    shape: 1.0,
                },
                Curve::Hill {
                    ceiling,
                    half: scale,
                    shape: 0.01,
                },
                Curve::Exponential { ceiling, scale },
                Curve::Logistic { ceiling, scale },
                Curve::Log {
                    gain: ceiling,
                    scale,
                },
                Curve::Power {
                    gain: ceiling,
                    scale,
                    exponent: 0.99,
                },
            ];
            for curve in curves {
                for spend in [0.0, 1.0, 1e9, 1e15] {
                    assert!(curve.value(spend).is_finite(), "{curve:?} at {spend}");
                    assert!(
                        curve.gain_between(spend, spend + 1.0).is_finite(),
                        "{curve:?} at {spend}"
                    );
                    assert!(!curve.spend_at_slope(0.5).is_nan(), "{curve:?}");
                }
            }
        }
    }
}
