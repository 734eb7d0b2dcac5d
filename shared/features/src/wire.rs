//! The stored form of a state: a versioned protobuf message.
//!
//! Readers skip fields that they do not know. Writers can emit the version before, until every reader knows the new one;
//! a field never changes its meaning or its number.

mod messages;
mod parts;

use prost::Message;

use crate::answers::{Ratings, Recommendations};
use crate::event::EventKind;
use crate::state::{ACCUMULATORS, CustomerState, MOMENTS, NEVER};
use messages::StateWire;
use parts::*;

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

impl CustomerState {
    /// Returns the stored form in the given version. Equal states give equal bytes.
    pub fn encode(&self, version: Version) -> Vec<u8> {
        let mut wire = StateWire {
            version: version.number(),
            first_event_ms: if self.is_empty() {
                0
            } else {
                self.first_event_ms
            },
            last_event_ms: if self.is_empty() {
                0
            } else {
                self.last_event_ms
            },
            oldest_day: if self.is_empty() {
                0
            } else {
                write_day(self.oldest_day)
            },
            newest_day: write_day(self.newest_day),
            kinds: trimmed(&self.kinds),
            purchases: write_ladder(&self.purchases),
            activity: write_ladder(&self.activity),
            orders: write_distinct(&self.orders),
            recent_orders: write_recent(&self.recent_orders),
            channels: self
                .channels
                .named
                .iter()
                .map(|(name, it)| write_channel(name, it))
                .collect(),
            channels_rest: self.channels.rest.as_ref().map(|it| write_channel("", it)),
            categories: self
                .categories
                .named
                .iter()
                .map(|(name, it)| write_category(name, it))
                .collect(),
            categories_dropped: self.categories.dropped,
            last: self.last.iter().map(|day| write_day(*day)).collect(),
            largest_value_minor: self.largest_value_minor,
            item_lines: self.item_lines,
            units_milli: self.units_milli,
            discount_minor: self.discount_minor,
            ratings: write_answers(
                &[self.ratings.count, self.ratings.corrected],
                self.ratings.sum_milli,
                self.ratings.latest,
            ),
            recommendations: write_answers(
                &[
                    self.recommendations.counts.as_slice(),
                    &[self.recommendations.corrected],
                ]
                .concat(),
                0,
                self.recommendations.latest,
            ),
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
        // The last of each counts what was corrected; writers before cleaning had nothing to tell of it.
        let [rated, rated_corrected] = padded(&ratings.counts);
        let [detractors, passives, promoters, answers_corrected] = padded(&recommendations.counts);
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
            oldest_day: if empty {
                i32::MAX
            } else {
                read_day(wire.oldest_day)
            },
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
                last.iter_mut()
                    .zip(&wire.last)
                    .for_each(|(day, stored)| *day = read_day(*stored));
                last
            },
            largest_value_minor: wire.largest_value_minor,
            item_lines: wire.item_lines,
            units_milli: wire.units_milli,
            discount_minor: wire.discount_minor,
            ratings: Ratings {
                count: rated,
                corrected: rated_corrected,
                sum_milli: ratings.sum,
                latest: ratings.latest_ms.map(|ms| (ms, ratings.latest)),
            },
            recommendations: Recommendations {
                counts: [detractors, passives, promoters],
                corrected: answers_corrected,
                latest: recommendations
                    .latest_ms
                    .map(|ms| (ms, recommendations.latest)),
            },
            complete_since,
        })
    }
}
