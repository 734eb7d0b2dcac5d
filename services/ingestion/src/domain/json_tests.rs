use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let fault = parse(text).expect_err("a fault");
    assert_eq!(fault.to_string(), expected, "{text}");
}

#[test]
fn keeps_numbers_as_they_are_written() {
    let value = parse(r#"{"id":12345678901234567890123,"v":0.10000000000000000001,"x":1e400}"#);
    let value = value.expect("JSON");
    assert_eq!(
        value.get("id").map(Json::cell).as_deref(),
        Some("12345678901234567890123")
    );
    assert_eq!(
        value.get("v").map(Json::cell).as_deref(),
        Some("0.10000000000000000001")
    );
    assert_eq!(value.to_value(), Err("1e400".to_owned()));
}

#[test]
fn refuses_what_others_let_pass() {
    check(
        r#"{"a":1,"b":2,"a":3}"#,
        "the field `a` is there twice at position 17",
    );
    let many: String = (0..40).map(|n| format!("\"f{n}\":0,")).collect();
    check(
        &format!("{{{many}\"f7\":1}}"),
        "the field `f7` is there twice at position 316",
    );
    check(
        r#"{"a":{"b":1,"\u0062":2}}"#,
        "the field `b` is there twice at position 21",
    );
    check(
        &"[".repeat(100),
        "nested deeper than 32 levels at position 33",
    );
    check(r#"{"a":NaN}"#, "not JSON at position 6");
    check(
        r#"{"a":-Infinity}"#,
        "not JSON: a digit is expected at position 7",
    );
    check(
        r#"{"a":01}"#,
        "not JSON: a comma or an end is expected at position 7",
    );
    check(
        r#""\ud800""#,
        "half of a surrogate pair stands alone at position 8",
    );
    check(
        r#""\udc00\ud800""#,
        "half of a surrogate pair stands alone at position 8",
    );
    check(
        "{\"a\":\"\n\"}",
        "not JSON: a control character stands in a text at position 7",
    );
    check(
        "{} x",
        "not JSON: something follows the value at position 4",
    );
    check("", "not JSON: it ends too early at position 1");
}

#[test]
fn reads_surrogate_pairs_and_escapes() {
    let value = parse(r#"["\ud83d\ude00\n\"\/","客户"]"#).expect("JSON");
    assert_eq!(
        value,
        Json::List(vec![
            Json::Text("😀\n\"/".into()),
            Json::Text("客户".into())
        ])
    );
    assert_eq!(value.cell(), "[\"😀\\n\\\"/\",\"客户\"]");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_the_library_writes(value in any_json()) {
        let text = value.to_string();
        prop_assert_eq!(parse(&text).expect("JSON").to_value(), Ok(value));
    }

    /// Whatever this reader takes, the library takes too.
    #[test]
    fn takes_nothing_that_is_no_json(text in r#"[\[\]{}",:0-9eE.+a-z\\ -]{0,24}"#) {
        if let Ok(value) = parse(&text)
            && value.to_value().is_ok()
        {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
