//! The value of a customer: repeat buying and spend joined.

use super::dropout::{self, Form, Posterior};
use super::fault::{Invalid, Unidentified};
use super::fit::{self, Fit, Sampling};
use super::history::{Grouped, History, Purchases};
use super::population::Population;
use super::spend::{self, Spends};

/// Weeks of a month, as the field counts: 365 days / 12 / 7 days, rounded to three decimals.
pub const WEEKS_PER_MONTH: f64 = 4.345;

/// One of the values that a customer is scored by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Purchases expected within the horizon.
    ExpectedPurchases,
    /// Probability of still being a customer.
    PAlive,
    /// Probability of no purchase within the horizon.
    ChurnRisk,
    /// Lifetime value in minor units.
    ClvMinor,
}

impl Value {
    /// All of them, in the order in which they are answered.
    pub const ALL: [Self; 4] = [
        Self::ExpectedPurchases,
        Self::PAlive,
        Self::ChurnRisk,
        Self::ClvMinor,
    ];

    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExpectedPurchases => "expected_purchases",
            Self::PAlive => "p_alive",
            Self::ChurnRisk => "churn_risk",
            Self::ClvMinor => "clv_minor",
        }
    }

    /// Whether it depends on the horizon asked for.
    pub fn has_horizon(self) -> bool {
        matches!(self, Self::ExpectedPurchases | Self::ChurnRisk)
    }
}

/// How lifetime value is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClvSettings {
    /// Months that count.
    pub months: u32,
    /// Discount rate per month; a month's purchases are discounted to its end.
    pub monthly_discount: f64,
    /// Share of revenue that is margin.
    pub margin: f64,
}

impl ClvSettings {
    /// - `months`: 1 to 120;
    /// - `monthly_discount`: in [0, 1);
    /// - `margin`: in (0, 1].
    pub fn new(months: u32, monthly_discount: f64, margin: f64) -> Result<Self, Invalid> {
        if !(1..=120).contains(&months) {
            return Err(Invalid {
                field: "horizon_months",
                rule: "from 1 to 120",
                value: f64::from(months),
            });
        }
        if !(0.0..1.0).contains(&monthly_discount) {
            return Err(Invalid {
                field: "monthly_discount_rate",
                rule: "at least 0 and below 1",
                value: monthly_discount,
            });
        }
        if !(0.0 < margin && margin <= 1.0) {
            return Err(Invalid {
                field: "margin",
                rule: "above 0 and at most 1",
                value: margin,
            });
        }
        Ok(Self {
            months,
            monthly_discount,
            margin,
        })
    }
}

impl Default for ClvSettings {
    fn default() -> Self {
        Self {
            months: 12,
            monthly_discount: 0.01,
            margin: 1.0,
        }
    }
}

/// One draw of all parameters from their approximate posterior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// BG/NBD.
    pub bgnbd: dropout::Params,
    /// MBG/NBD.
    pub mbgnbd: dropout::Params,
    /// Gamma-Gamma.
    pub spend: spend::Params,
}

/// BG/NBD, MBG/NBD and Gamma-Gamma of one population.
///
/// Probability alive and churn risk of customers without a repeat purchase come from MBG/NBD, because BG/NBD holds every
/// one-time buyer to be alive for certain; everything else comes from BG/NBD.
#[derive(Debug, Clone)]
pub struct CustomerValueModel {
    pub(super) bgnbd: dropout::Params,
    pub(super) mbgnbd: dropout::Params,
    pub(super) spend: spend::Params,
    pub(super) clv: ClvSettings,
    pub(super) minor_per_major: f64,
    pub(super) draws: Vec<Draw>,
}

/// The values of one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// Purchases expected within the horizon.
    pub expected_purchases: f64,
    /// Probability of still being a customer, in (0, 1].
    pub p_alive: f64,
    /// Probability of no purchase within the horizon, in [0, 1].
    pub churn_risk: f64,
    /// Lifetime value in minor units.
    pub clv_minor: f64,
}

impl Values {
    /// Returns one of them.
    pub fn get(&self, value: Value) -> f64 {
        match value {
            Value::ExpectedPurchases => self.expected_purchases,
            Value::PAlive => self.p_alive,
            Value::ChurnRisk => self.churn_risk,
            Value::ClvMinor => self.clv_minor,
        }
    }
}

impl CustomerValueModel {
    /// Joins fitted parameters.
    ///
    /// - `minor_per_major`: minor units that make one major unit, in which `spend` counts;
    /// - `draws`: of the parameters, for intervals; may be empty when no interval is ever asked for.
    ///
    /// Fails where the spend distribution has no mean.
    pub fn new(
        draw: Draw,
        clv: ClvSettings,
        minor_per_major: f64,
        draws: Vec<Draw>,
    ) -> Result<Self, Invalid> {
        let Draw {
            bgnbd,
            mbgnbd,
            spend,
        } = draw;
        if spend.expected_value(0.0, 0.0).is_none() {
            let [_, q, _] = spend.to_array();
            return Err(Invalid {
                field: "q",
                rule: "above 1",
                value: q,
            });
        }
        Ok(Self {
            bgnbd,
            mbgnbd,
            spend,
            clv,
            minor_per_major,
            draws,
        })
    }

    /// Returns all values of a customer.
    pub fn values(&self, purchases: &Purchases, horizon_weeks: f64) -> Values {
        let history = &purchases.history;
        let buying = self.buying(history);
        let staying = self.staying(history);
        Values {
            expected_purchases: buying.expected_purchases(horizon_weeks),
            p_alive: staying.alive,
            churn_risk: (1.0 - staying.p_purchase(horizon_weeks)).clamp(0.0, 1.0),
            clv_minor: self.clv_of(&buying, purchases),
        }
    }

    /// Returns one value of a customer.
    pub fn value(&self, value: Value, purchases: &Purchases, horizon_weeks: f64) -> f64 {
        let history = &purchases.history;
        match value {
            Value::ExpectedPurchases => self.buying(history).expected_purchases(horizon_weeks),
            Value::PAlive => self.staying(history).alive,
            Value::ChurnRisk => {
                (1.0 - self.staying(history).p_purchase(horizon_weeks)).clamp(0.0, 1.0)
            }
            Value::ClvMinor => self.clv_of(&self.buying(history), purchases),
        }
    }

    /// Returns the draws of the parameters.
    pub fn draws(&self) -> &[Draw] {
        &self.draws
    }

    /// Returns the expected value of a customer's next purchase, in minor units.
    pub fn expected_value_minor(&self, purchases: &Purchases) -> f64 {
        let mean = purchases.mean_value_minor / self.minor_per_major;
        let repeats = if mean > 0.0 {
            purchases.history.repeats()
        } else {
            0.0
        };
        let value = self.spend.expected_value(repeats, mean);
        value.expect("q above 1 gives every customer a mean") * self.minor_per_major
    }

    fn buying(&self, history: &History) -> Posterior {
        Posterior::new(Form::BgNbd, &self.bgnbd, history)
    }

    fn staying(&self, history: &History) -> Posterior {
        if history.repeats() > 0.0 {
            return self.buying(history);
        }
        Posterior::new(Form::MbgNbd, &self.mbgnbd, history)
    }

    fn clv_of(&self, buying: &Posterior, purchases: &Purchases) -> f64 {
        let mut before = 0.0;
        let mut discounted = 0.0;
        let mut factor = 1.0;
        for month in 1..=self.clv.months {
            let by_then = buying.expected_purchases(f64::from(month) * WEEKS_PER_MONTH);
            factor /= 1.0 + self.clv.monthly_discount;
            discounted += (by_then - before) * factor;
            before = by_then;
        }
        discounted * self.expected_value_minor(purchases) * self.clv.margin
    }
}

/// A model with what its training found.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model.
    pub model: CustomerValueModel,
    /// Fit of BG/NBD.
    pub bgnbd: Fit<dropout::Params>,
    /// Fit of MBG/NBD.
    pub mbgnbd: Fit<dropout::Params>,
    /// Fit of Gamma-Gamma.
    pub spend: Fit<spend::Params>,
    /// Customers that Gamma-Gamma was fitted on.
    pub spend_customers: usize,
    /// Correlation of frequency and spend, which Gamma-Gamma takes to be near zero.
    pub correlation: f64,
    /// What scores are compared with.
    pub population: Population,
}

/// Fits all three models to a population.
///
/// `minor_per_major`: minor units that make one major unit of the values' currency. The order of the customers does not
/// matter; the same customers and seed give the same bytes. Fails where they cannot identify a model.
pub fn train(
    customers: &[Purchases],
    clv: ClvSettings,
    minor_per_major: f64,
    sampling: Sampling,
) -> Result<Trained, Unidentified> {
    let histories = Grouped::new(customers.iter().map(|purchases| &purchases.history));
    let spends = Spends::new(customers.iter().map(|one| {
        (
            one.history.repeats(),
            one.mean_value_minor / minor_per_major,
        )
    }));
    let seeded = |stream: u64| Sampling {
        seed: sampling.seed.wrapping_mul(3).wrapping_add(stream),
        ..sampling
    };
    let bgnbd = fit::repeat_buying(Form::BgNbd, &histories, seeded(0))?;
    let mbgnbd = fit::repeat_buying(Form::MbgNbd, &histories, seeded(1))?;
    let spend = fit::spend(&spends, seeded(2))?;
    let draws = bgnbd.draws.iter().zip(&mbgnbd.draws).zip(&spend.draws);
    let draws = draws
        .map(|((bgnbd, mbgnbd), spend)| Draw {
            bgnbd: *bgnbd,
            mbgnbd: *mbgnbd,
            spend: *spend,
        })
        .collect();
    let draw = Draw {
        bgnbd: bgnbd.params,
        mbgnbd: mbgnbd.params,
        spend: spend.params,
    };
    let model = CustomerValueModel::new(draw, clv, minor_per_major, draws)
        .expect("a fit without a mean of spend is refused");
    let population = Population::new(&model, customers);
    Ok(Trained {
        model,
        bgnbd,
        mbgnbd,
        spend,
        spend_customers: spends.customers(),
        correlation: spends.correlation(),
        population,
    })
}
