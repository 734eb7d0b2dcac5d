use proptest::prelude::*;

use super::*;
use crate::domain::contract::parse;
use crate::domain::{Violation, constraints, reading};

fn contract(action: &str) -> Result<Contract, Vec<Violation>> {
    parse(&format!(
        r#"
apiVersion: v3.1.0
kind: DataContract
id: shops
version: 1.0.0
schema:
  - name: shops
    properties:
      - {{name: zip, logicalType: string}}
      - {{name: city, logicalType: string}}
      - {{name: owner, logicalType: string, classification: personal}}
customProperties:
  - property: clientele
    value:
      file: {{format: csv}}
      time: {{fixed: "2024-01-01"}}
      identifiers: {{customer_id: $row}}
      types: Order Completed
      dependencies: [{{from: [zip], to: [city], action: {action}}}]
"#
    ))
}

fn learn(contract: &Contract, rows: &[(&str, &str)]) -> Learner {
    let mut learner = Learner::default();
    for (zip, city) in rows {
        learner.add(contract, &read(contract, zip, city));
    }
    learner
}

fn read<'a>(contract: &Contract, zip: &'a str, city: &'a str) -> Record<'a> {
    let mut record = reading::row(contract, &[0, 1, 2], &[zip, city, "o"], 2).expect("record");
    constraints::check(contract, &mut record);
    record
}

const ROWS: &[(&str, &str)] = &[
    ("1", "Bonn"),
    ("1", "Bonn"),
    ("1", "Bonn"),
    ("1", "Bonn"),
    ("1", "Bxnn"),
    ("2", "Köln"),
    ("3", "a"),
    ("3", "b"),
    ("3", "b"),
];

fn checked(
    action: &str,
    zip: &str,
    city: &str,
) -> (Option<String>, Vec<Correction>, Vec<Violation>) {
    let contract = contract(action).expect("contract");
    let tables = learn(&contract, ROWS).finish(&contract);
    let mut record = read(&contract, zip, city);
    check(&contract, Some(&tables), &mut record);
    (
        record.cells[1].text().map(str::to_owned),
        record.corrections,
        record.violations,
    )
}

#[test]
fn finds_values_that_others_do_not_have() {
    let (text, corrections, violations) = checked("flag", "1", "Bxnn");
    assert_eq!((text.as_deref(), violations.len()), (Some("Bxnn"), 0));
    assert_eq!(corrections[0].action, Action::Flagged);
    let (text, corrections, _) = checked("correct", "1", "Bxnn");
    assert_eq!(text.as_deref(), Some("Bonn"));
    assert_eq!(corrections[0].original.as_deref(), Some("Bxnn"));
    let (_, _, violations) = checked("quarantine", "1", "Bxnn");
    assert_eq!(
        violations[0].to_string(),
        "city: line 2, column 2 (city): `Bxnn` does not go with the value of zip, which others have with `Bonn`"
    );
}

#[test]
fn says_nothing_where_little_is_known() {
    for (zip, city) in [
        ("1", "Bonn"),
        ("2", "Bonn"),
        ("3", "a"),
        ("9", "x"),
        ("", "x"),
        ("1", ""),
    ] {
        let (_, corrections, violations) = checked("flag", zip, city);
        assert!(
            corrections.is_empty() && violations.is_empty(),
            "{zip} {city}"
        );
    }
}

#[test]
fn refuses_what_it_may_not_learn() {
    let reasons = |entry: &str| -> Vec<&'static str> {
        let text = include_str!("../../../../tests/contracts/superstore_zh.yaml");
        let text = format!("{text}      dependencies: [{entry}]\n");
        let mistakes = parse(&text).expect_err("mistakes");
        mistakes.into_iter().map(|it| it.reason).collect()
    };
    assert_eq!(reasons("{from: 客户 ID, to: 城市}"), ["PERSONAL_COLUMN"]);
    assert_eq!(reasons("{from: 城市, to: 城市}"), ["INCOMPLETE"]);
    assert_eq!(
        reasons("{from: 城市, to: 国家, share: 0.4, support: 1, action: drop}"),
        ["OUT_OF_RANGE", "OUT_OF_RANGE", "UNSUPPORTED"]
    );
}

proptest! {
    #[test]
    fn learns_the_same_in_any_order_and_any_parts(
        rows in prop::collection::vec((0u8..4, 0u8..90), 0..200),
        cut in 0usize..200,
        seed in any::<u64>(),
    ) {
        let contract = contract("flag").expect("contract");
        let texts: Vec<(String, String)> =
            rows.iter().map(|(zip, city)| (zip.to_string(), city.to_string())).collect();
        let rows: Vec<(&str, &str)> =
            texts.iter().map(|(zip, city)| (zip.as_str(), city.as_str())).collect();
        let whole = learn(&contract, &rows).finish(&contract);
        let mut mixed = rows.clone();
        mixed.sort_by_key(|row| hash(&format!("{seed}{row:?}")));
        let (one, other) = mixed.split_at(cut.min(mixed.len()));
        let mut parts = learn(&contract, other);
        parts.merge(learn(&contract, one));
        prop_assert_eq!(parts.finish(&contract), whole);
    }
}
