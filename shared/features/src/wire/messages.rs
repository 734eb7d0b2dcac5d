//! The messages of the stored form. Numbers are never reused.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct StateWire {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(int64, tag = "2")]
    pub(super) first_event_ms: i64,
    #[prost(int64, tag = "3")]
    pub(super) last_event_ms: i64,
    /// Days are stored plus one, so that 0 means none.
    #[prost(uint32, tag = "4")]
    pub(super) oldest_day: u32,
    #[prost(uint32, tag = "5")]
    pub(super) newest_day: u32,
    #[prost(uint64, repeated, tag = "6")]
    pub(super) kinds: Vec<u64>,
    #[prost(message, optional, tag = "7")]
    pub(super) purchases: Option<LadderWire>,
    #[prost(message, optional, tag = "8")]
    pub(super) activity: Option<LadderWire>,
    #[prost(message, optional, tag = "9")]
    pub(super) orders: Option<DistinctWire>,
    #[prost(message, optional, tag = "10")]
    pub(super) recent_orders: Option<RecentOrdersWire>,
    #[prost(message, repeated, tag = "11")]
    pub(super) channels: Vec<ChannelWire>,
    #[prost(message, optional, tag = "12")]
    pub(super) channels_rest: Option<ChannelWire>,
    #[prost(message, repeated, tag = "13")]
    pub(super) categories: Vec<CategoryWire>,
    #[prost(bool, tag = "14")]
    pub(super) categories_dropped: bool,
    #[prost(uint32, repeated, tag = "15")]
    pub(super) last: Vec<u32>,
    #[prost(sint64, optional, tag = "16")]
    pub(super) largest_value_minor: Option<i64>,
    #[prost(uint64, tag = "17")]
    pub(super) item_lines: u64,
    #[prost(sint64, tag = "18")]
    pub(super) units_milli: i64,
    #[prost(sint64, tag = "19")]
    pub(super) discount_minor: i64,
    #[prost(message, optional, tag = "20")]
    pub(super) ratings: Option<AnswersWire>,
    #[prost(message, optional, tag = "21")]
    pub(super) recommendations: Option<AnswersWire>,
    // Since version 2.
    #[prost(uint64, repeated, tag = "30")]
    pub(super) hours: Vec<u64>,
    #[prost(uint64, repeated, tag = "31")]
    pub(super) weekdays: Vec<u64>,
    #[prost(message, optional, tag = "32")]
    pub(super) products: Option<DistinctWire>,
    #[prost(uint32, repeated, tag = "33")]
    pub(super) complete_since: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LadderWire {
    #[prost(sint32, repeated, tag = "1")]
    pub(super) floors: Vec<i32>,
    #[prost(message, repeated, tag = "2")]
    pub(super) levels: Vec<LevelWire>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LevelWire {
    /// The first key, then the steps to the next, each at least 1.
    #[prost(uint32, repeated, tag = "1")]
    pub(super) steps: Vec<u32>,
    #[prost(sint64, repeated, tag = "2")]
    pub(super) amounts: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DistinctWire {
    /// The first hash, then the steps to the next.
    #[prost(uint32, repeated, tag = "1")]
    pub(super) steps: Vec<u32>,
    #[prost(bool, tag = "2")]
    pub(super) over: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RecentOrdersWire {
    #[prost(sint32, tag = "1")]
    pub(super) floor: i32,
    /// The first day less the floor, then the steps to the next, 0 on the same day.
    #[prost(uint32, repeated, tag = "2")]
    pub(super) steps: Vec<u32>,
    #[prost(fixed32, repeated, tag = "3")]
    pub(super) hashes: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ChannelWire {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint64, tag = "2")]
    pub(super) sent: u64,
    #[prost(uint64, tag = "3")]
    pub(super) opened: u64,
    #[prost(uint64, tag = "4")]
    pub(super) clicked: u64,
    #[prost(uint64, tag = "5")]
    pub(super) purchases: u64,
    #[prost(uint32, tag = "6")]
    pub(super) last_day: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CategoryWire {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint64, tag = "2")]
    pub(super) lines: u64,
    #[prost(uint64, tag = "3")]
    pub(super) views: u64,
    #[prost(sint64, tag = "4")]
    pub(super) value_minor: i64,
    #[prost(uint32, tag = "5")]
    pub(super) last_day: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AnswersWire {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) counts: Vec<u64>,
    #[prost(sint64, tag = "2")]
    pub(super) sum: i64,
    #[prost(sint64, optional, tag = "3")]
    pub(super) latest_ms: Option<i64>,
    #[prost(sint64, tag = "4")]
    pub(super) latest: i64,
}
