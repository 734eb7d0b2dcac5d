//! Tags the texts of an event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::common::AppliedTag;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use text::Taxonomy;

use super::contract::Contract;
use super::draft::Draft;
use super::mask::is_told;

/// Most tags of one event.
const TAGS_MAX: usize = 64;
/// Deepest nesting of properties whose texts are read.
const DEPTH_MAX: usize = 4;
/// Names of properties whose values are no text of a person's, wherever they stand.
const NO_TEXTS: &[&str] = &[
    "channel", "status", "language", "locale", "url", "currency", "priority", "sku", "type",
    "category",
];

/// The taxonomies that a tenant has in force, by id, with their versions.
#[derive(Clone, Debug, Default)]
pub struct Taxonomies(pub BTreeMap<String, (i64, Arc<Taxonomy>)>);

/// Tags the texts of a draft, before anything is taken out of them: those of the columns that the contract names, or all that
/// events of reviews, tickets and surveys say. Only the tags stay.
pub fn tag(taxonomies: &Taxonomies, contract: Option<&Contract>, draft: &mut Draft) {
    if taxonomies.0.is_empty() {
        return;
    }
    let mut found = BTreeSet::new();
    let named = contract.filter(|it| it.columns.iter().any(|column| column.tags.is_some()));
    match (named, &draft.cells) {
        (Some(contract), Some(cells)) => {
            for (column, value) in contract.columns.iter().zip(cells.iter()) {
                if let (Some(tagging), Some(value)) = (&column.tags, value) {
                    add(taxonomies, &tagging.taxonomies, value, &mut found);
                }
            }
        }
        _ if is_told(&draft.kind) => {
            if let Some(properties) = &draft.properties {
                each_text(properties, 1, &mut |text| {
                    add(taxonomies, &[], text, &mut found);
                });
            }
        }
        _ => {}
    }
    let applied = |(tag, taxonomy)| AppliedTag { tag, taxonomy };
    draft.tags = found.into_iter().take(TAGS_MAX).map(applied).collect();
}

/// Adds the tags of a text by the named taxonomies, by all when none is named.
fn add(
    taxonomies: &Taxonomies,
    named: &[String],
    text: &str,
    found: &mut BTreeSet<(String, String)>,
) {
    for (id, (version, taxonomy)) in &taxonomies.0 {
        if named.is_empty() || named.contains(id) {
            for tagged in taxonomy.find(text) {
                found.insert((tagged.tag.to_owned(), format!("{id}@{version}")));
            }
        }
    }
}

/// Calls `read` for every text of the properties.
fn each_text(fields: &Struct, depth: usize, read: &mut impl FnMut(&str)) {
    for (name, value) in &fields.fields {
        let code = name.ends_with("_id") || NO_TEXTS.contains(&name.as_str());
        if !code {
            each_text_of(value, depth, read);
        }
    }
}

fn each_text_of(value: &Value, depth: usize, read: &mut impl FnMut(&str)) {
    match &value.kind {
        Some(Kind::StringValue(text)) => read(text),
        Some(Kind::ListValue(list)) if depth < DEPTH_MAX => {
            for value in &list.values {
                each_text_of(value, depth + 1, read);
            }
        }
        Some(Kind::StructValue(inner)) if depth < DEPTH_MAX => each_text(inner, depth + 1, read),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taxonomies() -> Taxonomies {
        let parse = |yaml: &str| Arc::new(Taxonomy::parse(yaml).expect("taxonomy"));
        Taxonomies(BTreeMap::from([
            (
                "service".to_owned(),
                (
                    3,
                    parse("tags: [{tag: logistics/slow, synonyms: [slow, 物流慢]}]"),
                ),
            ),
            (
                "mood".to_owned(),
                (1, parse("tags: [{tag: angry, synonyms: [terrible, slow]}]")),
            ),
        ]))
    }

    fn tags(kind: &str, pairs: &[(&str, &str)]) -> Vec<String> {
        let fields = pairs.iter().map(|(name, text)| {
            let kind = Some(Kind::StringValue((*text).to_owned()));
            ((*name).to_owned(), Value { kind })
        });
        let mut draft = Draft {
            kind: kind.to_owned(),
            properties: Some(Struct {
                fields: fields.collect(),
            }),
            ..Draft::default()
        };
        tag(&taxonomies(), None, &mut draft);
        let told = |it: &AppliedTag| format!("{} {}", it.tag, it.taxonomy);
        draft.tags.iter().map(told).collect()
    }

    #[test]
    fn tags_what_people_write() {
        let slow = ["angry mood@1", "logistics/slow service@3"];
        assert_eq!(
            tags("Review Posted", &[("text", "slow"), ("title", "Slow!")]),
            slow
        );
        assert_eq!(tags("ticket opened", &[("备注", "物流慢")]), slow[1..]);
        assert!(tags("Order Completed", &[("text", "slow")]).is_empty());
        assert!(tags("Review Posted", &[("channel", "slow")]).is_empty());
    }
}
