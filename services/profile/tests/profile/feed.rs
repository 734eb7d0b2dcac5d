//! The change feed: whole, in order, resumable.

use api::profile::{ProfileChange, ProfileChangeKind, WatchProfileChangesRequest};

use crate::harness::{DAY, TENANT, World, by, of, order, scenarios};

scenarios!(
    tells_every_change_and_resumes_without_a_gap,
    a_watcher_hears_of_new_changes_at_once
);

async fn read(world: &mut World, after_position: i64) -> Vec<ProfileChange> {
    let request = WatchProfileChangesRequest {
        after_position,
        stop_at_end: true,
    };
    let mut stream = world
        .features
        .watch_profile_changes(of(TENANT, request))
        .await
        .expect("watch")
        .into_inner();
    let mut changes = Vec::new();
    while let Some(message) = stream.message().await.expect("a message") {
        changes.extend(message.changes);
    }
    changes
}

async fn tells_every_change_and_resumes_without_a_gap(mut world: World) {
    world
        .apply(
            "lane-0",
            1,
            vec![
                order(&["customer_id:1"], DAY, 500),
                order(&["email:a@x"], DAY, 600),
            ],
        )
        .await;
    let events = (0..1_500).map(|it| order(&[&format!("customer_id:x{it}")], DAY, 100));
    world.apply("lane-0", 2, events.collect()).await;
    world
        .apply(
            "lane-1",
            1,
            vec![order(&["customer_id:1", "email:a@x"], DAY + 1, 700)],
        )
        .await;

    let all = read(&mut world, 0).await;
    assert_eq!(all.len(), 1_504);
    assert!(
        all.windows(2)
            .all(|pair| pair[0].position < pair[1].position)
    );
    let tail: Vec<_> = all[1_502..]
        .iter()
        .map(|it| (it.kind(), it.version))
        .collect();
    assert!(
        tail.contains(&(ProfileChangeKind::Merged, 2))
            && tail.contains(&(ProfileChangeKind::Updated, 2)),
        "{tail:?}"
    );
    let merged = all
        .iter()
        .find(|it| it.kind() == ProfileChangeKind::Merged)
        .expect("a merge");
    assert_eq!(
        merged.merged_into,
        world.state(by("customer_id:1")).await.customer_id
    );

    let rest = read(&mut world, all[700].position).await;
    assert_eq!(rest, all[701..]);
}

async fn a_watcher_hears_of_new_changes_at_once(mut world: World) {
    let request = WatchProfileChangesRequest {
        after_position: 0,
        stop_at_end: false,
    };
    let mut stream = world
        .features
        .watch_profile_changes(of(TENANT, request))
        .await
        .expect("watch")
        .into_inner();
    for number in 1..=3 {
        world
            .apply("lane-0", number, vec![order(&["customer_id:1"], DAY, 500)])
            .await;
        let message = stream
            .message()
            .await
            .expect("a message")
            .expect("a change");
        assert_eq!(message.changes.len(), 1);
        assert_eq!(message.changes[0].version, number);
    }
}
