//! The story while one of the two services that share the cache cannot reach it, and the other can.

use crate::shop;
use crate::story::{Outcome, Story};
use api::common::Event;
use api::ingestion::ReceiptCode;
use std::path::Path;
use std::time::Duration;
use tests::proxy::{Mode, Proxy};
use tests::suite::{Cluster, Services, eventually};

/// What an answer says that was made without the cache.
const CACHE_UNAVAILABLE: &str = "CACHE_UNAVAILABLE";

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_stale_when_one_side_is_cut_off_from_the_cache() {
    let Some(mut cluster) = Cluster::start("cut off from the cache", &[]).unwrap() else {
        return;
    };
    let mut ways = Vec::new();
    for service in ["profile", "scoring"] {
        let way = Proxy::start(cluster.redis.port()).await.unwrap();
        let url = format!("redis://127.0.0.1:{}", way.port());
        cluster.set(service, "CLIENTELE_CACHE__URL", &url);
        cluster.restart(service).unwrap();
        ways.push((service, way));
    }
    let lake = cluster.folder().join("lake");
    let expected = Story::new(&cluster, "uninterrupted")
        .tell(&lake)
        .await
        .unwrap();
    expected.check();

    for (service, way) in &ways {
        for mode in [Mode::Cut, Mode::Stall] {
            let what = format!("{service}, {mode:?}");
            let outcome = told_while(&cluster, way, mode, &what, &expected, &lake).await;
            outcome.check();
            expected.assert_same(&outcome, &what);
            println!("way to the cache of {what}: totals equal");
        }
    }
}

/// Tells the first half of the story, breaks the way to the cache, tells the second, mends the way, and counts.
async fn told_while(
    services: &impl Services,
    way: &Proxy,
    mode: Mode,
    what: &str,
    expected: &Outcome,
    lake: &Path,
) -> Outcome {
    let tenant = what.to_lowercase().replace(", ", "-");
    let story = Story::new(services, &tenant);
    let (early, late) = halves();
    story.create_tenant().await.unwrap();
    story.ingest(&early, ReceiptCode::Accepted).await.unwrap();
    story.settle().await.unwrap();
    // Brings the states of the first half into the cache: from now on they are what a stale answer would be made of.
    let model = story.train().await.unwrap();
    let before = story.score(&model).await.unwrap();
    assert!(!before.degraded.iter().any(|it| it == CACHE_UNAVAILABLE));

    way.set(mode);
    story.ingest(&late, ReceiptCode::Accepted).await.unwrap();
    story
        .ingest(&shop::anonymous_events(), ReceiptCode::Quarantined)
        .await
        .unwrap();
    let imported = story.import(shop::till_csv()).await.unwrap();
    story.clear_quarantine().await.unwrap();
    story.settle().await.unwrap();
    let model = story.train().await.unwrap();
    let during = story.score(&model).await.unwrap();
    expected.assert_same_scores(&during.scores, &format!("{what}, meanwhile"));
    assert!(
        during.degraded.iter().any(|it| it == CACHE_UNAVAILABLE),
        "{what}: an answer without the cache does not say so: {:?}",
        during.degraded
    );

    way.set(Mode::Open);
    eventually(
        "the use of the cache",
        Duration::from_secs(30),
        async || {
            let after = story.score(&model).await?;
            expected.assert_same_scores(&after.scores, &format!("{what}, afterwards"));
            let mended = !after.degraded.iter().any(|it| it == CACHE_UNAVAILABLE);
            Ok(mended.then_some(()))
        },
    )
    .await
    .unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let totals = story.totals(&imported, lake).await.unwrap();
    story.conclude(totals).await.unwrap()
}

/// The shop's events in two halves; every customer has some in the first.
fn halves() -> (Vec<Event>, Vec<Event>) {
    let numbered = shop::events().into_iter().enumerate();
    let (early, late): (Vec<_>, Vec<_>) =
        numbered.partition(|(index, it)| index % 2 == 0 || it.message_id.ends_with("-0"));
    let plain = |it: Vec<(usize, Event)>| it.into_iter().map(|(_, event)| event).collect();
    (plain(early), plain(late))
}
