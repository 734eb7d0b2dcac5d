//! Fits by maximum likelihood over log-parameters, from fixed starts.
//!
//! Where customers differ less than a model can say (all drop out at one rate, say) its likelihood rises for ever, ever
//! more slowly, as a distribution narrows to a point. The search is therefore walled, far beyond where any other maximum
//! lies: a likelihood that hardly rises at the wall is taken there, for its predictions have settled; one that still rises
//! is refused.

use super::dropout::{self, Form};
use super::fault::Unidentified;
use super::history::Grouped;
use super::laplace;
use super::optimise::{Minimum, minimise_from};
use super::spend::{self, Spends};

/// Customers below which no model is fitted: four parameters cannot be told from fewer.
pub const CUSTOMERS_MIN: usize = 30;
/// Customers with repeat purchases below which no model is fitted.
pub const REPEAT_CUSTOMERS_MIN: usize = 10;

/// Log-parameters beyond which the wall stands: from a thousandth to a thousand.
const WALL: f64 = 7.0;
/// How steeply it rises: the mean log-likelihood pays this times the square of what lies beyond.
const WALL_RISE: f64 = 0.01;
/// Slope of the mean log-likelihood, by log-parameter, up to which a maximum at the wall is taken.
const WALL_SLOPE_MAX: f64 = 1e-3;

/// A fit and how it went.
#[derive(Debug, Clone)]
pub struct Fit<P> {
    /// Parameters at the maximum.
    pub params: P,
    /// Total log-likelihood there.
    pub log_likelihood: f64,
    /// Iterations of the optimiser over all starts.
    pub iterations: u32,
    /// Draws of the parameters from their approximate posterior.
    pub draws: Vec<P>,
}

/// How many draws to take, and from which seed.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// Draws of the parameters.
    pub draws: usize,
    /// Seed; the same data and seed give the same bytes.
    pub seed: u64,
}

/// Fits BG/NBD or MBG/NBD.
///
/// Fails where the histories cannot identify the model: too few customers, nobody who came back, or no maximum.
pub fn repeat_buying(
    form: Form,
    histories: &Grouped,
    sampling: Sampling,
) -> Result<Fit<dropout::Params>, Unidentified> {
    check_histories(form, histories)?;
    let n = histories.customers() as f64;
    // By log-parameter: the chain rule multiplies each slope by its parameter.
    let by_logs = |logs: &[f64; 4]| match dropout::Params::from_logs(logs) {
        None => (f64::NEG_INFINITY, [0.0; 4]),
        Some(params) => {
            let (value, slopes) = dropout::value_and_gradient(form, &params, histories);
            let values = params.to_array();
            (value, std::array::from_fn(|i| slopes[i] * values[i]))
        }
    };
    let age = histories.mean_age_weeks().max(0.1);
    let starts = [
        [0.5, age / 5.0, 0.8, 2.0],
        [1.5, age, 0.3, 3.0],
        [0.2, age / 20.0, 1.0, 1.0],
    ];
    let minimum = climb(form.name(), &starts, n, by_logs)?;
    let at = minimum.point.at;
    let draws = laplace::draws(at, |logs| by_logs(logs).1, sampling.draws, sampling.seed);
    Ok(Fit {
        params: dropout::Params::from_logs(&at).expect("the optimiser ended inside its edges"),
        log_likelihood: by_logs(&at).0,
        iterations: minimum.iterations,
        draws: draws
            .iter()
            .filter_map(dropout::Params::from_logs)
            .collect(),
    })
}

/// Fits Gamma-Gamma.
///
/// Fails where the spends cannot identify the model: too few customers, no maximum, or no finite mean of spend.
pub fn spend(spends: &Spends, sampling: Sampling) -> Result<Fit<spend::Params>, Unidentified> {
    const MODEL: &str = "Gamma-Gamma";
    if spends.customers() < REPEAT_CUSTOMERS_MIN {
        return Err(Unidentified::TooFewCustomers {
            model: MODEL,
            needed: REPEAT_CUSTOMERS_MIN,
            what: "repeat purchases of value",
            found: spends.customers(),
        });
    }
    let n = spends.customers() as f64;
    let by_logs = |logs: &[f64; 3]| match spend::Params::from_logs(logs) {
        None => (f64::NEG_INFINITY, [0.0; 3]),
        Some(params) => {
            let (value, slopes) = spend::value_and_gradient(&params, spends);
            let values = params.to_array();
            (value, std::array::from_fn(|i| slopes[i] * values[i]))
        }
    };
    // Values enter the search in units of their mean: a log-parameter is then never far from zero, in any currency.
    let scale = spends.mean_value().ln();
    let shifted = |logs: &[f64; 3]| [logs[0], logs[1], logs[2] + scale];
    let starts = [[2.0, 3.0, 1.0], [6.0, 4.0, 0.5], [1.0, 2.0, 1.0]];
    let minimum = climb(MODEL, &starts, n, |logs| by_logs(&shifted(logs)))?;
    let at = shifted(&minimum.point.at);
    let params = spend::Params::from_logs(&at).expect("the optimiser ended inside its edges");
    if params.expected_value(0.0, 0.0).is_none() {
        return Err(Unidentified::NotConverged {
            model: MODEL,
            iterations: minimum.iterations,
            detail: format!(
                "spend is so unequal that it has no mean (q = {:.3})",
                params.to_array()[1]
            ),
        });
    }
    let draws = laplace::draws(at, |logs| by_logs(logs).1, sampling.draws, sampling.seed);
    Ok(Fit {
        params,
        log_likelihood: by_logs(&at).0,
        iterations: minimum.iterations,
        draws: draws.iter().filter_map(spend::Params::from_logs).collect(),
    })
}

fn check_histories(form: Form, histories: &Grouped) -> Result<(), Unidentified> {
    let too_few = |needed, what, found| Unidentified::TooFewCustomers {
        model: form.name(),
        needed,
        what,
        found,
    };
    if histories.customers() < CUSTOMERS_MIN {
        return Err(too_few(CUSTOMERS_MIN, "a purchase", histories.customers()));
    }
    if histories.repeat_customers() == 0 {
        return Err(Unidentified::NoRepeatPurchases {
            customers: histories.customers(),
        });
    }
    if histories.repeat_customers() < REPEAT_CUSTOMERS_MIN {
        return Err(too_few(
            REPEAT_CUSTOMERS_MIN,
            "repeat purchases",
            histories.repeat_customers(),
        ));
    }
    Ok(())
}

/// Finds the highest log-likelihood within the wall, from several starts.
///
/// `by_logs`: total log-likelihood of `n` customers and its slopes, by log-parameter.
fn climb<const N: usize>(
    model: &'static str,
    starts: &[[f64; N]],
    n: f64,
    by_logs: impl Fn(&[f64; N]) -> (f64, [f64; N]),
) -> Result<Minimum<N>, Unidentified> {
    let starts: Vec<[f64; N]> = starts.iter().map(|start| start.map(f64::ln)).collect();
    let found = minimise_from(&starts, |logs: &[f64; N]| {
        let (value, slopes) = by_logs(logs);
        let beyond = logs.map(|log| log.signum() * (log.abs() - WALL).max(0.0));
        let wall: f64 = beyond
            .iter()
            .map(|beyond| WALL_RISE * beyond * beyond)
            .sum();
        (
            wall - value / n,
            std::array::from_fn(|i| 2.0 * WALL_RISE * beyond[i] - slopes[i] / n),
        )
    });
    let not = |iterations, detail| Unidentified::NotConverged {
        model,
        iterations,
        detail,
    };
    let minimum = found.ok_or_else(|| not(0, "there was no start".to_owned()))?;
    let at = minimum.point.at;
    let steepest = by_logs(&at)
        .1
        .iter()
        .fold(0.0, |most: f64, slope| most.max(slope.abs() / n));
    if minimum.converged && steepest <= WALL_SLOPE_MAX {
        return Ok(minimum);
    }
    let parameters: Vec<String> = at.iter().map(|log| format!("{:.4e}", log.exp())).collect();
    Err(not(
        minimum.iterations,
        format!("the likelihood still rises at ({})", parameters.join(", ")),
    ))
}
