use super::*;
use crate::domain::contract::parse;
use crate::domain::{Violation, reading};

fn contract(column: &str) -> Result<Contract, Vec<Violation>> {
    parse(&format!(
        r#"
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {column}
customProperties:
  - property: clientele
    value:
      file: {{format: csv}}
      time: {{fixed: "2024-01-01", zone: Europe/London}}
      identifiers: {{customer_id: $row}}
      types: Order Completed
"#
    ))
}

#[track_caller]
fn check_value(column: &str, value: &str, expected: Option<&str>) {
    let contract = contract(column).expect("contract");
    let positions = [0];
    let mut record = reading::row(&contract, &positions, &[value], 2).expect("record");
    check(&contract, &mut record);
    let told = record
        .violations
        .first()
        .map(|violation| violation.description.as_str());
    assert_eq!(told, expected, "{value}");
    assert!(record.violations.len() <= 1);
}

#[test]
fn checks_ranges_exactly() {
    let column =
        "{name: n, logicalType: number, logicalTypeOptions: {minimum: 0.1, exclusiveMaximum: 1}}";
    check_value(column, "0.1", None);
    check_value(column, "0.99999999999999999999", None);
    check_value(
        column,
        "0.09999999999999999999",
        Some("line 2, column 1 (n): `0.09999999999999999999` is below 0.1"),
    );
    check_value(
        column,
        "1.0",
        Some("line 2, column 1 (n): `1.0` is not below 1"),
    );
    let older =
        "{name: n, logicalType: integer, logicalTypeOptions: {minimum: 0, exclusiveMinimum: true}}";
    check_value(older, "0", Some("line 2, column 1 (n): `0` is not above 0"));
    check_value(older, "1", None);
}

#[test]
fn checks_multiples_lengths_and_patterns() {
    let step = "{name: n, logicalType: number, logicalTypeOptions: {multipleOf: 0.05}}";
    check_value(step, "1.25", None);
    check_value(
        step,
        "1.26",
        Some("line 2, column 1 (n): `1.26` is no multiple of 0.05"),
    );
    let text = "{name: n, logicalType: string, logicalTypeOptions: {minLength: 2, maxLength: 3, pattern: '[a-z价格]+'}}";
    check_value(text, "价格", None);
    check_value(
        text,
        "a",
        Some("line 2, column 1 (n): `a` has fewer than 2 characters"),
    );
    check_value(
        text,
        "abcd",
        Some("line 2, column 1 (n): `abcd` has more than 3 characters"),
    );
    check_value(
        text,
        "ab1",
        Some("line 2, column 1 (n): `ab1` does not fit the column's pattern"),
    );
}

#[test]
fn checks_days_and_times() {
    let day = "{name: n, logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy, minimum: 01/06/2024}}";
    check_value(day, "02/06/2024", None);
    check_value(
        day,
        "31/05/2024",
        Some("line 2, column 1 (n): `31/05/2024` is below 01/06/2024"),
    );
    check_value(
        day,
        "2024-06-02",
        Some("line 2, column 1 (n): `2024-06-02` is no time of the contract's format"),
    );
    let plain = "{name: n, logicalType: timestamp}";
    for good in [
        "2024-06-02",
        "2024-06-02 10:00:00",
        "2024-06-02T10:00:00.5Z",
        "2024-06-02T10:00:00+02:00",
    ] {
        check_value(plain, good, None);
    }
    check_value(
        plain,
        "2024-13-02",
        Some("line 2, column 1 (n): `2024-13-02` is no time of the contract's format"),
    );
    check_value("{name: n, logicalType: time}", "23:59", None);
    check_value(
        "{name: n, logicalType: time}",
        "24:00",
        Some("line 2, column 1 (n): `24:00` is no time of day"),
    );
}

#[test]
fn checks_enumerations_in_the_words_of_both_versions() {
    for quality in [
        "[{type: library, rule: validValues, validValues: [a, b]}]",
        "[{metric: invalidValues, arguments: {validValues: [a, b]}, mustBe: 0}]",
    ] {
        let column = format!("{{name: n, logicalType: string, quality: {quality}}}");
        check_value(&column, "a", None);
        check_value(
            &column,
            "c",
            Some("line 2, column 1 (n): `c` is none of the values that the contract allows"),
        );
    }
    let required = "{name: n, logicalType: string, quality: [{metric: nullValues, mustBe: 0}]}";
    check_value(
        required,
        "",
        Some("line 2, column 1 (n): a value is required"),
    );
}

#[test]
fn checks_known_forms() {
    let form = |name: &str| {
        format!("{{name: n, logicalType: string, logicalTypeOptions: {{format: {name}}}}}")
    };
    check_value(&form("email"), "ann@example.org", None);
    check_value(
        &form("email"),
        "ann@localhost",
        Some("line 2, column 1 (n): `ann@localhost` is no e-mail address"),
    );
    check_value(&form("uuid"), "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f", None);
    check_value(&form("ipv4"), "10.0.0.1", None);
    check_value(&form("uri"), "https://example.org/a?b", None);
    check_value(
        &form("hostname"),
        "-a.org",
        Some("line 2, column 1 (n): `-a.org` is no name of a host"),
    );
}

#[test]
fn lists_mistakes_of_constraints_with_their_paths() {
    let mistakes = |column: &str| -> Vec<(String, &'static str)> {
        let all = contract(column).expect_err("mistakes");
        all.into_iter().map(|it| (it.field, it.reason)).collect()
    };
    let path = |name: &str| format!("schema[0].properties[0].{name}");
    assert_eq!(
        mistakes(
            "{name: n, logicalType: number, logicalTypeOptions: {minimum: 5, maximum: 4, pattern: a, multipleOf: 0}}"
        ),
        [
            (path("logicalTypeOptions.pattern"), "UNKNOWN_KEY"),
            (path("logicalTypeOptions"), "EMPTY_RANGE"),
            (path("logicalTypeOptions.multipleOf"), "OUT_OF_RANGE"),
        ]
    );
    assert_eq!(
        mistakes("{name: n, logicalType: string, logicalTypeOptions: {pattern: '(a'}}"),
        [(path("logicalTypeOptions.pattern"), "INVALID_PATTERN")]
    );
    assert_eq!(
        mistakes(
            "{name: n, logicalType: string, logicalTypeOptions: {pattern: '((a{100}){100}){100}'}}"
        ),
        [(path("logicalTypeOptions.pattern"), "TOO_LARGE")]
    );
    assert_eq!(
        mistakes("{name: n, logicalType: string, unique: true}"),
        [("schema".to_owned(), "UNSUPPORTED")]
    );
    assert_eq!(
        mistakes("{name: n, logicalType: string, quality: [{type: sql, query: 'SELECT 1'}]}"),
        [(path("quality[0]"), "UNSUPPORTED")]
    );
    assert_eq!(
        mistakes("{name: n, logicalType: string, classification: personal/shoe_size}"),
        [(path("classification"), "UNKNOWN_CLASS")]
    );
}
