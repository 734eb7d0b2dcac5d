use std::sync::Arc;

use sketch::Salt;

use super::super::baseline::SharedSalt;
use super::super::contract::{self, Contract};
use super::super::lesson::Lesson;
use super::super::reading;
use super::super::stages;
use super::*;

const CONTRACT: &str = "
apiVersion: v3.0.2
kind: DataContract
id: shop
version: '1'
schema:
  - name: rows
    properties:
      - {name: id, logicalType: string}
      - {name: day, logicalType: string}
      - {name: price, logicalType: number}
      - {name: pieces, logicalType: integer}
      - {name: city, logicalType: string, required: true}
      - {name: zip, logicalType: string}
      - {name: note, logicalType: string}
customProperties:
  - property: clientele
    value:
      file: {format: csv}
      time: {column: day, formats: ['%Y-%m-%d']}
      identifiers: {customer_id: id}
      types: Order Completed
      currency: GBP
      value: price
";

fn salt() -> Arc<Salt> {
    Arc::new(Salt::new([3; 32]))
}

fn contract(sections: &str) -> Contract {
    let yaml = format!("{CONTRACT}{}", indented(sections));
    contract::parse(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("      {line}\n"));
    lines.collect()
}

fn mistakes(sections: &str) -> Vec<(String, &'static str)> {
    let yaml = format!("{CONTRACT}{}", indented(sections));
    let all = contract::parse(&yaml).expect_err("mistakes");
    let short = |path: &str| {
        let at = path.find("value.").map_or(0, |at| at + 6);
        path[at..].to_owned()
    };
    let told = all.iter().map(|it| (short(&it.field), it.reason));
    told.collect()
}

/// A row: id, day, price, pieces, city, zip, note.
type Row<'a> = [&'a str; 7];

const POSITIONS: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

fn through<'a>(contract: &Contract, baseline: Option<&Baseline>, row: &'a Row<'a>) -> Record<'a> {
    let mut record = reading::row(contract, &POSITIONS, row, 1).expect("cells");
    stages::run(contract, baseline, &mut record);
    record
}

fn learned(contract: &Contract, rows: &[Vec<String>]) -> Baseline {
    let mut lesson = Lesson::default();
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        let mut record = reading::row(contract, &POSITIONS, &cells, 1).expect("cells");
        stages::run(contract, None, &mut record);
        lesson.observe(contract, &record, &salt());
    }
    let mut baseline = lesson.fit();
    baseline.salt = Some(SharedSalt(salt()));
    baseline
}

/// Two hundred ordinary rows: prices from 90 to 109, two cities with a zip code each, one note in fifty missing.
fn ordinary() -> Vec<Vec<String>> {
    let row = |at: usize| {
        let (city, zip) = [("birmingham", "35233"), ("sheffield", "35660")][at % 2];
        let note = if at.is_multiple_of(50) { "" } else { "fine" };
        let price = format!("{}.50", 90 + at % 20);
        let pieces = (1 + at % 5).to_string();
        [
            &at.to_string(),
            "2024-01-02",
            &price,
            &pieces,
            city,
            zip,
            note,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    (0..200).map(row).collect()
}

fn told<'a>(record: &'a Record<'_>) -> Vec<(usize, Action, &'static str, Option<&'a str>)> {
    let all = record.corrections.iter();
    all.map(|it| (it.column, it.action, it.method, it.original.as_deref()))
        .collect()
}

const PLAIN: Row<'static> = ["1", "2024-01-02", "100", "2", "birmingham", "35233", "fine"];

fn with(index: usize, value: &str) -> [&str; 7] {
    let mut row = PLAIN;
    row[index] = value;
    row
}

#[test]
fn gaps_are_filled_by_the_policy_and_noted() {
    let fill = |policy: &str, index: usize| {
        let column = ["id", "day", "price", "pieces", "city", "zip", "note"][index];
        let contract = contract(&format!("clean: {{{column}: {{missing: {policy}}}}}"));
        let baseline = learned(&contract, &ordinary());
        let row = with(index, "");
        let record = through(&contract, Some(&baseline), &row);
        assert!(record.violations.is_empty(), "{:?}", record.violations);
        let text = record.cells[index].text().map(str::to_owned);
        let number = record.cells[index].number.map(|it| it.to_f64());
        let it = &record.corrections[0];
        (text, number, it.action, it.method)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        fill("median", 2),
        (some("100"), Some(100.0), Action::Imputed, "median")
    );
    assert_eq!(
        fill("mean", 3),
        (some("3"), Some(3.0), Action::Imputed, "mean")
    );
    assert_eq!(
        fill("mode", 6),
        (some("fine"), None, Action::Imputed, "mode")
    );
    assert_eq!(
        fill("'constant: none'", 6),
        (some("none"), None, Action::Imputed, "constant")
    );
    assert_eq!(
        fill("{constant: 7}", 3),
        (some("7"), Some(7.0), Action::Imputed, "constant")
    );
    // A required column whose gap is filled is at no fault.
    assert_eq!(
        fill("unknown", 4),
        (some("unknown"), None, Action::Imputed, "unknown")
    );
    assert_eq!(fill("unknown", 2), (None, None, Action::Flagged, "unknown"));
    // Two in a hundred notes are missing: under five, so they are filled.
    assert_eq!(
        fill("auto", 6),
        (some("fine"), None, Action::Imputed, "mode")
    );
}

#[test]
fn many_gaps_are_marked_and_not_filled() {
    let contract = contract("clean: {price: {missing: auto}, note: {missing: auto}}");
    let mut rows = ordinary();
    rows.iter_mut().step_by(20).for_each(|row| {
        row[2].clear();
        row[6].clear();
    });
    let baseline = learned(&contract, &rows);
    let row = ["1", "2024-01-02", "", "2", "birmingham", "35233", ""];
    let record = through(&contract, Some(&baseline), &row);
    let expected = [
        (2, Action::Flagged, "unknown", None),
        (6, Action::Imputed, "unknown", None),
    ];
    assert_eq!(told(&record), expected);
    assert_eq!(record.cells[6].text(), Some("unknown"));
}

#[test]
fn nothing_is_learned_from_the_present_batch() {
    let contract = contract(
        "clean: {price: {missing: median, outliers: [{method: sigma}]}, city: {missing: mode}}",
    );
    let row = ["1", "2024-01-02", "", "2", "", "35233", "fine"];
    let record = through(&contract, None, &row);
    let expected = [
        (2, Action::Flagged, "unknown", None),
        (4, Action::Imputed, "unknown", None),
    ];
    assert_eq!(told(&record), expected);
}

#[test]
fn outliers_are_treated_by_their_rule() {
    let treat = |rule: &str, value: &str| {
        let contract = contract(&format!("clean: {{price: {{outliers: [{rule}]}}}}"));
        let baseline = learned(&contract, &ordinary());
        let row = with(2, value);
        let record = through(&contract, Some(&baseline), &row);
        let text = record.cells[2].text().map(str::to_owned);
        let reasons: Vec<_> = record.violations.iter().map(|it| it.reason).collect();
        let actions: Vec<_> = record
            .corrections
            .iter()
            .map(|it| (it.action, it.method))
            .collect();
        (text, reasons, actions)
    };
    let some = |text: &str| Some(text.to_owned());
    let nothing = |text: &str| (some(text), vec![], vec![]);
    assert_eq!(
        treat("{method: box_plot, action: winsorise}", "105"),
        nothing("105")
    );
    // The quartiles are 95.25 and 104.75: the upper fence is 1.5 times 9.5 above the third.
    assert_eq!(
        treat("{method: box_plot, action: winsorise}", "500"),
        (some("119"), vec![], vec![(Action::Winsorised, "box_plot")])
    );
    assert_eq!(
        treat("{method: robust_sigma, k: 3, action: drop}", "-500"),
        (None, vec![], vec![(Action::Dropped, "robust_sigma")])
    );
    assert_eq!(
        treat(
            "{method: multiple_of_mean, k: 3, action: quarantine}",
            "301"
        ),
        (
            some("301"),
            vec!["OUTLIER"],
            vec![(Action::Flagged, "multiple_of_mean")]
        )
    );
    assert_eq!(
        treat("{method: multiple_of_mean, k: 3}", "299"),
        nothing("299")
    );
    assert_eq!(
        treat("{method: decimal_shift, action: correct}", "9950.5"),
        (
            some("99.505"),
            vec![],
            vec![(Action::Corrected, "decimal_shift")]
        )
    );
    assert_eq!(
        treat("{method: decimal_shift, action: correct}", "9.95"),
        (
            some("99.50"),
            vec![],
            vec![(Action::Corrected, "decimal_shift")]
        )
    );
    assert_eq!(
        treat("{method: sigma, action: correct}", "3000"),
        (some("100"), vec![], vec![(Action::Corrected, "sigma")])
    );
    // What is only flagged is looked at in the next way, too; what was corrected is not.
    assert_eq!(
        treat(
            "{method: sigma}, {method: decimal_shift, action: correct}, {method: box_plot}",
            "1000"
        ),
        (
            some("100.0"),
            vec![],
            vec![
                (Action::Flagged, "sigma"),
                (Action::Corrected, "decimal_shift")
            ]
        )
    );
}

#[test]
fn a_corrected_value_is_judged_again() {
    let yaml = format!(
        "{}{}",
        CONTRACT.replace(
            "{name: price, logicalType: number}",
            "{name: price, logicalType: number, logicalTypeOptions: {maximum: 200}}"
        ),
        indented("clean: {price: {outliers: [{method: decimal_shift, action: correct}]}}")
    );
    let contract = contract::parse(&yaml).expect("contract");
    let baseline = learned(&contract, &ordinary());
    let row = with(2, "1000");
    let record = through(&contract, Some(&baseline), &row);
    assert!(record.violations.is_empty(), "{:?}", record.violations);
    assert_eq!(record.cells[2].text(), Some("100.0"));
    let row = with(2, "250");
    let record = through(&contract, Some(&baseline), &row);
    assert_eq!(record.violations[0].reason, "OUT_OF_RANGE");
}

#[test]
fn rare_words_that_resemble_frequent_ones_are_found() {
    let contract = contract(
        "clean: {city: {spelling: {distance: 0.2, action: correct}}, note: {spelling: {action: quarantine}}}",
    );
    let mut rows = ordinary();
    rows.push(with(4, "birmxngham").map(str::to_owned).to_vec());
    rows.push(with(4, "leeds").map(str::to_owned).to_vec());
    let baseline = learned(&contract, &rows);
    for (word, expected) in [
        ("birmxngham", "birmingham"),
        ("bxrmxngham", "birmingham"),
        ("sheffxeld", "sheffield"),
        ("leeds", "leeds"),
        ("london", "london"),
        ("sheffield", "sheffield"),
    ] {
        let row = with(4, word);
        let record = through(&contract, Some(&baseline), &row);
        assert_eq!(record.cells[4].text(), Some(expected));
    }
    let row = with(6, "finx");
    let record = through(&contract, Some(&baseline), &row);
    assert_eq!(record.violations[0].reason, "MISSPELT");
}

#[test]
fn what_follows_from_others_is_checked_and_filled() {
    let contract = contract("dependencies: [{from: [zip], to: city, action: correct}]");
    let baseline = learned(&contract, &ordinary());
    for (zip, city, expected, actions) in [
        ("35233", "birmingham", "birmingham", vec![]),
        (
            "35233",
            "sheffield",
            "birmingham",
            vec![(Action::Corrected, "dependency")],
        ),
        ("99999", "sheffield", "sheffield", vec![]),
    ] {
        let row = ["1", "2024-01-02", "100", "2", city, zip, "fine"];
        let record = through(&contract, Some(&baseline), &row);
        assert_eq!(record.cells[4].text(), Some(expected));
        let found: Vec<_> = record
            .corrections
            .iter()
            .map(|it| (it.action, it.method))
            .collect();
        assert_eq!(found, actions);
    }
    let contract =
        self::contract("dependencies: [{from: city, to: [zip, note], action: quarantine}]");
    let baseline = learned(&contract, &ordinary());
    let row = with(5, "35234");
    let record = through(&contract, Some(&baseline), &row);
    assert_eq!(
        (
            record.violations[0].field.as_str(),
            record.violations[0].reason
        ),
        ("zip", "DEPENDENCY_BROKEN")
    );
}

#[test]
fn nothing_follows_where_little_is_known() {
    let contract = contract("dependencies: [{from: [zip], to: [city], action: quarantine}]");
    let rows = [
        ("1", "Bonn"),
        ("1", "Bonn"),
        ("1", "Bonn"),
        ("1", "Bonn"),
        ("1", "Bxnn"),
        ("2", "Koln"),
        ("3", "a"),
        ("3", "b"),
        ("3", "b"),
    ];
    let row = |(zip, city): &(&str, &str)| {
        let row = ["1", "2024-01-02", "1", "1", city, zip, ""];
        row.map(str::to_owned).to_vec()
    };
    let baseline = learned(&contract, &rows.iter().map(row).collect::<Vec<_>>());
    for (zip, city, broken) in [
        ("1", "Bxnn", true),
        ("1", "Bonn", false),
        ("2", "Bonn", false),
        ("3", "a", false),
        ("9", "x", false),
        ("", "x", false),
    ] {
        let row = ["1", "2024-01-02", "1", "1", city, zip, ""];
        let record = through(&contract, Some(&baseline), &row);
        assert_eq!(!record.violations.is_empty(), broken, "{zip} {city}");
    }
}

#[test]
fn refuses_what_it_may_not_learn() {
    let reasons = |entry: &str| -> Vec<&'static str> {
        let text = include_str!("../../../../../tests/contracts/superstore_zh.yaml");
        let text = format!("{text}      dependencies: [{entry}]\n");
        let mistakes = contract::parse(&text).expect_err("mistakes");
        mistakes.into_iter().map(|it| it.reason).collect()
    };
    assert_eq!(reasons("{from: 客户 ID, to: 城市}"), ["PERSONAL_COLUMN"]);
    assert_eq!(reasons("{from: 城市, to: 城市}"), ["INCOMPLETE"]);
    assert_eq!(
        reasons("{from: 城市, to: 国家, share: 0.4, support: 1, action: drop}"),
        ["OUT_OF_RANGE", "OUT_OF_RANGE", "UNSUPPORTED"]
    );
}

#[test]
fn cleaning_never_learns_of_itself() {
    let contract = contract(
        "clean: {price: {missing: {constant: 5}, outliers: [{method: sigma, action: drop}]}}",
    );
    let baseline = learned(&contract, &ordinary());
    let mut lesson = Lesson::default();
    for row in [with(2, ""), with(2, "5000"), with(2, "100")] {
        let record = through(&contract, Some(&baseline), &row);
        lesson.observe(&contract, &record, &salt());
    }
    let price = &lesson.columns["price"];
    assert_eq!((price.records, price.missing), (3, 1));
    assert_eq!(price.numbers.ends(), Some((100.0, 5000.0)));
}

#[test]
fn a_baseline_survives_storing() {
    let contract = contract(
        "dependencies: [{from: zip, to: city}]\nclean: {city: {spelling: {}}, price: {missing: mean}}",
    );
    let baseline = learned(&contract, &ordinary());
    let json = serde_json::to_string(&baseline).expect("json");
    let mut read: Baseline = serde_json::from_str(&json).expect("baseline");
    read.salt = baseline.salt.clone();
    assert_eq!(read, baseline);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let found = mistakes(
        "clean:\n  city: {missing: mean, outliers: [{method: sigma}]}\n  price: {missing: often, outliers: [{method: magic}, {method: decimal_shift, action: winsorise}, {method: sigma, k: -1}, {k: 2}], sort: 1}\n  moon: {missing: mode}\ndependencies: [{from: zip, to: zip}, {from: [sun], share: 2}]\nduplicates: {key: [zip, sea], within: 90d, action: hide}",
    );
    for expected in [
        ("clean.city.missing", "UNSUPPORTED"),
        ("clean.city.outliers[0]", "UNSUPPORTED"),
        ("clean.price.missing", "UNSUPPORTED"),
        ("clean.price.outliers[0].method", "UNSUPPORTED"),
        ("clean.price.outliers[1].action", "UNSUPPORTED"),
        ("clean.price.outliers[2].k", "OUT_OF_RANGE"),
        ("clean.price.outliers[3].method", "MISSING"),
        ("clean.price.sort", "UNKNOWN_KEY"),
        ("clean.moon", "UNKNOWN_COLUMN"),
        ("dependencies[0]", "INCOMPLETE"),
        ("dependencies[1].from[0]", "UNKNOWN_COLUMN"),
        ("dependencies[1].share", "OUT_OF_RANGE"),
        ("dependencies[1].to", "MISSING"),
        ("duplicates.key[1]", "UNKNOWN_COLUMN"),
        ("duplicates.within", "OUT_OF_RANGE"),
        ("duplicates.action", "UNSUPPORTED"),
    ] {
        let expected = (expected.0.to_owned(), expected.1);
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
}
