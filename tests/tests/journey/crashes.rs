//! The story while processes die at every named point: the totals must be those of an uninterrupted run.

use crate::story::Story;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tests::crash_points::CRASH_POINTS;
use tests::suite::{Addresses, Cluster, SERVICES};

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
    for service in SERVICES {
        let passes = passes_of(&cluster, service).display().to_string();
        cluster.set(service, "CLIENTELE_CRASH_LOG", &passes);
        cluster.restart(service).unwrap();
    }
    let lake = cluster.folder().join("lake");
    let addresses = cluster.addresses();
    let expected = Story::new(&addresses, "uninterrupted")
        .tell(&lake)
        .await
        .unwrap();
    expected.check();

    let mut missed = Vec::new();
    let mut deaths = Vec::new();
    for point in CRASH_POINTS {
        let (name, service) = (point.name, point.service);
        let at = format!("{name}:{}", point.hit);
        cluster.set(service, "CLIENTELE_CRASH_AT", &at);
        cluster.restart(service).unwrap();
        let tenant = format!("{service}-{}", name.replace('_', "-"));
        let (outcome, died) = supervised(&mut cluster, &addresses, &tenant).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("{service} at {name}: {error:?}"));
        outcome.check();
        expected.assert_same(&outcome, &format!("{service} died at {name}"));
        match died.get(service) {
            Some(1) if died.len() == 1 => {}
            _ => missed.push(format!("{service} at {name}: {died:?}")),
        }
        deaths.push((point, died.values().sum::<u32>()));
        cluster.unset(service, "CLIENTELE_CRASH_AT");
        cluster.restart(service).unwrap();
    }

    for (point, died) in deaths {
        let text = std::fs::read_to_string(passes_of(&cluster, point.service)).unwrap_or_default();
        let passed = text.lines().filter(|line| *line == point.name).count();
        println!(
            "CRASH POINT {} of {}: passed {passed} times, died {died} times (at pass {})",
            point.name, point.service, point.hit
        );
    }
    assert!(
        missed.is_empty(),
        "each must die once, and nothing else: {missed:?}"
    );
}

/// The file to which a service adds the name of every point that it passes.
fn passes_of(cluster: &Cluster, service: &str) -> PathBuf {
    cluster.folder().join(format!("passes-of-{service}"))
}

/// Tells the story while starting again whatever dies, and returns how often each service did.
async fn supervised(
    cluster: &mut Cluster,
    addresses: &Addresses,
    tenant: &str,
) -> (
    anyhow::Result<crate::story::Outcome>,
    BTreeMap<&'static str, u32>,
) {
    let story = Story::new(addresses, tenant);
    let lake = cluster.folder().join("lake");
    let mut telling = std::pin::pin!(story.tell(&lake));
    let mut died = BTreeMap::new();
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
            *died.entry(service).or_default() += 1;
            // It dies once: then it runs on, as a supervisor would start it.
            cluster.unset(service, "CLIENTELE_CRASH_AT");
            tokio::task::block_in_place(|| cluster.restart(service)).unwrap();
        }
    }
}
