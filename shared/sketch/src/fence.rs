//! What stands out: fences around usual numbers, and numbers whose decimal point has moved.

use serde::{Deserialize, Serialize};

use crate::figures::{Figures, MAD_TO_DEVIATION};

/// Fewest numbers from which a fence is drawn.
pub const COUNT_MIN: u64 = 10;

/// How outliers are told from the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Beyond the quartiles by more than `k` times the distance between them (Tukey 1977); usual is 1.5, far out 3.
    BoxPlot,
    /// Beyond `k` standard deviations from the mean; usual is 3. A single large number hides itself below 11 numbers.
    Sigma,
    /// Beyond `k` times 1.4826 times the median distance from the median; usual is 3. Half of the numbers may be wrong.
    RobustSigma,
    /// Larger in magnitude than `k` times the magnitude of the mean; usual is 10.
    MultipleOfMean,
    /// Usual once the decimal point is moved by one to three places, and far from usual as it stands.
    DecimalShift,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 5] = [
        Self::BoxPlot,
        Self::Sigma,
        Self::RobustSigma,
        Self::MultipleOfMean,
        Self::DecimalShift,
    ];

    /// Returns the name of the method in contracts and corrections.
    pub fn name(self) -> &'static str {
        match self {
            Self::BoxPlot => "box_plot",
            Self::Sigma => "sigma",
            Self::RobustSigma => "robust_sigma",
            Self::MultipleOfMean => "multiple_of_mean",
            Self::DecimalShift => "decimal_shift",
        }
    }

    /// Returns the method of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Returns the usual multiple.
    pub fn usual_multiple(self) -> f64 {
        match self {
            Self::BoxPlot => 1.5,
            Self::Sigma | Self::RobustSigma | Self::DecimalShift => 3.0,
            Self::MultipleOfMean => 10.0,
        }
    }
}

/// Ends of what is usual, both usual themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fence {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Fence {
    /// Returns true for a usual number.
    pub fn holds(&self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }

    /// Returns the usual number that is nearest.
    pub fn nearest(&self, number: f64) -> f64 {
        number.clamp(self.low, self.high)
    }

    fn around(center: f64, reach: f64) -> Option<Self> {
        // Numbers that are all alike say nothing of how far apart they may be.
        (reach > 0.0 && reach.is_finite()).then_some(Self {
            low: center - reach,
            high: center + reach,
        })
    }

    fn powered(self) -> Self {
        Self {
            low: 10f64.powf(self.low),
            high: 10f64.powf(self.high),
        }
    }
}

/// Draws a fence `k` multiples wide; on a scale of logarithms when `log` is set, which suits numbers above zero that range
/// over several powers of ten, such as prices.
///
/// `None` when nothing can be said: fewer than [`COUNT_MIN`] numbers, numbers without spread, numbers at or below zero on a
/// scale of logarithms, and decimal shifts, which [`decimal_shift`] judges.
pub fn fence(figures: &Figures, method: Method, k: f64, log: bool) -> Option<Fence> {
    if figures.count < COUNT_MIN {
        return None;
    }
    if method == Method::MultipleOfMean {
        return Fence::around(0.0, k * figures.mean.abs());
    }
    let quartiles = |q1: f64, q3: f64| {
        let reach = k * (q3 - q1);
        (reach > 0.0).then_some(Fence {
            low: q1 - reach,
            high: q3 + reach,
        })
    };
    if log {
        let logs = figures.log.as_ref().filter(|_| figures.min > 0.0)?;
        let drawn = match method {
            Method::BoxPlot => quartiles(logs.q1, logs.q3),
            Method::Sigma => Fence::around(logs.mean, k * logs.deviation),
            Method::RobustSigma => Fence::around(logs.median, k * MAD_TO_DEVIATION * logs.mad),
            Method::MultipleOfMean | Method::DecimalShift => None,
        };
        return drawn.map(Fence::powered);
    }
    match method {
        Method::BoxPlot => quartiles(figures.q1, figures.q3),
        Method::Sigma => Fence::around(figures.mean, k * figures.deviation),
        Method::RobustSigma => Fence::around(figures.median, k * MAD_TO_DEVIATION * figures.mad),
        Method::MultipleOfMean | Method::DecimalShift => None,
    }
}

/// Smallest distance from the usual, in powers of ten, at which a moved decimal point is suspected.
const SHIFT_MIN: f64 = 0.5;
/// Smallest half-width of what is usual, in powers of ten: the sketch's error and a little more.
const SHIFT_RANGE_MIN: f64 = 0.05;

/// Returns by how many places the decimal point of a number seems to have moved: the number divided by ten to that power is
/// usual. One of -3 to 3 but never 0, which is `None`.
///
/// Usual magnitudes are those within `k` robust deviations of the median on a scale of decimal logarithms. Guard: when these
/// span more than one power of ten between them, a moved point cannot be told from an ordinary number, and none is suspected.
pub fn decimal_shift(figures: &Figures, number: f64, k: f64) -> Option<i32> {
    let logs = figures
        .log
        .as_ref()
        .filter(|logs| logs.count >= COUNT_MIN)?;
    let range = (k * MAD_TO_DEVIATION * logs.mad).max(SHIFT_RANGE_MIN);
    if number == 0.0 || !number.is_finite() || range > SHIFT_MIN {
        return None;
    }
    let distance = number.abs().log10() - logs.median;
    let places = distance.round();
    let shifted = (1.0..=3.0).contains(&places.abs())
        && distance.abs() > SHIFT_MIN
        && (distance - places).abs() <= range;
    shifted.then_some(places as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::Numbers;

    fn figures(numbers: impl IntoIterator<Item = f64>) -> Figures {
        let mut all = Numbers::default();
        numbers.into_iter().for_each(|number| all.add(number));
        Figures::of(&all).expect("numbers")
    }

    #[test]
    fn box_plot_is_tukeys() {
        // Quartiles of 1..=100 are 25.75 and 75.25.
        let found = fence(
            &figures((1..=100).map(f64::from)),
            Method::BoxPlot,
            1.5,
            false,
        )
        .expect("fence");
        assert_eq!((found.low, found.high), (-48.5, 149.5));
        assert!(found.holds(149.5) && !found.holds(150.0));
        assert_eq!(found.nearest(1000.0), 149.5);
    }

    #[test]
    fn a_robust_fence_does_not_move_with_what_is_wrong() {
        let clean = (0..60).map(|at| 100.0 + f64::from(at % 7));
        let all = figures(clean.chain(std::iter::repeat_n(1e6, 20)));
        let robust = fence(&all, Method::RobustSigma, 3.0, false).expect("fence");
        assert!(!robust.holds(1e6) && robust.holds(103.0));
        let plain = fence(&all, Method::Sigma, 3.0, false).expect("fence");
        assert!(
            plain.holds(1e6),
            "the plain one is blinded by a quarter of wrong numbers"
        );
    }

    #[test]
    fn nothing_is_said_without_grounds() {
        let alike = figures(std::iter::repeat_n(5.0, 50));
        for method in [Method::BoxPlot, Method::Sigma, Method::RobustSigma] {
            assert_eq!(fence(&alike, method, 3.0, false), None);
        }
        assert_eq!(
            fence(&figures([1.0, 2.0, 3.0]), Method::Sigma, 3.0, false),
            None
        );
        let below = figures((-20..20).map(f64::from));
        assert_eq!(fence(&below, Method::BoxPlot, 1.5, true), None);
    }

    #[test]
    fn a_moved_point_is_told_with_its_places() {
        let prices = figures((0..200).map(|at| 90.0 + f64::from(at % 20)));
        for (number, places) in [
            (1_000.0, Some(1)),
            (10_100.0, Some(2)),
            (99_000.0, Some(3)),
            (9.9, Some(-1)),
            (1.01, Some(-2)),
            (100.0, None),
            (350.0, None),
            (0.0, None),
            (1e9, None),
        ] {
            assert_eq!(decimal_shift(&prices, number, 3.0), places, "{number}");
        }
        // Numbers over many powers of ten: any of them could be anything.
        let wide = figures((0..200).map(|at| 10f64.powf(f64::from(at) / 40.0)));
        assert_eq!(decimal_shift(&wide, 1e7, 3.0), None);
    }

    #[test]
    fn logarithms_leave_long_tails_alone() {
        let incomes = figures((0..1000).map(|at| 10f64.powf(3.0 + f64::from(at) / 500.0)));
        let plain = fence(&incomes, Method::BoxPlot, 1.5, false).expect("fence");
        let log = fence(&incomes, Method::BoxPlot, 1.5, true).expect("fence");
        assert!(!plain.holds(99_000.0) && log.holds(99_000.0) && !log.holds(1e7));
    }

    #[test]
    fn names_come_back() {
        for method in Method::ALL {
            assert_eq!(Method::named(method.name()), Some(method));
        }
    }
}
