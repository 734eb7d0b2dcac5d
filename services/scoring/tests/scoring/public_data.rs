//! The whole way on CDNOW's orders: lake, training, scores over the wire, against the expected files.

use super::harness::*;
use api::scoring::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use uuid::Uuid;

fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = std::env::var_os("CLIENTELE_DATA")
        .map_or_else(beside, PathBuf::from)
        .join("cdnow");
    if !folder.is_dir() {
        println!("NOT RUN: no data");
        return None;
    }
    Some(folder)
}

/// Customers of the sample by their number in it, with every order on its own.
fn customers(text: &str) -> Vec<Person> {
    let mut purchases: BTreeMap<i64, Vec<(i32, i64)>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let date = chrono::NaiveDate::parse_from_str(fields[2], "%Y%m%d").unwrap();
        let day = (date - chrono::NaiveDate::default()).num_days() as i32;
        let minor = (fields[4].parse::<f64>().unwrap() * 100.0).round() as i64;
        purchases
            .entry(fields[1].parse().unwrap())
            .or_default()
            .push((day, minor));
    }
    let person = |(number, purchases)| Person {
        id: Uuid::from_u128(number as u128),
        ordinal: number,
        purchases,
    };
    purchases.into_iter().map(person).collect()
}

fn columns(text: &str) -> Vec<Vec<f64>> {
    text.lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .map(|field| field.parse().unwrap())
                .collect()
        })
        .collect()
}

#[track_caller]
fn assert_near(what: &str, got: f64, want: f64, tolerance: f64) {
    assert!(
        (got - want).abs() <= tolerance,
        "{what}: got {got}, want {want} within {tolerance}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cdnow_orders_become_the_published_model_and_the_expected_scores() {
    let Some(folder) = folder() else { return };
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let people = customers(&read("CDNOW_sample.txt"));
    let mut scoring = Scoring::start(None).await;
    scoring.know(&people).await;

    let request = TrainModelRequest {
        as_of: "1997-09-30".into(),
        promote: true,
        ..Default::default()
    };
    let version = scoring.train(request).await.unwrap();

    let (bgnbd, spend) = (version.bgnbd.unwrap(), version.gamma_gamma.unwrap());
    for (got, want) in [bgnbd.r, bgnbd.alpha, bgnbd.a, bgnbd.b]
        .into_iter()
        .zip([0.243, 4.414, 0.793, 2.426])
    {
        assert_near("BG/NBD", got, want, 0.005 * want);
    }
    for (got, want) in [spend.p, spend.q, spend.v]
        .into_iter()
        .zip([6.25, 3.74, 15.44])
    {
        assert_near("Gamma-Gamma", got, want, 0.005 * want);
    }
    assert_eq!((version.customers, spend.customers), (2_357, 946));

    let (buying, worth) = (
        columns(&read("expected_bgnbd_predictions.csv")),
        columns(&read("expected_gg_clv.csv")),
    );
    for chunk in buying.iter().zip(&worth).collect::<Vec<_>>().chunks(1_000) {
        let customers = chunk
            .iter()
            .map(|(row, _)| by_id(Uuid::from_u128(row[0] as u128)))
            .collect();
        let options = ScoreOptions {
            horizon_days: 273,
            ..Default::default()
        };
        let request = BatchScoreRequest {
            customers,
            options: Some(options),
        };
        let scores = scoring
            .scores
            .batch_score(request)
            .await
            .unwrap()
            .into_inner()
            .scores;
        for ((buying, worth), score) in chunk.iter().zip(scores) {
            assert_near(
                "purchases",
                value(&score, "expected_purchases").value,
                buying[5],
                0.005,
            );
            if buying[1] > 0.0 {
                assert_near("alive", value(&score, "p_alive").value, buying[4], 0.001);
            }
            assert_near(
                "worth",
                value(&score, "clv_minor").value / 100.0,
                worth[6],
                0.02 * worth[6],
            );
        }
    }
    scoring.stop().await;
}
