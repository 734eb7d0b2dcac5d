//! Brings the amounts of an event to the tenant's currency.

use api::common::Money;
use chrono::{DateTime, Utc};

use super::{Judge, limits};
use crate::domain::decimal::is_currency_code;
use crate::domain::draft::Draft;
use crate::domain::instant::local_day;

impl Judge<'_> {
    /// Says why an amount cannot be had in the tenant's currency: the part of it, the reason and a sentence.
    pub(super) fn check_exchange(
        &self,
        money: &Money,
        time: Option<DateTime<Utc>>,
    ) -> Option<(&'static str, &'static str, String)> {
        let (code, own) = (&money.currency_code, &self.tenant.currency);
        if code == own {
            return None;
        }
        if !is_currency_code(code) {
            let text = "a currency is an ISO 4217 code, for example `GBP`".to_owned();
            return Some(("currency_code", "INVALID_CURRENCY", text));
        }
        let rates = self.terms.rates.as_ref();
        let known = rates.is_some_and(|rates| match time {
            Some(time) => rates
                .find(code, local_day(time, self.tenant.zone))
                .is_some(),
            None => rates.knows(code),
        });
        if !known {
            let text = format!("no rate is known from {code} to the tenant's {own}");
            return Some(("currency_code", "NO_EXCHANGE_RATE", text));
        }
        let most = limits::AMOUNT_MAX.unsigned_abs();
        match self.exchanged(money, time?) {
            Some(own) if own.minor_units.unsigned_abs() <= most => None,
            _ => {
                let text = format!("at most {most} either way in {own}");
                Some(("minor_units", "AMOUNT_OUT_OF_RANGE", text))
            }
        }
    }

    /// Brings all amounts of a draft that was found right to the tenant's currency, and keeps the value as it came.
    pub(super) fn exchange(&self, draft: &mut Draft, time: DateTime<Utc>) {
        if let Some(value) = &draft.value
            && let Some(exchanged) = self.exchanged(value, time)
        {
            draft.original_value = draft.value.replace(exchanged);
        }
        for item in &mut draft.items {
            if let Some(price) = &item.unit_price
                && let Some(exchanged) = self.exchanged(price, time)
            {
                item.unit_price = Some(exchanged);
            }
        }
    }

    /// Returns an amount in the tenant's currency; `None` when it is in it already or there is no rate.
    fn exchanged(&self, money: &Money, time: DateTime<Utc>) -> Option<Money> {
        if money.currency_code == self.tenant.currency {
            return None;
        }
        let day = local_day(time, self.tenant.zone);
        let rates = self.terms.rates.as_ref()?;
        rates.convert(money, &self.tenant.currency, day)
    }
}
