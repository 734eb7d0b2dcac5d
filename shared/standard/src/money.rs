//! Amounts of money, exact to the minor unit.

mod signs;

use std::fmt;

use crate::number::{Exact, Mark, chinese_digit, read, write_scaled};
use crate::text::plain;
use crate::{Reason, Standardised};
use signs::{CODES, SIGNS};

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units, for example cents.
    pub minor: i64,
    /// Decimals of the currency: how many of the minor units' digits stand behind the point.
    pub decimals: u32,
}

impl Money {
    /// Returns the amount in major units with all decimals of the currency, for example `1234.50`.
    pub fn amount(&self) -> String {
        struct Amount(i64, u32);
        impl fmt::Display for Amount {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, i128::from(self.0), self.1)
            }
        }
        Amount(self.minor, self.decimals).to_string()
    }
}

impl fmt::Display for Money {
    /// Writes `CNY 1234.50`. A currency with three decimals is read with a point whatever the notation (see
    /// [`MoneyRule::read`]), so that this form is read in one way only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.amount())
    }
}

/// What becomes of a part of a minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Excess {
    /// The amount is refused.
    #[default]
    Refuse,
    /// It is rounded half to even; told as `rounded`.
    Round,
}

/// How amounts are read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MoneyRule {
    /// Currency of the column (ISO 4217); absent when every amount tells its own.
    pub currency: Option<String>,
    /// Decimals of the currency; absent means those of ISO 4217.
    pub decimals: Option<u32>,
    /// Which sign stands before the decimals.
    pub mark: Mark,
    /// What becomes of a part of a minor unit.
    pub excess: Excess,
}

/// Returns true for a code of ISO 4217 in use, in capitals.
pub fn is_code(code: &str) -> bool {
    code.len() == 3 && CODES.split(' ').any(|known| known == code)
}

/// Returns the decimals of a currency of ISO 4217.
pub fn decimals_of(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

impl MoneyRule {
    /// Returns the amount; told as `money`, and as `rounded` when a part of a minor unit was rounded away.
    ///
    /// Understands signs, names and codes of currencies in front or behind, brackets and minus signs on either side,
    /// grouped digits, multipliers (`万`, `k`), `元角分` and Chinese numerals. A point before three digits is the decimal
    /// sign in a currency with three decimals.
    pub fn read(&self, raw: &str) -> Result<Standardised<Money>, Reason> {
        let value = plain(raw)?.to_lowercase();
        let (negative, rest) = opened(&value);
        let (named, rest) = without_currency(rest);
        let (inside, rest) = opened(rest);
        let currency = self.currency_of(named);
        let places = currency
            .as_ref()
            .map_or(0, |code| self.decimals.unwrap_or_else(|| decimals_of(code)));
        let exact = self.exact(rest, places)?;
        let exact = if negative != inside {
            exact.negated()
        } else {
            exact
        };
        let (currency, decimals) = (currency?, places);
        let rounded = exact.rounded(decimals);
        if rounded != exact && self.excess == Excess::Refuse {
            return Err(Reason::PartOfMinorUnit);
        }
        let minor = rounded.in_units(decimals).ok_or(Reason::OutOfRange)?;
        let mut answer = Standardised::new(
            Money {
                currency,
                minor,
                decimals,
            },
            raw,
            "money",
        );
        if rounded != exact {
            answer.changes.push("rounded");
        }
        Ok(answer)
    }

    fn exact(&self, value: &str, places: u32) -> Result<Exact, Reason> {
        let mark = if places == 3 && !value.contains(',') {
            Mark::Point
        } else {
            self.mark
        };
        let as_money = |reason| {
            if reason == Reason::Number {
                Reason::Money
            } else {
                reason
            }
        };
        match yuan(value, mark).map_err(as_money)? {
            Some(exact) => Ok(exact),
            None => read(value, mark).map_err(as_money),
        }
    }

    fn currency_of(&self, named: Named<'_>) -> Result<String, Reason> {
        match (&self.currency, named) {
            (Some(declared), Named::Nothing) => Ok(declared.clone()),
            (Some(declared), Named::Among(codes)) if codes.contains(&declared.as_str()) => {
                Ok(declared.clone())
            }
            (Some(declared), Named::Code(code)) if code.eq_ignore_ascii_case(declared) => {
                Ok(declared.clone())
            }
            (Some(_), _) => Err(Reason::OtherCurrency),
            (None, Named::Among([only])) => Ok((*only).to_owned()),
            (None, Named::Code(code)) => Ok(code.to_ascii_uppercase()),
            (None, _) => Err(Reason::CurrencyUnknown),
        }
    }
}

/// What an amount says about its currency.
#[derive(Clone, Copy, PartialEq)]
enum Named<'a> {
    Nothing,
    Among(&'a [&'a str]),
    Code(&'a str),
}

/// Takes away brackets, or a minus in front of a sign of currency: `(¥12)`, `-$5`.
fn opened(value: &str) -> (bool, &str) {
    let value = value.trim();
    if let Some(inside) = value
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return (true, inside.trim());
    }
    match value.strip_prefix(['-', '\u{2212}']) {
        Some(rest) if !rest.starts_with(['-', '(', '+']) => (true, rest.trim_start()),
        _ => (false, value),
    }
}

/// Takes a currency away at either end; both ends may name one, as `¥12.30元`, when one of them settles it.
fn without_currency(value: &str) -> (Named<'_>, &str) {
    let (front, rest) = named_at(value, true);
    // The last 元 belongs to the number in `12元5角`; only at the very end does it name the currency.
    let (back, rest) = named_at(rest, false);
    let named = match (front, back) {
        (Named::Nothing, back) => back,
        (front, Named::Nothing) => front,
        (Named::Code(code), Named::Among(codes)) | (Named::Among(codes), Named::Code(code))
            if codes.iter().any(|one| one.eq_ignore_ascii_case(code)) =>
        {
            Named::Code(code)
        }
        (Named::Among(some), Named::Among(others))
            if some.iter().any(|one| others.contains(one)) =>
        {
            Named::Among(if some.len() <= others.len() {
                some
            } else {
                others
            })
        }
        (Named::Code(one), Named::Code(other)) if one == other => front,
        _ => Named::Among(&[]),
    };
    (named, rest)
}

fn named_at(value: &str, front: bool) -> (Named<'_>, &str) {
    let value = value.trim();
    let word: &str = if front {
        &value[..value
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(value.len())]
    } else {
        let start = value.rfind(|c: char| !c.is_ascii_alphabetic());
        &value[start.map_or(0, |at| {
            at + value[at..].chars().next().map_or(1, char::len_utf8)
        })..]
    };
    if is_code(&word.to_ascii_uppercase()) {
        let rest = if front {
            &value[word.len()..]
        } else {
            &value[..value.len() - word.len()]
        };
        return (Named::Code(word), rest.trim());
    }
    for (sign, codes) in SIGNS {
        let rest = if front {
            value.strip_prefix(sign)
        } else {
            value.strip_suffix(sign)
        };
        if let Some(rest) = rest {
            return (Named::Among(codes), rest.trim());
        }
    }
    if front {
        return (Named::Nothing, value);
    }
    let whole = value.trim_end_matches(['整', '正']);
    match whole
        .strip_suffix(['元', '圆', '块'])
        .or_else(|| whole.strip_suffix("块钱"))
    {
        Some(rest) => (Named::Among(&["CNY"]), rest.trim()),
        None => (Named::Nothing, value),
    }
}

/// Reads `12元3角5分` and `壹佰元伍角整`; `None` when there is no 元 inside.
fn yuan(value: &str, mark: Mark) -> Result<Option<Exact>, Reason> {
    let Some((whole, rest)) = value.split_once(['元', '圆', '块']) else {
        return Ok(None);
    };
    let mut sum = read(whole.trim(), mark)?;
    let mut rest = rest.trim().trim_end_matches(['整', '正']).trim();
    for (signs, places) in [(['角', '毛'], 1), (['分', '分'], 2)] {
        if let Some((digit, after)) = rest.split_once(signs) {
            sum = plus_digit(sum, digit, places)?;
            rest = after.trim();
        }
    }
    if !rest.is_empty() {
        // 十二块五 is twelve and a half.
        sum = plus_digit(sum, rest, 1)?;
    }
    Ok(Some(sum))
}

fn plus_digit(sum: Exact, digit: &str, places: u32) -> Result<Exact, Reason> {
    let digit = digit.trim().trim_start_matches(['零', '〇']);
    let mut characters = digit.chars();
    let value = match (characters.next(), characters.next()) {
        (Some(c), None) => {
            chinese_digit(c).map_or_else(|| c.to_digit(10), |digit| Some(u32::from(digit - b'0')))
        }
        _ => None,
    };
    let parts = Exact::new(i128::from(value.ok_or(Reason::Money)?), places);
    parts
        .and_then(|parts| sum.plus(parts))
        .ok_or(Reason::OutOfRange)
}

#[cfg(test)]
#[path = "money_tests.rs"]
mod tests;
