//! Checks rules over several columns of a record.

use super::contract::{Contract, Rule, RuleAction};
use super::record::{Action, Correction, Record};

/// Notes which rules of the contract the record breaks, and names every column that they read.
pub fn check(contract: &Contract, record: &mut Record<'_>) {
    for rule in &contract.rules {
        if is_broken(rule, record) {
            note(contract, rule, record);
        }
    }
}

fn is_broken(rule: &Rule, record: &Record<'_>) -> bool {
    let applies = match &rule.when {
        None => Ok(Some(true)),
        Some(when) => when.holds(record),
    };
    // A condition that cannot be computed does not apply; one that cannot be computed where it must hold is broken.
    applies == Ok(Some(true)) && !matches!(rule.must.holds(record), Ok(Some(true) | None))
}

fn note(contract: &Contract, rule: &Rule, record: &mut Record<'_>) {
    match rule.action {
        RuleAction::Quarantine => {
            let names = rule.columns.iter().map(|index| &contract.columns[*index]);
            let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
            let problem = format!(
                "{} (rule `{}` over {})",
                rule.message,
                rule.name,
                names.join(", ")
            );
            for name in names {
                record.fail_part(name, "RULE_BROKEN", &problem);
            }
        }
        RuleAction::Flag => {
            record.marks.push(rule.name.clone());
            for &column in &rule.columns {
                record.corrections.push(Correction {
                    column,
                    action: Action::Flagged,
                    method: "rule",
                    original: None,
                });
            }
        }
    }
}
