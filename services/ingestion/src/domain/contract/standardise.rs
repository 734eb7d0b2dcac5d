//! How the contract's section `standardise` is written: the standard form of each column.

mod forms;

use chrono_tz::Tz;
use standard::Form;

use super::node::Node;
use super::{Column, LogicalType};

/// The standard form of a column's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardise {
    /// The form with its rule.
    pub form: Form,
}

/// What the rest of the contract says that the forms go by.
pub(super) struct Defaults {
    /// Zone of local times.
    pub(super) zone: Tz,
    /// Currency of amounts; empty when there is none.
    pub(super) currency: String,
}

/// Reads the entry of one column: the name of a form, or a mapping whose key `as` names it.
pub(super) fn read(node: &Node<'_>, column: &Column, defaults: &Defaults) -> Option<Standardise> {
    let name_node = match node.value.is_object() {
        true => node.need("as")?,
        false => node.clone(),
    };
    let name = name_node.text()?;
    let form = match name.as_str() {
        "text" => forms::text(node),
        "phone" => forms::phone(node),
        "email" => forms::email(node),
        "date" => forms::time(node, defaults.zone).map(Form::Date),
        "timestamp" => forms::time(node, defaults.zone).map(Form::Time),
        "number" => forms::number(node),
        "money" => forms::money(node, &defaults.currency),
        "unit" => forms::unit(node, column.unit.as_deref()),
        "region_cn" => forms::region(node),
        "boolean" => forms::bare(node, Form::Flag),
        "enum" => forms::synonyms(node),
        _ => {
            name_node.wrong(
                "UNSUPPORTED",
                "use text, phone, email, date, timestamp, number, money, unit, region_cn, boolean or enum",
            );
            None
        }
    }?;
    if !fits(&form, column.logical_type) {
        let text = "values of this form are of another type than the column's";
        name_node.wrong("WRONG_TYPE", text);
    }
    Some(Standardise { form })
}

/// Returns true when a column of the type can hold values of the form.
fn fits(form: &Form, logical_type: LogicalType) -> bool {
    match logical_type {
        LogicalType::Text => true,
        LogicalType::Date | LogicalType::Timestamp => {
            matches!(form, Form::Date(_) | Form::Time(_))
        }
        LogicalType::Number | LogicalType::Integer => {
            matches!(form, Form::Number(_) | Form::Money(_) | Form::Unit(_))
        }
        LogicalType::Boolean => matches!(form, Form::Flag),
        LogicalType::Time | LogicalType::Array => false,
    }
}

#[cfg(test)]
#[path = "standardise_tests.rs"]
mod tests;
