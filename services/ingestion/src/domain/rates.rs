//! Brings amounts to the tenant's currency by a table of rates.

use std::collections::BTreeMap;

use api::common::Money;

use super::decimal::{Decimal, currency_decimals};

/// Most digits of a rate.
const DIGITS_MAX: usize = 18;

/// A tenant's rates: units of its currency for one unit of another, by day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates {
    by_currency: BTreeMap<String, BTreeMap<i32, Decimal>>,
    /// How many days a rate is believed after its own.
    days: i32,
}

impl Rates {
    /// Makes an empty table whose rates hold on their day and `days` days after it.
    pub fn new(days: i32) -> Self {
        Self {
            by_currency: BTreeMap::new(),
            days,
        }
    }

    /// Reads a rate: a decimal number above zero of at most 18 digits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        Decimal::parse(text).filter(|rate| plain && digits <= DIGITS_MAX && rate.signum() == 1)
    }

    /// Sets the rate of a currency on a day since 1970.
    pub fn set(&mut self, currency: &str, day: i32, rate: Decimal) {
        let days = self.by_currency.entry(currency.to_owned()).or_default();
        days.insert(day, rate);
    }

    /// Returns whether there is a rate of a currency on any day.
    pub fn knows(&self, currency: &str) -> bool {
        self.by_currency.contains_key(currency)
    }

    /// Returns the rate of a currency on a day: its own, or that of the nearest earlier day that is believed.
    pub fn find(&self, currency: &str, day: i32) -> Option<Decimal> {
        let days = self.by_currency.get(currency)?;
        let (_, rate) = days
            .range(day.saturating_sub(self.days)..=day)
            .next_back()?;
        Some(*rate)
    }

    /// Brings an amount to another currency, rounded once, half to even. Returns `None` without a rate, and when the amount
    /// is too large to hold.
    pub fn convert(&self, money: &Money, to: &str, day: i32) -> Option<Money> {
        let rate = self.find(&money.currency_code, day)?;
        let amount = Decimal::of_units(money.minor_units, currency_decimals(&money.currency_code));
        let minor_units = amount.times(rate)?.in_units(currency_decimals(to))?;
        Some(Money {
            currency_code: to.to_owned(),
            minor_units,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Rates {
        let mut rates = Rates::new(7);
        for (currency, day, rate) in [
            ("USD", 100, "0.8"),
            ("USD", 103, "0.75"),
            ("JPY", 100, "0.0053"),
            ("KWD", 100, "2.55"),
        ] {
            rates.set(currency, day, Rates::parse(rate).expect("rate"));
        }
        rates
    }

    #[track_caller]
    fn check(currency: &str, minor_units: i64, day: i32, expected: Option<i64>) {
        let money = Money {
            currency_code: currency.into(),
            minor_units,
        };
        let converted = table().convert(&money, "GBP", day);
        assert_eq!(converted.map(|money| money.minor_units), expected);
    }

    #[test]
    fn takes_the_nearest_earlier_day() {
        check("USD", 1000, 100, Some(800));
        check("USD", 1000, 102, Some(800));
        check("USD", 1000, 103, Some(750));
        check("USD", 1000, 110, Some(750));
        check("USD", 1000, 111, None);
        check("USD", 1000, 99, None);
        check("EUR", 1000, 100, None);
    }

    #[test]
    fn knows_the_decimals_of_both_currencies_and_rounds_once() {
        check("JPY", 1000, 100, Some(530));
        check("JPY", 1, 100, Some(1));
        check("KWD", 1000, 100, Some(255));
        check("USD", -1001, 103, Some(-751));
        check("KWD", i64::MAX, 100, Some(2_351_959_869_397_967_831));
        check("JPY", i64::MAX, 100, Some(4_888_387_179_533_031_178));
    }

    #[test]
    fn refuses_what_is_no_rate() {
        for text in ["", "0", "-1", "1e3", "abc", "1234567890.123456789", "+1"] {
            assert_eq!(Rates::parse(text), None, "{text}");
        }
    }
}
