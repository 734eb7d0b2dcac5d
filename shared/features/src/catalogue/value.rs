//! Families about purchases: recency, frequency, monetary value, windows.

use super::{Definition, Family, MadeOf};
use crate::compute::{Answer, Facts, share};
use crate::event::EventKind;
use crate::state::{Moment, column, money};

pub(super) const FAMILIES: &[&[Definition]] = &[RECENCY, FREQUENCY, MONETARY, WINDOWS];

const fn family(name: &'static str) -> Family {
    Family {
        name,
        owner: "customer-value",
    }
}

const RECENCY: &[Definition] = &{
    const F: Family = family("recency");
    [
        F.number(
            "days_since_last_purchase",
            "days",
            "Days since the last purchase day.",
            |it| Answer::number(it.purchases.last().map(|last| f64::from(it.day - last.day))),
        ),
        F.number(
            "days_since_first_purchase",
            "days",
            "Days since the first purchase day.",
            |it| {
                Answer::number(
                    it.purchases
                        .first()
                        .map(|first| f64::from(it.day - first.day)),
                )
            },
        ),
        F.number(
            "days_since_last_event",
            "days",
            "Days since anything was heard of the customer.",
            |it| {
                let newest = it.state.newest_day().filter(|newest| *newest <= it.day);
                Answer::number(newest.map(|newest| f64::from(it.day - newest)))
            },
        ),
        F.number(
            "days_since_last_visit",
            "days",
            "Days since the customer last looked around.",
            |it| Answer::number(it.since(Moment::Visit)),
        ),
        F.number(
            "days_since_last_touch",
            "days",
            "Days since a campaign's message was last sent or shown.",
            |it| Answer::number(it.since(Moment::Touch)),
        ),
        F.number(
            "days_since_last_open",
            "days",
            "Days since a campaign's message was last opened.",
            |it| Answer::number(it.since(Moment::Open)),
        ),
        F.number(
            "days_since_last_click",
            "days",
            "Days since a campaign's message was last clicked.",
            |it| Answer::number(it.since(Moment::Click)),
        ),
        F.number(
            "days_since_last_refund",
            "days",
            "Days since the last refund.",
            |it| Answer::number(it.since(Moment::Refund)),
        ),
    ]
};

const FREQUENCY: &[Definition] = &{
    const F: Family = family("frequency");
    [
        F.number(
            "purchase_days",
            "count",
            "Distinct days with a completed order.",
            |it| {
                Answer::count(it.purchases.len() as u64).approximate(it.state.purchases.is_coarse())
            },
        ),
        F.number(
            "repeat_purchase_days",
            "count",
            "Distinct purchase days after the first.",
            |it| {
                Answer::count(it.purchases.len().saturating_sub(1) as u64)
                    .approximate(it.state.purchases.is_coarse())
            },
        ),
        F.number(
            "orders",
            "count",
            "Distinct orders to date; estimated beyond 192.",
            |it| Answer::count(it.state.orders.count()).approximate(it.state.orders.over),
        )
        .undated(),
        F.number(
            "order_lines",
            "count",
            "Order events to date, one for each line where orders come by the line.",
            |it| Answer::count(it.state.events_of(EventKind::OrderCompleted)),
        )
        .undated(),
        F.number(
            "active_days_30",
            "count",
            "Days among the last 30 on which anything happened.",
            |it| it.active_days(30),
        )
        .within(30),
        F.number(
            "active_days_90",
            "count",
            "Days among the last 90 on which anything happened.",
            |it| it.active_days(90),
        )
        .within(90),
    ]
};

const MONETARY: &[Definition] = &{
    const F: Family = family("monetary");
    [
        F.number(
            "revenue",
            "minor_units",
            "Value of all orders less all refunds.",
            |it| {
                let net = it
                    .money_for_life(money::COMPLETED)
                    .wrapping_add(it.money_for_life(money::REFUNDED));
                Answer::number(Some(net as f64))
            },
        )
        .of(MadeOf::Amounts),
        F.number(
            "revenue_gross",
            "minor_units",
            "Value of all orders before refunds.",
            |it| Answer::number(Some(it.money_for_life(money::COMPLETED) as f64)),
        )
        .of(MadeOf::Amounts),
        F.number(
            "revenue_per_purchase_day",
            "minor_units",
            "Mean of the daily totals over purchase days.",
            |it| {
                let total: i64 = it.purchases.iter().map(|day| day.value_minor).sum();
                Answer::number(share(total as f64, it.purchases.len() as f64))
            },
        )
        .of(MadeOf::Amounts),
        F.number(
            "revenue_per_repeat_day",
            "minor_units",
            "Mean daily total without the first purchase day.",
            |it| {
                let repeats = it.purchases.get(1..).unwrap_or_default();
                let total: i64 = repeats.iter().map(|day| day.value_minor).sum();
                Answer::number(share(total as f64, repeats.len() as f64))
            },
        )
        .of(MadeOf::Amounts),
        F.number(
            "revenue_first_day",
            "minor_units",
            "Total of the first purchase day.",
            |it| Answer::number(it.purchases.first().map(|day| day.value_minor as f64)),
        )
        .of(MadeOf::Amounts),
        F.number(
            "revenue_last_day",
            "minor_units",
            "Total of the last purchase day.",
            |it| Answer::number(it.purchases.last().map(|day| day.value_minor as f64)),
        )
        .of(MadeOf::Amounts),
        F.number(
            "largest_order_value",
            "minor_units",
            "Largest value of one order event to date.",
            |it| Answer::number(it.state.largest_value_minor.map(|value| value as f64)),
        )
        .of(MadeOf::Amounts)
        .undated(),
        F.number(
            "discount",
            "minor_units",
            "Discounts granted to date.",
            |it| Answer::number(Some(it.state.discount_minor as f64)),
        )
        .of(MadeOf::Amounts)
        .undated(),
        F.number(
            "discount_share",
            "share",
            "Discounts to date as a share of value before discount.",
            |it| {
                let discount = it.state.discount_minor as f64;
                Answer::number(share(
                    discount,
                    discount + it.money_for_life(money::COMPLETED) as f64,
                ))
            },
        )
        .of(MadeOf::Amounts)
        .undated()
        .or_zero(),
    ]
};

const fn orders_within(
    name: &'static str,
    meaning: &'static str,
    days: u32,
    compute: fn(&Facts<'_>) -> Answer,
) -> Definition {
    family("windows")
        .number(name, "count", meaning, compute)
        .within(days)
}

const fn revenue_within(
    name: &'static str,
    meaning: &'static str,
    days: u32,
    compute: fn(&Facts<'_>) -> Answer,
) -> Definition {
    family("windows")
        .number(name, "minor_units", meaning, compute)
        .of(MadeOf::Amounts)
        .within(days)
}

/// Distinct orders of the last `days`; purchase days stand in where orders are no longer told apart.
fn orders(it: &Facts<'_>, days: i32) -> Answer {
    match it.state.recent_orders.count(it.day - days + 1, it.day) {
        Some(count) => Answer::count(count),
        None => Answer::count(it.purchase_days(days)).approximate(true),
    }
}

const WINDOWS: &[Definition] = &[
    orders_within("orders_7", "Distinct orders of the last 7 days.", 7, |it| {
        orders(it, 7)
    }),
    orders_within(
        "orders_30",
        "Distinct orders of the last 30 days.",
        30,
        |it| orders(it, 30),
    ),
    orders_within(
        "orders_60",
        "Distinct orders of the last 60 days.",
        60,
        |it| orders(it, 60),
    ),
    orders_within(
        "orders_90",
        "Distinct orders of the last 90 days.",
        90,
        |it| orders(it, 90),
    ),
    revenue_within(
        "revenue_7",
        "Value of orders less refunds of the last 7 days.",
        7,
        |it| it.net(7).into(),
    ),
    revenue_within(
        "revenue_30",
        "Value of orders less refunds of the last 30 days.",
        30,
        |it| it.net(30).into(),
    ),
    revenue_within(
        "revenue_60",
        "Value of orders less refunds of the last 60 days.",
        60,
        |it| it.net(60).into(),
    ),
    revenue_within(
        "revenue_90",
        "Value of orders less refunds of the last 90 days.",
        90,
        |it| it.net(90).into(),
    ),
    orders_within(
        "purchase_days_30",
        "Distinct purchase days among the last 30.",
        30,
        |it| Answer::count(it.purchase_days(30)),
    ),
    orders_within(
        "purchase_days_90",
        "Distinct purchase days among the last 90.",
        90,
        |it| Answer::count(it.purchase_days(90)),
    ),
    revenue_within(
        "discount_90",
        "Discounts granted in the last 90 days.",
        90,
        |it| it.activity(column::DISCOUNT_MINOR, 90).into(),
    ),
];
