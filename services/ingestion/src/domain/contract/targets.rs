//! Which parts of an event a column goes into.

use super::{Contract, Format, IdentifierSource, PropertySource};

impl Contract {
    /// Returns the parts of the event that a column goes into, for example `value` and `properties.order_id`.
    pub fn targets(&self, column: usize) -> Vec<String> {
        if self.file.format == Format::Events {
            return vec![self.columns[column].name.clone()];
        }
        let mut all = Vec::new();
        let value = self.value.as_ref();
        if value.is_some_and(|rule| rule.columns().any(|index| index == column)) {
            all.push("value".to_owned());
        }
        if let Some(items) = &self.items {
            let reads = |rule: &Option<super::Expression>| {
                rule.as_ref()
                    .is_some_and(|rule| rule.columns().any(|index| index == column))
            };
            let parts = [
                ("items[0].product_id", items.product_id == column),
                ("items[0].name", items.name == Some(column)),
                ("items[0].category", items.category.contains(&column)),
                ("items[0].quantity_milli", reads(&items.quantity)),
                ("items[0].unit_price", reads(&items.unit_price)),
            ];
            let named = parts.into_iter().filter(|(_, goes)| *goes);
            all.extend(named.map(|(name, _)| name.to_owned()));
        }
        let identifiers = self.identifiers.iter();
        let identifiers = identifiers.filter(|(_, it)| *it == IdentifierSource::Column(column));
        all.extend(identifiers.map(|(name, _)| format!("identifiers.{name}")));
        let properties = self.properties.iter();
        let properties = properties.filter(|(_, it)| *it == PropertySource::Column(column));
        all.extend(properties.map(|(name, _)| format!("properties.{name}")));
        all
    }
}
