//! Amounts, items and properties of the event that a record makes.

use std::borrow::Cow;

use api::common::{Item, Money};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::Mapper;
use crate::domain::constraints::flag;
use crate::domain::contract::{Expression, ItemRule, LogicalType, PropertySource};
use crate::domain::record::Record;

impl Mapper<'_> {
    /// Computes an amount in minor units, rounded once, half to even. Missing or wrong numbers are told by their cells.
    pub(super) fn amount(
        &self,
        field: &str,
        rule: &Expression,
        record: &mut Record<'_>,
    ) -> Option<Money> {
        let minor = self.units(
            field,
            rule,
            self.contract.currency_decimals,
            "the amount is too large",
            record,
        )?;
        Some(Money {
            currency_code: self.contract.currency.clone(),
            minor_units: minor,
        })
    }

    /// Computes an expression in units of `10^-places`.
    fn units(
        &self,
        field: &str,
        rule: &Expression,
        places: u32,
        problem: &str,
        record: &mut Record<'_>,
    ) -> Option<i64> {
        if rule
            .columns()
            .any(|index| record.cells[index].number.is_none())
        {
            return None;
        }
        let exact = rule.evaluate(|index| record.cells[index].number);
        let units = exact.and_then(|number| number.in_units(places));
        if units.is_none() {
            record.fail_part(field, "AMOUNT_OUT_OF_RANGE", problem);
        }
        units
    }

    pub(super) fn items(&self, rule: &ItemRule, record: &mut Record<'_>) -> Vec<Item> {
        if self.contract.columns[rule.product_id].logical_type == LogicalType::Array {
            let item = |product: &Cow<'_, str>| Item {
                product_id: product.clone().into_owned(),
                quantity_milli: 1000,
                ..Item::default()
            };
            return record.rest.iter().map(item).collect();
        }
        if record.cells[rule.product_id].text.is_none() {
            return Vec::new();
        }
        let quantity = match &rule.quantity {
            None => Some(1000),
            Some(quantity) => self.units(
                "items[0].quantity_milli",
                quantity,
                3,
                "the quantity is too large",
                record,
            ),
        };
        let price = rule.unit_price.as_ref();
        let unit_price = price.and_then(|price| self.amount("items[0].unit_price", price, record));
        let text = |index: usize| record.cells[index].text();
        let category: Vec<&str> = rule
            .category
            .iter()
            .filter_map(|index| text(*index))
            .collect();
        vec![Item {
            product_id: text(rule.product_id).unwrap_or_default().to_owned(),
            name: rule.name.and_then(text).unwrap_or_default().to_owned(),
            category: category.join("/"),
            quantity_milli: quantity.unwrap_or_default(),
            unit_price,
        }]
    }

    pub(super) fn properties(&self, record: &Record<'_>) -> Option<Struct> {
        let mut fields = std::collections::BTreeMap::new();
        for (name, source) in &self.contract.properties {
            let kind = match source {
                PropertySource::Text(constant) => Some(Kind::StringValue(constant.clone())),
                PropertySource::Column(index) => self.property(*index, record),
            };
            if kind.is_some() {
                fields.insert(name.clone(), Value { kind });
            }
        }
        (!fields.is_empty()).then_some(Struct { fields })
    }

    fn property(&self, index: usize, record: &Record<'_>) -> Option<Kind> {
        let text = |text: &str| Kind::StringValue(text.to_owned());
        let cell = &record.cells[index];
        match self.contract.columns[index].logical_type {
            LogicalType::Text | LogicalType::Date | LogicalType::Timestamp | LogicalType::Time => {
                cell.text().map(text)
            }
            LogicalType::Number | LogicalType::Integer => {
                cell.number.map(|number| Kind::NumberValue(number.to_f64()))
            }
            LogicalType::Boolean => cell.text().and_then(flag).map(Kind::BoolValue),
            LogicalType::Array => {
                let value = |cell: &Cow<'_, str>| Value {
                    kind: Some(text(cell)),
                };
                let values = record.rest.iter().map(value).collect();
                Some(Kind::ListValue(ListValue { values }))
            }
        }
    }
}
