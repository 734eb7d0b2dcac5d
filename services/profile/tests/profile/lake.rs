//! Identity lines reach the lake, each once, and lead back to the same customers.

use std::time::Duration;

use ::lake::arrow::array::{Array as _, Int64Array};
use ::lake::{Lake, Table};
use tokio::time::Instant;

use crate::harness::{DAY, World, by, order, scenarios};

scenarios!(every_identity_line_reaches_the_lake_once);

async fn rows(world: &World) -> usize {
    let lake = Lake::open(&world.place.folder.join("lake")).await.expect("the lake");
    let snapshot = lake.snapshot(Table::Identity).await.expect("a snapshot");
    let actions = snapshot.snapshot().expect("a snapshot").add_actions_table(true).expect("actions");
    let counts = actions.column_by_name("num_records").expect("counts");
    let counts = counts.as_any().downcast_ref::<Int64Array>().expect("numbers");
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
    world.apply("lane-1", 1, vec![order(&["customer_id:1-1", "email:a@x"], DAY, 100)]).await;
    assert_eq!(settled(&world, 201).await, 201);

    let known = world.state(by("email:a@x")).await.customer_id;
    let (place, _folder) = world.stop().await;
    let cache = place.cache().await;
    let mut world = World::start(place, cache).await;
    assert_eq!(world.state(by("customer_id:1-1")).await.customer_id, known);
    assert_eq!(settled(&world, 201).await, 201);
}
