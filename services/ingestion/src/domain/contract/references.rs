//! Parts of the mapping that refer to columns: time, identifiers, key, properties.

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;

use super::node::Node;
use super::{
    Column, Duplicates, IdentifierSource, KeyRule, LogicalType, PropertySource, TimeRule,
    constraints, shape,
};
use crate::domain::decimal::is_currency_code;
use crate::domain::instant::TimeFormat;

/// Reads the zone of local times, a part of the mapping's `time`.
pub(super) fn zone(mapping: &Node<'_>) -> Tz {
    let Some(node) = mapping.get("time").and_then(|node| node.get("zone")) else {
        return Tz::UTC;
    };
    let named = node.text().and_then(|name| name.parse().ok());
    named.unwrap_or_else(|| {
        node.wrong(
            "INVALID_ZONE",
            "an IANA time zone is expected, for example `Europe/London`",
        );
        Tz::UTC
    })
}

/// Reads when events happened and how long after that they could be known.
pub(super) fn time(
    mapping: &Node<'_>,
    columns: &[Column],
    zone: Tz,
    events: bool,
) -> (TimeRule, TimeDelta) {
    let nothing = TimeRule::Fixed(DateTime::UNIX_EPOCH);
    let time = if events {
        mapping.get("time")
    } else {
        mapping.need("time")
    };
    let Some(node) = time else {
        return (nothing, TimeDelta::zero());
    };
    node.only(&["column", "formats", "fixed", "zone", "delay"]);
    let delay = node
        .get("delay")
        .and_then(|node| shape::delay(&node))
        .unwrap_or_default();
    if events {
        return (nothing, delay);
    }
    if let Some(fixed) = node.get("fixed") {
        let format = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]
            .into_iter()
            .filter_map(TimeFormat::parse);
        let text = fixed.text().unwrap_or_default();
        let read = format
            .into_iter()
            .find_map(|format| format.read(&text, zone));
        if read.is_none() {
            fixed.wrong(
                "INVALID_TIME",
                "a local time such as `2010-12-01 08:26:00` or a day is expected",
            );
        }
        return (read.map_or(nothing, TimeRule::Fixed), delay);
    }
    let column = node
        .need("column")
        .and_then(|node| shape::column(&node, columns));
    // A column of times may tell itself how they are written; otherwise they are written as ISO 8601 does, also where
    // they are brought to a standard form first.
    let typed = |index: usize| {
        let logical_type = columns[index].logical_type;
        matches!(logical_type, LogicalType::Date | LogicalType::Timestamp)
    };
    let name = column.map(|index| columns[index].name.as_str());
    let standard = mapping.get("standardise");
    let standard = standard.and_then(|section| section.get(name?));
    let told = standard.is_some() || column.is_some_and(typed);
    let formats = match node.get("formats") {
        None if told => None,
        _ => node.need("formats"),
    };
    let rule = TimeRule::Column {
        column: column.unwrap_or_default(),
        formats: formats
            .map(|node| constraints::formats(&node))
            .unwrap_or_default(),
    };
    (rule, delay)
}

/// Reads a code of ISO 4217.
pub(super) fn currency(node: &Node<'_>) -> Option<String> {
    let code = node.text()?;
    if !is_currency_code(&code) {
        node.wrong(
            "INVALID_CURRENCY",
            "an ISO 4217 code is expected, for example `GBP`",
        );
    }
    Some(code)
}

/// Reads where the identifiers stand.
pub(super) fn identifiers(
    mapping: &Node<'_>,
    columns: &[Column],
) -> Vec<(String, IdentifierSource)> {
    let Some(node) = mapping.need("identifiers") else {
        return Vec::new();
    };
    let entries = node.entries();
    if entries.is_empty() {
        node.wrong("MISSING", "at least one identifier is required");
    }
    let source = |(name, node): (&str, Node<'_>)| {
        let source = match node.value.as_str() {
            Some("$row") => IdentifierSource::RowKey,
            _ => IdentifierSource::Column(shape::column(&node, columns)?),
        };
        Some((name.to_owned(), source))
    };
    entries.into_iter().filter_map(source).collect()
}

/// Reads what makes a record the same as an earlier one.
pub(super) fn key(mapping: &Node<'_>, columns: &[Column], primary_key: Vec<usize>) -> KeyRule {
    match mapping.get("key") {
        Some(node) if node.value.as_str() == Some("content_and_occurrence") => {
            KeyRule::ContentAndOccurrence
        }
        Some(node) => KeyRule::Columns(
            node.list_or_one()
                .iter()
                .filter_map(|node| shape::column(node, columns))
                .collect(),
        ),
        None if primary_key.is_empty() => KeyRule::ContentAndOccurrence,
        None => KeyRule::Columns(primary_key),
    }
}

/// Says which columns cannot be held unique: records are told apart by their key, and near duplicates by theirs.
pub(super) fn check_unique(
    root: &Node<'_>,
    columns: &[Column],
    key: &KeyRule,
    near: Option<&Duplicates>,
) {
    for (index, column) in columns.iter().enumerate().filter(|(_, it)| it.unique) {
        let is_key = *key == KeyRule::Columns(vec![index]);
        if !is_key && near.is_none_or(|near| near.key != [index]) {
            let text = format!(
                "`{}` cannot be held unique as it stands: make it the primary key, or name it in `duplicates`",
                column.name
            );
            let schema = root.get("schema");
            schema.as_ref().unwrap_or(root).wrong("UNSUPPORTED", text);
        }
    }
}

/// Reads where the properties stand.
pub(super) fn properties(mapping: &Node<'_>, columns: &[Column]) -> Vec<(String, PropertySource)> {
    let source = |(name, node): (&str, Node<'_>)| {
        let source = match node.get("text") {
            Some(text) => PropertySource::Text(text.text()?),
            None => PropertySource::Column(shape::column(&node, columns)?),
        };
        Some((name.to_owned(), source))
    };
    let entries = mapping
        .get("properties")
        .map(|node| node.entries())
        .unwrap_or_default();
    entries.into_iter().filter_map(source).collect()
}
