//! Scores against hand-made populations and against the public CDNOW sample.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn buyers(values: &[(i32, i32, i64)]) -> Vec<Buyer> {
    let buyers = values.iter().enumerate();
    let buyer =
        |(i, &(recency_days, purchase_days, net_spend_minor)): (usize, &(i32, i32, i64))| Buyer {
            ordinal: i as u32 + 1,
            recency_days,
            purchase_days,
            net_spend_minor,
        };
    buyers.map(buyer).collect()
}

#[test]
fn five_different_customers_get_five_scores() {
    let (scores, edges) = score(
        &buyers(&[
            (40, 1, 10),
            (30, 2, 20),
            (20, 3, 30),
            (10, 4, 40),
            (0, 5, 50),
        ]),
        &Scoring::Quintiles,
    );
    let all: Vec<_> = scores
        .iter()
        .map(|s| (s.recency, s.frequency, s.monetary))
        .collect();
    assert_eq!(all, [(1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4), (5, 5, 5)]);
    assert_eq!(edges.monetary_minor, [10.0, 20.0, 30.0, 40.0]);
    assert_eq!(edges.recency_days, [0.0, 10.0, 20.0, 30.0]);
}

#[test]
fn equal_values_get_equal_scores() {
    let mut population = vec![(5, 1, 100); 6];
    population.extend([(5, 2, 200), (5, 2, 300), (5, 3, 400), (5, 4, -50)]);
    let (scores, _) = score(&buyers(&population), &Scoring::Quintiles);
    assert!(scores.iter().all(|s| s.recency == 3));
    // Six of ten bought once: the middle of their ranks is 3.5 of 10, the second fifth.
    assert!(scores[..6].iter().all(|s| s.frequency == 2));
    assert_eq!(scores[6].frequency, scores[7].frequency);
    assert_eq!(scores[9].monetary, 1);
}

#[test]
fn cut_points_include_their_own_value() {
    let scoring = Scoring::CutPoints {
        recency: [7.0, 30.0, 90.0, 180.0],
        frequency: [1.0, 2.0, 4.0, 8.0],
        monetary: [1e3, 1e4, 1e5, 1e6],
    };
    let (scores, edges) = score(
        &buyers(&[(7, 1, 1_000), (8, 2, 1_001), (181, 9, 2_000_000)]),
        &scoring,
    );
    let all: Vec<_> = scores
        .iter()
        .map(|s| (s.recency, s.frequency, s.monetary))
        .collect();
    assert_eq!(all, [(5, 1, 1), (4, 2, 2), (1, 5, 5)]);
    assert_eq!(edges.frequency, [1.0, 2.0, 4.0, 8.0]);
}

#[test]
fn nobody_is_no_trouble() {
    let (scores, _) = score(&[], &Scoring::Quintiles);
    assert!(scores.is_empty());
}

#[test]
fn the_order_of_customers_does_not_matter() {
    let population: Vec<_> = (0..97)
        .map(|i| (i * 7 % 50, 1 + i % 4, i64::from(i * 31 % 60)))
        .collect();
    let forward = buyers(&population);
    let backward: Vec<_> = forward.iter().rev().copied().collect();
    let (mut there, _) = score(&backward, &Scoring::Quintiles);
    there.reverse();
    assert_eq!(score(&forward, &Scoring::Quintiles).0, there);
}

/// Reads the CDNOW sample, or says that it is not there.
fn cdnow() -> Option<Vec<Buyer>> {
    let manifest = env!("CARGO_MANIFEST_DIR");
    let beside = format!("{manifest}/../../../shared/data");
    let folder = std::env::var("CLIENTELE_DATA").unwrap_or(beside);
    let Ok(text) = std::fs::read_to_string(format!("{folder}/cdnow/CDNOW_sample.txt")) else {
        println!("NOT RUN: no data (cdnow/CDNOW_sample.txt)");
        return None;
    };
    let as_of = chrono::NaiveDate::from_ymd_opt(1998, 6, 30)?;
    let mut days: BTreeMap<&str, BTreeSet<chrono::NaiveDate>> = BTreeMap::new();
    let mut spend: BTreeMap<&str, i64> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [id, .., day, _, value] = fields[..] else {
            continue;
        };
        days.entry(id)
            .or_default()
            .insert(chrono::NaiveDate::parse_from_str(day, "%Y%m%d").ok()?);
        *spend.entry(id).or_default() += (value.parse::<f64>().ok()? * 100.0).round() as i64;
    }
    let mut buyers = Vec::new();
    for (i, (id, days)) in days.iter().enumerate() {
        let recency_days = (as_of - *days.last()?).num_days() as i32;
        let (purchase_days, net_spend_minor) = (days.len() as i32, spend[id]);
        buyers.push(Buyer {
            ordinal: i as u32 + 1,
            recency_days,
            purchase_days,
            net_spend_minor,
        });
    }
    Some(buyers)
}

#[test]
fn cdnow_has_its_published_edges() {
    let Some(buyers) = cdnow() else { return };
    assert_eq!(buyers.len(), 2_357);
    let (scores, edges) = score(&buyers, &Scoring::Quintiles);
    // 0, 0, 1 and 3 repeat purchases.
    assert_eq!(edges.frequency.map(|days| days - 1.0), [0.0, 0.0, 1.0, 3.0]);
    let mut by_value: BTreeMap<i32, BTreeSet<u8>> = BTreeMap::new();
    for (buyer, scores) in buyers.iter().zip(&scores) {
        by_value
            .entry(buyer.purchase_days)
            .or_default()
            .insert(scores.frequency);
    }
    assert!(by_value.values().all(|scores| scores.len() == 1));
    let first: Vec<_> = (1..=4)
        .map(|days| by_value[&days].first().copied())
        .collect();
    assert_eq!(first, [Some(2), Some(4), Some(4), Some(5)]);
}
