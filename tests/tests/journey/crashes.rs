//! The story while processes die at every named point: the totals must be those of an uninterrupted run.

use crate::story::Story;
use std::collections::BTreeMap;
use std::time::Duration;
use tests::suite::{Addresses, Cluster, SERVICES};

/// Every crash point, the service that passes it, and at which hit it dies.
const POINTS: [(&str, &str, u32); 17] = [
    ("received", "ingestion", 2),
    ("committed", "ingestion", 3),
    ("import_batch", "ingestion", 1),
    ("operation_started", "ingestion", 1),
    ("claimed", "ingestion", 1),
    ("sent", "ingestion", 2),
    ("applied", "ingestion", 1),
    ("cursor_applied", "ingestion", 2),
    ("appending", "ingestion", 1),
    ("appended", "ingestion", 1),
    ("archived", "ingestion", 1),
    ("apply_begin", "profile", 2),
    ("apply_marked", "profile", 1),
    ("apply_committed", "profile", 1),
    ("apply_cached", "profile", 2),
    ("identity_appending", "profile", 1),
    ("identity_appended", "profile", 1),
];
/// Exit code of a process that died at a point.
const CRASHED: i32 = 134;

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_equal_when_processes_die_at_every_named_point() {
    // Small batches, so that every point is passed often; short leases, so that nobody waits long for the dead.
    let changes = [
        ("ingestion", "CLIENTELE_LOG__BATCH_EVENTS", "60"),
        ("ingestion", "CLIENTELE_IMPORT__BATCH_ROWS", "100"),
        ("ingestion", "CLIENTELE_DISPATCH__LEASE", "1500ms"),
        ("ingestion", "CLIENTELE_ARCHIVE__INTERVAL", "200ms"),
        ("profile", "CLIENTELE_OUTBOX__INTERVAL", "200ms"),
    ];
    let Some(mut cluster) = Cluster::start("crash points", &changes).unwrap() else {
        return;
    };
    let hits = cluster.folder().join("crash-hits");
    for service in SERVICES {
        cluster.set(service, "CLIENTELE_CRASH_LOG", &hits.display().to_string());
    }
    for service in SERVICES {
        cluster.restart(service).unwrap();
    }
    let lake = cluster.folder().join("lake");
    let addresses = cluster.addresses();
    let expected = Story::new(&addresses, "uninterrupted")
        .tell(&lake)
        .await
        .unwrap();
    expected.check();

    let mut crashes = BTreeMap::new();
    for (point, service, hit) in POINTS {
        cluster.set(service, "CLIENTELE_CRASH_AT", &format!("{point}:{hit}"));
        cluster.restart(service).unwrap();
        let tenant = format!("crash-{}", point.replace('_', "-"));
        let (outcome, died) = supervised(&mut cluster, &addresses, &tenant).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("{point}: {error:?}"));
        outcome.check();
        expected.assert_same(&outcome, point);
        crashes.insert(point, died);
        cluster.unset(service, "CLIENTELE_CRASH_AT");
        cluster.restart(service).unwrap();
    }

    let text = std::fs::read_to_string(&hits).unwrap_or_default();
    for (point, _, hit) in POINTS {
        let passed = text.lines().filter(|line| line.trim() == point).count();
        println!(
            "CRASH POINT {point}: passed {passed} times, died {} times (at pass {hit})",
            crashes[point]
        );
    }
    let missed: Vec<_> = crashes.iter().filter(|(_, died)| **died == 0).collect();
    assert!(missed.is_empty(), "nothing died at {missed:?}");
}

/// Tells the story while starting again whatever dies, and returns how many processes did.
async fn supervised(
    cluster: &mut Cluster,
    addresses: &Addresses,
    tenant: &str,
) -> (anyhow::Result<crate::story::Outcome>, u32) {
    let story = Story::new(addresses, tenant);
    let lake = cluster.folder().join("lake");
    let mut telling = std::pin::pin!(story.tell(&lake));
    let mut died = 0;
    loop {
        tokio::select! {
            outcome = &mut telling => return (outcome, died),
            () = tokio::time::sleep(Duration::from_millis(30)) => {}
        }
        for service in SERVICES {
            let Some(code) = cluster.ended(service).unwrap() else {
                continue;
            };
            assert_eq!(
                code,
                CRASHED,
                "{service} ended by itself: {}",
                cluster.last_lines(service)
            );
            died += 1;
            // It dies once: then it runs on, as a supervisor would start it.
            cluster.unset(service, "CLIENTELE_CRASH_AT");
            tokio::task::block_in_place(|| cluster.restart(service)).unwrap();
        }
    }
}
