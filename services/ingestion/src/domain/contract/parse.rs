//! Reads a contract and lists every mistake in it.

use std::sync::Arc;

use serde_json::Value;

use super::node::{Mistakes, Node};
use super::standardise::Defaults;
use super::{
    Column, Contract, Format, TimeRule, alerts, dependencies, duplicates, masking, path,
    references, rules, schema, sections, shape, sla, weights,
};
use crate::domain::Violation;
use crate::domain::decimal::currency_decimals;
use crate::domain::mask::Policies;
use crate::domain::observe::Watch;

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
    "standardise",
    "clean",
    "mask",
    "tags",
    "duplicates",
    "dependencies",
    "rules",
    "alerts",
    "weights",
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
        Some(contract) if mistakes.is_empty() => Ok(Contract {
            digest: *blake3::hash(yaml.as_bytes()).as_bytes(),
            ..contract
        }),
        _ if mistakes.is_empty() => {
            Err(vec![Violation::new("", "MISSING", "the contract is empty")])
        }
        _ => Err(mistakes),
    }
}

fn read(root: &Node<'_>) -> Option<Contract> {
    let (id, name, version) = head(root)?;
    let mapping = mapping(root)?;
    mapping.only(MAPPING_KEYS);
    let zone = references::zone(&mapping);
    let file = shape::file(&mapping);
    let events = file.format == Format::Events;
    // Events need no schema; where there is one, its columns are paths in the event.
    let (mut columns, primary_key) = match events && root.get("schema").is_none() {
        true => (Vec::new(), Vec::new()),
        false => schema::columns(root, zone),
    };
    let (time, delay) = references::time(&mapping, &columns, zone, events);
    share_formats(&time, &mut columns);
    let currency = mapping.get("currency");
    let currency = currency.and_then(|node| references::currency(&node));
    let currency = currency.unwrap_or_default();
    let defaults = Defaults {
        zone,
        currency: currency.clone(),
    };
    sections::of_columns(&mapping, &mut columns, &defaults);
    let decimals = mapping
        .get("currencyDecimals")
        .and_then(|node| shape::small_number(&node, 6));
    let value = mapping
        .get("value")
        .and_then(|node| shape::expression(&node, &columns));
    let items = mapping
        .get("items")
        .and_then(|node| shape::items(&node, &columns));
    let prices = items.as_ref().is_some_and(|it| it.unit_price.is_some());
    if currency.is_empty() && (value.is_some() || prices) {
        mapping.wrong("MISSING", "amounts need a `currency`");
    }
    let (identifiers, types) = match events {
        true => (Vec::new(), Vec::new()),
        false => (
            references::identifiers(&mapping, &columns),
            shape::types(&mapping, &columns),
        ),
    };
    let section = |name: &str| mapping.get(name);
    let weights = weights::read(section("weights").as_ref(), &columns);
    let dependencies = section("dependencies")
        .map(|node| dependencies::read(&node, &columns))
        .unwrap_or_default();
    let rules = section("rules")
        .map(|node| rules::read(&node, &columns, zone))
        .unwrap_or_default();
    let settled = dependencies.iter().map(|it| it.to);
    let related: Vec<usize> = rules
        .iter()
        .flat_map(|rule| rule.columns.iter().copied())
        .chain(settled)
        .collect();
    let key = references::key(&mapping, &columns, primary_key);
    let near = section("duplicates").and_then(|node| duplicates::read(&node, &columns));
    references::check_unique(root, &columns, &key, near.as_ref());
    let mut watch = Watch::of_columns(&columns, &weights.may_be_missing, &related);
    watch.dependencies = dependencies.iter().map(|it| it.id.clone()).collect();
    let mut contract = Contract {
        digest: [0; 32],
        id,
        name,
        version,
        time,
        zone,
        delay,
        currency_decimals: decimals.unwrap_or_else(|| currency_decimals(&currency)),
        currency,
        identifiers,
        key,
        types,
        value,
        items,
        properties: references::properties(&mapping, &columns),
        policies: Policies::default(),
        dependencies,
        rules,
        freshness: sla::freshness(root),
        duplicates: near,
        alerts: alerts::read(section("alerts").as_ref(), &columns),
        weights,
        watch: Arc::new(watch),
        paths: match events {
            true => path::of_columns(root, &columns),
            false => Vec::new(),
        },
        file,
        columns,
    };
    contract.policies = masking::policies(&mapping, &contract);
    Some(contract)
}

/// Reads what a contract is called; `None` only when it is no document at all.
fn head(root: &Node<'_>) -> Option<(String, String, String)> {
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
    let needed = |name: &str| root.need(name).and_then(|node| node.text());
    let id = needed("id").unwrap_or_default();
    let version = needed("version").unwrap_or_default();
    let name = root.get("name").and_then(|node| node.text());
    Some((id.clone(), name.unwrap_or(id), version))
}

/// Gives the column that tells the time of an event the formats of the time rule, so that its values are read once.
fn share_formats(time: &TimeRule, columns: &mut [Column]) {
    let TimeRule::Column { column, formats } = time else {
        return;
    };
    if let Some(column) = columns.get_mut(*column)
        && !formats.is_empty()
    {
        column.constraints.formats = formats.clone();
    }
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

#[cfg(test)]
mod tests {
    use super::super::KeyRule;
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
    fn reads_every_contract_of_the_tests() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/contracts");
        let mut read = 0;
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            let text = std::fs::read_to_string(&path).expect("text");
            let mistakes = parse(&text).err();
            assert_eq!(mistakes, None, "{}", path.display());
            read += 1;
        }
        assert!(read > 10);
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
