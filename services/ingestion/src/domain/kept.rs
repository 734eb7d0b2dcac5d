//! Records as quarantine keeps them: how they get there, how they are corrected, how they become drafts again.

use std::collections::BTreeMap;

use api::common::{Event, Identifier, Money};
use chrono::TimeDelta;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde::{Deserialize, Serialize};

use super::Violation;
use super::contract::{Column, Contract, IdentifierSource, LogicalType, Path};
use super::decimal::Decimal;
use super::draft::{Draft, HASHED, hashed_fragment};
use super::keys::{Hash, Keys, hex};
use super::mask::Masker;

/// A cell as quarantine keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeptCell {
    /// There was no value.
    Missing,
    /// The value as the source wrote it.
    Text(String),
    /// A personal value, masked.
    Masked {
        /// What is left of it; `hash:` and its fragment for an identifier.
        masked: String,
    },
    /// All values of the last column of a ragged row.
    List(Vec<String>),
}

/// Cells of a record by column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCells(pub BTreeMap<String, KeptCell>);

impl KeptCells {
    /// Returns the cells as they are stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads stored cells.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the cells as a message for callers.
    pub fn to_struct(&self) -> Struct {
        let text = |text: &str| Value {
            kind: Some(Kind::StringValue(text.to_owned())),
        };
        let value = |cell: &KeptCell| match cell {
            KeptCell::Missing => Value {
                kind: Some(Kind::NullValue(0)),
            },
            KeptCell::Text(it) | KeptCell::Masked { masked: it } => text(it),
            KeptCell::List(values) => Value {
                kind: Some(Kind::ListValue(prost_types::ListValue {
                    values: values.iter().map(|it| text(it)).collect(),
                })),
            },
        };
        Struct {
            fields: self
                .0
                .iter()
                .map(|(name, cell)| (name.clone(), value(cell)))
                .collect(),
        }
    }
}

/// Returns the cells of a draft as quarantine keeps them: what names a person is hashed, under the namespace and in the form in
/// which it is an identifier where it is one, so that a replay finds the same customer without the clear value; personal data
/// are taken out of the texts of all others. `None` when the draft has no cells.
pub fn cells(contract: &Contract, draft: &Draft, masker: &Masker<'_>) -> Option<KeptCells> {
    let cells = draft.cells.as_ref()?;
    let masked = |name: &str, value: &str| KeptCell::Masked {
        masked: match hashed_fragment(value) {
            Some(_) if draft.kept => value.to_owned(),
            _ => format!(
                "{HASHED}{}",
                hex(&masker.keys.fragment(masker.tenant, name, value))
            ),
        },
    };
    let one = |(index, (column, value)): (usize, (&Column, Option<&str>))| {
        let cell = match value {
            None => KeptCell::Missing,
            Some(value) => match namespace(contract, index) {
                Some(namespace) => {
                    let mut all = draft.identifiers.iter();
                    let form = all.find(|it| it.namespace == namespace);
                    masked(namespace, form.map_or(value, |it| it.value.as_str()))
                }
                None if column.personal || column.mask.is_some_and(|it| it.policy.hides()) => {
                    masked(&column.name, value)
                }
                None if column.logical_type == LogicalType::Array => KeptCell::List(
                    value
                        .split('\n')
                        .map(|it| masker.searched(column, it))
                        .collect(),
                ),
                None => KeptCell::Text(masker.searched(column, value)),
            },
        };
        (column.name.clone(), cell)
    };
    let columns = contract.columns.iter().zip(cells.iter());
    Some(KeptCells(columns.enumerate().map(one).collect()))
}

/// Returns the namespace of the identifier that a column is.
fn namespace(contract: &Contract, index: usize) -> Option<&str> {
    if let Some(Path::Identifier(namespace)) = contract.paths.get(index) {
        return Some(namespace);
    }
    let mut all = contract.identifiers.iter();
    all.find(|(_, source)| *source == IdentifierSource::Column(index))
        .map(|(namespace, _)| namespace.as_str())
}

/// Facts that a record keeps through quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Source.
    pub source: &'a str,
    /// Message id that it came with.
    pub message_id: &'a str,
    /// Content that it came with: what a repeat is known by.
    pub content: Hash,
    /// For history, how long after the event it could be known.
    pub history: Option<TimeDelta>,
    /// Marks of the contract.
    pub marks: &'a [String],
}

/// Makes a draft of an event that quarantine kept.
pub fn draft(event: Event, identity: &Identity<'_>, keys: &Keys) -> Draft {
    let mut draft = Draft::from_event(event, keys);
    draft.source = identity.source.to_owned();
    draft.message_id = identity.message_id.to_owned();
    draft.content = identity.content;
    draft.history_delay = identity.history;
    draft.marks = identity
        .marks
        .iter()
        .filter(|mark| *mark != "missing_identifier")
        .cloned()
        .collect();
    draft.kept = true;
    draft
}

/// Sets parts of an event, each by its path; an empty text takes the part away. Identifiers are hashed at once: `hash`
/// returns the fragment of a namespace and value. Fails with every path that cannot be set.
pub fn correct(
    event: &mut Event,
    values: &BTreeMap<String, String>,
    hash: &dyn Fn(&str, &str) -> Hash,
) -> Result<(), Vec<Violation>> {
    let mut found = Vec::new();
    for (path, text) in values {
        if let Err((reason, problem)) = set(event, path, text, hash) {
            found.push(Violation::new(format!("values[{path}]"), reason, problem));
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(found),
    }
}

type Wrong = (&'static str, &'static str);
const UNKNOWN: Wrong = (
    "UNKNOWN_PATH",
    "a path is type, event_time, identifiers.NAMESPACE, value.minor_units, value.currency_code, items[N].FIELD or \
     properties.NAME",
);
const NO_NUMBER: Wrong = ("INVALID_NUMBER", "the text is no whole number in range");

fn set(
    event: &mut Event,
    path: &str,
    text: &str,
    hash: &dyn Fn(&str, &str) -> Hash,
) -> Result<(), Wrong> {
    if let Some(namespace) = path.strip_prefix("identifiers.") {
        event.identifiers.retain(|it| it.namespace != namespace);
        if !text.trim().is_empty() {
            event.identifiers.push(Identifier {
                namespace: namespace.to_owned(),
                value: format!("{HASHED}{}", hex(&hash(namespace, text))),
            });
        }
        return Ok(());
    }
    if let Some(name) = path.strip_prefix("properties.") {
        return set_property(event, name, text);
    }
    if let Some(rest) = path.strip_prefix("items[") {
        return set_item(event, rest, text);
    }
    match path {
        "type" => event.r#type = text.to_owned(),
        "event_time" => {
            event.event_time = match text {
                "" => None,
                text => {
                    let time = chrono::DateTime::parse_from_rfc3339(text.trim());
                    let problem = (
                        "INVALID_TIME",
                        "a time is written as RFC 3339, for example 2026-02-01T12:00:00Z",
                    );
                    Some(runtime::time::to_proto(time.map_err(|_| problem)?.to_utc()))
                }
            }
        }
        "value" if text.is_empty() => event.value = None,
        "value.minor_units" | "value.currency_code" => {
            set_money(&mut event.value, path.trim_start_matches("value."), text)?
        }
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

fn set_money(money: &mut Option<Money>, field: &str, text: &str) -> Result<(), Wrong> {
    let money = money.get_or_insert_with(Money::default);
    match field {
        "minor_units" => money.minor_units = text.trim().parse().map_err(|_| NO_NUMBER)?,
        _ => money.currency_code = text.trim().to_owned(),
    }
    Ok(())
}

fn set_item(event: &mut Event, rest: &str, text: &str) -> Result<(), Wrong> {
    let (index, field) = rest.split_once("].").ok_or(UNKNOWN)?;
    let item = index
        .parse::<usize>()
        .ok()
        .and_then(|index| event.items.get_mut(index))
        .ok_or(("UNKNOWN_PATH", "the event has no such item"))?;
    match field {
        "product_id" => item.product_id = text.to_owned(),
        "name" => item.name = text.to_owned(),
        "category" => item.category = text.to_owned(),
        "quantity_milli" => item.quantity_milli = text.trim().parse().map_err(|_| NO_NUMBER)?,
        "unit_price" if text.is_empty() => item.unit_price = None,
        "unit_price.minor_units" | "unit_price.currency_code" => set_money(
            &mut item.unit_price,
            field.trim_start_matches("unit_price."),
            text,
        )?,
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

/// Sets a property at the top. It keeps the type that it has; a new one is a number where its text is that of a number.
fn set_property(event: &mut Event, name: &str, text: &str) -> Result<(), Wrong> {
    if name.is_empty() || name.len() > 256 {
        return Err(("UNKNOWN_PATH", "a property has a name of 1 to 256 bytes"));
    }
    let fields = &mut event.properties.get_or_insert_with(Struct::default).fields;
    if text.is_empty() {
        fields.remove(name);
        return Ok(());
    }
    let number = || Decimal::parse(text.trim()).map(|it| Kind::NumberValue(it.to_f64()));
    let kind = match fields.get(name).and_then(|it| it.kind.as_ref()) {
        Some(Kind::StringValue(_)) => Kind::StringValue(text.to_owned()),
        Some(Kind::NumberValue(_)) => {
            number().ok_or(("INVALID_NUMBER", "the property is a number"))?
        }
        Some(Kind::BoolValue(_)) => match text.trim() {
            "true" => Kind::BoolValue(true),
            "false" => Kind::BoolValue(false),
            _ => return Err(("INVALID_FLAG", "the property is true or false")),
        },
        Some(Kind::StructValue(_) | Kind::ListValue(_)) => {
            return Err(("UNKNOWN_PATH", "the property is no text, number or flag"));
        }
        Some(Kind::NullValue(_)) | None => {
            number().unwrap_or_else(|| Kind::StringValue(text.to_owned()))
        }
    };
    fields.insert(name.to_owned(), Value { kind: Some(kind) });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            r#type: "Order Completed".into(),
            identifiers: vec![Identifier {
                namespace: "email".into(),
                value: "hash:00".into(),
            }],
            items: vec![Default::default()],
            properties: Some(Struct {
                fields: [
                    ("rating", Kind::NumberValue(7.0)),
                    ("note", Kind::StringValue("5".into())),
                ]
                .map(|(name, kind)| (name.to_owned(), Value { kind: Some(kind) }))
                .into(),
            }),
            ..Event::default()
        }
    }

    fn corrected(values: &[(&str, &str)]) -> Result<Event, Vec<Violation>> {
        let mut event = event();
        let values = values
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        correct(&mut event, &values, &|_, value| [value.len() as u8; 16])?;
        Ok(event)
    }

    #[test]
    fn sets_parts_by_their_paths() {
        let event = corrected(&[
            ("type", "Order Refunded"),
            ("event_time", "2026-02-01T12:00:00+01:00"),
            ("identifiers.customer_id", "ann"),
            ("identifiers.email", ""),
            ("value.minor_units", "-250"),
            ("value.currency_code", "GBP"),
            ("items[0].quantity_milli", "2000"),
            ("items[0].unit_price.minor_units", "9"),
            ("properties.rating", "8"),
            ("properties.note", "6"),
            ("properties.fresh", "1.5"),
        ])
        .unwrap();

        assert_eq!(event.r#type, "Order Refunded");
        assert_eq!(event.event_time.unwrap().seconds, 1_769_943_600);
        assert_eq!(event.identifiers.len(), 1);
        assert_eq!(
            event.identifiers[0].value,
            format!("hash:{}", "03".repeat(16))
        );
        assert_eq!(event.value.unwrap().minor_units, -250);
        assert_eq!(event.items[0].quantity_milli, 2000);
        let fields = event.properties.unwrap().fields;
        assert_eq!(fields["rating"].kind, Some(Kind::NumberValue(8.0)));
        assert_eq!(fields["note"].kind, Some(Kind::StringValue("6".into())));
        assert_eq!(fields["fresh"].kind, Some(Kind::NumberValue(1.5)));
    }

    #[test]
    fn names_every_path_that_cannot_be_set() {
        let found = corrected(&[
            ("event_time", "soon"),
            ("items[4].name", "x"),
            ("message_id", "m"),
            ("properties.rating", "good"),
            ("value.minor_units", "1.5"),
        ])
        .unwrap_err();
        assert_eq!(found.len(), 5, "{found:?}");
    }

    #[test]
    fn cells_survive_their_way_through_the_store() {
        let cells = KeptCells(
            [
                ("a", KeptCell::Text("1".into())),
                (
                    "b",
                    KeptCell::Masked {
                        masked: "hash:0f".into(),
                    },
                ),
                ("c", KeptCell::Missing),
                ("d", KeptCell::List(vec!["x".into(), "y".into()])),
            ]
            .map(|(name, cell)| (name.to_owned(), cell))
            .into(),
        );
        assert_eq!(KeptCells::from_json(&cells.to_json()), Some(cells.clone()));
        assert_eq!(cells.to_struct().fields.len(), 4);
    }
}
