//! What makes a draft too malformed to keep.

use api::common::Item;
use prost::Message;

use super::{is_source_name, limits};
use crate::domain::Violation;
use crate::domain::draft::{Draft, MESSAGE_ID_BYTES_MAX};

/// Lists what makes a draft too malformed to keep.
pub(super) fn malformed(draft: &Draft) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut fail =
        |field: &str, reason, text: String| found.push(Violation::new(field, reason, text));
    match draft.message_id.len() {
        0 => fail(
            "message_id",
            "MISSING_MESSAGE_ID",
            "an event needs a message id".into(),
        ),
        // A database may refuse such characters, and with them everything that shares the commit.
        1..=MESSAGE_ID_BYTES_MAX if draft.message_id.contains(char::is_control) => {
            fail(
                "message_id",
                "INVALID_MESSAGE_ID",
                "a message id has no control characters".into(),
            );
        }
        1..=MESSAGE_ID_BYTES_MAX => {}
        _ => fail(
            "message_id",
            "TOO_LONG",
            format!("a message id has at most {MESSAGE_ID_BYTES_MAX} bytes"),
        ),
    }
    if !is_source_name(&draft.source) {
        fail(
            "source",
            "INVALID_SOURCE",
            "a source is 1 to 64 bytes of a-z, 0-9, _ and -".into(),
        );
    }
    if draft.kind.len() > limits::NAME_BYTES_MAX {
        fail(
            "type",
            "TOO_LONG",
            format!("a type has at most {} bytes", limits::NAME_BYTES_MAX),
        );
    }
    if draft.identifiers.len() > limits::IDENTIFIERS_MAX {
        fail(
            "identifiers",
            "TOO_MANY",
            format!(
                "an event has at most {} identifiers",
                limits::IDENTIFIERS_MAX
            ),
        );
    }
    for (index, identifier) in draft
        .identifiers
        .iter()
        .enumerate()
        .take(limits::IDENTIFIERS_MAX)
    {
        if identifier.value.len() > limits::IDENTIFIER_BYTES_MAX {
            let text = format!(
                "an identifier has at most {} bytes",
                limits::IDENTIFIER_BYTES_MAX
            );
            fail(&format!("identifiers[{index}].value"), "TOO_LONG", text);
        }
        if identifier.namespace.len() > limits::NAME_BYTES_MAX {
            let text = format!("a namespace has at most {} bytes", limits::NAME_BYTES_MAX);
            fail(&format!("identifiers[{index}].namespace"), "TOO_LONG", text);
        }
    }
    if draft.items.len() > limits::ITEMS_MAX {
        fail(
            "items",
            "TOO_MANY",
            format!("an event has at most {} items", limits::ITEMS_MAX),
        );
    }
    for (index, item) in draft.items.iter().enumerate().take(limits::ITEMS_MAX) {
        check_item(index, item, &mut fail);
    }
    if draft
        .properties
        .as_ref()
        .is_some_and(|properties| properties.encoded_len() > limits::PROPERTIES_BYTES_MAX)
    {
        fail(
            "properties",
            "TOO_LARGE",
            format!(
                "properties have at most {} bytes",
                limits::PROPERTIES_BYTES_MAX
            ),
        );
    }
    let most = draft.size_max.unwrap_or(limits::EVENT_BYTES_MAX);
    if draft.size > most {
        let text = format!("an event has at most {most} bytes");
        fail("", "TOO_LARGE", text);
    }
    found
}

fn check_item(index: usize, item: &Item, fail: &mut impl FnMut(&str, &'static str, String)) {
    for (name, text, most) in [
        ("product_id", &item.product_id, 128),
        ("name", &item.name, 512),
        ("category", &item.category, 256),
    ] {
        if text.len() > most {
            fail(
                &format!("items[{index}].{name}"),
                "TOO_LONG",
                format!("at most {most} bytes"),
            );
        }
    }
}
