//! What of a message's context is kept: facts on the library, the page, the app and the device, none on the person.

use serde_json::{Map, Value};

/// Longest text of the context that is kept whole, in bytes.
const TEXT_BYTES_MAX: usize = 512;
/// Fields at the top that are kept as they are.
const PLAIN: [&str; 3] = ["locale", "timezone", "userAgent"];
/// Objects of which some fields are kept.
const PARTS: [(&str, &[&str]); 9] = [
    ("library", &["name", "version"]),
    ("app", &["name", "version", "build", "namespace"]),
    (
        "campaign",
        &["name", "source", "medium", "term", "content", "id"],
    ),
    ("page", &["path", "referrer", "title", "url"]),
    ("referrer", &["type", "name", "url"]),
    ("device", &["type", "manufacturer", "model"]),
    ("os", &["name", "version"]),
    ("screen", &["width", "height", "density"]),
    ("location", &["country", "region"]),
];

/// Returns the part of a context that is kept, if there is any.
pub(super) fn kept(context: Option<&Value>) -> Option<Value> {
    let context = context?.as_object()?;
    let mut kept = Map::new();
    for name in PLAIN {
        if let Some(value) = context.get(name).and_then(plain) {
            kept.insert(name.to_owned(), value);
        }
    }
    for (name, fields) in PARTS {
        let Some(Value::Object(part)) = context.get(name) else {
            continue;
        };
        let part: Map<String, Value> = fields
            .iter()
            .filter_map(|field| Some(((*field).to_owned(), plain(part.get(*field)?)?)))
            .collect();
        if !part.is_empty() {
            // The mask takes `name` for a person's wherever it stands.
            let part = part
                .into_iter()
                .map(|(field, value)| match field.as_str() {
                    "name" => ("label".to_owned(), value),
                    _ => (field, value),
                })
                .collect();
            kept.insert(name.to_owned(), Value::Object(part));
        }
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// Returns a scalar, long texts cut.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            Some(text[..text.floor_char_boundary(TEXT_BYTES_MAX)].into())
        }
        Value::String(text) if text.is_empty() => None,
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        _ => None,
    }
}
