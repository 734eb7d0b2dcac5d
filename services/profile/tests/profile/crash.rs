//! A process stopped at each named point leaves nothing lost, nothing doubled, and nothing stale.
//!
//! The process that is stopped is this test binary, run again with one test alone: `child`.

use std::process::Command;
use std::time::Duration;

use api::common::StandardEvent;
use api::profile::{BatchGetFeatureStatesRequest, StateOrigin};

use crate::harness::{DAY, TENANT, World, by, of, order, orders};
use crate::place::Place;

/// Point, and the hit at which to stop.
const POINTS: [(&str, u32); 6] = [
    ("apply_begin", 3),
    ("apply_marked", 3),
    ("apply_committed", 3),
    ("apply_cached", 3),
    ("identity_appending", 1),
    ("identity_appended", 1),
];
const PLACE: &str = "CLIENTELE_TEST_PLACE";
const BATCHES: i64 = 4;
/// Fragments in all: ten customers, and one e-mail address by which two of them turn out to be one person.
const FRAGMENTS: usize = 11;

fn events(number: i64) -> Vec<StandardEvent> {
    let mut events: Vec<_> = (0..10)
        .map(|it| order(&[&format!("device_id:{it}")], DAY, 100 * number))
        .collect();
    if number == 2 {
        events.push(order(&["email:a@x", "device_id:3"], DAY, 100));
        events.push(order(&["email:a@x", "device_id:7"], DAY, 100));
    }
    events
}

/// What the stopped process does; a test of its own kind only when it is told where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(place) = std::env::var(PLACE) else {
        return;
    };
    let place = Place::from_text(&place);
    let cache = place.cache().await;
    let mut world = World::start(place, cache).await;
    world.create_tenant(TENANT).await;
    for number in 1..=BATCHES {
        world.apply("lane-0", number, events(number)).await;
        // Read, so that the next batch has something in the cache to outdate.
        world
            .states((0..10).map(|it| by(&format!("device_id:{it}"))).collect())
            .await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.stop().await;
}

fn run_child(place: &Place, stop_at: Option<(&str, u32)>) -> Option<i32> {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["--exact", "crash::child", "--nocapture"])
        .env(PLACE, place.to_text());
    if let Some((point, hit)) = stop_at {
        command.env("CLIENTELE_CRASH_AT", format!("{point}:{hit}"));
    }
    command.output().expect("run the child").status.code()
}

async fn survives(place: Place, point: (&str, u32)) {
    let child = place.clone();
    let owned = (point.0.to_owned(), point.1);
    let code = tokio::task::spawn_blocking(move || run_child(&child, Some((&owned.0, owned.1))))
        .await
        .expect("the child");
    assert_eq!(code, Some(134), "{point:?} was not reached");

    let cache = place.cache().await;
    let mut world = World::start(place, cache).await;
    let customers: Vec<_> = (0..10).map(|it| by(&format!("device_id:{it}"))).collect();
    let found = world.states(customers.clone()).await.states;
    let request = BatchGetFeatureStatesRequest {
        customers: customers.clone(),
        bypass_cache: true,
    };
    let stored = world
        .features
        .batch_get_feature_states(of(TENANT, request))
        .await
        .expect("states")
        .into_inner()
        .states;
    for (found, stored) in found.iter().zip(&stored) {
        assert_eq!(
            (&found.state, found.version),
            (&stored.state, stored.version),
            "stale after {point:?}"
        );
    }

    for number in 1..=BATCHES {
        world.apply("lane-0", number, events(number)).await;
    }
    let states = world.states(customers.clone()).await.states;
    let counts: Vec<u64> = states.iter().map(orders).collect();
    assert_eq!(counts, [4, 4, 4, 10, 4, 4, 4, 10, 4, 4], "after {point:?}");
    assert_eq!(states[7].customer_id, states[3].customer_id);
    assert_eq!(
        world
            .profiles
            .list_customers(of(TENANT, Default::default()))
            .await
            .expect("list")
            .into_inner()
            .total_size,
        9
    );
    repaired(&mut world, customers).await;
    let rows = crate::lake::settled(&world, FRAGMENTS + 1).await;
    assert_eq!(rows, FRAGMENTS + 1, "identity lines after {point:?}");
}

/// Waits until every customer is answered from the cache again.
async fn repaired(world: &mut World, customers: Vec<api::common::CustomerRef>) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let states = world.states(customers.clone()).await.states;
        if states.iter().all(|it| it.origin() == StateOrigin::Cache) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "marks are never repaired"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_point_is_survived_on_the_embedded_stores() {
    for point in POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        survives(Place::embedded(folder.path()), point).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_point_is_survived_on_postgres_and_redis() {
    for point in POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(place) = Place::production(folder.path()) else {
            return;
        };
        survives(place, point).await;
    }
}
