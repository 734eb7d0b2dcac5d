use std::time::Duration;

use store::{
    StoreError,
    idempotency::{forget_older_than, remember, replay_or_run},
};
use uuid::Uuid;

use super::harness::{Fixture, on_both};

on_both!(
    a_repeated_request_gets_the_first_answer,
    an_undone_request_runs_again,
    the_second_of_two_at_once_waits_for_the_first,
    old_answers_are_forgotten,
);

async fn a_repeated_request_gets_the_first_answer(fixture: Fixture) {
    let id = Uuid::new_v4();
    let tx = fixture.store.begin().await.unwrap();
    assert_eq!(
        replay_or_run(&tx, "acme", id, "Create").await.unwrap(),
        None
    );
    remember(&tx, "acme", id, "Create", b"answer")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let tx = fixture.store.begin().await.unwrap();

    assert_eq!(
        replay_or_run(&tx, "acme", id, "Create").await.unwrap(),
        Some(b"answer".to_vec())
    );
    assert_eq!(
        replay_or_run(&tx, "other", id, "Create").await.unwrap(),
        None
    );
    assert_eq!(
        replay_or_run(&tx, "acme", id, "Delete").await.unwrap(),
        None
    );
}

async fn an_undone_request_runs_again(fixture: Fixture) {
    let id = Uuid::new_v4();
    let tx = fixture.store.begin().await.unwrap();
    replay_or_run(&tx, "acme", id, "Create").await.unwrap();
    remember(&tx, "acme", id, "Create", b"undone")
        .await
        .unwrap();
    tx.rollback().await.unwrap();

    let tx = fixture.store.begin().await.unwrap();

    assert_eq!(
        replay_or_run(&tx, "acme", id, "Create").await.unwrap(),
        None
    );
}

async fn the_second_of_two_at_once_waits_for_the_first(fixture: Fixture) {
    let id = Uuid::new_v4();
    let first = fixture.store.begin().await.unwrap();
    assert_eq!(
        replay_or_run(&first, "acme", id, "Create").await.unwrap(),
        None
    );

    let store = fixture.store.clone();
    let second = tokio::spawn(async move {
        let tx = store.begin().await?;
        replay_or_run(&tx, "acme", id, "Create").await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    remember(&first, "acme", id, "Create", b"once")
        .await
        .unwrap();
    first.commit().await.unwrap();

    assert_eq!(second.await.unwrap().unwrap(), Some(b"once".to_vec()));
}

async fn old_answers_are_forgotten(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();
    for _ in 0..5 {
        let id = Uuid::new_v4();
        replay_or_run(&tx, "acme", id, "Create").await.unwrap();
        remember(&tx, "acme", id, "Create", b"answer")
            .await
            .unwrap();
    }
    assert!(matches!(
        remember(&tx, "acme", Uuid::new_v4(), "Create", b"unclaimed").await,
        Err(StoreError::Failed(_))
    ));
    tx.commit().await.unwrap();

    assert_eq!(
        forget_older_than(&fixture.store, Duration::from_secs(60), 10)
            .await
            .unwrap(),
        0
    );
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(
        forget_older_than(&fixture.store, Duration::from_millis(5), 3)
            .await
            .unwrap(),
        3
    );
    assert_eq!(
        forget_older_than(&fixture.store, Duration::from_millis(5), 3)
            .await
            .unwrap(),
        2
    );
}
