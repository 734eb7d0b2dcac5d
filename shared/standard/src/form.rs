//! One name for all forms, as contracts choose among them.

use crate::email::{LocalCase, email};
use crate::flag::flag;
use crate::money::MoneyRule;
use crate::number::{Mark, number};
use crate::phone::PhoneRule;
use crate::region::RegionRule;
use crate::text::{TextForm, text};
use crate::time::TimeRule;
use crate::unit::UnitRule;
use crate::{Reason, Standardised, Synonyms};

/// A standard form with its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Texts.
    Text(TextForm),
    /// Phone numbers.
    Phone(PhoneRule),
    /// Addresses of mail.
    Email(LocalCase),
    /// Days.
    Date(TimeRule),
    /// Instants.
    Time(TimeRule),
    /// Numbers.
    Number(Mark),
    /// Amounts of money.
    Money(MoneyRule),
    /// Quantities with a unit.
    Unit(UnitRule),
    /// Regions of China.
    Region(RegionRule),
    /// Flags.
    Flag,
    /// Closed sets of values.
    Enum(Synonyms),
}

impl Form {
    /// Returns the standard form of a text as one text that this form reads again: money with its currency, quantities with
    /// their unit.
    pub fn apply(&self, raw: &str) -> Result<Standardised, Reason> {
        Ok(match self {
            Self::Text(form) => text(raw, form)?,
            Self::Phone(rule) => rule.read(raw)?.map(|it| it.to_string()),
            Self::Email(case) => email(raw, *case)?,
            Self::Date(rule) => rule.day(raw)?.map(|it| it.to_string()),
            Self::Time(rule) => rule.instant(raw)?.map(|it| it.to_string()),
            Self::Number(mark) => number(raw, *mark)?.map(|it| it.to_string()),
            Self::Money(rule) => rule.read(raw)?.map(|it| it.to_string()),
            Self::Unit(rule) => rule.read(raw)?.map(|it| it.to_string()),
            Self::Region(rule) => rule.read(raw)?,
            Self::Flag => flag(raw)?.map(|it| it.to_string()),
            Self::Enum(synonyms) => synonyms.read(raw)?,
        })
    }

    /// Returns the standard form as a column holds it: numbers plain, with neither currency nor unit, which the column
    /// declares; everything else as [`apply`](Self::apply) writes it. A text that was already so has not changed.
    pub fn cell(&self, raw: &str) -> Result<Standardised, Reason> {
        let plain = match self {
            Self::Number(mark) => number(raw, *mark)?.map(|it| it.exact.to_string()),
            Self::Money(rule) => rule.read(raw)?.map(|it| it.amount()),
            Self::Unit(rule) => rule.read(raw)?.map(|it| it.number.exact.to_string()),
            _ => return self.apply(raw),
        };
        // `12` is 12.00 in any currency: nothing has changed for whoever reads the number.
        let same = number(raw, Mark::Point).is_ok_and(|before| {
            plain_decimal(raw)
                && number(&plain.value, Mark::Point)
                    .is_ok_and(|it| it.value.exact == before.value.exact)
        });
        if same {
            let changes = plain
                .changes
                .into_iter()
                .filter(|what| !matches!(*what, "number" | "money" | "unit"))
                .collect();
            return Ok(Standardised {
                value: plain.value,
                changes,
            });
        }
        Ok(plain)
    }
}

/// Returns true for an optional minus, digits, and at most one point among them.
fn plain_decimal(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

impl<T> Standardised<T> {
    fn map(self, value: impl FnOnce(&T) -> String) -> Standardised {
        Standardised {
            value: value(&self.value),
            changes: self.changes,
        }
    }
}
