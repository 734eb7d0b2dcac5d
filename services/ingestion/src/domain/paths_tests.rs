use super::*;
use crate::domain::contract::parse;
use crate::domain::keys::Keys;
use crate::domain::mapping::Mapper;
use api::common::{Event, Identifier};

const CONTRACT: &str = r#"
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: value, logicalType: number, logicalTypeOptions: {maximum: 1000}}
      - {name: identifiers.email, logicalType: string, classification: personal/email}
      - {name: "items[0].unit_price", logicalType: number}
      - {name: properties.rating, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 5}}
      - {name: "properties.reviews[1].text", logicalType: string, required: true}
customProperties:
  - property: clientele
    value:
      file: {format: events}
      currency: EUR
"#;

fn text(value: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.into())),
    }
}

fn structure<const N: usize>(fields: [(&str, Value); N]) -> Struct {
    Struct {
        fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn event(value: i64, rating: f64) -> Event {
    let review = |words| Value {
        kind: Some(Kind::StructValue(structure([("text", text(words))]))),
    };
    let reviews = Value {
        kind: Some(Kind::ListValue(prost_types::ListValue {
            values: vec![review("bad"), review("good")],
        })),
    };
    let rating = Value {
        kind: Some(Kind::NumberValue(rating)),
    };
    Event {
        message_id: "m1".into(),
        source: "shop".into(),
        r#type: "Order Completed".into(),
        identifiers: vec![Identifier {
            namespace: "email".into(),
            value: "ann@example.org".into(),
        }],
        value: Some(Money {
            currency_code: "EUR".into(),
            minor_units: value,
        }),
        properties: Some(structure([("rating", rating), ("reviews", reviews)])),
        ..Event::default()
    }
}

fn keys() -> Keys {
    Keys::new(runtime::identity::IdentityKey::from_bytes([7; 32]))
}

#[test]
fn reads_columns_out_of_an_event() {
    let contract = parse(CONTRACT).expect("contract");
    let draft = Draft::from_event(event(12_345, 4.0), &keys());
    let record = read(&contract, &draft);
    let texts: Vec<_> = record.cells.iter().map(Cell::text).collect();
    assert_eq!(
        texts,
        [
            Some("123.45"),
            Some("ann@example.org"),
            None,
            Some("4"),
            Some("good")
        ]
    );
}

#[test]
fn checks_events_by_their_contract() {
    let contract = parse(CONTRACT).expect("contract");
    let keys = keys();
    let mapper = Mapper::of_sent(&contract, "shop", &keys);
    let draft = mapper.event(event(123_456_78, 6.0), Vec::new());
    let told: Vec<_> = draft
        .violations
        .iter()
        .map(|it| it.description.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "an event needs a time",
            "value: `123456.78` is above 1000",
            "properties.rating: `6` is above 5",
        ]
    );
}

#[test]
fn writes_back_what_changed() {
    let contract = parse(CONTRACT).expect("contract");
    let mut draft = Draft::from_event(event(12_345, 4.0), &keys());
    let changes = vec![
        (0, Some("20.5".to_owned())),
        (1, Some("bob@example.org".to_owned())),
        (3, Some("5".to_owned())),
        (4, Some("fine".to_owned())),
    ];
    draft.violations.clear();
    write(&contract, changes, &mut draft);
    assert_eq!(draft.violations, []);
    let record = read(&contract, &draft);
    let texts: Vec<_> = record.cells.iter().map(Cell::text).collect();
    assert_eq!(
        texts,
        [
            Some("20.50"),
            Some("bob@example.org"),
            None,
            Some("5"),
            Some("fine")
        ]
    );
    write(&contract, vec![(1, None), (3, None)], &mut draft);
    assert!(draft.identifiers.is_empty());
    let properties = draft.properties.as_ref().expect("properties");
    assert!(!properties.fields.contains_key("rating"));
    write(&contract, vec![(2, Some("1".to_owned()))], &mut draft);
    assert_eq!(draft.violations[0].reason, "INVALID_VALUE");
}
