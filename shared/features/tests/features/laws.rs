//! Order of events, merging, and lateness change nothing, bit for bit.

use features::{CustomerState, Event, Version};
use proptest::prelude::*;

use crate::history::{Dice, any_history, cases, state_of};

fn bytes(state: &CustomerState) -> Vec<u8> {
    state.encode(Version::V2)
}

fn merged(left: &CustomerState, right: &CustomerState) -> CustomerState {
    let mut merged = left.clone();
    merged.merge(right);
    merged
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn the_order_of_events_does_not_matter(mut events in any_history(), seed in any::<u64>()) {
        let state = state_of(&events);
        Dice(seed).shuffle(&mut events);
        let shuffled = state_of(&events);

        prop_assert_eq!(&shuffled, &state);
        prop_assert_eq!(bytes(&shuffled), bytes(&state));
    }

    #[test]
    fn merging_parts_gives_the_whole(events in any_history(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut parts = [vec![], vec![], vec![]];
        events.iter().for_each(|event| parts[dice.roll(3) as usize].push(event));
        let [a, b, c] = parts.map(state_of);
        let whole = state_of(&events);

        prop_assert_eq!(&merged(&merged(&a, &b), &c), &whole);
        prop_assert_eq!(&merged(&a, &merged(&b, &c)), &whole);
        prop_assert_eq!(&merged(&c, &merged(&b, &a)), &whole);
        prop_assert_eq!(&merged(&whole, &CustomerState::default()), &whole);
    }

    #[test]
    fn a_late_event_ends_where_a_timely_one_does(events in any_history(), late in 0..120_usize) {
        prop_assume!(late < events.len());
        let mut state = CustomerState::default();
        for (at, event) in events.iter().enumerate() {
            if at != late {
                state.apply(event);
            }
        }
        let stored = state.encode(Version::V2);
        let mut restored = CustomerState::decode(&stored).unwrap();
        restored.apply(&events[late]);

        prop_assert_eq!(restored, state_of(&events));
    }
}

/// More purchase days, orders, products and channels than are kept apart.
fn heavy_history() -> Vec<Event> {
    let mut dice = Dice(7);
    (0..6_000)
        .map(|order| {
            let day = dice.roll(9_000) as i32;
            let mut event = Event::order(day, 100 + dice.roll(9_000) as i64, &order.to_string());
            event.channel = format!("channel-{}", dice.roll(40));
            event.items = vec![features::Item {
                product: dice.roll(500).to_string(),
                ..Default::default()
            }];
            event
        })
        .collect()
}

#[test]
fn what_outgrows_its_bounds_degrades_the_same_in_any_order_and_split() {
    let mut events = heavy_history();
    let state = state_of(&events);
    let mut dice = Dice(11);
    for round in 0..8 {
        dice.shuffle(&mut events);
        let (left, right) = events.split_at(700 * (round + 1) - 650);
        let parts = merged(&state_of(right), &state_of(left));

        assert_eq!(state_of(&events), state, "order, round {round}");
        assert_eq!(parts, state, "split, round {round}");
    }
    assert!(state.purchase_days().len() <= 1_600);
    assert_eq!(
        state
            .purchase_days()
            .iter()
            .map(|it| it.value_minor)
            .sum::<i64>(),
        total(&events)
    );
    assert!(state.purchase_summary(9_000).unwrap().coarse);
}

fn total(events: &[Event]) -> i64 {
    events.iter().filter_map(|event| event.value_minor).sum()
}
