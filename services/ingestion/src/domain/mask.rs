//! Takes personal fields out of properties before anything is stored.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{Struct, Value};

/// What becomes of a personal property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Kept as it came: the contract says that it is not personal here.
    Keep,
    /// Replaced by a keyed hash, so that equal values can still be matched.
    Hash,
    /// Taken out.
    Drop,
}

impl Policy {
    /// Reads `keep`, `hash` or `drop`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "keep" => Some(Self::Keep),
            "hash" => Some(Self::Hash),
            "drop" => Some(Self::Drop),
            _ => None,
        }
    }
}

/// Policies by property name; names that are not listed follow the well-known ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies(BTreeMap<String, Policy>);

impl Policies {
    /// Sets the policy of one property.
    pub fn set(&mut self, name: &str, policy: Policy) {
        self.0.insert(plain(name), policy);
    }

    /// Returns what becomes of a property of this name.
    pub fn of(&self, name: &str) -> Policy {
        let plain = plain(name);
        self.0
            .get(&plain)
            .copied()
            .unwrap_or_else(|| well_known(&plain))
    }
}

/// Returns the name in lower case without separators, so that `E-Mail` and `e_mail` are one.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn well_known(plain: &str) -> Policy {
    match plain {
        "email" | "emailaddress" | "mail" | "phone" | "phonenumber" | "telephone" | "mobile"
        | "mobilenumber" | "tel" | "msisdn" | "ip" | "ipaddress" | "邮箱" | "手机" | "手机号"
        | "电话" => Policy::Hash,
        "name"
        | "firstname"
        | "lastname"
        | "fullname"
        | "givenname"
        | "surname"
        | "middlename"
        | "customername"
        | "address"
        | "address1"
        | "address2"
        | "street"
        | "streetaddress"
        | "birthday"
        | "birthdate"
        | "dateofbirth"
        | "ssn"
        | "socialsecuritynumber"
        | "passport"
        | "passportnumber"
        | "idcard"
        | "cardnumber"
        | "iban"
        | "password"
        | "姓名"
        | "客户名称"
        | "地址"
        | "身份证" => Policy::Drop,
        _ => Policy::Keep,
    }
}

/// Deepest nesting of properties that is kept.
pub const DEPTH_MAX: usize = 8;

/// Masks the properties in place, at every level; `hash` gives the text that replaces a value.
///
/// Returns false when they are nested deeper than [`DEPTH_MAX`]; what lies deeper is taken out then, for it may be personal.
pub fn mask(
    properties: &mut Struct,
    policies: &Policies,
    hash: &dyn Fn(&str, &str) -> String,
) -> bool {
    mask_fields(properties, policies, hash, 1)
}

fn mask_fields(
    fields: &mut Struct,
    policies: &Policies,
    hash: &dyn Fn(&str, &str) -> String,
    depth: usize,
) -> bool {
    if depth > DEPTH_MAX {
        fields.fields.clear();
        return false;
    }
    let mut shallow = true;
    fields.fields.retain(|name, value| match policies.of(name) {
        Policy::Drop => false,
        Policy::Hash => {
            let text = text_of(value);
            value.kind = text.map(|text| Kind::StringValue(format!("hash:{}", hash(name, &text))));
            value.kind.is_some()
        }
        Policy::Keep => {
            shallow &= mask_value(value, policies, hash, depth);
            true
        }
    });
    shallow
}

fn mask_value(
    value: &mut Value,
    policies: &Policies,
    hash: &dyn Fn(&str, &str) -> String,
    depth: usize,
) -> bool {
    match &mut value.kind {
        Some(Kind::StructValue(inner)) => mask_fields(inner, policies, hash, depth + 1),
        Some(Kind::ListValue(list)) if depth >= DEPTH_MAX => {
            list.values.clear();
            false
        }
        Some(Kind::ListValue(list)) => {
            // Every element is masked, also those after one that is too deep.
            list.values.iter_mut().fold(true, |shallow, value| {
                mask_value(value, policies, hash, depth + 1) & shallow
            })
        }
        _ => true,
    }
}

/// Returns a scalar's text; lists and structures of a personal field are dropped whole.
fn text_of(value: &Value) -> Option<String> {
    match &value.kind {
        Some(Kind::StringValue(text)) => Some(text.clone()),
        Some(Kind::NumberValue(number)) => Some(number.to_string()),
        Some(Kind::BoolValue(flag)) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value {
            kind: Some(Kind::StringValue(value.into())),
        }
    }

    fn fields(pairs: &[(&str, Value)]) -> Struct {
        Struct {
            fields: pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        }
    }

    #[test]
    fn takes_personal_fields_out_at_every_level() {
        let inner = Value {
            kind: Some(Kind::StructValue(fields(&[
                ("First Name", text("Ann")),
                ("colour", text("red")),
            ]))),
        };
        let list = Value {
            kind: Some(Kind::ListValue(prost_types::ListValue {
                values: vec![inner.clone()],
            })),
        };
        let mut properties = fields(&[
            ("E-Mail", text("a@b.c")),
            ("address", inner.clone()),
            ("gift", inner),
            ("all", list),
        ]);
        assert!(mask(
            &mut properties,
            &Policies::default(),
            &|_, value| format!("<{value}>")
        ));
        let written = format!("{properties:?}");
        assert!(written.contains("hash:<a@b.c>") && written.contains("red"));
        assert!(!written.contains("Ann") && !written.contains("address"));
    }

    #[test]
    fn follows_the_contract_where_it_speaks() {
        let mut policies = Policies::default();
        policies.set("name", Policy::Keep);
        policies.set("nickname", Policy::Drop);
        let mut properties = fields(&[("name", text("Home page")), ("nickname", text("Bob"))]);
        assert!(mask(&mut properties, &policies, &|_, _| String::new()));
        assert_eq!(properties, fields(&[("name", text("Home page"))]));
    }

    #[test]
    fn tells_when_it_is_too_deep() {
        let mut properties = fields(&[("leaf", text("x"))]);
        for _ in 0..DEPTH_MAX {
            properties = fields(&[(
                "in",
                Value {
                    kind: Some(Kind::StructValue(properties)),
                },
            )]);
        }
        assert!(!mask(&mut properties, &Policies::default(), &|_, _| {
            String::new()
        }));
    }

    #[test]
    fn leaves_nothing_personal_behind_what_is_too_deep() {
        let struct_of = |inner| Value {
            kind: Some(Kind::StructValue(inner)),
        };
        let list_of = |values| Value {
            kind: Some(Kind::ListValue(prost_types::ListValue { values })),
        };
        let mut deep = fields(&[("email", text("a@b.c"))]);
        let mut list = list_of(vec![text("a@b.c")]);
        for _ in 0..DEPTH_MAX {
            deep = fields(&[("in", struct_of(deep))]);
            list = list_of(vec![list]);
        }
        let beside = struct_of(fields(&[("email", text("a@b.c"))]));
        let mut properties = fields(&[
            ("all", list_of(vec![struct_of(deep), list, beside.clone()])),
            ("z", beside),
        ]);
        assert!(!mask(&mut properties, &Policies::default(), &|_, _| {
            "hidden".into()
        }));
        let written = format!("{properties:?}");
        assert!(
            !written.contains("a@b.c") && written.contains("hidden"),
            "{written}"
        );
    }
}
