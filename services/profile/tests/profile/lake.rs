//! Identity lines reach the lake, each once, and lead back to the same customers.

use std::time::Duration;

use ::lake::Transaction;
use ::lake::arrow::array::{Array as _, Int64Array};
use ::lake::events::LakeRow;
use ::lake::{Lake, Table};
use api::common::StandardEvent;
use api::longrunning::{WaitOperationRequest, operation};
use api::profile::{RebuildStatesRequest, RebuildStatesResponse};
use tokio::time::Instant;

use crate::harness::{DAY, TENANT, World, by, of, order, scenarios};
use crate::place::Place;
use crate::proxy::Proxy;

scenarios!(
    every_identity_line_reaches_the_lake_once,
    states_are_rebuilt_from_the_lake
);

async fn rows(world: &World) -> usize {
    let lake = Lake::open(&world.place.folder.join("lake"))
        .await
        .expect("the lake");
    let snapshot = lake.snapshot(Table::Identity).await.expect("a snapshot");
    let actions = snapshot
        .snapshot()
        .expect("a snapshot")
        .add_actions_table(true)
        .expect("actions");
    let counts = actions.column_by_name("num_records").expect("counts");
    let counts = counts
        .as_any()
        .downcast_ref::<Int64Array>()
        .expect("numbers");
    usize::try_from(counts.iter().flatten().sum::<i64>()).expect("a count")
}

/// Waits until the table has this many rows and no append is on its way; answers how many there are.
pub(crate) async fn settled(world: &World, expected: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(10);
    while rows(world).await < expected && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    rows(world).await
}

async fn every_identity_line_reaches_the_lake_once(mut world: World) {
    for number in 1..=5 {
        let events = (0..40).map(|it| order(&[&format!("customer_id:{number}-{it}")], DAY, 100));
        world.apply("lane-0", number, events.collect()).await;
    }
    world
        .apply(
            "lane-1",
            1,
            vec![order(&["customer_id:1-1", "email:a@x"], DAY, 100)],
        )
        .await;
    assert_eq!(settled(&world, 201).await, 201);

    let known = world.state(by("email:a@x")).await.customer_id;
    let (place, _folder) = world.stop().await;
    let cache = place.cache().await;
    let mut world = World::start(place, cache).await;
    assert_eq!(world.state(by("customer_id:1-1")).await.customer_id, known);
    assert_eq!(settled(&world, 201).await, 201);
}

/// Puts events into the lake as ingestion's archiver does.
async fn archive(world: &World, batch: i64, events: &[StandardEvent]) {
    let lake = Lake::open(&world.place.folder.join("lake"))
        .await
        .expect("the lake");
    let row = |(event, position): (&StandardEvent, i32)| LakeRow {
        lane: "lane-0".into(),
        batch,
        position,
        event: event.clone(),
    };
    let rows: Vec<LakeRow> = events.iter().zip(0..).map(row).collect();
    let transaction = Transaction {
        app_id: "lane-0".into(),
        version: batch,
    };
    let rows = ::lake::events::to_batch(&rows).expect("rows");
    lake.append(Table::Events, &[rows], &transaction)
        .await
        .expect("append");
}

async fn states_are_rebuilt_from_the_lake(world: World) {
    rebuilds(world, || ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn states_are_rebuilt_while_redis_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut place) = Place::production(folder.path()) else {
        return;
    };
    let proxy = Proxy::start(&mut place.redis).await;
    let cache = place.cache().await;
    let mut world = World::start(place, cache).await;
    world.create_tenant(TENANT).await;
    rebuilds(world, || proxy.cut()).await;
}

async fn rebuilds(mut world: World, disturb: impl Fn()) {
    let applied = vec![
        order(&["customer_id:1"], DAY, 500),
        order(&["customer_id:2"], DAY, 600),
    ];
    world.apply("lane-0", 1, applied.clone()).await;
    // The lake knows better what the first order was worth.
    let mut archived = applied;
    archived[0].value.as_mut().expect("a value").minor_units = 900;
    archive(&world, 1, &archived).await;
    disturb();

    let request = of(TENANT, RebuildStatesRequest::default());
    let operation = world
        .profiles
        .rebuild_states(request)
        .await
        .expect("start")
        .into_inner();
    let wait = WaitOperationRequest {
        name: operation.name,
        timeout: None,
    };
    let done = world
        .operations
        .wait_operation(of(TENANT, wait))
        .await
        .expect("wait")
        .into_inner();
    let Some(operation::Result::Response(response)) = done.result else {
        panic!("{done:?}")
    };
    let response: RebuildStatesResponse = runtime::any::unpack(&response).expect("a response");
    assert_eq!(
        response,
        RebuildStatesResponse {
            replaced: 1,
            unchanged: 1,
            lagging: 0
        }
    );
    let state = world.state(by("customer_id:1")).await;
    let state = features::CustomerState::decode(&state.state).expect("a state");
    assert_eq!(state.purchase_days()[0].value_minor, 900);
}
