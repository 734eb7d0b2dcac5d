//! Fills gaps and treats outliers, misspelt words and broken dependencies by what values of the source usually look like.

mod agreement;
mod gaps;
mod outliers;
mod spelling;

#[cfg(test)]
#[path = "clean/tests.rs"]
mod tests;

pub use super::baseline::Baseline;

use super::constraints;
use super::contract::{Contract, Treatment};
use super::record::{Action, Correction, Record};

/// Treats the values of a record by the contract and the baseline, and notes what was done.
///
/// Misspelt words first, then what disagrees with other columns, then gaps, then outliers; a value that was filled in is not
/// judged again. Without a baseline only constants are filled in, and gaps that wait for one are noted as unknown.
pub fn clean(contract: &Contract, baseline: Option<&Baseline>, record: &mut Record<'_>) {
    for (index, column) in contract.columns.iter().enumerate() {
        if let Some(rule) = column.clean.as_ref().and_then(|it| it.spelling.as_ref())
            && let Some(field) = baseline.and_then(|it| it.fields.get(&column.name))
        {
            spelling::check(contract, index, rule, field, record);
        }
    }
    if let Some(baseline) = baseline {
        for dependency in &contract.dependencies {
            agreement::check(contract, dependency, baseline, record);
        }
    }
    for (index, column) in contract.columns.iter().enumerate() {
        let Some(clean) = &column.clean else {
            continue;
        };
        let field = baseline.and_then(|it| it.fields.get(&column.name));
        if record.cells[index].text.is_none() {
            gaps::fill(contract, index, &clean.missing, field, record);
        } else if let Some(figures) = field.and_then(|it| it.figures.as_ref()) {
            for rule in &clean.outliers {
                if !outliers::check(contract, index, rule, figures, record) {
                    break;
                }
            }
        }
    }
}

/// Puts another value in the place of one, or takes it out, and judges it again.
fn replace(
    contract: &Contract,
    index: usize,
    text: Option<String>,
    action: Action,
    method: &'static str,
    record: &mut Record<'_>,
) {
    let cell = &mut record.cells[index];
    let before = std::mem::replace(&mut cell.text, text.map(Into::into));
    record.corrections.push(Correction {
        column: index,
        action,
        method,
        original: before.map(|text| text.into_owned()),
    });
    constraints::check_again(contract, index, record);
}

/// Notes that a value stands out and stays as it is.
fn flag(index: usize, method: &'static str, record: &mut Record<'_>) {
    let repeated = |it: &Correction| it.column == index && it.method == method;
    if record.corrections.iter().any(repeated) {
        return;
    }
    let original = record.cells[index].text().map(str::to_owned);
    record.corrections.push(Correction {
        column: index,
        action: Action::Flagged,
        method,
        original,
    });
}

/// What is found wrong with a value that disagrees with others.
struct Finding<'a> {
    method: &'static str,
    reason: &'static str,
    problem: &'a str,
}

/// Treats a value that disagrees with others; `usual` is what it must have been, where that is known.
fn mend(
    contract: &Contract,
    index: usize,
    (treatment, usual): (Treatment, Option<&str>),
    finding: &Finding<'_>,
    record: &mut Record<'_>,
) {
    match (treatment, usual) {
        (Treatment::Correct, Some(usual)) => {
            let text = Some(usual.to_owned());
            replace(
                contract,
                index,
                text,
                Action::Corrected,
                finding.method,
                record,
            );
        }
        (Treatment::Quarantine, _) => {
            flag(index, finding.method, record);
            record.fail(contract, index, finding.reason, finding.problem);
        }
        _ => flag(index, finding.method, record),
    }
}
