//! What a customer was asked and answered.

use crate::event::Event;
use crate::state::{add_all, bump};

/// Ratings given: how many, their sum, the latest with its time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ratings {
    pub(crate) count: u64,
    pub(crate) sum_milli: i64,
    pub(crate) latest: Option<(i64, i64)>,
    /// Of the count, those that cleaning filled or changed.
    pub(crate) corrected: u64,
}

/// Answers to the recommendation question: detractors (0 to 6), passives (7, 8), promoters (9, 10), latest with its time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Recommendations {
    pub(crate) counts: [u64; 3],
    pub(crate) latest: Option<(i64, i64)>,
    /// Of the counts, those that cleaning filled or changed.
    pub(crate) corrected: u64,
}

impl Ratings {
    pub(crate) fn apply(&mut self, event: &Event) {
        let Some(rating) = event.rating_milli else {
            return;
        };
        bump(&mut self.count);
        if event.corrected.rating {
            bump(&mut self.corrected);
        }
        self.sum_milli = self.sum_milli.wrapping_add(rating);
        self.latest = self.latest.max(Some((event.event_time_ms, rating)));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count = self.count.wrapping_add(other.count);
        self.sum_milli = self.sum_milli.wrapping_add(other.sum_milli);
        self.latest = self.latest.max(other.latest);
        self.corrected = self.corrected.wrapping_add(other.corrected);
    }
}

impl Recommendations {
    pub(crate) fn apply(&mut self, event: &Event) {
        let Some(score @ 0..=10) = event.nps else {
            return;
        };
        let group = match score {
            0..=6 => 0,
            7 | 8 => 1,
            _ => 2,
        };
        bump(&mut self.counts[group]);
        if event.corrected.nps {
            bump(&mut self.corrected);
        }
        self.latest = self
            .latest
            .max(Some((event.event_time_ms, i64::from(score))));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        add_all(&mut self.counts, &other.counts);
        self.latest = self.latest.max(other.latest);
        self.corrected = self.corrected.wrapping_add(other.corrected);
    }
}
