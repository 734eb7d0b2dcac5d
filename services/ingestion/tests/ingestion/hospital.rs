//! Finds the wrong cells of a public table whose errors are known, cell by cell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ingestion::domain::baseline::{Baseline, SharedSalt};
use ingestion::domain::contract::{self, Contract};
use ingestion::domain::lesson::Lesson;
use ingestion::domain::record::Record;
use ingestion::domain::{reading, stages};
use sketch::Salt;

use crate::harness::{contract as contract_text, data};

/// A cell: its row from 0 and the name of its column.
type Place = (usize, String);

fn through<'a>(
    contract: &Contract,
    positions: &'a [usize],
    baseline: Option<&Baseline>,
    row: &'a csv::StringRecord,
    line: u64,
) -> Record<'a> {
    let cells: Vec<&str> = row.iter().collect();
    let mut record = reading::row(contract, positions, &cells, line).unwrap();
    stages::run(contract, baseline, &mut record);
    record
}

/// Returns the cells that stand out, by the kind of rule that found them.
fn found(
    contract: &Contract,
    rows: &[csv::StringRecord],
) -> BTreeMap<&'static str, BTreeSet<Place>> {
    let positions: Vec<usize> = (0..contract.columns.len()).collect();
    let salt = Arc::new(Salt::new([3; 32]));
    let mut lesson = Lesson::default();
    for (row, line) in rows.iter().zip(2..) {
        lesson.observe(
            contract,
            &through(contract, &positions, None, row, line),
            &salt,
        );
    }
    let mut baseline = lesson.fit();
    baseline.salt = Some(SharedSalt(salt));
    let mut all: BTreeMap<&'static str, BTreeSet<Place>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let record = through(contract, &positions, Some(&baseline), row, index as u64 + 2);
        for violation in &record.violations {
            let place = (index, violation.field.clone());
            all.entry("constraint").or_default().insert(place);
        }
        for correction in &record.corrections {
            let column = &contract.columns[correction.column];
            let place = (index, column.name.clone());
            all.entry(correction.method).or_default().insert(place);
        }
    }
    all
}

#[test]
fn finds_the_wrong_cells_of_the_hospital_table() {
    let Some(data) = data() else { return };
    let folder = data.join("dq_hospital");
    let contract = contract::parse(&contract_text("dq_hospital")).unwrap();
    let read = |name: &str| -> Vec<csv::StringRecord> {
        let mut reader = csv::Reader::from_path(folder.join(name)).unwrap();
        reader.records().map(Result::unwrap).collect()
    };
    let truth: BTreeSet<Place> = read("expected_errors.csv")
        .iter()
        .map(|row| (row[0].parse().unwrap(), row[1].to_owned()))
        .collect();
    assert_eq!(truth.len(), 509);

    let found = found(&contract, &read("hospital.csv"));
    let all: BTreeSet<Place> = found.values().flatten().cloned().collect();
    let told = |kind: &str, cells: &BTreeSet<Place>| {
        let right = cells.intersection(&truth).count();
        let (precision, recall) = (
            right as f64 / cells.len() as f64,
            right as f64 / truth.len() as f64,
        );
        println!(
            "{kind:<12} {:>4} cells, {right:>4} wrong ones: precision {precision:.3}, recall {recall:.3}",
            cells.len()
        );
        (precision, recall)
    };
    for (kind, cells) in &found {
        told(kind, cells);
    }
    let (precision, recall) = told("all", &all);
    assert!(
        precision >= 0.8 && recall >= 0.8,
        "precision {precision}, recall {recall}"
    );
}
