//! Properties that hold for every customer and every parameter.

use super::*;
use crate::domain::dropout::{Form, Posterior, p_alive, value_and_gradient};
use crate::domain::expected::{by_quadrature, by_series};
use crate::domain::fit::{self, Sampling};
use crate::domain::history::Grouped;
use crate::domain::model::{self, Value};
use crate::domain::predictive::Futures;
use crate::domain::reasons::reasons;
use crate::domain::spend::Spends;
use proptest::prelude::*;

fn params() -> impl Strategy<Value = Params> {
    (0.02f64..8.0, 0.1f64..60.0, 0.02f64..8.0, 0.02f64..20.0)
        .prop_map(|(r, alpha, a, b)| Params::new(r, alpha, a, b).unwrap())
}

fn history() -> impl Strategy<Value = History> {
    (0u32..60, 0.0f64..1.0, 0.0f64..150.0).prop_map(|(repeats, share, age)| {
        History::new(repeats, if repeats == 0 { 0.0 } else { share * age }, age).unwrap()
    })
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::BgNbd), Just(Form::MbgNbd)]
}

proptest! {
    #[test]
    fn probabilities_stay_in_range_and_order(form in form(), params in params(), history in history(), weeks in 0.0f64..300.0) {
        let posterior = Posterior::new(form, &params, &history);
        let (bought, expected) = (posterior.p_purchase(weeks), posterior.expected_purchases(weeks));
        prop_assert!(0.0 < posterior.alive && posterior.alive <= 1.0 || posterior.alive == 0.0);
        prop_assert!((0.0..=1.0).contains(&bought));
        prop_assert!(bought <= posterior.alive * (1.0 + 1e-12), "nobody buys who has left");
        prop_assert!(bought <= expected * (1.0 + 1e-9), "{bought} {expected}");
    }

    #[test]
    fn silence_never_raises_p_alive(form in form(), params in params(), history in history(), longer in 0.0f64..50.0) {
        let later = History::new(history.repeats() as u32, history.recency_weeks(), history.age_weeks() + longer).unwrap();
        prop_assert!(p_alive(form, &params, &later) <= p_alive(form, &params, &history) * (1.0 + 1e-12));
    }

    #[test]
    fn expected_purchases_grow_with_the_horizon(params in params(), history in history(), weeks in 0.0f64..200.0) {
        let posterior = Posterior::new(Form::BgNbd, &params, &history);
        let (sooner, later) = (posterior.expected_purchases(weeks), posterior.expected_purchases(weeks + 1.0));
        prop_assert!(sooner <= later * (1.0 + 1e-9) && later.is_finite());
    }

    #[test]
    fn series_and_quadrature_agree(params in params(), history in history(), weeks in 0.01f64..100.0) {
        let posterior = Posterior::new(Form::BgNbd, &params, &history);
        let (series, quadrature) = (by_series(&posterior, weeks), by_quadrature(&posterior, weeks));
        prop_assert!((series / quadrature - 1.0).abs() < 1e-8, "{series} {quadrature}");
    }

    #[test]
    fn gradients_equal_finite_differences(form in form(), params in params(), histories in prop::collection::vec(history(), 1..8)) {
        let grouped = Grouped::new(&histories);
        let at = params.to_array();
        let (_, gradient) = value_and_gradient(form, &params, &grouped);
        for i in 0..4 {
            let step = 1e-5 * at[i];
            let moved = |by: f64| {
                let mut moved = at;
                moved[i] += by;
                value_and_gradient(form, &Params::new(moved[0], moved[1], moved[2], moved[3]).unwrap(), &grouped).0
            };
            let numeric = (moved(step) - moved(-step)) / (2.0 * step);
            let scale = gradient[i].abs().max(moved(0.0).abs() * 1e-3).max(1.0);
            prop_assert!((numeric - gradient[i]).abs() < 1e-4 * scale, "{i}: {numeric} {}", gradient[i]);
        }
    }

    #[test]
    fn spend_gradients_equal_finite_differences(
        p in 0.3f64..10.0, q in 0.5f64..8.0, v in 0.5f64..50.0,
        rows in prop::collection::vec((1u32..30, 0.5f64..200.0), 1..8),
    ) {
        let spends = Spends::new(rows.iter().map(|(x, z)| (f64::from(*x), *z)));
        let at = [p, q, v];
        let evaluate = |at: [f64; 3]| spend::value_and_gradient(&spend::Params::new(at[0], at[1], at[2]).unwrap(), &spends);
        let (_, gradient) = evaluate(at);
        for i in 0..3 {
            let step = 1e-5 * at[i];
            let moved = |by: f64| { let mut moved = at; moved[i] += by; evaluate(moved).0 };
            let numeric = (moved(step) - moved(-step)) / (2.0 * step);
            let scale = gradient[i].abs().max(moved(0.0).abs() * 1e-3).max(1.0);
            prop_assert!((numeric - gradient[i]).abs() < 1e-4 * scale, "{i}: {numeric} {}", gradient[i]);
        }
    }

    #[test]
    fn scaling_time_scales_the_answer(params in params(), history in history(), weeks in 0.1f64..60.0, factor in 0.2f64..5.0) {
        let [r, alpha, a, b] = params.to_array();
        let scaled_params = Params::new(r, alpha * factor, a, b).unwrap();
        let scaled = History::new(history.repeats() as u32, history.recency_weeks() * factor, history.age_weeks() * factor).unwrap();
        let one = Posterior::new(Form::BgNbd, &params, &history).expected_purchases(weeks);
        let other = Posterior::new(Form::BgNbd, &scaled_params, &scaled).expected_purchases(weeks * factor);
        prop_assert!((one / other - 1.0).abs() < 1e-6, "{one} {other}");
    }

    #[test]
    fn every_value_is_finite_and_has_sound_reasons(history in history(), value in 0.0f64..1e6, horizon in 1i32..1825) {
        let model = published();
        let one = Purchases { history, mean_value_minor: if history.repeats() > 0.0 { value } else { 0.0 } };
        let average = crate::domain::population::Population::new(&model, &[one, purchases(2, 10.0, 30.0, 3500.0)]).average;
        for kind in Value::ALL {
            prop_assert!(model.value(kind, &one, f64::from(horizon) / 7.0).is_finite());
            let found = reasons(&model, &average, kind, &one, horizon);
            prop_assert!(found.iter().all(|reason| reason.contribution.is_finite() && !reason.text.is_empty()));
            prop_assert!(found.windows(2).all(|pair| pair[0].contribution.abs() >= pair[1].contribution.abs()));
        }
    }
}

/// Independent of the series: Gauss' function by its defining sum, in the paper's closed form, where a is far from 1.
#[test]
fn series_equals_the_closed_form_of_the_paper() {
    let hypergeometric = |a: f64, b: f64, c: f64, z: f64| {
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 0..5_000 {
            let k = f64::from(k);
            term *= (a + k) * (b + k) / ((c + k) * (k + 1.0)) * z;
            sum += term;
        }
        sum
    };
    let params = Params::new(0.243, 4.414, 0.793, 2.426).unwrap();
    let history = History::new(2, 30.43, 38.86).unwrap();
    let posterior = Posterior::new(Form::BgNbd, &params, &history);
    let (s, beta, a, b) = (
        posterior.rate_shape,
        posterior.rate_rate,
        posterior.dropout_a,
        posterior.dropout_b,
    );
    let t: f64 = 39.0;
    let closed = (a + b - 1.0) / (a - 1.0)
        * (1.0 - (beta / (beta + t)).powf(s) * hypergeometric(s, b, a + b - 1.0, t / (beta + t)));

    assert_near("while alive", by_series(&posterior, t), closed, 1e-10);
    assert_near(
        "given the history",
        posterior.expected_purchases(t),
        1.226,
        0.001,
    );
}

#[test]
fn a_drop_out_parameter_of_exactly_one_is_not_special() {
    let history = History::new(3, 20.0, 30.0).unwrap();
    let at = |a: f64| {
        Posterior::new(
            Form::BgNbd,
            &Params::new(0.5, 5.0, a, 2.0).unwrap(),
            &history,
        )
        .expected_purchases(40.0)
    };

    assert_near(
        "at one",
        at(1.0),
        0.5 * (at(1.0 - 1e-7) + at(1.0 + 1e-7)),
        1e-9,
    );
}

#[test]
fn hundreds_of_purchases_and_years_of_horizon_stay_finite() {
    let params = Params::new(0.3, 0.05, 0.1, 6.0).unwrap();
    for (repeats, age, weeks) in [(900, 700.0, 260.0), (0, 0.0, 260.0), (1, 0.1, 260.0)] {
        let history =
            History::new(repeats, if repeats > 0 { age * 0.9 } else { 0.0 }, age).unwrap();
        let expected = Posterior::new(Form::BgNbd, &params, &history).expected_purchases(weeks);
        assert!(expected.is_finite() && expected >= 0.0, "{expected}");
    }
}

fn refused(customers: &[Purchases]) -> &'static str {
    model::train(
        customers,
        ClvSettings::default(),
        100.0,
        Sampling { draws: 0, seed: 0 },
    )
    .unwrap_err()
    .reason()
}

#[test]
fn data_that_cannot_identify_a_model_are_refused_with_the_reason() {
    assert_eq!(refused(&[]), "TOO_FEW_CUSTOMERS");
    assert_eq!(
        refused(&vec![purchases(1, 3.0, 9.0, 500.0); 20]),
        "TOO_FEW_CUSTOMERS"
    );
    assert_eq!(
        refused(&vec![purchases(0, 0.0, 9.0, 0.0); 400]),
        "NO_REPEAT_PURCHASES"
    );
    let same: Vec<_> = (0..400).map(|_| purchases(4, 10.0, 10.0, 500.0)).collect();
    assert_eq!(refused(&same), "NOT_CONVERGED");
}

#[test]
fn the_order_of_the_customers_changes_no_bit_and_the_seed_decides_the_draws() {
    let Some(text) = data("cdnow_customers_summary_with_transactions.csv") else {
        return;
    };
    let mut customers = summary(&text);
    let train = |customers: &[Purchases], seed| {
        let trained = model::train(
            customers,
            ClvSettings::default(),
            100.0,
            Sampling { draws: 20, seed },
        )
        .unwrap();
        (
            format!("{:?}", trained.model),
            format!("{:?}", trained.population),
        )
    };
    let first = train(&customers, 3);
    customers.reverse();

    assert_eq!(first, train(&customers, 3));
    assert_ne!(first.0, train(&customers, 4).0);
    assert_eq!(first.1, train(&customers, 4).1);
}

#[test]
fn futures_are_the_same_for_the_same_seed_and_centre_on_the_expectation() {
    let model = published();
    let one = purchases(8, 35.0, 38.0, 4000.0);
    let draws = Futures::draw(&model, &one, 39.0, 9);
    assert_eq!(
        draws.value_minor,
        Futures::draw(&model, &one, 39.0, 9).value_minor
    );

    let mut mean = (0.0, 0.0);
    for seed in 0..60 {
        let futures = Futures::draw(&model, &one, 39.0, seed);
        mean.0 += futures.purchases.iter().map(|n| f64::from(*n)).sum::<f64>()
            / futures.purchases.len() as f64
            / 60.0;
        mean.1 += futures.value_minor.iter().sum::<f64>() / futures.value_minor.len() as f64 / 60.0;
    }
    let values = model.values(&one, 39.0);
    assert_near("purchases", mean.0 / values.expected_purchases, 1.0, 0.04);
    assert_near("value", mean.1 / values.clv_minor, 1.0, 0.04);
}

#[test]
fn fits_find_the_parameters_that_made_the_data() {
    // Purchases by the model itself: 3,000 customers, one to fifty weeks old.
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Beta, Distribution, Exp1, Gamma};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(2);
    let histories: Vec<History> = (0..3_000)
        .map(|_| {
            let age: f64 = random.random_range(1.0..50.0);
            let rate = Gamma::new(0.8, 1.0 / 6.0).unwrap().sample(&mut random);
            let dropout: f64 = Beta::new(1.2, 3.0).unwrap().sample(&mut random);
            let (mut at, mut last, mut repeats) = (0.0, 0.0, 0);
            loop {
                let wait: f64 = Exp1.sample(&mut random);
                at += wait / rate;
                if at > age {
                    break;
                }
                (last, repeats) = (at, repeats + 1);
                if random.random::<f64>() < dropout {
                    break;
                }
            }
            History::new(repeats, last, age).unwrap()
        })
        .collect();

    let fit = fit::repeat_buying(
        Form::BgNbd,
        &Grouped::new(&histories),
        Sampling {
            draws: 400,
            seed: 1,
        },
    )
    .unwrap();

    for (i, truth) in [0.8f64, 6.0, 1.2, 3.0].iter().enumerate() {
        let mut draws: Vec<f64> = fit.draws.iter().map(|draw| draw.to_array()[i]).collect();
        draws.sort_by(f64::total_cmp);
        assert!(
            draws[4] < *truth && *truth < draws[395],
            "parameter {i}: {truth} not in {} to {}",
            draws[4],
            draws[395]
        );
    }
}

#[test]
fn one_rate_of_drop_out_for_all_is_a_fit_at_the_wall_with_sound_predictions() {
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Exp1, Gamma};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(8);
    let histories: Vec<History> = (0..800)
        .map(|_| {
            let age: f64 = random.random_range(10.0..50.0);
            let rate = Gamma::new(0.8, 1.0 / 6.0).unwrap().sample(&mut random);
            let (mut at, mut last, mut repeats) = (0.0, 0.0, 0);
            loop {
                let wait: f64 = Exp1.sample(&mut random);
                at += wait / rate;
                if at > age {
                    break;
                }
                (last, repeats) = (at, repeats + 1);
                if random.random::<f64>() < 0.2 {
                    break;
                }
            }
            History::new(repeats, last, age).unwrap()
        })
        .collect();

    let fit = fit::repeat_buying(
        Form::BgNbd,
        &Grouped::new(&histories),
        Sampling { draws: 50, seed: 1 },
    )
    .unwrap();

    let [_, _, a, b] = fit.params.to_array();
    assert!(
        (0.12..0.28).contains(&(a / (a + b))),
        "drop-out {}",
        a / (a + b)
    );
    assert!(
        fit.draws.len() == 50 && fit.iterations < 300,
        "{}",
        fit.iterations
    );
}

#[test]
fn reasons_of_a_silent_regular_speak_of_the_silence_first() {
    let model = published();
    let average = crate::domain::population::Average {
        repeats: 1.0,
        silence_weeks: 25.0,
        age_weeks: 33.0,
        value_minor: 3500.0,
        recency_share: 0.5,
    };
    let silent = purchases(6, 12.0, 60.0, 9000.0);

    let churn = reasons(&model, &average, Value::ChurnRisk, &silent, 90);
    assert_eq!(churn[0].code, "LONG_SILENCE");
    assert!(churn[0].contribution > 0.0, "silence raises the risk");
    let worth = reasons(&model, &average, Value::ClvMinor, &silent, 90);
    let spend = worth
        .iter()
        .find(|reason| reason.code == "HIGH_SPEND")
        .unwrap();
    assert!(spend.contribution > 0.0);
    assert_eq!(
        spend.text,
        "Spends 90.00 on a purchase day; the average is 35.00."
    );
    let once = reasons(
        &model,
        &average,
        Value::PAlive,
        &purchases(0, 0.0, 30.0, 0.0),
        90,
    );
    assert!(
        once.iter()
            .any(|reason| reason.code == "NO_REPEAT_PURCHASE")
    );
}
