//! What is replayed equals what was applied as it happened.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use api::common::{Correction, CorrectionAction, StandardEvent};
use features::CustomerState;
use lake::events::{from_standard, to_batch};
use lake::identity::{self, IdentityRow};
use lake::{Lake, LakeError, Replay, ReplayRequest, Table, Transaction};

use crate::rows::{TENANT, batch, customer, noon, order, owner};

async fn lake_of(
    folder: &std::path::Path,
    events: &[StandardEvent],
    owners: &[IdentityRow],
) -> Lake {
    let lake = Lake::open(folder).await.unwrap();
    for (number, events) in events.chunks(50_000).enumerate() {
        let rows = to_batch(&batch("l-0", number as i64 + 1, events.iter().cloned())).unwrap();
        let transaction = Transaction {
            app_id: "l-0".to_owned(),
            version: number as i64 + 1,
        };
        lake.append(Table::Events, &[rows], &transaction)
            .await
            .unwrap();
    }
    let rows = identity::to_batch(owners).unwrap();
    let transaction = Transaction {
        app_id: "profile".to_owned(),
        version: 1,
    };
    lake.append(Table::Identity, &[rows], &transaction)
        .await
        .unwrap();
    lake
}

async fn replay(lake: &Lake, as_of_day: i32, known_day: i32) -> Replay {
    let request = ReplayRequest {
        tenant: TENANT.to_owned(),
        as_of_day,
        known_by: noon(known_day),
    };
    lake.replay(&request, |_| ControlFlow::Continue(()))
        .await
        .unwrap()
}

fn state_of<'a>(events: impl IntoIterator<Item = &'a StandardEvent>) -> CustomerState {
    let mut state = CustomerState::default();
    events
        .into_iter()
        .for_each(|event| state.apply(&from_standard(event)));
    state
}

#[tokio::test]
async fn a_replay_follows_identity_as_it_was_known() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<_> = (0..40)
        .map(|it| order(TENANT, it, it % 3, 100 + it as i32))
        .collect();
    // Fragment 2 comes to customer 1 at day 120.
    let owners = [
        owner(0, 10, 1, noon(100)),
        owner(1, 1, 2, noon(101)),
        owner(2, 5, 3, noon(102)),
        owner(2, 1, 4, noon(120)),
    ];
    let lake = lake_of(folder.path(), &events, &owners).await;
    let of = |fragments: &'static [u64], until: i32| {
        state_of(events.iter().filter(move |it| {
            let number = u128::from_be_bytes(it.event_id.clone().try_into().unwrap()) as u64;
            fragments.contains(&(number % 3)) && it.local_day <= until
        }))
    };

    let before = replay(&lake, 119, 119).await;
    let found: Vec<_> = before
        .customers
        .iter()
        .map(|it| (it.ordinal, it.customer_id, it.state.clone()))
        .collect();
    let expected = [
        (1, customer(1), of(&[1], 119)),
        (5, customer(5), of(&[2], 119)),
        (10, customer(10), of(&[0], 119)),
    ];
    assert_eq!(found, expected);
    assert_eq!((before.events, before.watermark), (20, Some(noon(119))));

    let after = replay(&lake, 300, 300).await;
    let found: Vec<_> = after
        .customers
        .iter()
        .map(|it| (it.ordinal, it.state.clone()))
        .collect();
    assert_eq!(found, [(1, of(&[1, 2], 300)), (10, of(&[0], 300))]);
    assert_eq!((after.events, after.events_without_customer), (40, 0));
}

#[tokio::test]
async fn what_became_known_later_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut late = order(TENANT, 2, 1, 100);
    late.known_time.as_mut().unwrap().seconds += 10 * 86_400;
    let events = [
        order(TENANT, 1, 1, 100),
        late,
        order(TENANT, 3, 2, 101),
        order("other", 4, 1, 100),
    ];
    let lake = lake_of(folder.path(), &events, &[owner(1, 1, 1, noon(105))]).await;

    let found = replay(&lake, 104, 104).await;
    // The owner became known at day 105 only; the fragment is its first owner's all the same.
    assert_eq!(found.customers.len(), 1);
    assert_eq!(found.customers[0].state, state_of(&events[..1]));
    assert_eq!((found.events, found.events_without_customer), (2, 1));
    assert_eq!(found.fragments_without_customer, 1);
    assert_eq!(
        replay(&lake, 104, 111).await.customers[0].state,
        state_of(&events[..2])
    );
}

#[tokio::test]
async fn a_replay_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_of(
        folder.path(),
        &[order(TENANT, 1, 1, 100)],
        &[owner(1, 1, 1, noon(100))],
    )
    .await;
    let request = ReplayRequest {
        tenant: TENANT.to_owned(),
        as_of_day: 200,
        known_by: noon(200),
    };
    let cancelled = lake.replay(&request, |_| ControlFlow::Break(())).await;
    assert!(matches!(cancelled, Err(LakeError::Cancelled)));
}

#[tokio::test]
async fn the_history_of_a_shop_is_replayed_in_seconds() {
    const EVENTS: u64 = 209_029;
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<_> = (0..EVENTS)
        .map(|it| {
            order(
                TENANT,
                it,
                it * 7_919 % 2_500,
                14_000 + (it * 180 / EVENTS) as i32,
            )
        })
        .collect();
    let owners: Vec<_> = (0..2_500)
        .map(|it| owner(it, it, it as i64, noon(14_000)))
        .collect();
    let started = Instant::now();
    let lake = lake_of(folder.path(), &events, &owners).await;
    let appended = started.elapsed();

    let started = Instant::now();
    let found = replay(&lake, 14_200, 14_200).await;
    let replayed = started.elapsed();

    println!("{EVENTS} events: appended in {appended:?}, replayed in {replayed:?}");
    assert_eq!((found.customers.len(), found.events), (2_500, EVENTS));
    let mut expected: BTreeMap<u64, CustomerState> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        expected
            .entry(number as u64 * 7_919 % 2_500)
            .or_default()
            .apply(&from_standard(event));
    }
    assert!(
        found
            .customers
            .iter()
            .zip(&expected)
            .all(|(found, expected)| found.state == *expected.1)
    );
    assert!(replayed.as_secs() < 30, "{replayed:?}");
}

#[test]
fn a_state_knows_which_amounts_were_filled_in() {
    let correction = |action: CorrectionAction, target: &str| Correction {
        field: "price".into(),
        action: action.into(),
        method: "median".into(),
        original: String::new(),
        targets: vec![target.into()],
    };
    for (action, target, amounts) in [
        (CorrectionAction::Imputed, "items[0].unit_price", true),
        (CorrectionAction::Winsorised, "value", true),
        (
            CorrectionAction::Corrected,
            "items[12].quantity_milli",
            true,
        ),
        (CorrectionAction::Flagged, "value", false),
        (CorrectionAction::Imputed, "items[0].category", false),
        (CorrectionAction::Imputed, "properties.rating", false),
    ] {
        let mut event = order(TENANT, 1, 1, 100);
        event.corrections = vec![correction(action, target)];
        let read = from_standard(&event).corrected;
        assert_eq!(read.amounts, amounts, "{action:?} {target}");
        assert_eq!(read.rating, target == "properties.rating");
    }
}
