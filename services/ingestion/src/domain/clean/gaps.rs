//! Fills gaps.

use super::super::baseline::FieldBaseline;
use super::super::contract::{Contract, Gaps, LogicalType};
use super::super::record::{Action, Record};
use super::{flag, replace};

/// Share of records without a value from which on gaps are not filled but marked unknown.
const UNKNOWN_SHARE: f64 = 0.05;
/// Text that stands for a value that is not known.
const UNKNOWN: &str = "unknown";

/// Fills a gap.
pub(super) fn fill(
    contract: &Contract,
    index: usize,
    policy: &Gaps,
    field: Option<&FieldBaseline>,
    record: &mut Record<'_>,
) {
    let logical_type = contract.columns[index].logical_type;
    let is_number = matches!(logical_type, LogicalType::Number | LogicalType::Integer);
    let figures = field.and_then(|it| it.figures.as_ref());
    let number = |number: f64| number_text(logical_type, number);
    let mean = || Some((number(figures?.mean)?, "mean"));
    let median = || Some((number(figures?.median)?, "median"));
    let mode = || Some((field?.mode.clone()?, "mode"));
    let found = match policy {
        Gaps::Leave => return,
        Gaps::Mean => mean(),
        Gaps::Median => median(),
        Gaps::Mode => mode(),
        Gaps::Constant(text) => Some((text.clone(), "constant")),
        Gaps::Auto if field.is_none_or(|it| it.missing_share() >= UNKNOWN_SHARE) => None,
        Gaps::Auto if is_number => median(),
        Gaps::Auto => mode(),
        Gaps::Unknown => None,
    };
    match found {
        Some((text, method)) => {
            replace(contract, index, Some(text), Action::Imputed, method, record);
        }
        None if logical_type == LogicalType::Text => {
            let text = Some(UNKNOWN.to_owned());
            replace(contract, index, text, Action::Imputed, "unknown", record);
        }
        None => flag(index, "unknown", record),
    }
}

/// Writes a number as a value of the column: whole numbers for whole ones, otherwise twelve significant digits, beyond which
/// sketches know nothing.
pub(super) fn number_text(logical_type: LogicalType, number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    if logical_type == LogicalType::Integer {
        return Some(format!("{}", number.round_ties_even() + 0.0));
    }
    let rounded: f64 = format!("{number:.11e}").parse().ok()?;
    Some(format!("{}", rounded + 0.0))
}
