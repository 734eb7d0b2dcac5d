//! Histories to test with.

use features::{Corrected, CustomerState, Event, EventKind, Item, Touch, hash32};
use proptest::prelude::*;

const KINDS: [EventKind; 12] = [
    EventKind::Other,
    EventKind::OrderCompleted,
    EventKind::OrderCompleted,
    EventKind::OrderCompleted,
    EventKind::OrderRefunded,
    EventKind::PageViewed,
    EventKind::ProductViewed,
    EventKind::ProductAdded,
    EventKind::SessionStarted,
    EventKind::CampaignTouched,
    EventKind::ReviewPosted,
    EventKind::SurveyAnswered,
];

/// Any event within `days` days, from few enough ids that they meet.
pub(crate) fn any_event(days: i32) -> impl Strategy<Value = Event> {
    let what = (0..KINDS.len(), 0..days, 0..24_u8, 0..86_400_000_i64);
    let how = (
        -5_000..100_000_i64,
        0..40_u32,
        0..20_u8,
        0..3_u8,
        0..60_i64,
        0..12_i32,
    );
    let items = prop::collection::vec((0..100_u32, 0..20_u8, 1..5_i64), 0..3);
    (what, how, items).prop_map(
        |((kind, day, hour, time), (value, order, channel, touch, rating, nps), items)| Event {
            event_time_ms: i64::from(day) * 86_400_000 + time,
            local_hour: hour,
            kind: KINDS[kind],
            value_minor: Some(value),
            order_hash: hash32(&order.to_le_bytes()),
            discount_minor: value.max(0) / 10,
            channel: format!("channel-{channel}"),
            touch: Some([Touch::Sent, Touch::Opened, Touch::Clicked][usize::from(touch)]),
            rating_milli: Some(rating * 100),
            nps: Some(nps),
            items: items
                .into_iter()
                .map(|(product, category, pieces)| Item {
                    product: product.to_string(),
                    category: format!("category-{category}/any"),
                    quantity_milli: pieces * 1_000,
                    price_minor: 250,
                })
                .collect(),
            corrected: Corrected {
                amounts: order % 3 == 0,
                rating: rating % 3 == 1,
                nps: nps % 3 == 2,
            },
            ..Event::new(KINDS[kind], day)
        },
    )
}

/// A history over about three years.
pub(crate) fn any_history() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(any_event(1_100), 0..120)
}

/// So many cases, and no files left behind by failures.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The state after a history.
pub(crate) fn state_of<'a>(events: impl IntoIterator<Item = &'a Event>) -> CustomerState {
    let mut state = CustomerState::default();
    events.into_iter().for_each(|event| state.apply(event));
    state
}

/// Pseudo-random numbers for histories too long to be drawn by a strategy.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.roll(at as u64 + 1) as usize);
        }
    }
}
