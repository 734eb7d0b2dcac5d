//! The state of one customer, and how events and other states are added to it.

use crate::answers::{Ratings, Recommendations};
use crate::event::{Event, EventKind, Touch};
use crate::ladder::{Floors, Ladder, NO_FLOOR};
use crate::sketch::{Distinct, RecentOrders};
use crate::tally::{ByName, Category, Channel, TopCategories};

/// Days are kept between 1970 and the year 2517, so that no arithmetic on them can overflow.
const DAY_MAX: i32 = 200_000;
/// Most days with purchases, then weeks, then 28-day periods, that are kept apart.
const PURCHASES_MOST: [usize; 3] = [1_000, 400, 200];
/// No day: nothing of the kind happened.
pub(crate) const NEVER: i32 = i32::MIN;

/// Columns of the activity ladder. Every event counts in exactly one of the first group; the numbers are stored.
pub(crate) mod column {
    pub(crate) const OTHER: i32 = 0;
    pub(crate) const ORDER_LINES: i32 = 1;
    pub(crate) const REFUNDS: i32 = 2;
    pub(crate) const PAGE_VIEWS: i32 = 3;
    pub(crate) const PRODUCT_VIEWS: i32 = 4;
    pub(crate) const ADDS: i32 = 5;
    pub(crate) const SESSIONS: i32 = 6;
    pub(crate) const SENT: i32 = 7;
    pub(crate) const OPENED: i32 = 8;
    pub(crate) const CLICKED: i32 = 9;
    pub(crate) const BROWSING: i32 = 10;
    pub(crate) const TICKETS: i32 = 11;
    pub(crate) const ANSWERS: i32 = 12;
    /// Orders and refunds with corrected amounts; they count in their own column, too.
    pub(crate) const CORRECTED_AMOUNTS: i32 = 13;
    /// Amounts rather than events from here on.
    pub(crate) const UNITS_MILLI: i32 = 14;
    pub(crate) const DISCOUNT_MINOR: i32 = 15;
}

/// Columns of the purchase ladder.
pub(crate) mod money {
    pub(crate) const REFUNDED: i32 = 0;
    pub(crate) const COMPLETED: i32 = 1;
}

/// Kinds of moments whose last day is kept for life; the numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Visit = 0,
    Touch = 1,
    Open = 2,
    Click = 3,
    Refund = 4,
    Ticket = 5,
    Answer = 6,
}
pub(crate) const MOMENTS: usize = 7;

/// Parts of the state that older versions did not have, so that they may be complete since some day only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accumulator {
    /// Hours and weekdays.
    Rhythm = 0,
    /// Distinct products.
    Products = 1,
}
pub(crate) const ACCUMULATORS: usize = 2;

/// Everything that features of one customer (or one fragment) are computed from.
///
/// Holds integers only. [`apply`](Self::apply) does not depend on the order of events, [`merge`](Self::merge) is
/// commutative and associative, and both agree bit for bit, but for categories beyond 24 (see
/// [`categories_approximate`](Self::categories_approximate)). An event must be applied once: repeats are ingestion's to
/// find. What grows degrades in stated steps:
/// - activity by day: exact to at least 90 days before the newest day, then by week to 126, by 28 days to 210, by 196;
/// - purchase days: for life, but beyond 1,000 days (with refunds' days) the oldest become weeks;
/// - distinct orders: exact to 192, then estimated (standard error 7 %); by day exact to 90 days and 512 orders;
/// - distinct products: exact to 64, then estimated (13 %);
/// - channels: 16 by name, the rest in one sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerState {
    pub(crate) first_event_ms: i64,
    pub(crate) last_event_ms: i64,
    pub(crate) oldest_day: i32,
    pub(crate) newest_day: i32,
    pub(crate) kinds: [u64; EventKind::ROOM],
    pub(crate) purchases: Ladder<2>,
    pub(crate) activity: Ladder<16>,
    pub(crate) orders: Distinct<192>,
    pub(crate) recent_orders: RecentOrders,
    pub(crate) products: Distinct<64>,
    pub(crate) channels: ByName<Channel, 16>,
    pub(crate) categories: TopCategories,
    pub(crate) hours: [u64; 24],
    pub(crate) weekdays: [u64; 7],
    pub(crate) last: [i32; MOMENTS],
    pub(crate) largest_value_minor: Option<i64>,
    pub(crate) item_lines: u64,
    pub(crate) units_milli: i64,
    pub(crate) discount_minor: i64,
    pub(crate) ratings: Ratings,
    pub(crate) recommendations: Recommendations,
    /// First day from which each [`Accumulator`] is complete; [`NEVER`] when it is for life.
    pub(crate) complete_since: [i32; ACCUMULATORS],
}

impl Default for CustomerState {
    fn default() -> Self {
        Self {
            first_event_ms: i64::MAX,
            last_event_ms: i64::MIN,
            oldest_day: i32::MAX,
            newest_day: NEVER,
            kinds: [0; EventKind::ROOM],
            purchases: Ladder::default(),
            activity: Ladder::default(),
            orders: Distinct::default(),
            recent_orders: RecentOrders::default(),
            products: Distinct::default(),
            channels: ByName::default(),
            categories: TopCategories::default(),
            hours: [0; 24],
            weekdays: [0; 7],
            last: [NEVER; MOMENTS],
            largest_value_minor: None,
            item_lines: 0,
            units_milli: 0,
            discount_minor: 0,
            ratings: Ratings::default(),
            recommendations: Recommendations::default(),
            complete_since: [NEVER; ACCUMULATORS],
        }
    }
}

impl CustomerState {
    /// Adds one event. The order of events does not matter; each must be applied once.
    pub fn apply(&mut self, event: &Event) {
        let day = event.local_day.clamp(0, DAY_MAX);
        self.first_event_ms = self.first_event_ms.min(event.event_time_ms);
        self.last_event_ms = self.last_event_ms.max(event.event_time_ms);
        self.oldest_day = self.oldest_day.min(day);
        if self.newest_day < day {
            self.newest_day = day;
            self.age();
        }
        bump(&mut self.kinds[event.kind as usize]);
        self.activity.add(day, column_of(event), 1);
        if event.kind.is_own_act() {
            bump(&mut self.hours[usize::from(event.local_hour.min(23))]);
            bump(&mut self.weekdays[weekday(day)]);
        }
        if event.corrected.amounts
            && matches!(
                event.kind,
                EventKind::OrderCompleted | EventKind::OrderRefunded
            )
        {
            self.activity.add(day, column::CORRECTED_AMOUNTS, 1);
        }
        self.apply_kind(day, event);
        self.apply_items(day, event);
    }

    fn apply_kind(&mut self, day: i32, event: &Event) {
        match event.kind {
            EventKind::OrderCompleted => self.apply_order(day, event),
            EventKind::OrderRefunded => {
                let value = event.value_minor.unwrap_or(0);
                self.purchases
                    .add(day, money::REFUNDED, value.min(value.wrapping_neg()));
                self.purchases.limit(&PURCHASES_MOST);
                self.saw(Moment::Refund, day);
            }
            EventKind::CampaignTouched => self.apply_touch(day, event),
            EventKind::TicketOpened => self.saw(Moment::Ticket, day),
            EventKind::ReviewPosted | EventKind::SurveyAnswered => self.apply_answer(day, event),
            kind if kind.is_browsing() => self.saw(Moment::Visit, day),
            _ => {}
        }
    }

    fn apply_order(&mut self, day: i32, event: &Event) {
        self.purchases
            .add(day, money::COMPLETED, event.value_minor.unwrap_or(0));
        self.purchases.limit(&PURCHASES_MOST);
        self.orders.insert(event.order_hash);
        self.recent_orders.insert(day, event.order_hash);
        self.largest_value_minor = self.largest_value_minor.max(event.value_minor);
        if event.discount_minor != 0 {
            self.discount_minor = self.discount_minor.wrapping_add(event.discount_minor);
            self.activity
                .add(day, column::DISCOUNT_MINOR, event.discount_minor);
        }
        if !event.channel.is_empty() {
            let one = Channel {
                sent: 0,
                opened: 0,
                clicked: 0,
                purchases: 1,
                last_day: day,
            };
            self.channels.add(&event.channel, &one);
        }
    }

    fn apply_touch(&mut self, day: i32, event: &Event) {
        let Some(touch) = event.touch else { return };
        let channel = Channel {
            sent: u64::from(touch == Touch::Sent),
            opened: u64::from(touch == Touch::Opened),
            clicked: u64::from(touch == Touch::Clicked),
            purchases: 0,
            last_day: day,
        };
        self.channels.add(
            if event.channel.is_empty() {
                "unknown"
            } else {
                &event.channel
            },
            &channel,
        );
        self.saw(
            match touch {
                Touch::Sent => Moment::Touch,
                Touch::Opened => Moment::Open,
                Touch::Clicked => Moment::Click,
            },
            day,
        );
    }

    fn apply_answer(&mut self, day: i32, event: &Event) {
        self.saw(Moment::Answer, day);
        self.ratings.apply(event);
        self.recommendations.apply(event);
    }

    fn apply_items(&mut self, day: i32, event: &Event) {
        let bought = event.kind == EventKind::OrderCompleted;
        if !bought && !event.kind.is_browsing() {
            return;
        }
        for item in &event.items {
            let mut category = Category {
                lines: 0,
                views: 1,
                value_minor: 0,
                last_day: day,
            };
            if bought {
                let value = item.quantity_milli.wrapping_mul(item.price_minor) / 1_000;
                category = Category {
                    lines: 1,
                    views: 0,
                    value_minor: value,
                    last_day: day,
                };
                bump(&mut self.item_lines);
                self.units_milli = self.units_milli.wrapping_add(item.quantity_milli);
                self.activity
                    .add(day, column::UNITS_MILLI, item.quantity_milli);
                if !item.product.is_empty() {
                    self.products.insert(crate::hash32(item.product.as_bytes()));
                }
            }
            self.categories.add(&item.category, &category);
        }
    }

    /// Adds everything that `other` was built from. The two must share no event.
    pub fn merge(&mut self, other: &Self) {
        self.first_event_ms = self.first_event_ms.min(other.first_event_ms);
        self.last_event_ms = self.last_event_ms.max(other.last_event_ms);
        self.oldest_day = self.oldest_day.min(other.oldest_day);
        self.newest_day = self.newest_day.max(other.newest_day);
        add_all(&mut self.kinds, &other.kinds);
        self.purchases.merge(&other.purchases);
        self.purchases.limit(&PURCHASES_MOST);
        self.activity.merge(&other.activity);
        self.orders.merge(&other.orders);
        self.recent_orders.merge(&other.recent_orders);
        self.products.merge(&other.products);
        self.channels.merge(&other.channels);
        self.categories.merge(&other.categories);
        add_all(&mut self.hours, &other.hours);
        add_all(&mut self.weekdays, &other.weekdays);
        for (mine, theirs) in self.last.iter_mut().zip(other.last) {
            *mine = (*mine).max(theirs);
        }
        self.largest_value_minor = self.largest_value_minor.max(other.largest_value_minor);
        self.item_lines = self.item_lines.wrapping_add(other.item_lines);
        self.units_milli = self.units_milli.wrapping_add(other.units_milli);
        self.discount_minor = self.discount_minor.wrapping_add(other.discount_minor);
        self.ratings.merge(&other.ratings);
        self.recommendations.merge(&other.recommendations);
        for (mine, theirs) in self.complete_since.iter_mut().zip(other.complete_since) {
            *mine = (*mine).max(theirs);
        }
    }

    /// Returns whether no event has been applied.
    pub fn is_empty(&self) -> bool {
        self.newest_day == NEVER
    }

    /// Returns how many events have been applied.
    pub fn events(&self) -> u64 {
        self.kinds
            .iter()
            .fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// Returns how many events of a kind have been applied.
    pub fn events_of(&self, kind: EventKind) -> u64 {
        self.kinds[kind as usize]
    }

    /// Returns the day of the newest event, in days since 1970-01-01 of the tenant's zone.
    pub fn newest_day(&self) -> Option<i32> {
        (!self.is_empty()).then_some(self.newest_day)
    }

    /// Returns whether categories were dropped, so that those kept depend on the order of events.
    pub fn categories_approximate(&self) -> bool {
        self.categories.dropped
    }

    /// Returns the first day from which an accumulator is complete, `None` when it is for life.
    pub fn complete_since(&self, accumulator: Accumulator) -> Option<i32> {
        let day = self.complete_since[accumulator as usize];
        (day != NEVER).then_some(day)
    }

    /// Moves what the newest day has made old to coarser levels.
    fn age(&mut self) {
        let floors = floors_of(self.newest_day);
        self.activity.raise(&floors);
        self.recent_orders.raise(floors[0]);
    }

    fn saw(&mut self, moment: Moment, day: i32) {
        let last = &mut self.last[moment as usize];
        *last = (*last).max(day);
    }
}

/// Floors of the activity ladder when `newest` is the newest day; none falls as it rises.
fn floors_of(newest: i32) -> Floors {
    if newest == NEVER {
        return [NO_FLOOR; 3];
    }
    let down = |days_back: i32, unit: i32| (newest - days_back).div_euclid(unit) * unit;
    [down(97, 7), down(126, 28), down(210, 196)]
}

fn column_of(event: &Event) -> i32 {
    match (event.kind, event.touch) {
        (EventKind::OrderCompleted, _) => column::ORDER_LINES,
        (EventKind::OrderRefunded, _) => column::REFUNDS,
        (EventKind::PageViewed, _) => column::PAGE_VIEWS,
        (EventKind::ProductViewed, _) => column::PRODUCT_VIEWS,
        (EventKind::ProductAdded, _) => column::ADDS,
        (EventKind::SessionStarted, _) => column::SESSIONS,
        (EventKind::CampaignTouched, Some(Touch::Sent)) => column::SENT,
        (EventKind::CampaignTouched, Some(Touch::Opened)) => column::OPENED,
        (EventKind::CampaignTouched, Some(Touch::Clicked)) => column::CLICKED,
        (EventKind::TicketOpened, _) => column::TICKETS,
        (EventKind::ReviewPosted | EventKind::SurveyAnswered, _) => column::ANSWERS,
        (kind, _) if kind.is_browsing() => column::BROWSING,
        _ => column::OTHER,
    }
}

/// Monday is 0; 1970-01-01 was a Thursday.
fn weekday(day: i32) -> usize {
    (day + 3).rem_euclid(7) as usize
}

pub(crate) fn bump(count: &mut u64) {
    *count = count.wrapping_add(1);
}

pub(crate) fn add_all<const N: usize>(mine: &mut [u64; N], theirs: &[u64; N]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine = mine.wrapping_add(*theirs);
    }
}
