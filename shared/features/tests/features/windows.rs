//! Features against counting the events themselves.

use features::{AsOf, CustomerState, Event, EventKind, Status};
use proptest::prelude::*;

use crate::history::{any_event, cases, state_of};

/// Counts of a window, the slow way.
fn expected(events: &[Event], as_of: i32, days: i32, kind: EventKind) -> Vec<&Event> {
    let within = |event: &&Event| {
        event.kind == kind && as_of - days < event.local_day && event.local_day <= as_of
    };
    events.iter().filter(within).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn windows_are_exact_to_ninety_days(events in prop::collection::vec(any_event(400), 1..100), after in 0..60_i32) {
        let as_of = events.iter().map(|event| event.local_day).max().unwrap() + after;
        let row = state_of(&events).features(AsOf::day(as_of));

        for days in [7, 30, 60, 90] {
            let bought = expected(&events, as_of, days, EventKind::OrderCompleted);
            let refunded = expected(&events, as_of, days, EventKind::OrderRefunded);
            let value = |event: &&Event| event.value_minor.unwrap();
            let given_back: i64 = refunded.iter().map(|event| -value(event).abs()).sum();
            let revenue: i64 = bought.iter().map(value).sum::<i64>() + given_back;
            let mut orders: Vec<u32> = bought.iter().map(|event| event.order_hash).collect();
            orders.sort_unstable();
            orders.dedup();
            prop_assert_eq!(row.number(&format!("revenue_{days}")), Some(revenue as f64));
            prop_assert_eq!(row.number(&format!("orders_{days}")), Some(orders.len() as f64));
            let approximate = row.get(&format!("revenue_{days}")).unwrap().approximate;
            prop_assert!(!approximate);
        }
        let views = expected(&events, as_of, 90, EventKind::ProductViewed).len();
        prop_assert_eq!(row.number("product_views_90"), Some(views as f64));
        let mut active: Vec<i32> = events.iter().map(|it| it.local_day).filter(|day| as_of - 90 < *day).collect();
        active.sort_unstable();
        active.dedup();
        prop_assert_eq!(row.number("active_days_90"), Some(active.len() as f64));
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn no_feature_sees_what_happened_later(events in prop::collection::vec(any_event(400), 1..100), as_of in 0..400_i32) {
        let known: Vec<Event> = events.iter().filter(|event| event.local_day <= as_of).cloned().collect();
        let (then, now) = (state_of(&known), state_of(&events));

        let newest = events.iter().map(|event| event.local_day).max().unwrap();
        for ((definition, honest), (_, late)) in then.features(AsOf::day(as_of)).iter().zip(now.features(AsOf::day(as_of)).iter()) {
            if late.status == Status::Unknown || late.approximate {
                continue;
            }
            let (mut late, mut honest) = (late.clone(), honest.clone());
            // Whether amounts were corrected is read from weeks where days are no longer kept.
            let days = definition.window_days as i32;
            if days == 0 || as_of - days < newest - 90 {
                (late.corrected, honest.corrected) = (false, false);
            }
            prop_assert_eq!(late, honest, "{} as of {}", definition.name, as_of);
        }
    }
}

#[test]
fn purchase_models_get_distinct_days_and_totals_without_the_first() {
    let mut state = CustomerState::default();
    for (day, value, order) in [
        (100, 1_000, "a"),
        (100, 500, "b"),
        (110, 2_000, "c"),
        (131, 3_000, "d"),
    ] {
        state.apply(&Event::order(day, value, order));
    }
    let summary = state.purchase_summary(131).unwrap();
    assert_eq!(
        (summary.repeats, summary.first_day, summary.last_day),
        (2, 100, 131)
    );
    assert_eq!(
        (
            summary.total_minor,
            summary.repeat_total_minor,
            summary.coarse
        ),
        (6_500, 5_000, false)
    );

    let earlier = state.purchase_summary(130).unwrap();
    assert_eq!(
        (
            earlier.repeats,
            earlier.last_day,
            earlier.repeat_total_minor
        ),
        (1, 110, 2_000)
    );
    assert_eq!(state.purchase_summary(99), None);
    assert_eq!(
        (state.first_purchase_day(), state.last_purchase_day()),
        (Some(100), Some(131))
    );
}

#[track_caller]
fn check_netting(orders: &[(i32, i64)], refunds: &[(i32, i64)], netted: &[(i32, i64)]) {
    let mut state = CustomerState::default();
    for (day, value) in orders {
        state.apply(&Event::order(*day, *value, &day.to_string()));
    }
    for (day, value) in refunds {
        let mut refund = Event::new(EventKind::OrderRefunded, *day);
        refund.value_minor = Some(*value);
        state.apply(&refund);
    }
    let found: Vec<(i32, i64)> = state
        .purchase_days_netted(1_000)
        .iter()
        .map(|it| (it.day, it.value_minor))
        .collect();
    assert_eq!(found, netted);
}

#[test]
fn refunds_are_set_against_what_they_give_back() {
    check_netting(&[(1, 100), (5, 200)], &[(5, -50)], &[(1, 100), (5, 150)]);
    check_netting(&[(1, 100), (5, 200)], &[(9, -200)], &[(1, 100)]);
    check_netting(&[(1, 100), (5, 200)], &[(9, -250)], &[(1, 50)]);
    check_netting(&[(1, 100), (5, 200)], &[(3, -40)], &[(1, 60), (5, 200)]);
    check_netting(&[(5, 200)], &[(1, -40)], &[(5, 200)]);
    check_netting(&[(1, 100), (3, 0)], &[(4, -30)], &[(1, 70), (3, 0)]);
}

#[test]
fn what_rests_on_corrected_amounts_says_so() {
    let mut imputed = Event::order(200, 1_000, "a");
    imputed.corrected.amounts = true;
    let mut rated = Event::new(EventKind::ReviewPosted, 290);
    rated.rating_milli = Some(4_000);
    let state = state_of(&[imputed, Event::order(280, 3_000, "b"), rated]);

    let row = state.features(AsOf::day(289));
    assert_eq!(row.number("corrected_amounts_90"), Some(1.0));
    assert_eq!(row.number("corrected_amounts_share_90"), Some(0.5));
    for (name, corrected) in [
        ("revenue_90", true),
        ("revenue", true),
        ("revenue_7", false),
        ("revenue_trend_90", true),
        ("orders_90", false),
        ("rating_mean", false),
    ] {
        assert_eq!(row.get(name).unwrap().corrected, corrected, "{name}");
    }
    let later = state.features(AsOf::day(290));
    assert_eq!(later.number("corrected_amounts_90"), Some(0.0));
    assert_eq!(later.number("corrected_amounts"), Some(1.0));
    assert!(!later.get("revenue_90").unwrap().corrected);
    assert!(later.get("revenue").unwrap().corrected);
}
