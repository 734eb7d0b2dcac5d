use serde_json::json;

use super::super::node::{Mistakes, Node};
use super::*;

fn defaults() -> Defaults {
    Defaults {
        zone: Tz::Asia__Shanghai,
        currency: "CNY".to_owned(),
    }
}

fn read_as(
    value: &serde_json::Value,
    logical_type: LogicalType,
) -> Result<Form, Vec<(String, &'static str)>> {
    let mistakes = Mistakes::default();
    let column = Column {
        name: "c".to_owned(),
        logical_type,
        ..Column::default()
    };
    let read = read(&Node::root(value, &mistakes), &column, &defaults());
    let mistakes = mistakes.into_vec();
    match read {
        Some(standard) if mistakes.is_empty() => Ok(standard.form),
        _ => Err(mistakes
            .into_iter()
            .map(|it| (it.field, it.reason))
            .collect()),
    }
}

#[track_caller]
fn becomes(value: serde_json::Value, logical_type: LogicalType, raw: &str, expected: &str) {
    let form = read_as(&value, logical_type).expect("form");
    assert_eq!(form.cell(raw).expect("value").value, expected);
}

#[test]
fn reads_every_form() {
    let text = LogicalType::Text;
    becomes(json!("email"), text, "Ana@Example.com", "ana@example.com");
    becomes(
        json!({"as": "phone", "region": "CN"}),
        text,
        "138 1234 5678",
        "+8613812345678",
    );
    becomes(
        json!({"as": "date", "order": "dmy"}),
        LogicalType::Date,
        "03/04/2026",
        "2026-04-03",
    );
    becomes(
        json!("timestamp"),
        LogicalType::Timestamp,
        "2026-01-31 10:30",
        "2026-01-31T02:30:00Z",
    );
    becomes(
        json!({"as": "timestamp", "zone": "UTC", "numbers": "excel_1900"}),
        LogicalType::Timestamp,
        "46053.5",
        "2026-01-31T12:00:00Z",
    );
    becomes(json!("money"), LogicalType::Number, "¥1,234.50", "1234.50");
    becomes(
        json!({"as": "money", "currency": "EUR"}),
        LogicalType::Number,
        "1.234,50 €",
        "1234.50",
    );
    becomes(
        json!({"as": "number", "mark": "comma"}),
        LogicalType::Number,
        "1.234",
        "1234",
    );
    becomes(
        json!({"as": "unit", "to": "kg"}),
        LogicalType::Number,
        "3斤",
        "1.5",
    );
    becomes(
        json!({"as": "region_cn", "to": "macro_region"}),
        text,
        "江苏省南京市",
        "华东",
    );
    becomes(json!("boolean"), LogicalType::Boolean, "是", "true");
    becomes(
        json!({"as": "enum", "synonyms": {"female": ["F", "女"], "male": "M"}}),
        text,
        "Ｆ",
        "female",
    );
    becomes(
        json!({"as": "enum", "synonyms": {"a": []}, "unknown": {"become": "other"}}),
        text,
        "b",
        "other",
    );
    becomes(json!({"as": "text", "case": "upper"}), text, " ａ ", "A");
}

#[test]
fn says_what_is_wrong() {
    for (value, path, reason) in [
        (json!({"region": "CN"}), "as", "MISSING"),
        (json!("telephone"), "", "UNSUPPORTED"),
        (
            json!({"as": "phone", "region": "China"}),
            "region",
            "INVALID_REGION",
        ),
        (
            json!({"as": "date", "order": "dym"}),
            "order",
            "UNSUPPORTED",
        ),
        (
            json!({"as": "date", "zone": "Peking"}),
            "zone",
            "INVALID_ZONE",
        ),
        (json!({"as": "unit", "to": "stone"}), "to", "UNKNOWN_UNIT"),
        (
            json!({"as": "unit", "to": "kg", "bare": "m"}),
            "bare",
            "WRONG_TYPE",
        ),
        (json!({"as": "unit"}), "to", "MISSING"),
        (
            json!({"as": "money", "currency": "yuan"}),
            "currency",
            "INVALID_CURRENCY",
        ),
        (
            json!({"as": "enum", "synonyms": {"a": ["x"], "b": ["X"]}}),
            "synonyms",
            "DUPLICATE",
        ),
        (
            json!({"as": "email", "domain": "keep"}),
            "domain",
            "UNKNOWN_KEY",
        ),
    ] {
        let mistakes = read_as(&value, LogicalType::Text).expect_err("mistake");
        assert_eq!(mistakes, [(path.to_owned(), reason)], "{value}");
    }
    let mistakes = read_as(&json!("phone"), LogicalType::Number).expect_err("mistake");
    assert_eq!(mistakes, [(String::new(), "WRONG_TYPE")]);
}
