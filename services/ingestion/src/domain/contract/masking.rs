//! How the contract's sections `mask` and `personal` are written, and what becomes of columns of a class.

use vault::PartialRule;

use super::class::PersonalClass;
use super::node::Node;
use super::{Column, Contract};
use crate::domain::mask::{Policies, Policy};

/// How the values of one column are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// What becomes of them.
    pub policy: Policy,
}

impl PersonalClass {
    /// Returns what becomes of values of this class where the contract says nothing else: what is used for matching is
    /// hashed, the rest is taken out.
    pub fn policy(self) -> Policy {
        match self {
            Self::Other | Self::Email | Self::Phone | Self::IpAddress => Policy::Hash(None),
            Self::Name | Self::Address | Self::IdNumber | Self::BankCard | Self::BirthDate => {
                Policy::Drop
            }
        }
    }
}

/// Reads the entry of one column: `hash`, or `{method: partial, first: 2, last: 2}`, `{method: token, key: k1}`, or
/// `{text: true}`.
pub(super) fn read(node: &Node<'_>, _column: &Column) -> Option<Mask> {
    policy(node).map(|policy| Mask { policy })
}

fn policy(node: &Node<'_>) -> Option<Policy> {
    let (name, method) = if node.value.is_object() {
        node.only(&["method", "first", "last", "key", "text"]);
        if node.get("text").and_then(|flag| flag.flag()) == Some(true) {
            return Some(Policy::Text);
        }
        let method = node.need("method")?;
        (method.text()?, method)
    } else {
        (node.text()?, node.clone())
    };
    let Some(policy) = Policy::parse(&name) else {
        method.wrong(
            "INVALID_POLICY",
            "use `drop`, `hash`, `partial`, `token`, `encrypt`, `text` or `keep`",
        );
        return None;
    };
    let characters = |name: &str| {
        let given = node.get(name)?;
        let number = given.value.as_u64().filter(|number| *number <= 64);
        if number.is_none() {
            given.wrong("WRONG_TYPE", "a number of characters is expected, 0 to 64");
        }
        number.map(|number| number as usize)
    };
    let (first, last) = (characters("first"), characters("last"));
    let key = node.get("key").and_then(|key| {
        let id = key.text()?.parse();
        if id.is_err() {
            key.wrong(
                "INVALID_KEY",
                "a key is named `k` and a number, for example `k2`",
            );
        }
        id.ok()
    });
    match (policy, first.or(last), key) {
        (Policy::Partial(_), Some(_), None) => Some(Policy::Partial(PartialRule::Keep {
            first: first.unwrap_or_default(),
            last: last.unwrap_or_default(),
        })),
        (Policy::Hash(_), None, key) => Some(Policy::Hash(key)),
        (Policy::Token(_), None, key) => Some(Policy::Token(key)),
        (policy, None, None) => Some(policy),
        _ => {
            node.wrong(
                "UNSUPPORTED",
                "`first` and `last` belong to `partial`, `key` to `hash` and `token`",
            );
            None
        }
    }
}

/// Returns what becomes of the properties and items of a contract's events: what `mask` says of a column counts before what
/// `personal` says of a property, and that before the class of a column.
pub(super) fn policies(mapping: &Node<'_>, contract: &Contract) -> Policies {
    let mut policies = Policies::default();
    for (name, node) in mapping
        .get("personal")
        .map(|node| node.entries())
        .unwrap_or_default()
    {
        if let Some(policy) = policy(&node) {
            policies.set(name, policy);
        }
    }
    for (index, column) in contract.columns.iter().enumerate() {
        let told = column.mask.map(|mask| mask.policy);
        let class = column.class.map(PersonalClass::policy);
        for target in contract.targets(index) {
            if let Some(name) = target.strip_prefix("properties.") {
                let name = name.rsplit('.').next().unwrap_or(name);
                let name = name.split('[').next().unwrap_or(name);
                match (told, class) {
                    (Some(policy), _) => policies.set(name, policy),
                    (None, Some(policy)) => policies.set_default(name, policy),
                    (None, None) => {}
                }
            } else if let Some((_, part)) = target.split_once("].")
                && let Some(policy) = told.or(class)
            {
                policies.set_item(part, policy);
            }
        }
    }
    policies
}
