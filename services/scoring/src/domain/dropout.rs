//! Repeat buying with drop-out: BG/NBD and its modified form.
//!
//! While alive a customer buys at a rate that is gamma distributed over customers (shape *r*, rate *alpha* per week);
//! after each repeat purchase the customer drops out with a probability that is beta distributed (*a*, *b*).
//! - BG/NBD: Fader, Hardie & Lee (2005), "'Counting Your Customers' the Easy Way: An Alternative to the Pareto/NBD
//!   Model", Marketing Science 24(2), 275-284.
//! - MBG/NBD: Batislam, Denizel & Filiztekin (2007), "Empirical validation and comparison of models for customer base
//!   analysis", International Journal of Research in Marketing 24(3), 201-209: a customer may drop out after the first
//!   purchase too, so that a buyer who never came back is not held to be alive for certain.
//!
//! Both have one likelihood, in which the modified form counts one more survival: with m = 0 or 1,
//! `L = Γ(r+x) α^r / (Γ(r) B(a,b)) · [ B(a, b+x+m) (α+T)^-(r+x) + B(a+1, b+x+m-1) (α+t_x)^-(r+x) ]`,
//! the second term, of those who have dropped out, only where x + m > 0.

use super::expected;
use super::fault::Invalid;
use super::history::{Block, Grouped, History};
use super::special::{digamma, falling_logistic, ln_add_exp, ln_beta, ln_gamma};

/// Which of the two models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// BG/NBD: nobody drops out before the first repeat purchase.
    BgNbd,
    /// MBG/NBD: a customer may drop out after any purchase.
    MbgNbd,
}

impl Form {
    /// Returns the model's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BgNbd => "BG/NBD",
            Self::MbgNbd => "MBG/NBD",
        }
    }

    /// The *m* of the likelihood.
    fn first_survivals(self) -> f64 {
        match self {
            Self::BgNbd => 0.0,
            Self::MbgNbd => 1.0,
        }
    }
}

/// Population parameters: every one finite and above zero, by construction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    r: f64,
    alpha: f64,
    a: f64,
    b: f64,
}

impl Params {
    /// - `r`, `alpha`: shape and rate, in weeks, of the distribution of purchase rates;
    /// - `a`, `b`: of the distribution of drop-out probabilities.
    ///
    /// Fails unless all are finite and above zero.
    pub fn new(r: f64, alpha: f64, a: f64, b: f64) -> Result<Self, Invalid> {
        for (field, value) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)] {
            if !(value.is_finite() && 0.0 < value) {
                return Err(Invalid {
                    field,
                    rule: "finite and above zero",
                    value,
                });
            }
        }
        Ok(Self { r, alpha, a, b })
    }

    /// From logarithms, as the optimiser moves them; `None` where one over- or underflows.
    pub(super) fn from_logs(logs: &[f64; 4]) -> Option<Self> {
        let [r, alpha, a, b] = logs.map(f64::exp);
        Self::new(r, alpha, a, b).ok()
    }

    /// Returns r, alpha, a, b.
    pub fn to_array(&self) -> [f64; 4] {
        [self.r, self.alpha, self.a, self.b]
    }
}

/// What is known of one customer's rate and drop-out given the history.
#[derive(Debug, Clone, Copy)]
pub struct Posterior {
    /// Probability of being alive.
    pub alive: f64,
    /// Shape of the purchase rate's gamma distribution.
    pub rate_shape: f64,
    /// Rate of that distribution, in weeks, when alive.
    pub rate_rate: f64,
    /// First parameter of the drop-out probability's beta distribution, when alive.
    pub dropout_a: f64,
    /// Second parameter of that distribution.
    pub dropout_b: f64,
}

impl Posterior {
    /// Returns what a history tells under a model.
    pub fn new(form: Form, params: &Params, history: &History) -> Self {
        Self {
            alive: p_alive(form, params, history),
            rate_shape: params.r + history.repeats(),
            rate_rate: params.alpha + history.age_weeks(),
            dropout_a: params.a,
            dropout_b: params.b + history.repeats() + form.first_survivals(),
        }
    }

    /// Returns the purchases expected in the next `weeks`.
    pub fn expected_purchases(&self, weeks: f64) -> f64 {
        self.alive * expected::purchases_while_alive(self, weeks)
    }

    /// Returns the probability in [0, 1] of at least one purchase within the next `weeks`.
    ///
    /// A living customer can only drop out after a purchase, so the first one depends on the rate alone.
    pub fn p_purchase(&self, weeks: f64) -> f64 {
        -self.alive * (-self.rate_shape * (weeks / self.rate_rate).ln_1p()).exp_m1()
    }
}

/// Returns the probability in (0, 1] that a customer is still alive.
///
/// In BG/NBD it is exactly 1 where there was no repeat purchase. Computed in logs, finite for every valid input.
pub fn p_alive(form: Form, params: &Params, history: &History) -> f64 {
    let Params { r, alpha, a, b } = *params;
    let survivals = history.repeats() + form.first_survivals();
    if survivals == 0.0 {
        return 1.0;
    }
    // Imagined histories have fractions of purchases; below one survival the odds shrink with it.
    let whole = survivals.max(1.0);
    let odds = (a / (b + whole - 1.0)).ln() + survivals.min(1.0).ln();
    let silence = ((alpha + history.age_weeks()) / (alpha + history.recency_weeks())).ln();
    falling_logistic(odds + (r + history.repeats()) * silence)
}

/// Returns the total log-likelihood of the histories.
pub fn log_likelihood(form: Form, params: &Params, histories: &Grouped) -> f64 {
    value_and_gradient(form, params, histories).0
}

/// Returns the total log-likelihood and its derivatives by r, alpha, a and b.
///
/// Cost: two logarithms and an exponential per distinct history; gamma functions once per distinct number of repeats.
pub fn value_and_gradient(form: Form, params: &Params, histories: &Grouped) -> (f64, [f64; 4]) {
    let mut value = 0.0;
    let mut gradient = [0.0; 4];
    for block in &histories.blocks {
        let (part, slopes) = block_terms(form, params, block);
        value += part;
        for (sum, slope) in gradient.iter_mut().zip(slopes) {
            *sum += slope;
        }
    }
    (value, gradient)
}

fn block_terms(form: Form, params: &Params, block: &Block) -> (f64, [f64; 4]) {
    let Params { r, alpha, a, b } = *params;
    let (x, n) = (block.repeats, block.customers);
    let survivals = x + form.first_survivals();
    let shape = r + x;
    let ln_alive = ln_beta(a, b + survivals) - ln_beta(a, b);
    let ln_dead = if survivals > 0.0 {
        ln_alive + (a / (b + survivals - 1.0)).ln()
    } else {
        f64::NEG_INFINITY
    };

    // Sums over the block: of the log terms, of the shares of the dead, and of what alpha and r weigh.
    let (mut logs, mut dead, mut by_r, mut by_alpha) = (0.0, 0.0, 0.0, 0.0);
    for &(recency, age, count) in &block.rows {
        let ln_age = (alpha + age).ln();
        if survivals == 0.0 {
            logs += count * (ln_alive - shape * ln_age);
            by_r += count * ln_age;
            by_alpha += count / (alpha + age);
            continue;
        }
        let ln_recency = (alpha + recency).ln();
        let (alive_term, dead_term) = (ln_alive - shape * ln_age, ln_dead - shape * ln_recency);
        let total = ln_add_exp(alive_term, dead_term);
        let share = (dead_term - total).exp();
        logs += count * total;
        dead += count * share;
        by_r += count * ((1.0 - share) * ln_age + share * ln_recency);
        by_alpha += count * ((1.0 - share) / (alpha + age) + share / (alpha + recency));
    }

    let value = n * (ln_gamma(shape) - ln_gamma(r) + r * alpha.ln()) + logs;
    let both = digamma(a + b) - digamma(a + b + survivals);
    let dead_by_b = if survivals > 0.0 {
        dead / (b + survivals - 1.0)
    } else {
        0.0
    };
    let gradient = [
        n * (digamma(shape) - digamma(r) + alpha.ln()) - by_r,
        n * r / alpha - shape * by_alpha,
        n * both + dead / a,
        n * (digamma(b + survivals) - digamma(b) + both) - dead_by_b,
    ];
    (value, gradient)
}
