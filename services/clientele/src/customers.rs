//! Customers as they are named on the command line.

use anyhow::bail;
use api::common::{CustomerRef, Identifier, customer_ref::Ref};

/// Reads a customer id (a UUID) or an identifier written NAMESPACE=VALUE.
pub(crate) fn parse(text: &str) -> anyhow::Result<CustomerRef> {
    if let Ok(id) = uuid::Uuid::parse_str(text) {
        return Ok(CustomerRef {
            r#ref: Some(Ref::CustomerId(id.to_string())),
        });
    }
    match text.split_once('=') {
        Some((namespace, value)) if !namespace.is_empty() && !value.is_empty() => Ok(CustomerRef {
            r#ref: Some(Ref::Identifier(Identifier {
                namespace: namespace.into(),
                value: value.into(),
            })),
        }),
        _ => bail!(
            "'{text}' names no customer: write a customer id, or an identifier as NAMESPACE=VALUE, for example customer_id=17850"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_identifiers_are_told_apart() {
        let id = parse("018f3f7e-0000-7000-8000-000000000001").unwrap();
        assert!(matches!(id.r#ref, Some(Ref::CustomerId(_))));

        let identifier = parse("email=a=b@example.com").unwrap();
        let Some(Ref::Identifier(identifier)) = identifier.r#ref else {
            panic!("an identifier")
        };
        assert_eq!(
            (identifier.namespace.as_str(), identifier.value.as_str()),
            ("email", "a=b@example.com")
        );

        for wrong in ["", "17850", "=x", "customer_id="] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
