//! Batches: once, in order, by the holder of the lane, whatever else goes on.

use std::collections::BTreeMap;

use api::profile::{ApplyOutcome, LaneWatermark, ReportWatermarksRequest};
use prost_types::Timestamp;
use tonic::Code;

use crate::harness::{
    DAY, TENANT, World, assert_fault, batch, by, of, order, order_of, orders, scenarios,
};

scenarios!(
    applies_a_batch_once,
    refuses_gaps_and_stale_dispatchers,
    parks_what_cannot_be_applied,
    one_odd_event_does_not_hold_up_its_lane,
    lanes_that_touch_the_same_customer_lose_nothing,
    states_equal_a_replay_in_memory,
    tells_the_watermark_of_the_slowest_lane,
    lists_every_violation,
);

async fn applies_a_batch_once(mut world: World) {
    let events = vec![
        order(&["customer_id:1"], DAY, 500),
        order(&["customer_id:1"], DAY + 1, 700),
    ];
    let first = world.apply("lane-0", 1, events.clone()).await;
    let again = world.apply("lane-0", 1, events).await;

    assert!(!first.repeated_batch && again.repeated_batch);
    assert_eq!(first.answers, again.answers);
    assert!(
        first
            .answers
            .iter()
            .all(|it| it.outcome() == ApplyOutcome::Applied)
    );
    assert_eq!(world.orders(by("customer_id:1")).await, 2);
    assert_eq!(world.state(by("customer_id:1")).await.version, 1);
}

async fn refuses_gaps_and_stale_dispatchers(mut world: World) {
    world
        .apply("lane-0", 1, vec![order(&["customer_id:1"], DAY, 500)])
        .await;

    let gap = world.try_apply(batch("lane-0", 3, vec![])).await;
    assert_fault(gap, Code::FailedPrecondition, "BATCH_OUT_OF_ORDER");

    let mut newer = batch("lane-0", 2, vec![order(&["customer_id:1"], DAY, 500)]);
    newer.fence = 9;
    world.try_apply(newer).await.expect("the new holder");
    let mut stale = batch("lane-0", 3, vec![]);
    stale.fence = 8;
    assert_fault(world.try_apply(stale).await, Code::Aborted, "FENCED");
    assert_eq!(world.orders(by("customer_id:1")).await, 2);
}

async fn parks_what_cannot_be_applied(mut world: World) {
    world.create_tenant("sleeping").await;
    let mut tenant = crate::harness::tenant("sleeping");
    tenant.state = api::profile::TenantState::Suspended.into();
    let update = api::profile::UpdateTenantRequest {
        tenant: Some(tenant),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["state".into()],
        }),
        request_id: String::new(),
    };
    world.tenants.update_tenant(update).await.expect("suspend");
    let mut foreign = order(&["customer_id:1"], DAY, 500);
    foreign.value.as_mut().expect("a value").currency_code = "EUR".into();
    let mut nobody = order(&["customer_id:1"], DAY, 500);
    nobody.fragments.clear();
    let events = vec![
        order(&["customer_id:1"], DAY, 500),
        foreign,
        order_of("nowhere", &["customer_id:1"], DAY, 500),
        nobody,
        order_of("sleeping", &["customer_id:1"], DAY, 500),
        order(&["customer_id:2"], DAY, 500),
    ];
    let answer = world.apply("lane-0", 1, events.clone()).await;

    let reasons: Vec<&str> = answer.answers.iter().map(|it| it.reason.as_str()).collect();
    let expected = [
        "",
        "CURRENCY_MISMATCH",
        "TENANT_NOT_FOUND",
        "EVENT_UNDECODABLE",
        "TENANT_SUSPENDED",
        "",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(
        world.apply("lane-0", 1, events).await.answers,
        answer.answers
    );
    assert_eq!(world.orders(by("customer_id:1")).await, 1);
}

async fn one_odd_event_does_not_hold_up_its_lane(mut world: World) {
    let whole = || order(&["customer_id:1"], DAY, 500);
    let mut huge = whole();
    huge.value = None;
    huge.items = vec![api::common::Item {
        quantity_milli: i64::MAX,
        unit_price: Some(api::common::Money {
            currency_code: "GBP".into(),
            minor_units: i64::MAX,
        }),
        ..api::common::Item::default()
    }];
    let mut least = whole();
    least.value.as_mut().expect("a value").minor_units = i64::MIN;
    let mut never = whole();
    never.event_time = Some(Timestamp {
        seconds: i64::MAX,
        nanos: 0,
    });
    let mut unwritable = whole();
    unwritable.fragments[0].namespace = "custo\0mer".into();
    let mut nobodys = whole();
    nobodys.tenant = "ac\0me".into();
    let events = vec![huge, least, never, unwritable, nobodys, whole()];

    let answer = world.apply("lane-0", 1, events).await;

    let reasons: Vec<&str> = answer.answers.iter().map(|it| it.reason.as_str()).collect();
    let parked = "EVENT_UNDECODABLE";
    assert_eq!(reasons, ["", "", parked, parked, parked, ""]);
    assert_eq!(world.orders(by("customer_id:1")).await, 3);
}

async fn lanes_that_touch_the_same_customer_lose_nothing(world: World) {
    let batches = 12;
    let lanes = (0..4).map(|lane| {
        let mut profiles = world.profiles.clone();
        tokio::spawn(async move {
            for number in 1..=batches {
                // Each lane meets the same customers in another order, by its own device and by the shared e-mail address.
                let events = (0..20).map(|at| {
                    let customer = (at * 7 + lane * 3) % 10;
                    let (device, email) = (
                        format!("device_id:{lane}-{customer}"),
                        format!("email:{customer}@x"),
                    );
                    order(&[&email, &device], DAY + at, 100)
                });
                let request = batch(&format!("lane-{lane}"), number, events.collect());
                profiles.apply_events(request).await.expect("apply");
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane");
    }
    let mut world = world;
    let states = world
        .states((0..10).map(|it| by(&format!("email:{it}@x"))).collect())
        .await
        .states;
    assert_eq!(states.iter().map(orders).sum::<u64>(), 4 * 12 * 20);
    let listed = api::profile::ListCustomersRequest {
        page_size: 1_000,
        page_token: String::new(),
    };
    let listed = world
        .profiles
        .list_customers(of(TENANT, listed))
        .await
        .expect("list")
        .into_inner();
    assert_eq!((listed.customers.len(), listed.total_size), (10, 10));
    let ordinals: Vec<i64> = listed.customers.iter().map(|it| it.ordinal).collect();
    assert_eq!(ordinals, (1..=10).collect::<Vec<_>>(), "dense");
}

async fn states_equal_a_replay_in_memory(mut world: World) {
    let mut expected: BTreeMap<String, features::CustomerState> = BTreeMap::new();
    let mut number = 0;
    for round in 0..5 {
        let mut events = Vec::new();
        for at in 0..60 {
            let customer = format!("customer_id:{}", (at * 11 + round) % 17);
            let event = order(
                &[&customer],
                DAY + (at * 13 + round * 5) % 40,
                100 + i64::from(at),
            );
            expected
                .entry(customer)
                .or_default()
                .apply(&::lake::events::from_standard(&event));
            events.push(event);
        }
        number += 1;
        world.apply("lane-0", number, events).await;
    }
    for (customer, state) in expected {
        let served = world.state(by(&customer)).await;
        assert_eq!(
            features::CustomerState::decode(&served.state).expect("a state"),
            state,
            "{customer}"
        );
    }
}

async fn tells_the_watermark_of_the_slowest_lane(mut world: World) {
    world
        .apply("lane-0", 1, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    let through = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let lane = |lane: &str, applied_batch, seconds| LaneWatermark {
        lane: lane.into(),
        applied_batch,
        complete_through: through(seconds),
    };
    let lanes = vec![
        lane("lane-0", 7, 1_800_000_000),
        lane("lane-1", 0, 1_600_000_000),
    ];
    world
        .profiles
        .report_watermarks(ReportWatermarksRequest {
            lanes,
            beginning: false,
        })
        .await
        .expect("report");

    let fresh = world
        .states(vec![by("customer_id:1")])
        .await
        .freshness
        .expect("freshness");
    assert_eq!(fresh.complete_through, through(1_600_000_000));
    assert_eq!(fresh.degraded_reasons, ["WATERMARK_STUCK"]);

    let now = runtime::clock::now().timestamp();
    let lanes = vec![lane("lane-0", 1, now), lane("lane-1", 0, now)];
    world
        .profiles
        .report_watermarks(ReportWatermarksRequest {
            lanes,
            beginning: false,
        })
        .await
        .expect("report");
    let fresh = world
        .states(vec![by("customer_id:1")])
        .await
        .freshness
        .expect("freshness");
    assert_eq!(
        (fresh.complete_through, fresh.degraded),
        (through(now), false)
    );
}

async fn lists_every_violation(mut world: World) {
    let request = api::profile::ApplyEventsRequest {
        lane: "x".repeat(65),
        number: 0,
        events: vec![api::common::StandardEvent::default(); 5_001],
        complete_through: Some(Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        }),
        fence: -1,
    };
    let status = assert_fault(
        world.try_apply(request).await,
        Code::InvalidArgument,
        "INVALID",
    );

    let mut fields: Vec<_> = runtime::fault::violations(&status)
        .into_iter()
        .map(|it| it.field)
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        ["complete_through", "events", "fence", "lane", "number"]
    );
}
