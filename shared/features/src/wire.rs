//! The stored form of a state: a versioned protobuf message.
//!
//! Readers skip fields that they do not know. Writers can emit the version before, until every reader knows the new one;
//! a field never changes its meaning or its number.

use prost::Message;

use crate::event::EventKind;
use crate::ladder::{Entry, LEVELS, Ladder, NO_FLOOR};
use crate::sketch::{Distinct, RecentOrders};
use crate::state::{ACCUMULATORS, CustomerState, MOMENTS, NEVER, Ratings, Recommendations};
use crate::tally::{ByName, Category, Channel, TopCategories};

/// Oldest version that can be written.
pub const STATE_VERSION_OLDEST: u32 = 1;
/// Newest version that can be written.
pub const STATE_VERSION_NEWEST: u32 = 2;

/// Version of the stored form to write. All are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// Without hours, weekdays and distinct products.
    V1,
    /// Everything.
    #[default]
    V2,
}

impl Version {
    /// Returns the version of a number as configured, `None` when there is no such version.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Returns its number.
    pub fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// Why bytes are not a state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are no message at all.
    #[error("state is not a protobuf message: {0}")]
    NotAMessage(#[from] prost::DecodeError),
    /// They are a message, but not one that a writer makes.
    #[error("state is damaged: {0}")]
    Damaged(&'static str),
}

#[derive(Clone, PartialEq, Message)]
struct StateWire {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(int64, tag = "2")]
    first_event_ms: i64,
    #[prost(int64, tag = "3")]
    last_event_ms: i64,
    /// Days are stored plus one, so that 0 means none.
    #[prost(uint32, tag = "4")]
    oldest_day: u32,
    #[prost(uint32, tag = "5")]
    newest_day: u32,
    #[prost(uint64, repeated, tag = "6")]
    kinds: Vec<u64>,
    #[prost(message, optional, tag = "7")]
    purchases: Option<LadderWire>,
    #[prost(message, optional, tag = "8")]
    activity: Option<LadderWire>,
    #[prost(message, optional, tag = "9")]
    orders: Option<DistinctWire>,
    #[prost(message, optional, tag = "10")]
    recent_orders: Option<RecentOrdersWire>,
    #[prost(message, repeated, tag = "11")]
    channels: Vec<ChannelWire>,
    #[prost(message, optional, tag = "12")]
    channels_rest: Option<ChannelWire>,
    #[prost(message, repeated, tag = "13")]
    categories: Vec<CategoryWire>,
    #[prost(bool, tag = "14")]
    categories_dropped: bool,
    #[prost(uint32, repeated, tag = "15")]
    last: Vec<u32>,
    #[prost(sint64, optional, tag = "16")]
    largest_value_minor: Option<i64>,
    #[prost(uint64, tag = "17")]
    item_lines: u64,
    #[prost(sint64, tag = "18")]
    units_milli: i64,
    #[prost(sint64, tag = "19")]
    discount_minor: i64,
    #[prost(message, optional, tag = "20")]
    ratings: Option<AnswersWire>,
    #[prost(message, optional, tag = "21")]
    recommendations: Option<AnswersWire>,
    // Since version 2.
    #[prost(uint64, repeated, tag = "30")]
    hours: Vec<u64>,
    #[prost(uint64, repeated, tag = "31")]
    weekdays: Vec<u64>,
    #[prost(message, optional, tag = "32")]
    products: Option<DistinctWire>,
    #[prost(uint32, repeated, tag = "33")]
    complete_since: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct LadderWire {
    #[prost(sint32, repeated, tag = "1")]
    floors: Vec<i32>,
    #[prost(message, repeated, tag = "2")]
    levels: Vec<LevelWire>,
}

#[derive(Clone, PartialEq, Message)]
struct LevelWire {
    /// The first key, then the steps to the next, each at least 1.
    #[prost(uint32, repeated, tag = "1")]
    steps: Vec<u32>,
    #[prost(sint64, repeated, tag = "2")]
    amounts: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct DistinctWire {
    /// The first hash, then the steps to the next.
    #[prost(uint32, repeated, tag = "1")]
    steps: Vec<u32>,
    #[prost(bool, tag = "2")]
    over: bool,
}

#[derive(Clone, PartialEq, Message)]
struct RecentOrdersWire {
    #[prost(sint32, tag = "1")]
    floor: i32,
    /// The first day less the floor, then the steps to the next, 0 on the same day.
    #[prost(uint32, repeated, tag = "2")]
    steps: Vec<u32>,
    #[prost(fixed32, repeated, tag = "3")]
    hashes: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct ChannelWire {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    sent: u64,
    #[prost(uint64, tag = "3")]
    opened: u64,
    #[prost(uint64, tag = "4")]
    clicked: u64,
    #[prost(uint64, tag = "5")]
    purchases: u64,
    #[prost(uint32, tag = "6")]
    last_day: u32,
}

#[derive(Clone, PartialEq, Message)]
struct CategoryWire {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    lines: u64,
    #[prost(uint64, tag = "3")]
    views: u64,
    #[prost(sint64, tag = "4")]
    value_minor: i64,
    #[prost(uint32, tag = "5")]
    last_day: u32,
}

#[derive(Clone, PartialEq, Message)]
struct AnswersWire {
    #[prost(uint64, repeated, tag = "1")]
    counts: Vec<u64>,
    #[prost(sint64, tag = "2")]
    sum: i64,
    #[prost(sint64, optional, tag = "3")]
    latest_ms: Option<i64>,
    #[prost(sint64, tag = "4")]
    latest: i64,
}

impl CustomerState {
    /// Returns the stored form in the given version. Equal states give equal bytes.
    pub fn encode(&self, version: Version) -> Vec<u8> {
        let mut wire = StateWire {
            version: version.number(),
            first_event_ms: if self.is_empty() { 0 } else { self.first_event_ms },
            last_event_ms: if self.is_empty() { 0 } else { self.last_event_ms },
            oldest_day: if self.is_empty() { 0 } else { write_day(self.oldest_day) },
            newest_day: write_day(self.newest_day),
            kinds: trimmed(&self.kinds),
            purchases: write_ladder(&self.purchases),
            activity: write_ladder(&self.activity),
            orders: write_distinct(&self.orders),
            recent_orders: write_recent(&self.recent_orders),
            channels: self.channels.named.iter().map(|(name, it)| write_channel(name, it)).collect(),
            channels_rest: self.channels.rest.as_ref().map(|it| write_channel("", it)),
            categories: self.categories.named.iter().map(|(name, it)| write_category(name, it)).collect(),
            categories_dropped: self.categories.dropped,
            last: self.last.iter().map(|day| write_day(*day)).collect(),
            largest_value_minor: self.largest_value_minor,
            item_lines: self.item_lines,
            units_milli: self.units_milli,
            discount_minor: self.discount_minor,
            ratings: write_answers(&[self.ratings.count], self.ratings.sum_milli, self.ratings.latest),
            recommendations: write_answers(&self.recommendations.counts, 0, self.recommendations.latest),
            ..StateWire::default()
        };
        if version != Version::V1 {
            wire.hours = trimmed(&self.hours);
            wire.weekdays = trimmed(&self.weekdays);
            wire.products = write_distinct(&self.products);
            wire.complete_since = trimmed_days(&self.complete_since);
        }
        wire.encode_to_vec()
    }

    /// Reads a stored form of any version, newer ones too as far as they are known here.
    ///
    /// What an older version did not hold is complete since the day after the newest event only.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire = StateWire::decode(bytes)?;
        if wire.version == 0 {
            return Err(DecodeError::Damaged("no version"));
        }
        let empty = wire.newest_day == 0;
        let newest_day = read_day(wire.newest_day);
        let ratings = wire.ratings.unwrap_or_default();
        let recommendations = wire.recommendations.unwrap_or_default();
        let mut complete_since = [NEVER; ACCUMULATORS];
        if wire.version == 1 && !empty {
            complete_since = [newest_day + 1; ACCUMULATORS];
        }
        for (day, stored) in complete_since.iter_mut().zip(&wire.complete_since) {
            *day = read_day(*stored);
        }
        Ok(Self {
            first_event_ms: if empty { i64::MAX } else { wire.first_event_ms },
            last_event_ms: if empty { i64::MIN } else { wire.last_event_ms },
            oldest_day: if empty { i32::MAX } else { read_day(wire.oldest_day) },
            newest_day,
            kinds: padded::<{ EventKind::ROOM }>(&wire.kinds),
            purchases: read_ladder(wire.purchases)?,
            activity: read_ladder(wire.activity)?,
            orders: read_distinct(wire.orders)?,
            recent_orders: read_recent(wire.recent_orders)?,
            products: read_distinct(wire.products)?,
            channels: read_channels(wire.channels, wire.channels_rest),
            categories: read_categories(wire.categories, wire.categories_dropped),
            hours: padded(&wire.hours),
            weekdays: padded(&wire.weekdays),
            last: {
                let mut last = [NEVER; MOMENTS];
                last.iter_mut().zip(&wire.last).for_each(|(day, stored)| *day = read_day(*stored));
                last
            },
            largest_value_minor: wire.largest_value_minor,
            item_lines: wire.item_lines,
            units_milli: wire.units_milli,
            discount_minor: wire.discount_minor,
            ratings: Ratings {
                count: padded::<1>(&ratings.counts)[0],
                sum_milli: ratings.sum,
                latest: ratings.latest_ms.map(|ms| (ms, ratings.latest)),
            },
            recommendations: Recommendations {
                counts: padded(&recommendations.counts),
                latest: recommendations.latest_ms.map(|ms| (ms, recommendations.latest)),
            },
            complete_since,
        })
    }
}

fn write_day(day: i32) -> u32 {
    u32::try_from(day).map_or(0, |day| day + 1)
}

fn read_day(stored: u32) -> i32 {
    stored.checked_sub(1).and_then(|day| i32::try_from(day).ok()).unwrap_or(NEVER)
}

fn trimmed(counts: &[u64]) -> Vec<u64> {
    let end = counts.iter().rposition(|count| *count != 0).map_or(0, |last| last + 1);
    counts[..end].to_vec()
}

fn trimmed_days(days: &[i32]) -> Vec<u32> {
    match days.iter().all(|day| *day == NEVER) {
        true => Vec::new(),
        false => days.iter().map(|day| write_day(*day)).collect(),
    }
}

fn padded<const N: usize>(counts: &[u64]) -> [u64; N] {
    let mut all = [0; N];
    all.iter_mut().zip(counts).for_each(|(mine, stored)| *mine = *stored);
    all
}

fn write_ladder<const COLUMNS: i32>(ladder: &Ladder<COLUMNS>) -> Option<LadderWire> {
    if ladder.levels.iter().all(Vec::is_empty) && ladder.floors == [NO_FLOOR; LEVELS - 1] {
        return None;
    }
    Some(LadderWire {
        floors: if ladder.floors == [NO_FLOOR; LEVELS - 1] { Vec::new() } else { ladder.floors.to_vec() },
        levels: ladder.levels.iter().map(|level| write_level(level)).collect(),
    })
}

fn write_level(entries: &[Entry]) -> LevelWire {
    let mut before = 0;
    LevelWire {
        steps: entries.iter().map(|entry| (entry.0 - std::mem::replace(&mut before, entry.0)) as u32).collect(),
        amounts: entries.iter().map(|entry| entry.1).collect(),
    }
}

fn read_ladder<const COLUMNS: i32>(wire: Option<LadderWire>) -> Result<Ladder<COLUMNS>, DecodeError> {
    let mut ladder = Ladder::default();
    let Some(wire) = wire else { return Ok(ladder) };
    if !wire.floors.is_empty() {
        ladder.floors = wire.floors.try_into().map_err(|_| DecodeError::Damaged("floors"))?;
    }
    if wire.levels.len() > LEVELS {
        return Err(DecodeError::Damaged("levels"));
    }
    for (level, wire) in ladder.levels.iter_mut().zip(wire.levels) {
        *level = read_level(wire)?;
    }
    Ok(ladder)
}

fn read_level(wire: LevelWire) -> Result<Vec<Entry>, DecodeError> {
    if wire.steps.len() != wire.amounts.len() {
        return Err(DecodeError::Damaged("amounts"));
    }
    let mut key = 0_i32;
    let mut entries = Vec::with_capacity(wire.steps.len());
    for (at, (step, amount)) in wire.steps.iter().zip(wire.amounts).enumerate() {
        let step = i32::try_from(*step).ok().filter(|step| at == 0 || *step > 0);
        key = step.and_then(|step| key.checked_add(step)).ok_or(DecodeError::Damaged("keys"))?;
        entries.push((key, amount));
    }
    Ok(entries)
}

fn write_distinct<const MOST: usize>(distinct: &Distinct<MOST>) -> Option<DistinctWire> {
    let mut before = 0;
    (!distinct.hashes.is_empty()).then(|| DistinctWire {
        steps: distinct.hashes.iter().map(|hash| hash - std::mem::replace(&mut before, *hash)).collect(),
        over: distinct.over,
    })
}

fn read_distinct<const MOST: usize>(wire: Option<DistinctWire>) -> Result<Distinct<MOST>, DecodeError> {
    let Some(wire) = wire else { return Ok(Distinct::default()) };
    let mut hash = 0_u32;
    let mut hashes = Vec::with_capacity(wire.steps.len());
    for (at, step) in wire.steps.iter().enumerate() {
        if at > 0 && *step == 0 {
            return Err(DecodeError::Damaged("hashes"));
        }
        hash = hash.checked_add(*step).ok_or(DecodeError::Damaged("hashes"))?;
        hashes.push(hash);
    }
    if hashes.len() > MOST {
        return Err(DecodeError::Damaged("too many hashes"));
    }
    Ok(Distinct { hashes, over: wire.over })
}

fn write_recent(recent: &RecentOrders) -> Option<RecentOrdersWire> {
    if *recent == RecentOrders::default() {
        return None;
    }
    let mut before = recent.floor;
    Some(RecentOrdersWire {
        floor: recent.floor,
        steps: recent.orders.iter().map(|it| (it.0 - std::mem::replace(&mut before, it.0)) as u32).collect(),
        hashes: recent.orders.iter().map(|it| it.1).collect(),
    })
}

fn read_recent(wire: Option<RecentOrdersWire>) -> Result<RecentOrders, DecodeError> {
    let Some(wire) = wire else { return Ok(RecentOrders::default()) };
    if wire.steps.len() != wire.hashes.len() {
        return Err(DecodeError::Damaged("recent orders"));
    }
    let mut day = wire.floor;
    let mut orders = Vec::with_capacity(wire.steps.len());
    for (step, hash) in wire.steps.iter().zip(wire.hashes) {
        let step = i32::try_from(*step).ok();
        day = step.and_then(|step| day.checked_add(step)).ok_or(DecodeError::Damaged("recent orders"))?;
        orders.push((day, hash));
    }
    if !orders.is_sorted_by(|left, right| left < right) {
        return Err(DecodeError::Damaged("recent orders"));
    }
    Ok(RecentOrders { floor: wire.floor, orders })
}

fn write_channel(name: &str, it: &Channel) -> ChannelWire {
    let Channel { sent, opened, clicked, purchases, last_day } = *it;
    ChannelWire { name: name.to_owned(), sent, opened, clicked, purchases, last_day: write_day(last_day) }
}

fn read_channels<const MOST: usize>(named: Vec<ChannelWire>, rest: Option<ChannelWire>) -> ByName<Channel, MOST> {
    let read = |it: &ChannelWire| Channel {
        sent: it.sent,
        opened: it.opened,
        clicked: it.clicked,
        purchases: it.purchases,
        last_day: read_day(it.last_day),
    };
    ByName { rest: rest.as_ref().map(read), named: named.into_iter().map(|it| (it.name.clone(), read(&it))).collect() }
}

fn write_category(name: &str, it: &Category) -> CategoryWire {
    let Category { lines, views, value_minor, last_day } = *it;
    CategoryWire { name: name.to_owned(), lines, views, value_minor, last_day: write_day(last_day) }
}

fn read_categories(named: Vec<CategoryWire>, dropped: bool) -> TopCategories {
    let read = |it: CategoryWire| {
        let last_day = read_day(it.last_day);
        (it.name, Category { lines: it.lines, views: it.views, value_minor: it.value_minor, last_day })
    };
    TopCategories { named: named.into_iter().map(read).collect(), dropped }
}

fn write_answers(counts: &[u64], sum: i64, latest: Option<(i64, i64)>) -> Option<AnswersWire> {
    let counts = trimmed(counts);
    (!counts.is_empty()).then(|| AnswersWire {
        counts,
        sum,
        latest_ms: latest.map(|it| it.0),
        latest: latest.map_or(0, |it| it.1),
    })
}
