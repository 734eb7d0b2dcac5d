//! Tests of the models against published figures, against each other, and against what happened next.

mod holdout;
mod properties;
mod published;

use super::dropout::Params;
use super::history::{History, Purchases};
use super::model::{ClvSettings, CustomerValueModel, Draw};
use super::spend;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The folder of public data, or `None`, said aloud, where it is absent.
pub(super) fn data(file: &str) -> Option<String> {
    let folder = std::env::var_os("CLIENTELE_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join("cdnow").join(file)).ok();
    if text.is_none() {
        println!("NOT RUN: no data ({file})");
    }
    text
}

/// Rows of numbers of a file with a header, keyed by its first column.
pub(super) fn table(text: &str) -> Vec<Vec<f64>> {
    let rows = text.lines().skip(1).filter(|line| !line.is_empty());
    rows.map(|line| {
        line.split(',')
            .map(|field| field.parse().unwrap())
            .collect()
    })
    .collect()
}

/// Histories and mean values of the summary file: weeks rounded to two decimals, values in minor units.
pub(super) fn summary(text: &str) -> Vec<Purchases> {
    let rows = table(text);
    rows.iter()
        .map(|row| purchases(row[1] as u32, row[2], row[3], row[4] * 100.0))
        .collect()
}

pub(super) fn purchases(repeats: u32, recency: f64, age: f64, mean_value_minor: f64) -> Purchases {
    Purchases {
        history: History::new(repeats, recency, age).unwrap(),
        mean_value_minor,
    }
}

/// Purchase days of the order file by customer of the sample: (day, minor units of that day).
pub(super) fn orders(text: &str) -> Vec<BTreeMap<i32, i64>> {
    let mut customers: BTreeMap<u32, BTreeMap<i32, i64>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let date = chrono::NaiveDate::parse_from_str(fields[2], "%Y%m%d").unwrap();
        let minor = (fields[4].parse::<f64>().unwrap() * 100.0).round() as i64;
        *customers
            .entry(fields[1].parse().unwrap())
            .or_default()
            .entry(day(date))
            .or_default() += minor;
    }
    customers.into_values().collect()
}

pub(super) fn day(date: chrono::NaiveDate) -> i32 {
    (date - chrono::NaiveDate::default()).num_days() as i32
}

/// The published model of CDNOW, for tests that need no data.
pub(super) fn published() -> CustomerValueModel {
    let draw = Draw {
        bgnbd: Params::new(0.24259, 4.41353, 0.79289, 2.42575).unwrap(),
        mbgnbd: Params::new(0.5248, 6.1830, 0.8914, 1.6140).unwrap(),
        spend: spend::Params::new(6.24880, 3.74459, 15.44775).unwrap(),
    };
    CustomerValueModel::new(draw, ClvSettings::default(), 100.0, vec![draw; 50]).unwrap()
}

#[track_caller]
pub(super) fn assert_near(what: &str, got: f64, want: f64, tolerance: f64) {
    assert!(
        (got - want).abs() <= tolerance,
        "{what}: got {got}, want {want} within {tolerance}"
    );
}
