//! Paths in an event, by which the contract of a source of events names its columns.

use super::Column;
use super::node::Node;

/// A place in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// `type`.
    Type,
    /// `event_time`.
    EventTime,
    /// `value`, in whole units of its currency, or a part of it.
    Value(MoneyPart),
    /// `identifiers.{namespace}`: the first of the namespace.
    Identifier(String),
    /// `items[{index}].{part}`.
    Item(usize, ItemPart),
    /// `properties.{name}`, and what lies in it.
    Property(Vec<Step>),
}

/// A part of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyPart {
    /// The amount, in whole units of its currency.
    Amount,
    /// The amount in minor units.
    MinorUnits,
    /// The code of the currency.
    Currency,
}

/// A part of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemPart {
    /// Id of the product.
    ProductId,
    /// Name of the product.
    Name,
    /// Path of the category.
    Category,
    /// Pieces.
    Quantity,
    /// Price of a piece, or a part of it.
    UnitPrice(MoneyPart),
}

/// A step into a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the field of this name.
    Field(String),
    /// To the element of this number, from 0.
    Element(usize),
}

impl Path {
    /// Reads a path such as `value`, `items[0].unit_price` or `properties.rating`.
    pub fn parse(text: &str) -> Option<Self> {
        let steps = steps(text)?;
        let (first, rest) = steps.split_first()?;
        let Step::Field(first) = first else {
            return None;
        };
        match (first.as_str(), rest) {
            ("type", []) => Some(Self::Type),
            ("event_time", []) => Some(Self::EventTime),
            ("value", rest) => Some(Self::Value(money(rest)?)),
            ("identifiers", [Step::Field(namespace)]) => Some(Self::Identifier(namespace.clone())),
            ("items", [Step::Element(index), Step::Field(part), rest @ ..]) => {
                let part = match (part.as_str(), rest) {
                    ("product_id", []) => ItemPart::ProductId,
                    ("name", []) => ItemPart::Name,
                    ("category", []) => ItemPart::Category,
                    ("quantity", []) => ItemPart::Quantity,
                    ("unit_price", rest) => ItemPart::UnitPrice(money(rest)?),
                    _ => return None,
                };
                Some(Self::Item(*index, part))
            }
            ("properties", [Step::Field(_), ..]) => Some(Self::Property(rest.to_vec())),
            _ => None,
        }
    }
}

fn money(rest: &[Step]) -> Option<MoneyPart> {
    match rest {
        [] => Some(MoneyPart::Amount),
        [Step::Field(name)] => match name.as_str() {
            "currency_code" => Some(MoneyPart::Currency),
            "minor_units" => Some(MoneyPart::MinorUnits),
            _ => None,
        },
        _ => None,
    }
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (name, mut indices) = match part.find('[') {
            Some(at) => part.split_at(at),
            None => (part, ""),
        };
        if name.is_empty() {
            return None;
        }
        steps.push(Step::Field(name.to_owned()));
        while !indices.is_empty() {
            let (index, rest) = indices.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Element(index.parse().ok()?));
            indices = rest;
        }
    }
    Some(steps)
}

/// Reads the paths that the columns name.
pub(super) fn of_columns(root: &Node<'_>, columns: &[Column]) -> Vec<Path> {
    let path = |column: &Column| {
        let path = Path::parse(&column.name);
        if path.is_none() {
            let text = format!(
                "`{}` is no path in an event, such as `value`, `identifiers.email`, `items[0].unit_price` or `properties.rating`",
                column.name
            );
            let schema = root.get("schema");
            schema.as_ref().unwrap_or(root).wrong("UNKNOWN_PATH", text);
        }
        path
    };
    columns.iter().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_paths() {
        let field = |name: &str| Step::Field(name.to_owned());
        for (text, expected) in [
            ("value", Some(Path::Value(MoneyPart::Amount))),
            (
                "value.currency_code",
                Some(Path::Value(MoneyPart::Currency)),
            ),
            ("identifiers.email", Some(Path::Identifier("email".into()))),
            (
                "items[1].unit_price",
                Some(Path::Item(1, ItemPart::UnitPrice(MoneyPart::Amount))),
            ),
            (
                "properties.评价.tags[0]",
                Some(Path::Property(vec![
                    field("评价"),
                    field("tags"),
                    Step::Element(0),
                ])),
            ),
            ("items.unit_price", None),
            ("properties", None),
            ("colour", None),
            ("", None),
            ("items[x].name", None),
            ("value.", None),
        ] {
            assert_eq!(Path::parse(text), expected, "{text}");
        }
    }
}
