//! Fits and predictions against published figures and those of independent programs.

use super::*;
use crate::domain::dropout::{Form, log_likelihood};
use crate::domain::fit::Sampling;
use crate::domain::history::Grouped;
use crate::domain::model::{self, Trained};

const SAMPLING: Sampling = Sampling {
    draws: 200,
    seed: 1,
};
/// The horizon of the expected files.
const WEEKS_39: f64 = 39.0;

fn fitted(customers: &[Purchases]) -> Trained {
    model::train(customers, ClvSettings::default(), 100.0, SAMPLING).unwrap()
}

#[track_caller]
fn assert_parameters(what: &str, got: &[f64], want: &[f64], relative: f64) {
    for (got, want) in got.iter().zip(want) {
        assert_near(what, *got, *want, relative * want);
    }
}

#[test]
fn fits_reproduce_the_published_parameters() {
    let Some(text) = data("cdnow_customers_summary_with_transactions.csv") else {
        return;
    };
    let customers = summary(&text);
    let started = std::time::Instant::now();
    let trained = fitted(&customers);
    println!(
        "fitted {} customers in {:?} (this profile)",
        customers.len(),
        started.elapsed()
    );
    println!(
        "{:?} LL {} in {}",
        trained.bgnbd.params, trained.bgnbd.log_likelihood, trained.bgnbd.iterations
    );
    println!(
        "{:?} LL {}",
        trained.mbgnbd.params, trained.mbgnbd.log_likelihood
    );
    println!(
        "{:?} LL {}",
        trained.spend.params, trained.spend.log_likelihood
    );

    assert_parameters(
        "BG/NBD",
        &trained.bgnbd.params.to_array(),
        &[0.243, 4.414, 0.793, 2.426],
        0.005,
    );
    assert_near(
        "BG/NBD likelihood",
        trained.bgnbd.log_likelihood,
        -9582.43,
        0.05,
    );
    let independent = [
        0.24259292827982148,
        4.413532265271809,
        0.7928859664406578,
        2.4257523826257374,
    ];
    assert_parameters(
        "BG/NBD, digits",
        &trained.bgnbd.params.to_array(),
        &independent,
        1e-4,
    );
    assert_parameters(
        "MBG/NBD",
        &trained.mbgnbd.params.to_array(),
        &[0.5248, 6.1830, 0.8914, 1.6140],
        0.001,
    );
    assert_parameters(
        "Gamma-Gamma",
        &trained.spend.params.to_array(),
        &[6.25, 3.74, 15.44],
        0.005,
    );
    assert_near(
        "Gamma-Gamma likelihood",
        trained.spend.log_likelihood,
        -4055.92,
        0.05,
    );
    assert_eq!(trained.spend_customers, 946);
    assert_near("correlation", trained.correlation, 0.113884, 1e-4);
}

#[test]
fn likelihood_at_the_rounded_published_parameters_is_the_published_one() {
    let Some(text) = data("cdnow_customers_summary_with_transactions.csv") else {
        return;
    };
    let histories = Grouped::new(
        summary(&text)
            .iter()
            .map(|one| &one.history)
            .collect::<Vec<_>>(),
    );

    let params = Params::new(0.243, 4.414, 0.793, 2.426).unwrap();

    assert_near(
        "likelihood",
        log_likelihood(Form::BgNbd, &params, &histories),
        -9582.426831182365,
        1e-6,
    );
}

#[test]
fn predictions_from_the_summary_file_equal_the_expected_files() {
    let (Some(text), Some(buying), Some(values)) = (
        data("cdnow_customers_summary_with_transactions.csv"),
        data("expected_bgnbd_predictions.csv"),
        data("expected_gg_clv.csv"),
    ) else {
        return;
    };
    let customers = summary(&text);
    let model = fitted(&customers).model;
    let mut total = 0.0;

    for ((one, buying), value) in customers.iter().zip(table(&buying)).zip(table(&values)) {
        let got = model.values(one, WEEKS_39);
        let near =
            |what: &str, got: f64, want: f64| assert_near(what, got, want, 1e-3 * want + 1e-6);
        near("purchases", got.expected_purchases, buying[5]);
        if one.history.repeats() > 0.0 {
            near("alive", got.p_alive, buying[4]);
        } else {
            assert!(
                got.p_alive < 0.9,
                "a one-time buyer is not alive for certain"
            );
        }
        near("spend", model.expected_value_minor(one) / 100.0, value[5]);
        near("lifetime value", got.clv_minor / 100.0, value[6]);
        total += got.clv_minor / 100.0;
    }
    assert_near("sum of lifetime values", total, 71509.89931936492, 10.0);
}

#[test]
fn predictions_from_raw_orders_are_within_the_rounding_of_the_summary() {
    let (Some(text), Some(buying), Some(values)) = (
        data("CDNOW_sample.txt"),
        data("expected_bgnbd_predictions.csv"),
        data("expected_gg_clv.csv"),
    ) else {
        return;
    };
    let as_of = day(chrono::NaiveDate::from_ymd_opt(1997, 9, 30).unwrap());
    let customers: Vec<_> = orders(&text)
        .into_iter()
        .map(|days| Purchases::from_days(days, as_of).unwrap())
        .collect();
    let trained = fitted(&customers);
    assert_eq!(customers.len(), 2357);
    assert_parameters(
        "BG/NBD",
        &trained.bgnbd.params.to_array(),
        &[0.243, 4.414, 0.793, 2.426],
        0.005,
    );

    for ((one, buying), value) in customers.iter().zip(table(&buying)).zip(table(&values)) {
        let got = trained.model.values(one, WEEKS_39);
        assert_near("age", one.history.age_weeks(), buying[3], 0.006);
        assert_near("purchases", got.expected_purchases, buying[5], 0.005);
        if one.history.repeats() > 0.0 {
            assert_near("alive", got.p_alive, buying[4], 0.001);
        }
        assert_near(
            "lifetime value",
            got.clv_minor / 100.0,
            value[6],
            0.02 * value[6],
        );
    }
}
