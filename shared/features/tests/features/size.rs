//! A state stays small.

use features::{CustomerState, Event, EventKind, Item, Touch, Version};

use crate::history::Dice;

/// Three years of an eager customer: 10,000 events, mostly looking around, 4 % orders.
fn ordinary(dice: &mut Dice) -> Event {
    let day = 19_000 + dice.roll(1_096) as i32;
    let (kind, touch) = match dice.roll(100) {
        0..45 => (EventKind::PageViewed, None),
        45..70 => (EventKind::ProductViewed, None),
        70..80 => (EventKind::ProductAdded, None),
        80..84 => (EventKind::OrderCompleted, None),
        84..92 => (EventKind::CampaignTouched, Some(Touch::Sent)),
        92..95 => (EventKind::CampaignTouched, Some(Touch::Opened)),
        95..96 => (EventKind::CampaignTouched, Some(Touch::Clicked)),
        96..99 => (EventKind::SessionStarted, None),
        _ => (EventKind::SurveyAnswered, None),
    };
    let mut event = Event::new(kind, day);
    event.local_hour = dice.roll(24) as u8;
    event.touch = touch;
    event.channel = ["email", "sms", "push", "web", "app"][dice.roll(5) as usize].to_owned();
    event.nps = Some(dice.roll(11) as i32);
    if kind == EventKind::OrderCompleted {
        event.value_minor = Some(500 + dice.roll(20_000) as i64);
        event.order_hash = features::hash32(&dice.roll(1 << 40).to_le_bytes());
    }
    let category = [
        "garden",
        "kitchen",
        "toys",
        "lighting",
        "stationery",
        "clothes",
        "bath",
        "seasonal",
    ];
    event.items = vec![Item {
        product: dice.roll(900).to_string(),
        category: category[dice.roll(8) as usize].to_owned(),
        quantity_milli: 1_000 * (1 + dice.roll(4) as i64),
        price_minor: 100 + dice.roll(3_000) as i64,
    }];
    event
}

#[test]
fn ten_thousand_ordinary_events_fit_in_four_kibibytes() {
    let mut dice = Dice(3);
    for customer in 0..5 {
        let mut state = CustomerState::default();
        (0..10_000).for_each(|_| state.apply(&ordinary(&mut dice)));
        let bytes = state.encode(Version::V2).len();
        println!(
            "customer {customer}: {bytes} bytes, {} purchase days",
            state.purchase_days().len()
        );
        assert!(bytes <= 4_096, "{bytes} bytes");
    }
}
