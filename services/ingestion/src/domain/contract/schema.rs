//! Reads the standard's `schema`: the columns with their types and constraints.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::constraints;
use super::node::Node;
use super::{Column, LogicalType, class};

/// Reads the columns and the primary key of the first object of the schema.
pub(super) fn columns(root: &Node<'_>, zone: Tz) -> (Vec<Column>, Vec<usize>) {
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
        let column = column(node, name, zone);
        if column.logical_type == LogicalType::Array && index + 1 < properties.len() {
            node.wrong("UNSUPPORTED", "only the last column can be an array");
        }
        if node.get("primaryKey").and_then(|flag| flag.flag()) == Some(true) {
            let position = node
                .get("primaryKeyPosition")
                .and_then(|position| position.value.as_i64());
            keys.push((position.unwrap_or(index as i64), index));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        object.wrong("MISSING", "at least one column is required");
    }
    keys.sort_unstable();
    (columns, keys.into_iter().map(|(_, index)| index).collect())
}

fn column(node: &Node<'_>, name: String, zone: Tz) -> Column {
    let logical_type = node
        .need("logicalType")
        .map_or(LogicalType::Text, |node| logical_type(&node));
    let class = node.get("classification");
    let class = class.and_then(|node| class::read(&node));
    let flag = |name: &str| node.get(name).and_then(|flag| flag.flag()).unwrap_or(false);
    let mut column = Column {
        name,
        logical_type,
        required: flag("required"),
        unique: flag("unique"),
        personal: class.is_some(),
        class,
        unit: unit(node),
        ..Column::default()
    };
    column.constraints = constraints::read(node, &mut column, zone);
    column
}

fn logical_type(node: &Node<'_>) -> LogicalType {
    match node.text().as_deref() {
        Some("string") | None => LogicalType::Text,
        Some("date") => LogicalType::Date,
        Some("timestamp") => LogicalType::Timestamp,
        Some("time") => LogicalType::Time,
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

/// Reads the unit of measure, the custom property `unit` of a column.
fn unit(node: &Node<'_>) -> Option<String> {
    let custom = node.get("customProperties")?;
    let named =
        |node: &Node<'_>| node.get("property").and_then(|name| name.value.as_str()) == Some("unit");
    let property = custom.list().into_iter().find(named)?;
    property.need("value")?.text()
}
