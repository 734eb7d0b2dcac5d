use serde_json::json;

use super::*;

fn envelope(call: Option<Call>) -> Envelope<'static> {
    Envelope {
        call,
        source: "web",
        currency: "GBP",
        sent_at: None,
        context: None,
        received_at: "2026-03-01T12:00:00Z".parse().unwrap(),
    }
}

fn ids(event: &Event) -> Vec<(&str, &str)> {
    event
        .identifiers
        .iter()
        .map(|it| (it.namespace.as_str(), it.value.as_str()))
        .collect()
}

fn property(event: &Event, name: &str) -> String {
    let properties = event.properties.clone().unwrap_or_default();
    match properties.fields.get(name).and_then(|it| it.kind.clone()) {
        Some(Kind::StringValue(text)) => text,
        Some(Kind::NumberValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn an_order_brings_its_value_and_items() {
    let message = json!({
        "type": "track", "event": "Order Completed", "messageId": "m1", "userId": 17, "anonymousId": "a",
        "timestamp": "2026-03-01T11:00:00.250Z",
        "context": {"ip": "10.1.2.3", "traits": {"email": "Ann@Example.org"}, "library": {"name": "python", "version": "2"},
            "device": {"id": "d1", "advertisingId": "x", "name": "Ann's phone"}},
        "properties": {"order_id": "o1", "revenue": 25.1, "total": 27.5, "currency": "eur", "products": [
            {"product_id": "p1", "name": "Lamp", "category": "home/light", "price": "10.05", "quantity": 2, "brand": "Acme"},
            {"sku": "s2", "price": 5}]}
    });

    let event = event(&message, &envelope(None)).unwrap();

    assert_eq!(
        (event.r#type.as_str(), event.message_id.as_str()),
        ("Order Completed", "m1")
    );
    assert_eq!(
        ids(&event),
        [
            ("customer_id", "17"),
            ("anonymous_id", "a"),
            ("email", "Ann@Example.org"),
            ("device_id", "d1")
        ]
    );
    let value = event.value.clone().unwrap();
    assert_eq!(
        (value.currency_code.as_str(), value.minor_units),
        ("EUR", 2510)
    );
    assert_eq!(event.items.len(), 2);
    assert_eq!(event.items[0].quantity_milli, 2000);
    assert_eq!(
        event.items[0].unit_price.as_ref().unwrap().minor_units,
        1005
    );
    assert_eq!(event.items[0].category, "home/light");
    assert_eq!(
        (
            event.items[1].product_id.as_str(),
            event.items[1].quantity_milli
        ),
        ("s2", 1000)
    );
    assert_eq!(property(&event, "order_id"), "o1");
    let written = format!("{:?}", event.properties);
    assert!(written.contains("Acme") && written.contains("python") && written.contains("total"));
    for personal in ["10.1.2.3", "Ann", "advertising"] {
        assert!(!written.contains(personal), "{written}");
    }
}

#[test]
fn a_refund_takes_away() {
    let message = json!({"event": "Order Refunded", "messageId": "m", "userId": "u", "properties": {"total": "12.345"}});
    let event = event(&message, &envelope(Some(Call::Track))).unwrap();
    assert_eq!(event.value.unwrap().minor_units, -1234);
}

#[test]
fn a_product_event_has_one_item() {
    let message = json!({"event": "Product Viewed", "messageId": "m", "userId": "u",
        "properties": {"product_id": 5, "name": "Lamp", "price": 3.5, "value": 3.5, "id": "own"}});
    let event = event(&message, &envelope(Some(Call::Track))).unwrap();
    assert!(event.value.is_none());
    assert_eq!(event.items.len(), 1);
    assert_eq!(event.items[0].product_id, "5");
    assert_eq!(event.items[0].unit_price.as_ref().unwrap().minor_units, 350);
    assert_eq!(property(&event, "id"), "own");
}

#[test]
fn traits_become_identifiers_and_properties() {
    let message = json!({"messageId": "m", "userId": "u", "traits": {"email": "a@b.c", "phone": 447700900123_i64, "plan": "gold"}});
    let event = event(&message, &envelope(Some(Call::Identify))).unwrap();
    assert_eq!(event.r#type, "Identify");
    assert_eq!(
        ids(&event),
        [
            ("customer_id", "u"),
            ("email", "a@b.c"),
            ("phone", "447700900123")
        ]
    );
    assert_eq!(property(&event, "plan"), "gold");
    assert!(!format!("{:?}", event.properties).contains("a@b.c"));
}

#[test]
fn pages_groups_and_aliases_have_their_names() {
    let page = json!({"messageId": "m", "anonymousId": "a", "name": "Home", "properties": {"url": "https://x.org/", "name": "Home"}});
    let page = event(&page, &envelope(Some(Call::Page))).unwrap();
    assert_eq!(
        (page.r#type.as_str(), property(&page, "page_name").as_str()),
        ("Page", "Home")
    );
    let group = json!({"type": "group", "messageId": "m", "userId": "u", "groupId": "g", "traits": {"email": "firm@x.org"}});
    let group = event(&group, &envelope(None)).unwrap();
    assert_eq!(
        (ids(&group).len(), property(&group, "group_id").as_str()),
        (1, "g")
    );
    let alias = json!({"type": "alias", "messageId": "m", "userId": "u", "previousId": "old"});
    let alias = event(&alias, &envelope(None)).unwrap();
    assert_eq!(ids(&alias), [("customer_id", "u"), ("anonymous_id", "old")]);
}

#[test]
fn a_wrong_clock_is_set_right() {
    let seconds = |message: Value, sent: Option<&str>| {
        let envelope = Envelope {
            sent_at: sent.map(|it| it.parse().unwrap()),
            ..envelope(Some(Call::Page))
        };
        let event = event(&message, &envelope).unwrap();
        let time = runtime::time::from_proto(&event.event_time.unwrap()).unwrap();
        (envelope.received_at - time).num_seconds()
    };
    let message = |time: Value| json!({"messageId": "m", "userId": "u", "timestamp": time});
    // An hour fast: the event came ten seconds before it was sent.
    let fast = message("2026-03-01T12:59:50Z".into());
    assert_eq!(seconds(fast, Some("2026-03-01T13:00:00Z")), 10);
    // A right clock: what the way took is nothing to correct.
    let right = message("2026-03-01T11:59:00Z".into());
    assert_eq!(seconds(right.clone(), Some("2026-03-01T11:59:58Z")), 60);
    assert_eq!(seconds(right, None), 60);
    assert_eq!(seconds(message(Value::Null), None), 0);
    assert_eq!(seconds(message(1_772_366_340_000_i64.into()), None), 60);
}

#[test]
fn everything_that_is_wrong_is_named() {
    let message = json!({"event": ["x"], "userId": {"a": 1}, "timestamp": "yesterday",
        "properties": {"revenue": "much", "products": [1, {"price": "x", "quantity": "y"}]}});
    let found = event(&message, &envelope(Some(Call::Track))).unwrap_err();
    let fields: Vec<_> = found.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "messageId",
            "event",
            "userId",
            "timestamp",
            "properties.revenue",
            "properties.products[0]",
            "properties.products[1].price",
            "properties.products[1].quantity"
        ]
    );
    assert!(event(&json!([1]), &envelope(None)).is_err());
    assert!(event(&json!({"type": "other", "messageId": "m"}), &envelope(None)).is_err());
}

#[test]
fn a_repeat_has_the_same_content() {
    let first = json!({"messageId": "m", "sentAt": "2026-03-01T12:00:00Z", "event": "E"});
    let again = json!({"messageId": "m", "sentAt": "2026-03-01T12:00:09Z", "event": "E"});
    let other = json!({"messageId": "m", "event": "F"});
    assert_eq!(content(&first), content(&again));
    assert_ne!(content(&first), content(&other));
}
