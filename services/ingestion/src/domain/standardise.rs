//! Brings the values of a record to their standard forms.

use std::borrow::Cow;

use standard::Reason;

use super::contract::Contract;
use super::reading::present;
use super::record::{Change, Record};

/// Brings the values to the standard forms of the contract and notes what was changed.
///
/// A value that cannot be read is told once and stays as it is: no later stage asks anything of it. One of which nothing
/// is left, or that turns out to mean that there is none, is missing from here on.
pub fn standardise(contract: &Contract, record: &mut Record<'_>) {
    for (index, column) in contract.columns.iter().enumerate() {
        let (Some(standard), Some(text)) = (&column.standard, record.cells[index].text()) else {
            continue;
        };
        match standard.form.cell(text) {
            Ok(answer) => {
                let changed = answer.value != text;
                let what = answer.changes.iter();
                let changes = what.map(|what| Change {
                    column: index,
                    what,
                });
                record.changes.extend(changes);
                if changed {
                    record.cells[index].text = present(contract, Cow::Owned(answer.value));
                }
            }
            Err(Reason::Empty) => record.cells[index].text = None,
            Err(reason) => {
                record.cells[index].unreadable = true;
                record.fail(contract, index, reason.code(), &reason.to_string());
            }
        }
    }
}

#[cfg(test)]
#[path = "standardise_tests.rs"]
mod tests;
