//! No reader sees less than the last commit without being told, whatever happens to the cache.

use std::time::Duration;

use ::cache::{Entry, Epoch, Lookup};
use api::profile::{LeaseCacheEpochRequest, StateOrigin};
use tokio::time::Instant;
use uuid::Uuid;

use crate::harness::{DAY, TENANT, World, by, by_id, order, orders, scenarios};
use crate::place::Place;
use crate::proxy::Proxy;

scenarios!(
    a_mark_of_a_dead_writer_is_read_through_and_repaired,
    a_late_fill_is_refused,
    an_alias_leaves_the_cache
);

async fn customer(world: &mut World, number: i64) -> Uuid {
    world
        .apply("lane-0", number, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    world
        .state(by("customer_id:1"))
        .await
        .customer_id
        .parse()
        .expect("an id")
}

async fn a_mark_of_a_dead_writer_is_read_through_and_repaired(mut world: World) {
    let id = customer(&mut world, 1).await;
    assert_eq!(
        world.state(by("customer_id:1")).await.origin(),
        StateOrigin::Cache
    );

    let mark = world
        .cache
        .mark(Epoch(1), TENANT, &[id])
        .await
        .expect("mark");
    std::mem::forget(mark);
    assert_eq!(
        world.state(by("customer_id:1")).await.origin(),
        StateOrigin::Store
    );
    assert_eq!(
        world.state(by("customer_id:1")).await.origin(),
        StateOrigin::Store,
        "not filled under a mark"
    );

    let deadline = Instant::now() + Duration::from_secs(10);
    while world.state(by("customer_id:1")).await.origin() == StateOrigin::Store {
        assert!(Instant::now() < deadline, "the mark is never repaired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.orders(by("customer_id:1")).await, 1);
}

async fn a_late_fill_is_refused(mut world: World) {
    world
        .apply("lane-0", 1, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    let request = api::profile::ResolveCustomersRequest {
        customers: vec![by("customer_id:1")],
    };
    let answer = world
        .identity
        .resolve_customers(crate::harness::of(TENANT, request))
        .await
        .expect("resolve");
    let id: Uuid = answer.into_inner().customers[0]
        .customer_id
        .parse()
        .expect("an id");
    let lookup = world
        .cache
        .read(Epoch(1), TENANT, &[id])
        .await
        .expect("read")
        .lookups
        .remove(0);
    let Lookup::Miss(token) = lookup else {
        panic!("a new customer is not cached: {lookup:?}")
    };

    world
        .apply("lane-0", 2, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    let old = Entry {
        version: 1,
        ordinal: 1,
        state: bytes::Bytes::new(),
    };
    assert_eq!(world.cache.fill(vec![(token, old)]).await.expect("fill"), 0);

    assert_eq!(world.orders(by("customer_id:1")).await, 2);
}

async fn an_alias_leaves_the_cache(mut world: World) {
    world
        .apply(
            "lane-0",
            1,
            vec![
                order(&["customer_id:1"], DAY, 500),
                order(&["email:a@x"], DAY, 500),
            ],
        )
        .await;
    let younger = world.state(by("email:a@x")).await.customer_id;
    assert_eq!(
        world.state(by_id(&younger)).await.origin(),
        StateOrigin::Cache
    );

    world
        .apply(
            "lane-0",
            2,
            vec![order(&["customer_id:1", "email:a@x"], DAY, 500)],
        )
        .await;

    let merged = world.state(by_id(&younger)).await;
    assert_ne!(merged.customer_id, younger);
    assert_eq!(orders(&merged), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_while_redis_is_gone_and_never_serves_what_it_left_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut place) = Place::production(folder.path()) else {
        return;
    };
    let proxy = Proxy::start(&mut place.redis).await;
    let cache = place.cache().await;
    let mut world = World::start(place, cache).await;
    world.create_tenant(TENANT).await;
    customer(&mut world, 1).await;
    assert_eq!(
        world.state(by("customer_id:1")).await.origin(),
        StateOrigin::Cache
    );

    proxy.cut();
    let cut_off = world.states(vec![by("customer_id:1")]).await;
    assert_eq!(
        (cut_off.states[0].origin(), orders(&cut_off.states[0])),
        (StateOrigin::Store, 1)
    );
    assert!(
        cut_off
            .freshness
            .expect("freshness")
            .degraded_reasons
            .contains(&"CACHE_UNAVAILABLE".to_owned())
    );
    let begun = Instant::now();
    world
        .apply("lane-0", 2, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    assert!(
        begun.elapsed() >= ::cache::LEASE,
        "readers' leases run out first"
    );
    world
        .apply("lane-0", 3, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    assert_eq!(world.orders(by("customer_id:1")).await, 3);
    assert_eq!(epoch(&mut world).await % 2, 0, "suspended");

    proxy.mend();
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let answer = world.states(vec![by("customer_id:1")]).await;
        assert_eq!(orders(&answer.states[0]), 3);
        if answer.states[0].origin() == StateOrigin::Cache {
            break;
        }
        assert!(Instant::now() < deadline, "the cache is never opened again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(epoch(&mut world).await, 3);
}

async fn epoch(world: &mut World) -> i64 {
    world
        .features
        .lease_cache_epoch(LeaseCacheEpochRequest {})
        .await
        .expect("epoch")
        .into_inner()
        .epoch
}
