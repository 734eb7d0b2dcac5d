use api::common::Money;

use super::*;
use crate::domain::contract;

const ONLINE_RETAIL: &str = include_str!("../../../../tests/contracts/online_retail.yaml");

fn keys() -> Keys {
    Keys::new(runtime::identity::IdentityKey::from_bytes([7; 32]))
}

fn drafts(contract: &str, rows: &[&[&str]]) -> Vec<Draft> {
    let contract = contract::parse(contract).expect("contract");
    let keys = keys();
    let mapper = Mapper::new(
        &contract,
        "shop",
        &keys,
        (0..contract.columns.len()).collect(),
    );
    let mut seen = Occurrences::default();
    rows.iter()
        .zip(2..)
        .map(|(row, line)| mapper.draft(row, line, &mut seen))
        .collect()
}

const LINE: &[&str] = &[
    "536365",
    "85123A",
    "HEART",
    "6",
    "2010-12-01 08:26:00",
    "2.55",
    "17850",
    "United Kingdom",
];
const CANCELLED: &[&str] = &[
    "C536379",
    "D",
    "Discount",
    "-1",
    "2010-12-01 09:41:00",
    "27.50",
    "14527",
    "United Kingdom",
];

#[test]
fn maps_an_order_line() {
    let draft = drafts(ONLINE_RETAIL, &[LINE]).remove(0);
    assert_eq!(draft.violations, []);
    assert_eq!(draft.kind, "Order Completed");
    assert_eq!(
        draft.value,
        Some(Money {
            currency_code: "GBP".into(),
            minor_units: 1530
        })
    );
    assert_eq!(
        draft.identifiers,
        [Identifier {
            namespace: "customer_id".into(),
            value: "17850".into()
        }]
    );
    assert_eq!(draft.items[0].quantity_milli, 6000);
    assert_eq!(
        draft.items[0]
            .unit_price
            .as_ref()
            .map(|price| price.minor_units),
        Some(255)
    );
    assert_eq!(draft.properties.map(|all| all.fields.len()), Some(2));
    assert_eq!(
        draft.event_time.map(|time| time.to_rfc3339()),
        Some("2010-12-01T08:26:00+00:00".into())
    );
}

#[test]
fn tells_cancellations_and_repeats() {
    let all = drafts(ONLINE_RETAIL, &[LINE, CANCELLED, LINE]);
    assert_eq!(all[1].kind, "Order Refunded");
    assert_eq!(all[1].marks, ["cancellation"]);
    assert_eq!(
        all[1].value.as_ref().map(|value| value.minor_units),
        Some(-2750)
    );
    assert_eq!(all[2].marks, ["repeat"]);
    assert_ne!(all[0].message_id, all[2].message_id);
    assert_eq!(all[0].content, all[2].content);
}

#[test]
fn gives_a_re_sorted_file_the_same_message_ids() {
    let ids = |rows: &[&[&str]]| {
        let mut ids: Vec<_> = drafts(ONLINE_RETAIL, rows)
            .into_iter()
            .map(|draft| draft.message_id)
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&[LINE, CANCELLED, LINE]), ids(&[LINE, LINE, CANCELLED]));
}

#[test]
fn names_line_and_column_of_everything_that_is_wrong() {
    let row = [
        "536365",
        "",
        "HEART",
        "six",
        "2010-02-30 08:26:00",
        "2.55",
        "",
        "France",
    ];
    let draft = drafts(ONLINE_RETAIL, &[&row]).remove(0);
    let told: Vec<_> = draft
        .violations
        .iter()
        .map(|violation| violation.description.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "line 2, column 2 (StockCode): a value is required",
            "line 2, column 4 (Quantity): `six` is no number",
            "line 2, column 5 (InvoiceDate): `2010-02-30 08:26:00` is no time of the contract's format",
        ]
    );
    let short = drafts(ONLINE_RETAIL, &[&["536365", "x"]]).remove(0);
    assert_eq!(
        short.violations[0].description,
        "line 2: the row has 2 cells, 8 are expected"
    );
}

#[test]
fn never_repeats_personal_values() {
    let contract = ONLINE_RETAIL.replace(
        "name: CustomerID\n        logicalType: string",
        "name: CustomerID\n        logicalType: integer",
    );
    let mut row = LINE.to_vec();
    row[6] = "ann@example.org";
    let draft = drafts(&contract, &[&row]).remove(0);
    assert_eq!(
        draft.violations[0].description,
        "line 2, column 7 (CustomerID): the value is no number"
    );
}
