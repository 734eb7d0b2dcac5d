//! Amounts and items of the e-commerce events.

use api::common::{Item, Money};
use serde_json::{Map, Value};

use super::super::Violation;
use super::super::decimal::{Decimal, currency_decimals, is_currency_code};

/// Most items that are read; judging tells of more than it takes.
const ITEMS_READ_MAX: usize = 1_000;
/// Names of the product's id, the best first.
const PRODUCT_IDS: [&str; 4] = ["product_id", "productId", "sku", "id"];

/// Takes the currency out of the properties, or returns the one that goes without saying.
pub(super) fn take_currency(properties: &mut Map<String, Value>, default: &str) -> String {
    match properties.get("currency") {
        Some(Value::String(code)) => {
            let code = code.trim().to_ascii_uppercase();
            match is_currency_code(&code) {
                true => {
                    properties.remove("currency");
                    code
                }
                // Judging says what is wrong with it, should there be an amount.
                false => code,
            }
        }
        _ => default.to_owned(),
    }
}

/// Takes the total value out of the properties: `revenue` of any event, else `total` or `value` of an order.
pub(super) fn take_value(
    event: &str,
    properties: &mut Map<String, Value>,
    currency: &str,
    found: &mut Vec<Violation>,
) -> Option<Money> {
    let is_order = event.starts_with("Order ");
    let names: &[&str] = match is_order {
        true => &["revenue", "total", "value"],
        false => &["revenue"],
    };
    let name = names
        .iter()
        .find(|name| properties.get(**name).is_some_and(|it| !it.is_null()))?;
    let amount = amount(
        properties.get(*name)?,
        &format!("properties.{name}"),
        currency,
        found,
    )?;
    properties.remove(*name);
    // The specification gives a refund as a positive amount.
    let refunded = event == "Order Refunded" && amount.minor_units > 0;
    Some(Money {
        minor_units: if refunded {
            -amount.minor_units
        } else {
            amount.minor_units
        },
        ..amount
    })
}

/// Takes the items out of the properties: `products`, or the one product that the event is about. What the event model has
/// no place for stays in `products`, in the same order.
pub(super) fn take_items(
    properties: &mut Map<String, Value>,
    currency: &str,
    found: &mut Vec<Violation>,
) -> Vec<Item> {
    let is_of_product = PRODUCT_IDS[..3]
        .iter()
        .any(|name| properties.contains_key(*name));
    match properties.get_mut("products") {
        Some(Value::Array(products)) => {
            let mut items = Vec::with_capacity(products.len().min(ITEMS_READ_MAX));
            for (index, product) in products.iter_mut().enumerate().take(ITEMS_READ_MAX) {
                let path = format!("properties.products[{index}]");
                match product {
                    Value::Object(fields) => {
                        items.push(take_item(fields, &path, currency, found));
                    }
                    _ => found.push(Violation::new(
                        path,
                        "INVALID_OBJECT",
                        "a product is a JSON object",
                    )),
                }
            }
            if products
                .iter()
                .all(|it| it.as_object().is_some_and(Map::is_empty))
            {
                properties.remove("products");
            }
            items
        }
        Some(Value::Null) | None if is_of_product => {
            // The event's own `id` is not its product's.
            let own_id = properties.remove("id");
            let item = take_item(properties, "properties", currency, found);
            if let Some(id) = own_id {
                properties.insert("id".into(), id);
            }
            vec![item]
        }
        Some(Value::Null) | None => Vec::new(),
        Some(_) => {
            found.push(Violation::new(
                "properties.products",
                "INVALID_LIST",
                "products are a list",
            ));
            Vec::new()
        }
    }
}

fn take_item(
    fields: &mut Map<String, Value>,
    path: &str,
    currency: &str,
    found: &mut Vec<Violation>,
) -> Item {
    let mut take_text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) => {
            let text = text.clone();
            fields.remove(name);
            Some(text)
        }
        Some(Value::Number(number)) => {
            let text = number.to_string();
            fields.remove(name);
            Some(text)
        }
        _ => None,
    };
    let product_id = PRODUCT_IDS
        .iter()
        .find_map(|name| take_text(name))
        .unwrap_or_default();
    let name = take_text("name").unwrap_or_default();
    let category = take_text("category").unwrap_or_default();
    let unit_price = fields
        .get("price")
        .filter(|it| !it.is_null())
        .and_then(|price| amount(price, &format!("{path}.price"), currency, found));
    if unit_price.is_some() {
        fields.remove("price");
    }
    let quantity_milli = match fields.get("quantity") {
        None | Some(Value::Null) => Some(1000),
        Some(quantity) => number(quantity).and_then(|pieces| pieces.in_units(3)),
    };
    if quantity_milli.is_some() {
        fields.remove("quantity");
    } else {
        found.push(Violation::new(
            format!("{path}.quantity"),
            "INVALID_NUMBER",
            "a quantity is a number",
        ));
    }
    Item {
        product_id,
        name,
        category,
        quantity_milli: quantity_milli.unwrap_or_default(),
        unit_price,
    }
}

fn amount(value: &Value, path: &str, currency: &str, found: &mut Vec<Violation>) -> Option<Money> {
    let minor = number(value).and_then(|amount| amount.in_units(currency_decimals(currency)));
    if minor.is_none() {
        found.push(Violation::new(
            path,
            "INVALID_NUMBER",
            "an amount is a number of whole units, for example 27.50",
        ));
    }
    Some(Money {
        currency_code: currency.to_owned(),
        minor_units: minor?,
    })
}

/// Reads a number, also one that is written as text. A JSON number is taken by its shortest text.
fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Decimal::parse(&number.to_string()),
        Value::String(text) => Decimal::parse(text.trim()),
        _ => None,
    }
}
