//! Rules over several columns, written in the Common Expression Language and compiled once.
//!
//! A record meets a rule unless the rule's `must` is false for it. What rests on a missing value is neither true nor
//! false, as in SQL, and breaks nothing; `discount != null` and `has(record.discount)` ask whether a value is there.
//! Numbers are exact decimals, never binary fractions; quotients are rounded half to even at the fifteenth decimal. What
//! cannot be computed (a division by zero, a number of more than 38 digits) breaks the rule, unless `&&` or `||` settle
//! without it.

mod compile;
mod names;
mod term;

pub use term::Term;

use super::node::Node;
use super::{Column, rules::compile::Compiler};
use chrono_tz::Tz;

/// Most rules of a contract.
const RULES_MAX: usize = 200;
/// Most bytes of a rule's name; it may become a mark of events.
const NAME_BYTES_MAX: usize = 64;

/// A rule over several columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Name, unique in the contract.
    pub name: String,
    /// To which records it applies; absent means to all.
    pub when: Option<Term>,
    /// What must hold.
    pub must: Term,
    /// Sentence for a person.
    pub message: String,
    /// What becomes of a record that breaks it.
    pub action: RuleAction,
    /// Columns that `must` reads, in the order of the schema; those of `when` where it reads none.
    pub columns: Vec<usize>,
}

/// What becomes of a record that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// It is kept aside.
    Quarantine,
    /// It is taken and marked.
    Flag,
}

/// Reads the section `rules`.
pub(super) fn read(node: &Node<'_>, columns: &[Column], zone: Tz) -> Vec<Rule> {
    let nodes = node.list();
    if nodes.len() > RULES_MAX {
        node.wrong("TOO_MANY", format!("at most {RULES_MAX} rules"));
        return Vec::new();
    }
    let mut rules: Vec<Rule> = Vec::new();
    for node in &nodes {
        let Some(rule) = rule(node, columns, zone) else {
            continue;
        };
        if rules.iter().any(|known| known.name == rule.name) {
            node.wrong(
                "DUPLICATE",
                format!("the rule `{}` stands twice", rule.name),
            );
        }
        rules.push(rule);
    }
    rules
}

fn rule(node: &Node<'_>, columns: &[Column], zone: Tz) -> Option<Rule> {
    node.only(&["name", "when", "must", "message", "action"]);
    let name_node = node.need("name");
    let name = name_node.as_ref().and_then(|node| node.text());
    if let (Some(node), Some(name)) = (&name_node, &name) {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
            node.wrong(
                "INVALID_NAME",
                "a name is 1 to 64 bytes of letters, digits, `_`, `-` and `.`",
            );
        }
    }
    let compiler = Compiler { columns, zone };
    let condition = |node: Node<'_>| {
        let text = node.text()?;
        let compiled = compiler.condition(&text);
        compiled
            .map_err(|mistake| node.wrong(mistake.reason, mistake.to_string()))
            .ok()
    };
    let when = node.get("when").map(condition);
    let must = node.need("must").and_then(condition);
    let action = match node.get("action") {
        None => RuleAction::Quarantine,
        Some(node) => match node.text().as_deref() {
            Some("quarantine") => RuleAction::Quarantine,
            Some("flag") => RuleAction::Flag,
            _ => {
                node.wrong("UNSUPPORTED", "use `quarantine` or `flag`");
                RuleAction::Quarantine
            }
        },
    };
    let message = node.get("message").and_then(|node| node.text());
    let (name, must) = (name?, must?);
    let when = match when {
        None => None,
        Some(compiled) => Some(compiled?),
    };
    let mut read = must.columns();
    if read.is_empty() {
        read = when.as_ref().map(Term::columns).unwrap_or_default();
    }
    if read.is_empty() {
        node.wrong("INVALID_RULE", "the rule reads no column");
    }
    Some(Rule {
        message: message.unwrap_or_else(|| format!("the rule `{name}` does not hold")),
        name,
        when,
        must,
        action,
        columns: read,
    })
}

#[cfg(test)]
mod tests;
