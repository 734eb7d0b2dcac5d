//! What names mean in an expression: columns, operators, parts of times, lengths of time.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, operators};
use chrono::TimeDelta;

use super::term::{Comparison, Operator, TimePart};

/// Returns the name that an expression spells, such as `items[0].unit_price`, and whether it asks for its presence.
pub(super) fn path_of(at: &IdedExpr) -> Option<(String, bool)> {
    match &at.expr {
        Expr::Ident(name) => Some((name.clone(), false)),
        Expr::Select(select) => {
            let (inner, test) = path_of(&select.operand)?;
            (!test).then(|| (format!("{inner}.{}", select.field), select.test))
        }
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [inner, index] = call.args.as_slice() else {
                return None;
            };
            let (inner, test) = path_of(inner)?;
            match (&index.expr, test) {
                (Expr::Literal(LiteralValue::Int(index)), false) => {
                    Some((format!("{inner}[{}]", index.inner()), false))
                }
                (Expr::Literal(LiteralValue::String(name)), false) => {
                    Some((format!("{inner}.{}", name.inner()), false))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

pub(super) fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::AtMost,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::AtLeast,
        _ => return None,
    })
}

pub(super) fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        operators::MODULO => Operator::Remainder,
        _ => return None,
    })
}

pub(super) fn time_part(name: &str) -> Option<TimePart> {
    Some(match name {
        "getFullYear" => TimePart::Year,
        "getMonth" => TimePart::Month,
        "getDate" => TimePart::Date,
        "getDayOfMonth" => TimePart::DayOfMonth,
        "getDayOfWeek" => TimePart::DayOfWeek,
        "getHours" => TimePart::Hours,
        "getMinutes" => TimePart::Minutes,
        _ => return None,
    })
}

/// Reads a length of time as the language writes it: numbers with the units `h`, `m`, `s` and `ms`.
pub(super) fn duration(text: &str) -> Option<TimeDelta> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut sum = TimeDelta::zero();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let part = match &rest[..unit] {
            "h" => TimeDelta::try_hours(number),
            "m" => TimeDelta::try_minutes(number),
            "s" => TimeDelta::try_seconds(number),
            "ms" => TimeDelta::try_milliseconds(number),
            _ => None,
        };
        sum = sum.checked_add(&part?)?;
        rest = &rest[unit..];
    }
    Some(if negative { -sum } else { sum })
}
