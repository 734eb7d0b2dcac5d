//! Families about how a customer buys: rhythm, baskets, refunds, life-cycle.

use super::{Definition, Family, MadeOf};
use crate::compute::{Answer, Value, share};
use crate::event::EventKind;
use crate::stage::Stage;
use crate::state::{Accumulator, column, money};

pub(super) const FAMILIES: &[&[Definition]] = &[RHYTHM, BASKETS, REFUNDS, LIFE_CYCLE];

const fn family(name: &'static str) -> Family {
    Family {
        name,
        owner: "customer-value",
    }
}

const RHYTHM: &[Definition] = &{
    const F: Family = family("rhythm");
    [
        F.number(
            "purchase_gap_mean",
            "days",
            "Mean days between purchase days.",
            |it| Answer::number(it.gap_mean()),
        ),
        F.number(
            "purchase_gap_median",
            "days",
            "Median days between purchase days.",
            |it| {
                let mut gaps = it.gaps();
                gaps.sort_unstable();
                let middle = gaps.len() / 2;
                Answer::number(match gaps.len() {
                    0 => None,
                    odd if odd % 2 == 1 => Some(f64::from(gaps[middle])),
                    _ => Some(f64::from(gaps[middle - 1] + gaps[middle]) / 2.0),
                })
            },
        ),
        F.number(
            "purchase_gap_variation",
            "ratio",
            "Standard deviation of the gaps divided by their mean.",
            |it| {
                let gaps = it.gaps();
                let Some(mean) = it.gap_mean().filter(|_| gaps.len() > 1) else {
                    return Answer::number(None);
                };
                let squares: f64 = gaps
                    .iter()
                    .map(|gap| (f64::from(*gap) - mean).powi(2))
                    .sum();
                Answer::number(Some((squares / (gaps.len() - 1) as f64).sqrt() / mean))
            },
        ),
        F.number(
            "purchase_gap_overdue",
            "ratio",
            "Days since the last purchase divided by the mean gap.",
            |it| {
                let silent = it.purchases.last().map(|last| f64::from(it.day - last.day));
                Answer::number(silent.zip(it.gap_mean()).map(|(silent, gap)| silent / gap))
            },
        ),
        F.number(
            "revenue_trend_90",
            "share",
            "Revenue of the last 30 days as a share of the last 90 days'.",
            |it| {
                let (recent, all) = (it.net(30), it.net(90));
                let value = if all.value > 0 {
                    share(recent.value as f64, all.value as f64)
                } else {
                    None
                };
                Answer::number(value).approximate(recent.approximate || all.approximate)
            },
        )
        .of(MadeOf::Amounts)
        .within(90)
        .or_zero(),
    ]
};

const BASKETS: &[Definition] = &{
    const F: Family = family("baskets");
    [
        F.number(
            "items_per_order",
            "count",
            "Item lines per distinct order.",
            |it| {
                Answer::number(share(
                    it.state.item_lines as f64,
                    it.state.orders.count() as f64,
                ))
                .approximate(it.state.orders.over)
            },
        )
        .undated(),
        F.number(
            "units_per_order",
            "count",
            "Pieces bought per distinct order.",
            |it| {
                Answer::number(share(
                    it.state.units_milli as f64 / 1_000.0,
                    it.state.orders.count() as f64,
                ))
                .approximate(it.state.orders.over)
            },
        )
        .of(MadeOf::Amounts)
        .undated(),
        F.number(
            "products_bought",
            "count",
            "Distinct products bought to date; estimated beyond 64.",
            |it| Answer::count(it.state.products.count()).approximate(it.state.products.over),
        )
        .undated()
        .needs(Accumulator::Products),
        F.number(
            "units_90",
            "count",
            "Pieces bought in the last 90 days.",
            |it| {
                let units = it.activity(column::UNITS_MILLI, 90);
                Answer::number(Some(units.value as f64 / 1_000.0)).approximate(units.approximate)
            },
        )
        .of(MadeOf::Amounts)
        .within(90),
        F.number(
            "cart_adds_30",
            "count",
            "Products put in the basket in the last 30 days.",
            |it| it.activity(column::ADDS, 30).into(),
        )
        .within(30),
    ]
};

const REFUNDS: &[Definition] = &{
    const F: Family = family("refunds");
    [
        F.number("refunds", "count", "Refunds received to date.", |it| {
            Answer::count(it.state.events_of(EventKind::OrderRefunded))
        })
        .undated(),
        F.number(
            "refunds_90",
            "count",
            "Refunds of the last 90 days.",
            |it| it.activity(column::REFUNDS, 90).into(),
        )
        .within(90),
        F.number(
            "refund_share",
            "share",
            "Refunded value as a share of the orders' value.",
            |it| {
                let refunded = -it.money_for_life(money::REFUNDED) as f64;
                Answer::number(share(refunded, it.money_for_life(money::COMPLETED) as f64))
            },
        )
        .of(MadeOf::Amounts)
        .or_zero(),
    ]
};

const LIFE_CYCLE: &[Definition] = &{
    const F: Family = family("life_cycle");
    [
        F.label(
            "life_cycle_stage",
            "Stage by the customer's own rhythm: prospect, new, active, at_risk, lapsed.",
            |it| Answer::text(Some(Stage::of(it.state, it.day).name())),
        ),
        F.number(
            "tenure_days",
            "days",
            "Days since anything was first heard of the customer.",
            |it| {
                let first = it
                    .state
                    .newest_day()
                    .map(|_| it.state.oldest_day)
                    .filter(|first| *first <= it.day);
                Answer::number(first.map(|first| f64::from(it.day - first)))
            },
        ),
        F.number(
            "is_one_time_buyer",
            "label",
            "Whether the customer bought on exactly one day.",
            |it| Answer {
                value: Some(Value::Flag(it.purchases.len() == 1)),
                approximate: false,
            },
        )
        .flag(),
        F.time(
            "first_purchase_day",
            "Day of the first completed order.",
            |it| Answer::day(it.purchases.first().map(|day| day.day)),
        ),
        F.time(
            "last_purchase_day",
            "Day of the last completed order.",
            |it| Answer::day(it.purchases.last().map(|day| day.day)),
        ),
    ]
};
