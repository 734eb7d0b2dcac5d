use super::super::parse;
use crate::domain::record::Record;
use crate::domain::rules::check;
use crate::domain::{Violation, constraints, reading};

fn contract(rules: &str) -> Result<super::super::Contract, Vec<Violation>> {
    parse(&format!(
        r#"
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {{name: price, logicalType: number}}
      - {{name: discount, logicalType: number}}
      - {{name: code, logicalType: string}}
      - {{name: 客户 ID, logicalType: string, classification: personal}}
      - {{name: ordered, logicalType: date}}
      - {{name: shipped, logicalType: date}}
      - {{name: gift, logicalType: boolean}}
customProperties:
  - property: clientele
    value:
      file: {{format: csv}}
      time: {{column: ordered, zone: Europe/London}}
      identifiers: {{customer_id: 客户 ID}}
      types: Order Completed
      rules: {rules}
"#
    ))
}

fn broken(rule: &str, cells: &[&str; 7]) -> Vec<String> {
    let contract = contract(rule).expect("contract");
    let positions: Vec<usize> = (0..7).collect();
    let mut record = reading::row(&contract, &positions, cells, 2).expect("record");
    constraints::check(&contract, &mut record);
    assert_eq!(record.violations, []);
    check(&contract, &mut record);
    record.violations.into_iter().map(|it| it.field).collect()
}

const ROW: [&str; 7] = [
    "0.3",
    "0.1",
    "AB-1",
    "c1",
    "2024-05-31",
    "2024-06-03",
    "yes",
];

#[track_caller]
fn holds(must: &str) {
    let rule = format!("[{{name: r, must: '{}'}}]", must.replace('\'', "''"));
    assert_eq!(broken(&rule, &ROW), [""; 0], "{must}");
    // A rule that holds is broken when it is turned round.
    let rule = format!("[{{name: r, must: '!({})'}}]", must.replace('\'', "''"));
    assert!(!broken(&rule, &ROW).is_empty(), "!({must})");
}

#[test]
fn computes_exactly() {
    holds("price == 0.1 + 0.2");
    holds("price - discount == discount * 2");
    holds("price / discount == 3");
    holds("price % 0.2 == 0.1");
    holds("-discount < 0 && math.abs(-price) == price");
    holds("math.least(price, discount, 7) == discount && math.greatest(price, 1) == 1");
    holds("price / 3 > 0.09999 && price / 3 <= 0.1");
    holds("(discount > 0 ? price : 0) == price");
}

#[test]
fn tests_texts_times_and_flags() {
    holds(r#"code.startsWith("AB") && code.endsWith("1") && code.contains("-")"#);
    holds(r#"code.matches("^[A-Z]+-[0-9]$") && size(code) == 4"#);
    holds(r#"code in ["X", "AB-1"] && !(code in ["X"])"#);
    holds(r#"code.lowerAscii() == "ab-1" && "c" + "1" == record["客户 ID"]"#);
    holds(r#"shipped >= ordered && shipped - ordered <= duration("72h")"#);
    holds(
        r#"ordered >= timestamp("2024-05-31") && ordered.getMonth() == 4 && ordered.getDate() == 31"#,
    );
    holds("ordered.getDayOfWeek() == 5 && gift");
}

#[test]
fn lets_missing_values_break_nothing() {
    let mut row = ROW;
    row[1] = "";
    for rule in ["price > 100 * discount", "!(discount > 0)", "discount > 0"] {
        let rule = format!("[{{name: r, must: '{rule}'}}]");
        assert_eq!(broken(&rule, &row), [""; 0], "{rule}");
    }
    // What does not rest on the missing value still counts.
    assert_eq!(
        broken("[{name: r, must: 'discount > 0 && price > 1'}]", &row),
        ["price", "discount"]
    );
    assert_eq!(
        broken("[{name: r, must: 'discount > 0 || price < 1'}]", &row),
        [""; 0]
    );
    for presence in ["discount != null", "has(record.discount)"] {
        let rule = format!("[{{name: r, must: '{presence}'}}]");
        assert_eq!(broken(&rule, &row), ["discount"], "{presence}");
        assert_eq!(broken(&rule, &ROW), [""; 0], "{presence}");
    }
    assert_eq!(
        broken(
            "[{name: r, when: 'discount == null', must: 'price > 1'}]",
            &row
        ),
        ["price"]
    );
}

#[test]
fn breaks_what_cannot_be_computed() {
    let rule = "[{name: r, must: 'price / (discount - 0.1) > 0'}]";
    assert_eq!(broken(rule, &ROW), ["price", "discount"]);
    let settled = "[{name: r, must: 'discount == 0.1 || price / (discount - 0.1) > 0'}]";
    assert_eq!(broken(settled, &ROW), [""; 0]);
}

#[test]
fn marks_what_it_only_flags() {
    let contract = contract("[{name: dear, must: price < 0.2, action: flag}]").expect("contract");
    let positions: Vec<usize> = (0..7).collect();
    let mut record = reading::row(&contract, &positions, &ROW, 2).expect("record");
    constraints::check(&contract, &mut record);
    check(&contract, &mut record);
    assert_eq!(record.violations, []);
    assert_eq!(record.marks, ["dear"]);
    assert_eq!(record.corrections.len(), 1);
    assert_eq!(record.corrections[0].method, "rule");
}

#[test]
fn says_where_a_mistake_stands() {
    let mistake = |must: &str| {
        let rule = format!("[{{name: r, must: '{}'}}]", must.replace('\'', "''"));
        let all = contract(&rule).expect_err("mistake");
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0].field, "customProperties[0].value.rules[0].must");
        (all[0].reason, all[0].description.clone())
    };
    let (reason, text) = mistake("price > 0 && colour == 1");
    assert_eq!(reason, "UNKNOWN_COLUMN");
    assert!(text.starts_with("at character 14: "), "{text}");
    assert_eq!(
        mistake("price > code"),
        (
            "WRONG_TYPE",
            "at character 7: a number cannot be compared with a text".to_owned()
        )
    );
    let (_, text) = mistake(r#"code == "客户" && colour == 1"#);
    assert!(text.starts_with("at character 17: "), "{text}");
    assert_eq!(mistake("price").0, "WRONG_TYPE");
    assert_eq!(mistake("price >").0, "INVALID_EXPRESSION");
    assert_eq!(mistake("frob(price) > 1").0, "UNKNOWN_FUNCTION");
    assert_eq!(mistake(r#"code.matches("(")"#).0, "INVALID_PATTERN");
    assert_eq!(mistake("[1].all(x, x > 0)").0, "UNSUPPORTED");
    assert_eq!(mistake(r#"code in [1, 2]"#).0, "WRONG_TYPE");
    assert_eq!(mistake(r#"record["客户"] == "a""#).0, "UNKNOWN_COLUMN");
    assert_eq!(
        mistake(&format!("{}price{} > 1", "(".repeat(200), ")".repeat(200))).0,
        "INVALID_EXPRESSION"
    );
    assert_eq!(mistake(&"price > 1 && ".repeat(200)).0, "TOO_LONG");
}

#[test]
fn refuses_rules_without_sense() {
    let reasons = |rules: &str| -> Vec<&'static str> {
        let all = contract(rules).expect_err("mistakes");
        all.into_iter().map(|it| it.reason).collect()
    };
    assert_eq!(reasons("[{must: 'price > 1'}]"), ["MISSING"]);
    assert_eq!(
        reasons("[{name: 'a b', must: 'price > 1'}]"),
        ["INVALID_NAME"]
    );
    assert_eq!(reasons("[{name: a, must: 'true'}]"), ["INVALID_RULE"]);
    assert_eq!(
        reasons("[{name: a, must: price > 1}, {name: a, must: price > 2, action: drop}]"),
        ["UNSUPPORTED", "DUPLICATE"]
    );
}

#[test]
fn says_nothing_personal() {
    let rule = r#"[{name: r, must: 'record["客户 ID"].startsWith("x")'}]"#;
    let contract = contract(rule).expect("contract");
    let positions: Vec<usize> = (0..7).collect();
    let mut record: Record<'_> = reading::row(&contract, &positions, &ROW, 2).expect("record");
    check(&contract, &mut record);
    assert_eq!(record.violations.len(), 1);
    assert!(!record.violations[0].description.contains("c1"));
}
