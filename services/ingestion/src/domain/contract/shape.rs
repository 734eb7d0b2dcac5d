//! Parts of a contract's mapping.

use chrono::TimeDelta;
use encoding_rs::Encoding;

use super::node::Node;
use super::{
    Column, Condition, Expression, FileShape, Format, ItemRule, LogicalType, Test, TypeRule,
};
use crate::domain::decimal::Decimal;

/// Reads how the file is written.
pub(super) fn file(mapping: &Node<'_>) -> FileShape {
    let plain = FileShape {
        format: Format::Ndjson,
        missing: vec![String::new()],
        trim: true,
        encoding: None,
    };
    let Some(node) = mapping.need("file") else {
        return plain;
    };
    node.only(&[
        "format",
        "delimiter",
        "header",
        "missing",
        "trim",
        "encoding",
    ]);
    let header = node
        .get("header")
        .and_then(|node| node.flag())
        .unwrap_or(true);
    let format_node = node.need("format");
    let format = match format_node.as_ref().and_then(|node| node.value.as_str()) {
        Some("csv") => delimited(&node, header),
        Some("ndjson") => Format::Ndjson,
        Some("parquet") => Format::Parquet,
        Some("events") => Format::Events,
        _ => {
            if let Some(node) = &format_node {
                node.wrong("UNSUPPORTED", "use csv, ndjson, parquet or events");
            }
            Format::Ndjson
        }
    };
    let mut missing: Vec<String> = vec![String::new()];
    if let Some(node) = node.get("missing") {
        missing.extend(node.list().iter().filter_map(Node::text));
    }
    FileShape {
        format,
        missing,
        trim: node
            .get("trim")
            .and_then(|node| node.flag())
            .unwrap_or(true),
        encoding: node.get("encoding").and_then(|node| encoding(&node)),
    }
}

/// Reads the name of a character encoding, as the WHATWG's Encoding Standard knows it.
fn encoding(node: &Node<'_>) -> Option<&'static Encoding> {
    let name = node.text()?;
    let found = Encoding::for_label(name.as_bytes()).filter(|it| *it != encoding_rs::REPLACEMENT);
    if found.is_none() {
        node.wrong(
            "UNKNOWN_ENCODING",
            "a name such as `utf-8`, `windows-1252`, `gbk`, `gb18030`, `big5` or `utf-16le` is expected",
        );
    }
    found
}

fn delimited(node: &Node<'_>, header: bool) -> Format {
    let Some(delimiter) = node.get("delimiter") else {
        return Format::Delimited {
            delimiter: b',',
            header,
        };
    };
    match delimiter.text().as_deref() {
        Some("blanks") => Format::Blanks { header },
        Some("tab") => Format::Delimited {
            delimiter: b'\t',
            header,
        },
        Some(text) if text.len() == 1 && !matches!(text.as_bytes()[0], b'"' | b'\n' | b'\r') => {
            Format::Delimited {
                delimiter: text.as_bytes()[0],
                header,
            }
        }
        _ => {
            delimiter.wrong(
                "INVALID_DELIMITER",
                "one character of ASCII, `tab` or `blanks` is expected",
            );
            Format::Delimited {
                delimiter: b',',
                header,
            }
        }
    }
}

/// Reads the name of a column, and returns its index.
pub(super) fn column(node: &Node<'_>, columns: &[Column]) -> Option<usize> {
    let name = node.text()?;
    let index = columns.iter().position(|column| column.name == name);
    if index.is_none() {
        unknown_column(node, &name);
    }
    index
}

/// Says that no column has this name.
pub(super) fn unknown_column(node: &Node<'_>, name: &str) {
    node.wrong(
        "UNKNOWN_COLUMN",
        format!("the schema has no column `{name}`"),
    );
}

/// Reads a whole number from 0 to `most`.
pub(super) fn small_number(node: &Node<'_>, most: u32) -> Option<u32> {
    let number = node
        .value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number <= most);
    if number.is_none() {
        node.wrong(
            "OUT_OF_RANGE",
            format!("a whole number from 0 to {most} is expected"),
        );
    }
    number
}

/// Reads a length of time: a whole number with the unit `s`, `m`, `h` or `d`.
pub(super) fn delay(node: &Node<'_>) -> Option<TimeDelta> {
    let text = node.text()?;
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let read = text[..at]
        .parse::<i64>()
        .ok()
        .and_then(|number| match &text[at..] {
            "s" => TimeDelta::try_seconds(number),
            "m" => TimeDelta::try_minutes(number),
            "h" => TimeDelta::try_hours(number),
            "d" => TimeDelta::try_days(number),
            _ => None,
        });
    let read = read.filter(|delay| *delay <= TimeDelta::days(3660));
    if read.is_none() {
        node.wrong(
            "INVALID_DELAY",
            "a length of time such as `15m`, `2h` or `1d` is expected, at most ten years",
        );
    }
    read
}

/// Reads an expression over number columns.
pub(super) fn expression(node: &Node<'_>, columns: &[Column]) -> Option<Expression> {
    let text = node.text()?;
    let index = |name: &str| columns.iter().position(|column| column.name == name);
    match Expression::parse(&text, index) {
        Ok(expression) => {
            let number = |index: &usize| {
                matches!(
                    columns[*index].logical_type,
                    LogicalType::Number | LogicalType::Integer
                )
            };
            for column in expression.columns().filter(|index| !number(index)) {
                node.wrong(
                    "WRONG_TYPE",
                    format!("the column `{}` is not a number", columns[column].name),
                );
            }
            Some(expression)
        }
        Err(problem) => {
            node.wrong("INVALID_EXPRESSION", problem);
            None
        }
    }
}

/// Reads the items of a row.
pub(super) fn items(node: &Node<'_>, columns: &[Column]) -> Option<ItemRule> {
    node.only(&["productId", "name", "category", "quantity", "unitPrice"]);
    let product_id = node
        .need("productId")
        .and_then(|node| column(&node, columns));
    let name = node.get("name").and_then(|node| column(&node, columns));
    let category = node
        .get("category")
        .map(|node| node.list_or_one())
        .unwrap_or_default();
    let category = category
        .iter()
        .filter_map(|node| column(node, columns))
        .collect();
    let quantity = node
        .get("quantity")
        .and_then(|node| expression(&node, columns));
    let unit_price = node
        .get("unitPrice")
        .and_then(|node| expression(&node, columns));
    Some(ItemRule {
        product_id: product_id?,
        name,
        category,
        quantity,
        unit_price,
    })
}

/// Reads the event types; the last must apply always, so that every row has one.
pub(super) fn types(mapping: &Node<'_>, columns: &[Column]) -> Vec<TypeRule> {
    let Some(node) = mapping.need("types") else {
        return Vec::new();
    };
    let nodes = node.list_or_one();
    let mut rules = Vec::new();
    for rule in &nodes {
        if let Some(kind) = rule.value.as_str() {
            rules.push(TypeRule {
                when: None,
                kind: kind.to_owned(),
                mark: None,
            });
            continue;
        }
        rule.only(&["when", "type", "mark"]);
        let Some(kind) = rule.need("type").and_then(|node| node.text()) else {
            continue;
        };
        if kind.is_empty() || kind.len() > crate::domain::judge::limits::NAME_BYTES_MAX {
            rule.wrong("INVALID_TYPE", "an event type has 1 to 64 bytes");
        }
        let mark = rule.get("mark").and_then(|node| node.text());
        let when = rule.get("when").and_then(|node| condition(&node, columns));
        rules.push(TypeRule { when, kind, mark });
    }
    let open = rules.iter().position(|rule| rule.when.is_none());
    if !nodes.is_empty() && rules.len() == nodes.len() && open != Some(rules.len() - 1) {
        node.wrong(
            "INCOMPLETE",
            "the last type, and only it, must stand without `when`",
        );
    }
    if nodes.is_empty() {
        node.wrong("MISSING", "at least one event type is required");
    }
    rules
}

fn condition(node: &Node<'_>, columns: &[Column]) -> Option<Condition> {
    node.only(&[
        "column",
        "equals",
        "oneOf",
        "startsWith",
        "below",
        "above",
        "present",
    ]);
    let column = node.need("column").and_then(|node| column(&node, columns));
    let mut tests = Vec::new();
    for (name, value) in node.entries() {
        let test = match name {
            "equals" => value.text().map(|text| Test::Among(vec![text])),
            "oneOf" => Some(Test::Among(
                value.list().iter().filter_map(Node::text).collect(),
            )),
            "startsWith" => value.text().map(Test::StartsWith),
            "below" => number(&value).map(Test::Below),
            "above" => number(&value).map(Test::Above),
            "present" => value.flag().map(Test::Present),
            _ => None,
        };
        tests.extend(test);
    }
    if tests.len() != 1 {
        node.wrong(
            "INCOMPLETE",
            "exactly one of equals, oneOf, startsWith, below, above and present is expected",
        );
    }
    Some(Condition {
        column: column?,
        test: tests.into_iter().next()?,
    })
}

fn number(node: &Node<'_>) -> Option<Decimal> {
    let number = node.text().and_then(|text| Decimal::parse(&text));
    if number.is_none() {
        node.wrong("WRONG_TYPE", "a number is expected here");
    }
    number
}
