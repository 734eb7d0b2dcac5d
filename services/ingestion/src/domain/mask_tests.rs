use api::common::{Identifier, Item};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use runtime::identity::IdentityKey;

use super::*;
use crate::domain::Violation;
use crate::domain::contract::{Column, Mask};
use crate::domain::draft::Draft;
use crate::domain::keys::Keys;

fn text(value: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.into())),
    }
}

fn fields(pairs: &[(&str, Value)]) -> Struct {
    let pairs = pairs.iter();
    Struct {
        fields: pairs
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    }
}

fn struct_of(inner: Struct) -> Value {
    Value {
        kind: Some(Kind::StructValue(inner)),
    }
}

fn list_of(values: Vec<Value>) -> Value {
    Value {
        kind: Some(Kind::ListValue(ListValue { values })),
    }
}

fn keys() -> Keys {
    Keys::new(IdentityKey::from_bytes([7; 32]))
}

fn mask(policies: &Policies, draft: &mut Draft) -> bool {
    let (keys, event_id) = (keys(), [1; 16]);
    let masker = Masker {
        keys: &keys,
        tenant: "acme",
        policies,
        event_id: &event_id,
    };
    masker.draft(draft)
}

/// Masks properties and returns them, with whether they were shallow.
fn masked(policies: &Policies, properties: Struct) -> (bool, Struct) {
    let mut draft = Draft {
        properties: Some(properties),
        ..Draft::default()
    };
    let shallow = mask(policies, &mut draft);
    (shallow, draft.properties.unwrap_or_default())
}

fn value(properties: &Struct, name: &str) -> String {
    match &properties.fields[name].kind {
        Some(Kind::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn takes_personal_fields_out_at_every_level() {
    let inner = struct_of(fields(&[
        ("First Name", text("Ann")),
        ("colour", text("red")),
    ]));
    let properties = fields(&[
        ("E-Mail", text("a@b.c")),
        ("address", inner.clone()),
        ("gift", inner.clone()),
        ("all", list_of(vec![inner])),
    ]);
    let (shallow, properties) = masked(&Policies::default(), properties);
    assert!(shallow);
    let written = format!("{properties:?}");
    assert!(written.contains("hash:") && written.contains("red"));
    assert!(!written.contains("a@b.c") && !written.contains("Ann") && !written.contains("address"));
}

#[test]
fn follows_the_contract_where_it_speaks() {
    let mut policies = Policies::default();
    policies.set("name", Policy::Keep);
    policies.set("nickname", Policy::Drop);
    let properties = fields(&[("name", text("Home page")), ("nickname", text("Bob"))]);
    let (_, properties) = masked(&policies, properties);
    assert_eq!(properties, fields(&[("name", text("Home page"))]));
}

#[test]
fn masks_in_every_way() {
    let mut policies = Policies::default();
    for (name, policy) in [
        ("phone", "partial"),
        ("card", "token"),
        ("pin", "token"),
        ("passport", "encrypt"),
        ("login", "hash"),
        ("remarks", "text"),
    ] {
        policies.set(name, Policy::parse(policy).unwrap());
    }
    let key: vault::KeyId = "k9".parse().unwrap();
    policies.set("lost", Policy::Hash(Some(key)));
    policies.set("first", Policy::Hash(Some(vault::KeyId::FIRST)));
    let properties = fields(&[
        ("phone", text("13812345678")),
        ("card", text("4111 1111 1111 1111")),
        ("pin", text("1234")),
        ("passport", text("E12345678")),
        ("login", text("ann")),
        ("remarks", text("call +44 7700 900123")),
        ("lost", text("x")),
        ("first", text("x")),
    ]);
    let (_, masked) = masked(&policies, properties);
    assert_eq!(value(&masked, "phone"), "138****5678");
    let token = value(&masked, "card");
    assert!(token.len() == 19 && token != "4111 1111 1111 1111");
    // Too few values look like it.
    assert!(value(&masked, "pin").starts_with("hash:"));
    assert!(value(&masked, "first").starts_with("hash:k0:"));
    assert_eq!(value(&masked, "remarks"), "call [phone]");
    assert!(!masked.fields.contains_key("lost"));
    let ring = &keys().masking().ring;
    let sealed = value(&masked, "passport");
    let opened = ring.open(("acme", "passport"), &sealed).unwrap();
    assert_eq!(opened.as_str(), "E12345678");
    let back = ring.untoken(vault::KeyId::FIRST, ("acme", "card"), &token);
    assert_eq!(back.unwrap(), "4111 1111 1111 1111");
}

#[test]
fn searches_texts_but_leaves_codes_alone() {
    let properties = fields(&[
        ("channel", text("web, 13812345678, ann@example.com")),
        ("order_id", text("13812345678")),
        ("user_id", text("13812345678")),
        ("buyerPhone", text("13812345678")),
        (
            "has_phone",
            Value {
                kind: Some(Kind::BoolValue(true)),
            },
        ),
        ("store", text("Dr Martens, 12 Baker Street")),
        ("comment", text("Dr Martens, 12 Baker Street")),
        ("tags", list_of(vec![text("a"), text("ann@example.com")])),
        ("ann@example.com", text("x")),
        (
            "paid",
            Value {
                kind: Some(Kind::NumberValue(4_111_111_111_111_111.0)),
            },
        ),
    ]);
    let (_, masked) = masked(&Policies::default(), properties);
    assert_eq!(value(&masked, "channel"), "web, [phone], [email]");
    assert_eq!(value(&masked, "order_id"), "13812345678");
    assert_eq!(value(&masked, "user_id"), "[phone]");
    assert!(value(&masked, "buyerPhone").starts_with("hash:"));
    assert_eq!(masked.fields["has_phone"].kind, Some(Kind::BoolValue(true)));
    assert_eq!(value(&masked, "store"), "Dr Martens, 12 Baker Street");
    assert_eq!(value(&masked, "comment"), "Dr [name], [address]");
    assert_eq!(value(&masked, "paid"), "[card]");
    assert!(!format!("{masked:?}").contains("ann@"));
}

#[test]
fn searches_everything_that_people_write_and_all_that_is_told_of_it() {
    let mut draft = Draft {
        kind: "Review Posted".into(),
        properties: Some(fields(&[("store", text("王小明先生"))])),
        items: vec![Item {
            name: "Shirt for ann@example.com".into(),
            ..Item::default()
        }],
        identifiers: vec![Identifier {
            namespace: "ann@example.com".into(),
            value: "7".into(),
        }],
        violations: vec![Violation::new("x", "X", "`13812345678` is no number")],
        ..Draft::default()
    };
    mask(&Policies::default(), &mut draft);
    let written = format!("{draft:?}");
    for secret in ["王小明", "ann@example.com", "13812345678"] {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
}

#[test]
fn masks_nothing_twice_and_searches_cells() {
    let mut policies = Policies::default();
    policies.set("login", Policy::Hash(None));
    policies.set("card", Policy::Token(None));
    let properties = fields(&[("login", text("ann")), ("card", text("4111111111111111"))]);
    let (_, once) = masked(&policies, properties);
    let mut kept = Draft {
        properties: Some(once.clone()),
        kept: true,
        ..Draft::default()
    };
    mask(&policies, &mut kept);
    let again = kept.properties.unwrap();
    assert_eq!(value(&again, "login"), value(&once, "login"));
    assert!(value(&again, "card").starts_with("hash:"));

    let (keys, event_id) = (keys(), [1; 16]);
    let masker = Masker {
        keys: &keys,
        tenant: "acme",
        policies: &policies,
        event_id: &event_id,
    };
    let mut column = Column {
        name: "x".into(),
        ..Column::default()
    };
    assert_eq!(masker.searched(&column, "to 13812345678"), "to [phone]");
    column.mask = Some(Mask {
        policy: Policy::Keep,
    });
    assert_eq!(masker.searched(&column, "to 13812345678"), "to 13812345678");
}

#[test]
fn tells_when_it_is_too_deep() {
    let mut properties = fields(&[("leaf", text("x"))]);
    for _ in 0..DEPTH_MAX {
        properties = fields(&[("in", struct_of(properties))]);
    }
    assert!(!masked(&Policies::default(), properties).0);
}

#[test]
fn leaves_nothing_personal_behind_what_is_too_deep() {
    let mut deep = fields(&[("email", text("a@b.c"))]);
    let mut list = list_of(vec![text("a@b.c")]);
    for _ in 0..DEPTH_MAX {
        deep = fields(&[("in", struct_of(deep))]);
        list = list_of(vec![list]);
    }
    let beside = struct_of(fields(&[("email", text("a@b.c"))]));
    let properties = fields(&[
        ("all", list_of(vec![struct_of(deep), list, beside.clone()])),
        ("z", beside),
    ]);
    let (shallow, properties) = masked(&Policies::default(), properties);
    assert!(!shallow);
    let written = format!("{properties:?}");
    assert!(
        !written.contains("a@b.c") && written.contains("hash:"),
        "{written}"
    );
}
