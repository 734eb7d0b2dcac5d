//! Family about how far the other features rest on what cleaning filled or changed.

use super::{Definition, Family};
use crate::compute::{Answer, share};
use crate::state::column;

pub(super) const FAMILIES: &[&[Definition]] = &[CORRECTIONS];

const CORRECTIONS: &[Definition] = &{
    const F: Family = Family {
        name: "corrections",
        owner: "data-governance",
    };
    [
        F.number(
            "corrected_amounts",
            "count",
            "Orders and refunds to date with a value, quantity or price that cleaning filled or changed.",
            |it| it.corrected_amounts(0).into(),
        )
        .since(2),
        F.number(
            "corrected_amounts_90",
            "count",
            "Orders and refunds of the last 90 days with a value, quantity or price that cleaning filled or changed.",
            |it| it.corrected_amounts(90).into(),
        )
        .within(90)
        .since(2),
        F.number(
            "corrected_amounts_share_90",
            "share",
            "Share of the orders and refunds of the last 90 days whose amounts cleaning filled or changed.",
            |it| {
                let part = it.corrected_amounts(90);
                let (orders, refunds) = (
                    it.activity(column::ORDER_LINES, 90),
                    it.activity(column::REFUNDS, 90),
                );
                let whole = orders.value.wrapping_add(refunds.value);
                Answer::number(share(part.value as f64, whole as f64))
                    .approximate(part.approximate || orders.approximate || refunds.approximate)
            },
        )
        .within(90)
        .or_zero()
        .since(2),
        F.number(
            "corrected_answers",
            "count",
            "Ratings and answers to the recommendation question to date that cleaning filled or changed.",
            |it| {
                let (ratings, answers) = (&it.state.ratings, &it.state.recommendations);
                Answer::count(ratings.corrected.wrapping_add(answers.corrected))
            },
        )
        .undated()
        .since(2),
    ]
};
