//! Families about behaviour: categories, channel response, sessions, satisfaction, time of day.

use super::{Definition, Family, MadeOf};
use crate::compute::{Answer, Facts, share};
use crate::state::{Accumulator, Moment, column};
use crate::tally::{Category, Channel};

pub(super) const FAMILIES: &[&[Definition]] =
    &[CATEGORIES, CHANNELS, SESSIONS, SATISFACTION, TIME_OF_DAY];

const fn family(name: &'static str) -> Family {
    Family {
        name,
        owner: "customer-behaviour",
    }
}

/// The category bought most, by lines, then views, then the alphabet.
fn top_category<'a>(it: &Facts<'a>) -> Option<(&'a str, &'a Category)> {
    let named = it.state.categories.named.iter();
    named
        .rev()
        .max_by_key(|(_, found)| (found.lines, found.views))
        .map(|(name, found)| (name.as_str(), found))
}

const CATEGORIES: &[Definition] = &{
    const F: Family = family("categories");
    [
        F.label(
            "category_top",
            "Category bought most, by order lines, then by views.",
            |it| {
                Answer::text(top_category(it).map(|top| top.0))
                    .approximate(it.state.categories.dropped)
            },
        )
        .undated()
        .personal(),
        F.number(
            "category_top_share",
            "share",
            "Share of the order lines that the top category has.",
            |it| {
                let lines: u64 = it
                    .state
                    .categories
                    .named
                    .values()
                    .map(|found| found.lines)
                    .sum();
                let top = top_category(it).map_or(0, |top| top.1.lines);
                Answer::number(share(top as f64, lines as f64))
                    .approximate(it.state.categories.dropped)
            },
        )
        .undated()
        .or_zero(),
        F.number(
            "categories",
            "count",
            "Distinct categories bought or looked at; no more than 24 are told apart.",
            |it| {
                Answer::count(it.state.categories.named.len() as u64)
                    .approximate(it.state.categories.dropped)
            },
        )
        .undated(),
        F.number(
            "days_since_top_category",
            "days",
            "Days since the top category was last bought or looked at.",
            |it| {
                let last = top_category(it)
                    .map(|top| top.1.last_day)
                    .filter(|last| *last <= it.day);
                Answer::number(last.map(|last| f64::from(it.day - last)))
                    .approximate(it.state.categories.dropped)
            },
        )
        .undated(),
    ]
};

/// The channel with the most of something; none when no channel has any.
fn top_channel<'a>(it: &Facts<'a>, most: fn(&Channel) -> u64) -> Option<&'a str> {
    let named = it.state.channels.named.iter().rev();
    named
        .max_by_key(|(_, found)| most(found))
        .filter(|(_, found)| most(found) > 0)
        .map(|(name, _)| name.as_str())
}

fn rate_90(it: &Facts<'_>, column: i32) -> Answer {
    let (part, whole) = (it.activity(column, 90), it.activity(column::SENT, 90));
    Answer::number(share(part.value as f64, whole.value as f64))
        .approximate(part.approximate || whole.approximate)
}

const CHANNELS: &[Definition] = &{
    const F: Family = family("channel_response");
    [
        F.number(
            "touches_30",
            "count",
            "Campaign messages sent or shown in the last 30 days.",
            |it| it.activity(column::SENT, 30).into(),
        )
        .within(30),
        F.number(
            "touches_90",
            "count",
            "Campaign messages sent or shown in the last 90 days.",
            |it| it.activity(column::SENT, 90).into(),
        )
        .within(90),
        F.number(
            "open_rate_90",
            "share",
            "Opened messages per message sent in the last 90 days.",
            |it| rate_90(it, column::OPENED),
        )
        .within(90),
        F.number(
            "click_rate_90",
            "share",
            "Clicked messages per message sent in the last 90 days.",
            |it| rate_90(it, column::CLICKED),
        )
        .within(90),
        F.label(
            "channel_top_response",
            "Channel whose messages were clicked or opened most.",
            |it| Answer::text(top_channel(it, |found| 2 * found.clicked + found.opened)),
        )
        .undated(),
        F.label(
            "channel_top_purchase",
            "Channel by which most orders came.",
            |it| Answer::text(top_channel(it, |found| found.purchases)),
        )
        .undated(),
    ]
};

const SESSIONS: &[Definition] = &{
    const F: Family = family("sessions");
    [
        F.number(
            "sessions_30",
            "count",
            "Sessions started in the last 30 days.",
            |it| it.activity(column::SESSIONS, 30).into(),
        )
        .within(30),
        F.number(
            "page_views_7",
            "count",
            "Pages viewed in the last 7 days.",
            |it| it.activity(column::PAGE_VIEWS, 7).into(),
        )
        .within(7),
        F.number(
            "page_views_30",
            "count",
            "Pages viewed in the last 30 days.",
            |it| it.activity(column::PAGE_VIEWS, 30).into(),
        )
        .within(30),
        F.number(
            "product_views_30",
            "count",
            "Products viewed in the last 30 days.",
            |it| it.activity(column::PRODUCT_VIEWS, 30).into(),
        )
        .within(30),
        F.number(
            "product_views_90",
            "count",
            "Products viewed in the last 90 days.",
            |it| it.activity(column::PRODUCT_VIEWS, 90).into(),
        )
        .within(90),
    ]
};

const SATISFACTION: &[Definition] = &{
    const F: Family = family("satisfaction");
    [
        F.number(
            "rating_mean",
            "points",
            "Mean of all the ratings given.",
            |it| {
                let ratings = &it.state.ratings;
                Answer::number(share(
                    ratings.sum_milli as f64 / 1_000.0,
                    ratings.count as f64,
                ))
            },
        )
        .of(MadeOf::Ratings)
        .undated()
        .personal(),
        F.number(
            "rating_last",
            "points",
            "Rating that was given last.",
            |it| {
                Answer::number(
                    it.state
                        .ratings
                        .latest
                        .map(|latest| latest.1 as f64 / 1_000.0),
                )
            },
        )
        .of(MadeOf::Ratings)
        .undated()
        .personal(),
        F.number(
            "ratings",
            "count",
            "Ratings given to date, of products and in surveys.",
            |it| Answer::count(it.state.ratings.count),
        )
        .undated(),
        F.number(
            "nps_last",
            "points",
            "Last answer to the recommendation question, 0 to 10.",
            |it| {
                Answer::number(
                    it.state
                        .recommendations
                        .latest
                        .map(|latest| latest.1 as f64),
                )
            },
        )
        .of(MadeOf::Recommendations)
        .undated()
        .personal(),
        F.number(
            "tickets_90",
            "count",
            "Tickets opened in the last 90 days.",
            |it| it.activity(column::TICKETS, 90).into(),
        )
        .within(90),
        F.number(
            "days_since_last_ticket",
            "days",
            "Days since a ticket was last opened.",
            |it| Answer::number(it.since(Moment::Ticket)),
        ),
    ]
};

fn hours_share(it: &Facts<'_>, hours: impl Iterator<Item = usize>) -> Option<f64> {
    let all: u64 = it.state.hours.iter().sum();
    let some: u64 = hours.map(|hour| it.state.hours[hour]).sum();
    share(some as f64, all as f64)
}

const TIME_OF_DAY: &[Definition] = &{
    const F: Family = family("time_of_day");
    [
        F.number(
            "peak_hour",
            "hour",
            "Hour of the day, 0 to 23, in which the customer acts most.",
            |it| {
                let busiest = it
                    .state
                    .hours
                    .iter()
                    .enumerate()
                    .rev()
                    .max_by_key(|(_, count)| **count);
                Answer::number(
                    busiest
                        .filter(|(_, count)| **count > 0)
                        .map(|(hour, _)| hour as f64),
                )
            },
        )
        .undated()
        .needs(Accumulator::Rhythm)
        .personal(),
        F.number(
            "night_share",
            "share",
            "Share of the customer's own acts between 22 and 6 o'clock.",
            |it| Answer::number(hours_share(it, (22..24).chain(0..6))),
        )
        .undated()
        .needs(Accumulator::Rhythm)
        .personal(),
        F.number(
            "weekend_share",
            "share",
            "Share of the customer's own acts on Saturdays and Sundays.",
            |it| {
                let all: u64 = it.state.weekdays.iter().sum();
                Answer::number(share(
                    (it.state.weekdays[5] + it.state.weekdays[6]) as f64,
                    all as f64,
                ))
            },
        )
        .undated()
        .needs(Accumulator::Rhythm),
    ]
};
