//! Purchase days: what models of repeat buying are fitted on.

use crate::state::{CustomerState, money};

/// One day with at least one completed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseDay {
    /// The day, as days since 1970-01-01 in the tenant's zone; the first day of the period when that is longer.
    pub day: i32,
    /// What the orders of the day came to, less its refunds, in minor units.
    pub value_minor: i64,
    /// Days that it stands for: 1, or 7 and more for the oldest of very many.
    pub days: i32,
}

/// What purchase models are fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseSummary {
    /// Distinct purchase days less one: the papers' x.
    pub repeats: u32,
    /// First purchase day.
    pub first_day: i32,
    /// Last purchase day.
    pub last_day: i32,
    /// Sum of all daily totals, in minor units.
    pub total_minor: i64,
    /// Sum of the daily totals without the first day's, in minor units; divided by `repeats` it is Gamma-Gamma's z.
    pub repeat_total_minor: i64,
    /// Whether some of the oldest days are weeks, so that `repeats` counts too few.
    pub coarse: bool,
}

impl CustomerState {
    /// Returns the days with an 'Order Completed', oldest first, each with its orders' value less the refunds of that day.
    pub fn purchase_days(&self) -> Vec<PurchaseDay> {
        self.money_days()
            .filter_map(|(day, days, completed, refunded)| {
                completed.map(|value| PurchaseDay {
                    day,
                    value_minor: value.wrapping_add(refunded),
                    days,
                })
            })
            .collect()
    }

    /// Returns the purchase days to `as_of_day` inclusive after every refund has been set against what it gave back.
    ///
    /// A refund reduces the purchases of its own day, then of the nearest days before; a day refunded in full is no
    /// purchase day. What is left of a refund, because its order is older than the history, is dropped.
    pub fn purchase_days_netted(&self, as_of_day: i32) -> Vec<PurchaseDay> {
        let mut days: Vec<PurchaseDay> = Vec::new();
        for (day, length, completed, mut refunded) in
            self.money_days().filter(|it| it.0 <= as_of_day)
        {
            if let Some(value_minor) = completed {
                days.push(PurchaseDay {
                    day,
                    value_minor,
                    days: length,
                });
            }
            let mut at = days.len();
            while refunded < 0 && 0 < at {
                at -= 1;
                let value = days[at].value_minor;
                if value <= 0 {
                    continue;
                }
                if 0 < value + refunded {
                    days[at].value_minor = value + refunded;
                    refunded = 0;
                } else {
                    refunded += value;
                    days.remove(at);
                }
            }
        }
        days
    }

    /// Returns what purchase models need, as of the end of `as_of_day`, refunds netted; `None` without a purchase day.
    pub fn purchase_summary(&self, as_of_day: i32) -> Option<PurchaseSummary> {
        let days = self.purchase_days_netted(as_of_day);
        let (first, last) = (days.first()?, days.last()?);
        let total_minor = days.iter().map(|it| it.value_minor).sum();
        Some(PurchaseSummary {
            repeats: (days.len() - 1) as u32,
            first_day: first.day,
            last_day: last.day,
            total_minor,
            repeat_total_minor: total_minor - first.value_minor,
            coarse: first.days > 1,
        })
    }

    /// Returns the first day with a completed order.
    pub fn first_purchase_day(&self) -> Option<i32> {
        self.money_days().find(|it| it.2.is_some()).map(|it| it.0)
    }

    /// Returns the last day with a completed order.
    pub fn last_purchase_day(&self) -> Option<i32> {
        self.money_days()
            .filter(|it| it.2.is_some())
            .last()
            .map(|it| it.0)
    }

    /// Returns (first day, days, completed, refunded) of every period with orders or refunds, oldest first.
    pub(crate) fn money_days(&self) -> impl Iterator<Item = (i32, i32, Option<i64>, i64)> + '_ {
        let mut buckets = self.purchases.buckets().peekable();
        std::iter::from_fn(move || {
            let (start, days, column, amount) = buckets.next()?;
            if column == money::COMPLETED {
                return Some((start, days, Some(amount), 0));
            }
            let completed =
                buckets.next_if(|next| (next.0, next.1, next.2) == (start, days, money::COMPLETED));
            Some((start, days, completed.map(|it| it.3), amount))
        })
    }
}
