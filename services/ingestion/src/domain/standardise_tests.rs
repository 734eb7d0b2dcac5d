use std::borrow::Cow;

use super::*;
use crate::domain::contract;
use crate::domain::record::Cell;
use crate::domain::stages;

const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: shop
version: 1.0.0
schema:
  - name: rows
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: at, logicalType: timestamp, required: true}
      - {name: 电话, logicalType: string, classification: personal/phone}
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: member, logicalType: boolean}
      - {name: note, logicalType: string, required: true}
customProperties:
  - property: clientele
    value:
      file: {format: csv, missing: [无]}
      time: {column: at, zone: Asia/Shanghai}
      currency: CNY
      identifiers: {phone: 电话}
      types: [Order Completed]
      value: amount
      standardise:
        at: {as: timestamp, order: dmy}
        电话: {as: phone, region: CN}
        amount: money
        member: boolean
        note: text
"#;

fn record(values: [&'static str; 6]) -> Record<'static> {
    let contract = contract::parse(CONTRACT).expect("contract");
    let cell =
        |value: &&'static str| Cell::new((!value.is_empty()).then_some(Cow::Borrowed(*value)));
    let mut record = Record {
        cells: values.iter().map(cell).collect(),
        ..Record::default()
    };
    stages::run(&contract, None, &mut record);
    record
}

#[test]
fn brings_every_column_to_its_form_and_tells_what_changed() {
    let record = record([
        "1",
        "31/01/2026 10:30",
        "138 1234 5678",
        "¥1,234.50",
        "是",
        " 好\u{3000}的 ",
    ]);

    assert_eq!(record.violations, []);
    let texts: Vec<_> = record
        .cells
        .iter()
        .map(|cell| cell.text().expect("text"))
        .collect();
    assert_eq!(
        texts,
        [
            "1",
            "2026-01-31T02:30:00Z",
            "+8613812345678",
            "1234.50",
            "true",
            "好 的"
        ]
    );
    assert_eq!(
        record.cells[3].number.map(|it| it.to_string()),
        Some("1234.50".to_owned())
    );
    assert_eq!(
        record.cells[1].time.map(|it| it.timestamp()),
        Some(1_769_826_600)
    );
    let changes: Vec<_> = record
        .changes
        .iter()
        .map(|it| (it.column, it.what))
        .collect();
    assert_eq!(
        changes,
        [
            (1, "time"),
            (2, "phone"),
            (3, "money"),
            (4, "boolean"),
            (5, "width"),
            (5, "blanks")
        ]
    );
    assert_eq!(record.cells[2].original(), Some("138 1234 5678"));
}

#[test]
fn tells_once_what_cannot_be_read_and_never_repeats_personal_values() {
    let record = record(["1", "31/31/2026", "138 1234", "$5", "maybe", "\u{200b}"]);

    let told: Vec<_> = record
        .violations
        .iter()
        .map(|it| (it.field.as_str(), it.reason))
        .collect();
    assert_eq!(
        told,
        [
            ("at", "INVALID_TIME"),
            ("电话", "INVALID_PHONE"),
            ("amount", "OTHER_CURRENCY"),
            ("member", "INVALID_FLAG"),
            ("note", "MISSING_VALUE"),
        ]
    );
    assert!(
        record
            .violations
            .iter()
            .all(|it| !it.description.contains("1234"))
    );
    assert!(
        record.violations[2]
            .description
            .contains("`$5` is in another currency")
    );
}

#[test]
fn knows_a_missing_value_in_another_width() {
    let record = record(["1", "2026-01-31", "", "1", "", "无 "]);

    let told: Vec<_> = record
        .violations
        .iter()
        .map(|it| (it.field.as_str(), it.reason))
        .collect();
    assert_eq!(told, [("note", "MISSING_VALUE")]);
}
