//! Reads a contract and lists every mistake in it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use serde_json::Value;

use super::node::{Mistakes, Node};
use super::shape;
use super::{
    Column, Contract, Format, IdentifierSource, KeyRule, LogicalType, PropertySource, TimeRule,
};
use crate::domain::Violation;
use crate::domain::decimal::{currency_decimals, is_currency_code};
use crate::domain::instant::TimeFormat;
use crate::domain::mask::{Policies, Policy};

/// Name of the custom property that holds the mapping to events.
const MAPPING: &str = "clientele";
/// Keys of the standard at the top of a contract.
const STANDARD_KEYS: &[&str] = &[
    "apiVersion",
    "kind",
    "id",
    "name",
    "version",
    "status",
    "tenant",
    "domain",
    "dataProduct",
    "description",
    "schema",
    "servers",
    "support",
    "price",
    "team",
    "roles",
    "slaDefaultElement",
    "slaProperties",
    "tags",
    "authoritativeDefinitions",
    "contractCreatedTs",
    "customProperties",
];
/// Keys of the mapping.
const MAPPING_KEYS: &[&str] = &[
    "file",
    "time",
    "currency",
    "currencyDecimals",
    "identifiers",
    "key",
    "types",
    "value",
    "items",
    "properties",
    "personal",
];

/// Reads a contract from YAML. Fails with every mistake, each with its path in the document.
pub fn parse(yaml: &str) -> Result<Contract, Vec<Violation>> {
    // A column may be named `y` or `no`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let document: Value = serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let text = error.to_string();
        let first = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        vec![Violation::new(
            "",
            "INVALID_YAML",
            format!("not YAML: {first}"),
        )]
    })?;
    let mistakes = Mistakes::default();
    let contract = read(&Node::root(&document, &mistakes));
    let mistakes = mistakes.into_vec();
    match contract {
        Some(contract) if mistakes.is_empty() => Ok(contract),
        _ if mistakes.is_empty() => {
            Err(vec![Violation::new("", "MISSING", "the contract is empty")])
        }
        _ => Err(mistakes),
    }
}

fn read(root: &Node<'_>) -> Option<Contract> {
    root.only(STANDARD_KEYS);
    let api_version = root.need("apiVersion");
    if let Some(node) = &api_version
        && !node.text()?.starts_with("v3.")
    {
        node.wrong(
            "UNSUPPORTED",
            "version 3 of the Open Data Contract Standard is supported, for example `v3.0.2`",
        );
    }
    if let Some(node) = root.need("kind")
        && node.text().as_deref() != Some("DataContract")
    {
        node.wrong("WRONG_KIND", "the kind must be `DataContract`");
    }
    let id = root
        .need("id")
        .and_then(|node| node.text())
        .unwrap_or_default();
    let version = root
        .need("version")
        .and_then(|node| node.text())
        .unwrap_or_default();
    let name = root
        .get("name")
        .and_then(|node| node.text())
        .unwrap_or_else(|| id.clone());
    let mapping = mapping(root)?;
    mapping.only(MAPPING_KEYS);
    let file = shape::file(&mapping);
    let (columns, primary_key) = match file.format {
        Format::Events => (Vec::new(), Vec::new()),
        _ => columns(root),
    };
    let reader = Reader { columns: &columns };
    let (time, zone, delay) = reader.time(&mapping, file.format == Format::Events);
    let currency = mapping
        .get("currency")
        .and_then(|node| reader.currency(&node))
        .unwrap_or_default();
    let decimals = mapping
        .get("currencyDecimals")
        .and_then(|node| shape::small_number(&node, 6));
    let maps = file.format != Format::Events;
    let value = mapping
        .get("value")
        .and_then(|node| shape::expression(&node, &columns));
    let items = mapping
        .get("items")
        .and_then(|node| shape::items(&node, &columns));
    if currency.is_empty()
        && (value.is_some()
            || items
                .as_ref()
                .is_some_and(|items| items.unit_price.is_some()))
    {
        mapping.wrong("MISSING", "amounts need a `currency`");
    }
    Some(Contract {
        id,
        name,
        version,
        time,
        zone,
        delay,
        currency_decimals: decimals.unwrap_or_else(|| currency_decimals(&currency)),
        currency,
        identifiers: if maps {
            reader.identifiers(&mapping)
        } else {
            Vec::new()
        },
        key: reader.key(&mapping, primary_key),
        types: if maps {
            shape::types(&mapping, &columns)
        } else {
            Vec::new()
        },
        value,
        items,
        properties: reader.properties(&mapping),
        policies: policies(&mapping),
        file,
        columns,
    })
}

/// Finds the mapping among the custom properties.
fn mapping<'a>(root: &Node<'a>) -> Option<Node<'a>> {
    let custom = root.need("customProperties")?;
    for property in custom.list() {
        if property
            .get("property")
            .and_then(|name| name.value.as_str())
            == Some(MAPPING)
        {
            return property.need("value");
        }
    }
    custom.wrong(
        "MISSING",
        format!("one of them must be the property `{MAPPING}` with the mapping to events"),
    );
    None
}

/// Reads the columns and the primary key of the first object of the schema.
fn columns(root: &Node<'_>) -> (Vec<Column>, Vec<usize>) {
    let Some(schema) = root.need("schema") else {
        return Default::default();
    };
    let objects = schema.list();
    let [object] = objects.as_slice() else {
        schema.wrong(
            "UNSUPPORTED",
            "exactly one object is expected, the rows of the file",
        );
        return Default::default();
    };
    let Some(properties) = object.need("properties") else {
        return Default::default();
    };
    let properties = properties.list();
    let mut columns = Vec::new();
    let mut keys: Vec<(i64, usize)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, node) in properties.iter().enumerate() {
        let Some(name) = node.need("name").and_then(|name| name.text()) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            node.wrong("DUPLICATE", format!("the column `{name}` is named twice"));
        }
        let logical_type = node
            .need("logicalType")
            .map_or(LogicalType::Text, |node| logical_type(&node));
        if logical_type == LogicalType::Array && index + 1 < properties.len() {
            node.wrong("UNSUPPORTED", "only the last column can be an array");
        }
        if node.get("primaryKey").and_then(|flag| flag.flag()) == Some(true) {
            let position = node
                .get("primaryKeyPosition")
                .and_then(|position| position.value.as_i64());
            keys.push((position.unwrap_or(index as i64), index));
        }
        let classified = node.get("classification").and_then(|class| class.text());
        columns.push(Column {
            name,
            logical_type,
            required: node
                .get("required")
                .and_then(|flag| flag.flag())
                .unwrap_or(false),
            personal: classified
                .is_some_and(|class| ["personal", "restricted", "pii"].contains(&class.as_str())),
        });
    }
    if columns.is_empty() {
        object.wrong("MISSING", "at least one column is required");
    }
    keys.sort_unstable();
    (columns, keys.into_iter().map(|(_, index)| index).collect())
}

fn logical_type(node: &Node<'_>) -> LogicalType {
    match node.text().as_deref() {
        Some("string" | "date" | "timestamp" | "time") | None => LogicalType::Text,
        Some("number") => LogicalType::Number,
        Some("integer") => LogicalType::Integer,
        Some("boolean") => LogicalType::Boolean,
        Some("array") => LogicalType::Array,
        Some(_) => {
            node.wrong(
                "UNSUPPORTED",
                "use string, date, timestamp, time, number, integer, boolean or array",
            );
            LogicalType::Text
        }
    }
}

/// What becomes of personal properties.
fn policies(mapping: &Node<'_>) -> Policies {
    let mut policies = Policies::default();
    for (name, node) in mapping
        .get("personal")
        .map(|node| node.entries())
        .unwrap_or_default()
    {
        match node.text().as_deref().and_then(Policy::parse) {
            Some(policy) => policies.set(name, policy),
            None => node.wrong("INVALID_POLICY", "use `hash`, `drop` or `keep`"),
        }
    }
    policies
}

/// Reads what refers to columns.
struct Reader<'a> {
    columns: &'a [Column],
}

impl Reader<'_> {
    fn column(&self, node: &Node<'_>) -> Option<usize> {
        shape::column(node, self.columns)
    }

    fn time(&self, mapping: &Node<'_>, events: bool) -> (TimeRule, Tz, TimeDelta) {
        let nothing = TimeRule::Fixed(DateTime::UNIX_EPOCH);
        let time = if events {
            mapping.get("time")
        } else {
            mapping.need("time")
        };
        let Some(node) = time else {
            return (nothing, Tz::UTC, TimeDelta::zero());
        };
        node.only(&["column", "formats", "fixed", "zone", "delay"]);
        let zone = node.get("zone").map_or(Tz::UTC, |node| {
            node.text()
                .and_then(|name| name.parse().ok())
                .unwrap_or_else(|| {
                    node.wrong(
                        "INVALID_ZONE",
                        "an IANA time zone is expected, for example `Europe/London`",
                    );
                    Tz::UTC
                })
        });
        let delay = node
            .get("delay")
            .and_then(|node| shape::delay(&node))
            .unwrap_or_default();
        if events {
            return (nothing, zone, delay);
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
            return (read.map_or(nothing, TimeRule::Fixed), zone, delay);
        }
        let column = node
            .need("column")
            .and_then(|node| self.column(&node))
            .unwrap_or_default();
        let formats = node
            .need("formats")
            .map(|node| self.formats(&node))
            .unwrap_or_default();
        (TimeRule::Column { column, formats }, zone, delay)
    }

    fn formats(&self, node: &Node<'_>) -> Vec<TimeFormat> {
        let format = |node: &Node<'_>| {
            let format = node.text().and_then(|text| TimeFormat::parse(&text));
            if format.is_none() {
                node.wrong(
                    "INVALID_FORMAT",
                    "use unix, unix_ms, rfc3339 or a pattern such as `%Y-%m-%d %H:%M:%S`",
                );
            }
            format
        };
        node.list_or_one().iter().filter_map(format).collect()
    }

    fn currency(&self, node: &Node<'_>) -> Option<String> {
        let code = node.text()?;
        if !is_currency_code(&code) {
            node.wrong(
                "INVALID_CURRENCY",
                "an ISO 4217 code is expected, for example `GBP`",
            );
        }
        Some(code)
    }

    fn identifiers(&self, mapping: &Node<'_>) -> Vec<(String, IdentifierSource)> {
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
                _ => IdentifierSource::Column(self.column(&node)?),
            };
            Some((name.to_owned(), source))
        };
        entries.into_iter().filter_map(source).collect()
    }

    fn key(&self, mapping: &Node<'_>, primary_key: Vec<usize>) -> KeyRule {
        match mapping.get("key") {
            Some(node) if node.value.as_str() == Some("content_and_occurrence") => {
                KeyRule::ContentAndOccurrence
            }
            Some(node) => KeyRule::Columns(
                node.list_or_one()
                    .iter()
                    .filter_map(|node| self.column(node))
                    .collect(),
            ),
            None if primary_key.is_empty() => KeyRule::ContentAndOccurrence,
            None => KeyRule::Columns(primary_key),
        }
    }

    fn properties(&self, mapping: &Node<'_>) -> Vec<(String, PropertySource)> {
        let source = |(name, node): (&str, Node<'_>)| {
            let source = match node.get("text") {
                Some(text) => PropertySource::Text(text.text()?),
                None => PropertySource::Column(self.column(&node)?),
            };
            Some((name.to_owned(), source))
        };
        let entries = mapping
            .get("properties")
            .map(|node| node.entries())
            .unwrap_or_default();
        entries.into_iter().filter_map(source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../../../tests/contracts/online_retail.yaml");

    #[test]
    fn reads_a_contract() {
        let contract = parse(GOOD).expect("contract");
        assert_eq!(
            (contract.id.as_str(), contract.columns.len()),
            ("online_retail", 8)
        );
        assert_eq!(contract.zone, chrono_tz::Europe::London);
        assert_eq!(
            (contract.currency.as_str(), contract.currency_decimals),
            ("GBP", 2)
        );
        assert_eq!(contract.key, KeyRule::ContentAndOccurrence);
        assert_eq!(contract.types.len(), 2);
    }

    #[test]
    fn lists_every_mistake_with_its_path() {
        let wrong = GOOD
            .replace("kind: DataContract", "kind: Contract")
            .replace("column: InvoiceDate", "column: Date")
            .replace(
                "- type: Order Completed",
                "- {type: Order Completed, when: {column: Country}}",
            )
            .replace(
                "key: content_and_occurrence",
                "key: [StockCode, Colour]\n      colour: red",
            );
        let paths: Vec<_> = parse(&wrong)
            .expect_err("mistakes")
            .into_iter()
            .map(|it| (it.field, it.reason))
            .collect();
        let path = |field: &str| format!("customProperties[0].value.{field}");
        let expected = [
            ("kind".to_owned(), "WRONG_KIND"),
            (path("colour"), "UNKNOWN_KEY"),
            (path("time.column"), "UNKNOWN_COLUMN"),
            (path("key[1]"), "UNKNOWN_COLUMN"),
            (path("types[1].when"), "INCOMPLETE"),
        ];
        for one in expected {
            assert!(paths.contains(&one), "{one:?} is not in {paths:?}");
        }
    }

    #[test]
    fn tells_what_is_no_yaml_and_what_is_empty() {
        assert_eq!(
            parse("a: [1").expect_err("mistake")[0].reason,
            "INVALID_YAML"
        );
        assert!(!parse("").expect_err("mistake").is_empty());
        assert!(!parse("- 1").expect_err("mistake").is_empty());
    }

    #[test]
    fn takes_short_names_as_names() {
        let contract = GOOD.replace("Country", "y").replace("country: y", "no: y");
        assert_eq!(parse(&contract).expect("contract").properties.len(), 2);
    }
}
