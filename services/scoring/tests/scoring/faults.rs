//! Answers while cache or profile service are away, and reads that share.

use super::harness::*;
use super::peer::Mood;
use api::scoring::*;
use cache::Epoch;
use std::time::{Duration, Instant};
use tonic::Code;

fn reasons(answer: &ScoreResponse) -> Vec<String> {
    answer.freshness.clone().unwrap().degraded_reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_answers_after_the_first_read_and_holds_no_stale_state() {
    let mut scoring = Scoring::start(None).await;
    let known = people(200, 11);
    scoring.know(&known).await;
    scoring.champion().await;
    let id = known[0].id;

    let first = scoring.score(id, ScoreOptions::default()).await.unwrap();
    let second = scoring.score(id, ScoreOptions::default()).await.unwrap();
    assert_eq!(first.score, second.score);
    assert_eq!(
        scoring.peer.change(|peer| peer.state_calls.len()),
        1,
        "the second read met the cache"
    );

    // A writer marks before its commit: readers go past the cache until it has cleared.
    let mark = scoring
        .cache
        .mark(Epoch(1), "default", &[id])
        .await
        .unwrap();
    let mut changed = known[0].clone();
    changed.purchases.push((AS_OF_DAY, 70_000));
    scoring.peer.learn(&[changed]);
    let third = scoring.score(id, ScoreOptions::default()).await.unwrap();
    assert_ne!(third.score, second.score, "a marked entry is not read");
    scoring.cache.clear(mark).await.unwrap();
    assert_eq!(
        scoring
            .score(id, ScoreOptions::default())
            .await
            .unwrap()
            .score,
        third.score
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_miss_the_same_customer_share_one_load() {
    let mut scoring = Scoring::start(None).await;
    let known = people(200, 12);
    scoring.know(&known).await;
    scoring.champion().await;
    scoring
        .peer
        .change(|peer| peer.delay = Duration::from_millis(200));

    let asks = (0..20).map(|_| {
        let mut client = scoring.scores.clone();
        let request = ScoreRequest {
            customer: Some(by_id(known[7].id)),
            options: None,
        };
        async move { client.score(request).await.unwrap().into_inner().score }
    });
    let answers = futures::future::join_all(asks).await;

    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    let calls = scoring.peer.change(|peer| peer.state_calls.len());
    assert!(calls <= 3, "20 callers made {calls} calls");
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_cache_means_the_profile_service_and_says_so() {
    let mut scoring = Scoring::start(None).await;
    let known = people(200, 13);
    scoring.know(&known).await;
    scoring.champion().await;
    scoring.peer.change(|peer| peer.epoch = 2);

    let answer = scoring
        .score(known[0].id, ScoreOptions::default())
        .await
        .unwrap();

    assert_eq!(reasons(&answer), ["CACHE_UNAVAILABLE"]);
    assert!(
        answer.freshness.unwrap().complete_through.is_some(),
        "the profile service tells how far it is"
    );
    scoring.peer.change(|peer| peer.mood = Mood::Down);
    assert_fault(
        scoring.score(known[0].id, ScoreOptions::default()).await,
        Code::Unavailable,
        "PROFILE_UNAVAILABLE",
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_profile_service_hits_are_answered_and_misses_are_not() {
    let mut scoring = Scoring::start(None).await;
    let known = people(200, 14);
    scoring.know(&known).await;
    scoring.champion().await;
    let before = scoring
        .score(known[0].id, ScoreOptions::default())
        .await
        .unwrap();

    for mood in [Mood::Down, Mood::Silent] {
        scoring.peer.change(|peer| peer.mood = mood);
        // Longer than the lease of the epoch: what is read then is told to be unconfirmed.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let started = Instant::now();
        let hit = scoring
            .score(known[0].id, ScoreOptions::default())
            .await
            .unwrap();
        assert_eq!(hit.score, before.score);
        assert!(
            reasons(&hit).contains(&"CACHE_EPOCH_UNCONFIRMED".to_owned()),
            "{:?}",
            reasons(&hit)
        );
        let missed = scoring
            .score(known[1].id, ScoreOptions::default())
            .await
            .unwrap_err();
        assert!(
            [Code::Unavailable, Code::DeadlineExceeded].contains(&missed.code()),
            "{missed:?}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{mood:?} hung for {:?}",
            started.elapsed()
        );
    }

    scoring.peer.change(|peer| peer.mood = Mood::Up);
    let after = scoring
        .score(known[1].id, ScoreOptions::default())
        .await
        .unwrap();
    assert!(after.score.is_some());
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watermark_that_stands_still_degrades_the_answer() {
    let mut scoring = Scoring::start(None).await;
    let known = people(200, 15);
    scoring.know(&known).await;
    scoring.champion().await;
    let old = runtime::clock::now() - chrono::TimeDelta::minutes(10);
    scoring
        .peer
        .change(|peer| peer.complete_through = Some(runtime::time::to_proto(old)));

    let stuck = scoring
        .score(known[0].id, ScoreOptions::default())
        .await
        .unwrap();
    assert_eq!(reasons(&stuck), ["WATERMARK_STUCK"]);
    scoring
        .cache
        .put_watermark(Epoch(1), runtime::clock::now().timestamp_millis())
        .await
        .unwrap();
    let fresh = scoring
        .score(known[0].id, ScoreOptions::default())
        .await
        .unwrap();
    assert!(reasons(&fresh).is_empty(), "{:?}", reasons(&fresh));
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_profile_service_does_not_make_hits_queue() {
    let mut scoring = Scoring::start(None).await;
    let known = people(200, 16);
    scoring.know(&known).await;
    scoring.champion().await;
    scoring
        .score(known[0].id, ScoreOptions::default())
        .await
        .unwrap();
    scoring.peer.change(|peer| peer.mood = Mood::Silent);
    tokio::time::sleep(Duration::from_millis(2_100)).await;

    let started = Instant::now();
    let asks = (0..40).map(|_| {
        let mut client = scoring.scores.clone();
        let request = ScoreRequest {
            customer: Some(by_id(known[0].id)),
            options: None,
        };
        async move { client.score(request).await.unwrap().into_inner() }
    });
    let answers = futures::future::join_all(asks).await;

    assert!(
        answers
            .iter()
            .all(|answer| reasons(answer).contains(&"CACHE_EPOCH_UNCONFIRMED".to_owned()))
    );
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "40 hits took {:?}",
        started.elapsed()
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_profile_service_answers_and_without_both_nobody_waits_long() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Takes connections and never says a word, as a Redis behind a broken network.
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let config = cache::CacheConfig {
        url: runtime::config::Secret::new(url),
        ..Default::default()
    };
    let mut scoring = Scoring::start_with(None, cache::open(&config).await.unwrap()).await;
    let known = people(200, 17);
    scoring.know(&known).await;
    scoring.champion().await;

    let answer = scoring
        .score(known[0].id, ScoreOptions::default())
        .await
        .unwrap();
    assert!(answer.score.is_some());
    assert_eq!(reasons(&answer), ["CACHE_UNAVAILABLE"]);

    for mood in [Mood::Down, Mood::Silent] {
        scoring.peer.change(|peer| peer.mood = mood);
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let started = Instant::now();
        let refused = scoring
            .score(known[0].id, ScoreOptions::default())
            .await
            .unwrap_err();
        assert!(
            [Code::Unavailable, Code::DeadlineExceeded].contains(&refused.code()),
            "{refused:?}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{mood:?} hung for {:?}",
            started.elapsed()
        );
    }
    scoring.stop().await;
}
