//! The stored form: what was written is read, by every version.

use features::{
    Accumulator, AsOf, CustomerState, DecodeError, Event, EventKind, Item, Status, Touch, Version,
};
use proptest::prelude::*;

use crate::history::{any_history, cases, state_of};

/// States of [`golden`] as the writers of version 1 and 2 stored them. These files never change.
const STORED_V1: &str = include_str!("../golden/state_v1.hex");
const STORED_V2: &str = include_str!("../golden/state_v2.hex");

fn golden() -> CustomerState {
    let mut order = Event::order(14_600, 12_345, "536365");
    order.channel = "web".to_owned();
    order.items = vec![Item {
        product: "85123A".into(),
        category: "home/light".into(),
        quantity_milli: 6_000,
        price_minor: 255,
    }];
    let mut refund = Event::new(EventKind::OrderRefunded, 14_610);
    refund.value_minor = Some(-2_000);
    let mut touch = Event::new(EventKind::CampaignTouched, 14_700);
    touch.channel = "email".to_owned();
    touch.touch = Some(Touch::Opened);
    let mut survey = Event::new(EventKind::SurveyAnswered, 14_750);
    survey.nps = Some(9);
    let views = (14_500..14_760)
        .step_by(13)
        .map(|day| Event::new(EventKind::ProductViewed, day));
    let events: Vec<Event> = [order, Event::order(14_755, 999, "b"), refund, touch, survey]
        .into_iter()
        .chain(views)
        .collect();
    state_of(&events)
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_stored_by_earlier_versions_are_read_and_written_unchanged() {
    assert_eq!(to_hex(&golden().encode(Version::V1)), STORED_V1.trim());
    assert_eq!(to_hex(&golden().encode(Version::V2)), STORED_V2.trim());
    assert_eq!(
        CustomerState::decode(&from_hex(STORED_V2)).unwrap(),
        golden()
    );

    let old = CustomerState::decode(&from_hex(STORED_V1)).unwrap();
    assert_eq!(to_hex(&old.encode(Version::V1)), STORED_V1.trim());
    assert_eq!(old.purchase_days(), golden().purchase_days());
}

#[test]
fn what_an_old_version_did_not_hold_is_unknown_and_not_zero() {
    let old = CustomerState::decode(&from_hex(STORED_V1)).unwrap();
    assert_eq!(old.complete_since(Accumulator::Rhythm), Some(14_756));

    let row = old.features(AsOf::day(14_760));
    assert_eq!(row.get("peak_hour").unwrap().status, Status::Unknown);
    assert_eq!(row.get("products_bought").unwrap().status, Status::Unknown);
    assert_eq!(row.get("orders").unwrap().status, Status::Present);

    let mut merged = golden();
    merged.merge(&old);
    assert_eq!(merged.complete_since(Accumulator::Rhythm), Some(14_756));
}

#[test]
fn unknown_fields_of_newer_writers_are_skipped() {
    let mut newer = golden().encode(Version::V2);
    newer[1] = 3;
    newer.extend([0x9a, 0x3f, 3, b'n', b'e', b'w']);

    assert_eq!(CustomerState::decode(&newer).unwrap(), golden());
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    assert_eq!(
        CustomerState::decode(&[]),
        Err(DecodeError::Damaged("no version"))
    );
    let stored = golden().encode(Version::V2);
    for end in 1..stored.len() {
        let _ = CustomerState::decode(&stored[..end]);
    }
    for at in 0..stored.len() {
        let mut damaged = stored.clone();
        damaged[at] ^= 0x55;
        let _ = CustomerState::decode(&damaged);
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn decoding_gives_back_the_state_and_encoding_the_bytes(events in any_history()) {
        let state = state_of(&events);
        let stored = state.encode(Version::V2);
        let restored = CustomerState::decode(&stored).unwrap();
        prop_assert_eq!(&restored, &state);
        prop_assert_eq!(restored.encode(Version::V2), stored);

        let old = state.encode(Version::V1);
        prop_assert_eq!(CustomerState::decode(&old).unwrap().encode(Version::V1), old);
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = CustomerState::decode(&bytes);
    }
}
