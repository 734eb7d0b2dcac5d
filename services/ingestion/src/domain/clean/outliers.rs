//! Treats numbers that stand out.

use sketch::Figures;
use sketch::fence::{Fence, Method, decimal_shift, fence};

use super::super::contract::{Contract, LogicalType, Outliers, Treatment};
use super::super::decimal::Decimal;
use super::super::record::{Action, Record};
use super::gaps::number_text;
use super::{flag, replace};

/// Judges a number in one way. Returns true when the next way is to look at it, too: it is usual, or only flagged.
pub(super) fn check(
    contract: &Contract,
    index: usize,
    rule: &Outliers,
    figures: &Figures,
    record: &mut Record<'_>,
) -> bool {
    let Some(exact) = record.cells[index].number else {
        return true;
    };
    let number = exact.to_f64();
    let logical_type = contract.columns[index].logical_type;
    let (usual, places) = match rule.method {
        Method::DecimalShift => match decimal_shift(figures, number, rule.k) {
            None => return true,
            Some(places) => (None, places),
        },
        method => match fence(figures, method, rule.k, rule.log) {
            Some(fence) if !fence.holds(number) => (Some(fence), 0),
            _ => return true,
        },
    };
    let method = rule.method.name();
    let mended = match (rule.action, usual) {
        (Treatment::Correct, None) => shifted(exact, places).map(|it| (it, Action::Corrected)),
        (Treatment::Correct, Some(_)) => {
            number_text(logical_type, figures.median).map(|it| (it, Action::Corrected))
        }
        (Treatment::Winsorise, Some(fence)) => {
            limited(logical_type, &fence, number).map(|it| (it, Action::Winsorised))
        }
        _ => None,
    };
    if let Some((text, action)) = mended {
        replace(contract, index, Some(text), action, method, record);
        return false;
    }
    match rule.action {
        Treatment::Drop => {
            replace(contract, index, None, Action::Dropped, method, record);
            false
        }
        Treatment::Quarantine => {
            flag(index, method, record);
            let problem = match usual {
                None => format!("has its decimal point moved by {places} places, it seems"),
                Some(fence) => format!(
                    "stands out: usual is {} to {} ({method})",
                    told(fence.low),
                    told(fence.high)
                ),
            };
            record.fail(contract, index, "OUTLIER", &problem);
            false
        }
        _ => {
            flag(index, method, record);
            true
        }
    }
}

/// Moves the decimal point back.
fn shifted(number: Decimal, places: i32) -> Option<String> {
    let by = match places {
        1.. => Decimal::of_units(1, places.unsigned_abs()),
        _ => Decimal::of_units(10i64.checked_pow(places.unsigned_abs())?, 0),
    };
    number.times(by).map(|number| number.to_string())
}

/// Returns the nearest usual number; a whole one for whole numbers.
fn limited(logical_type: LogicalType, fence: &Fence, number: f64) -> Option<String> {
    let inside = match logical_type {
        LogicalType::Integer => Fence {
            low: fence.low.ceil(),
            high: fence.high.floor(),
        },
        _ => *fence,
    };
    let exists = inside.low <= inside.high;
    number_text(logical_type, exists.then(|| inside.nearest(number))?)
}

/// Writes a number for a person: four significant digits.
fn told(number: f64) -> String {
    let rounded: f64 = format!("{number:.3e}").parse().unwrap_or(number);
    format!("{}", rounded + 0.0)
}
