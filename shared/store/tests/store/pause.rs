use std::time::Duration;

use store::{Backend, Store, StoreError, lease::Leases, sql};
use uuid::Uuid;

use super::harness::{Fixture, on_both};

on_both!(
    a_pause_waits_for_workers_and_keeps_them_out,
    a_pause_that_cannot_have_a_worker_pauses_nothing,
    a_copy_is_whole_while_writers_go_on,
);

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

async fn a_pause_waits_for_workers_and_keeps_them_out(fixture: Fixture) {
    let leases = Leases::new(fixture.store.clone());
    let worker = Uuid::new_v4();
    let held = leases
        .try_acquire("lane", worker, LONG)
        .await
        .unwrap()
        .unwrap();
    let (pausing, names) = (leases.clone(), ["lane".to_owned(), "idle".to_owned()]);
    let pause = tokio::spawn(async move { pausing.pause(&names, LONG).await });
    while !leases.is_paused().await.unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!pause.is_finished());
    leases.release(&held).await.unwrap();
    let pause = pause.await.unwrap().unwrap();

    pause.confirm().await.unwrap();
    assert_eq!(
        leases.try_acquire("lane", worker, LONG).await.unwrap(),
        None
    );
    assert!(matches!(
        leases.pause(&[], SHORT).await,
        Err(StoreError::Conflict(_))
    ));
    pause.end().await;

    assert!(!leases.is_paused().await.unwrap());
    assert!(
        leases
            .try_acquire("lane", worker, LONG)
            .await
            .unwrap()
            .is_some()
    );
}

async fn a_pause_that_cannot_have_a_worker_pauses_nothing(fixture: Fixture) {
    let leases = Leases::new(fixture.store.clone());
    leases
        .try_acquire("lane", Uuid::new_v4(), LONG)
        .await
        .unwrap();

    let failed = leases
        .pause(&["free".to_owned(), "lane".to_owned()], SHORT)
        .await;

    assert!(matches!(failed, Err(StoreError::Unavailable(_))));
    assert!(!leases.is_paused().await.unwrap());
    assert!(
        leases
            .try_acquire("free", Uuid::new_v4(), LONG)
            .await
            .unwrap()
            .is_some()
    );
}

async fn a_copy_is_whole_while_writers_go_on(fixture: Fixture) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    if fixture.store.backend() == Backend::Postgres {
        assert!(matches!(
            fixture.store.copy_into(&file).await,
            Err(StoreError::Misconfigured(_))
        ));
        return;
    }
    let leases = Leases::new(fixture.store.clone());
    leases
        .try_acquire("before", Uuid::new_v4(), LONG)
        .await
        .unwrap();
    let reading = fixture.store.reader();
    sql::query_all(reading, "SELECT name FROM leases", [])
        .await
        .unwrap();

    fixture.store.copy_into(&file).await.unwrap();
    leases
        .try_acquire("after", Uuid::new_v4(), LONG)
        .await
        .unwrap();

    let config = store::DatabaseConfig {
        url: format!("sqlite://{}", file.display()),
        ..store::DatabaseConfig::default()
    };
    let copy = Store::open(&config).await.unwrap();
    let names = sql::query_all(copy.reader(), "SELECT name FROM leases", [])
        .await
        .unwrap();
    assert_eq!(names.len(), 1);
    assert!(fixture.store.copy_into(&file).await.is_err());
}
