//! What happens when the database is not there, or goes away.

use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait;
use store::{DatabaseConfig, Store, StoreError, sql};
use tokio::net::TcpListener;

use super::harness;

async fn open(url: &str, schema: Option<&str>) -> Result<Store, StoreError> {
    Store::open(&DatabaseConfig {
        url: url.into(),
        connections_max: 2,
        schema: schema.map(str::to_owned),
    })
    .await
}

#[tokio::test]
async fn wrong_settings_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}/none.db", folder.path().display());

    for (url, schema) in [
        ("mysql://x/y", None),
        ("sqlite::memory:", None),
        ("postgres://127.0.0.1:1/x", Some("Robert'); DROP")),
        ("postgres://127.0.0.1:1/x", Some("")),
    ] {
        let error = open(url, schema).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Misconfigured(_)),
            "{url}: {error}"
        );
    }
    assert!(
        open(&missing, None).await.is_err(),
        "a file is created only when asked"
    );
}

#[tokio::test]
async fn a_server_that_refuses_or_keeps_silent_is_unavailable_within_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let started = Instant::now();

    for address in [silent.local_addr().unwrap(), closed] {
        let error = open(&format!("postgres://me@{address}/x"), None)
            .await
            .unwrap_err();
        assert!(error.is_retryable(), "{error}");
    }

    assert!(started.elapsed() < Duration::from_secs(25));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_in_a_transaction_is_unavailable_and_the_next_one_works() {
    let Some(fixture) = harness::postgres().await else {
        return;
    };
    let tx = fixture.store.begin().await.unwrap();
    let row = sql::query_one(&tx, "SELECT pg_backend_pid() AS pid", [])
        .await
        .unwrap()
        .unwrap();
    let pid: i32 = sql::get(&row, "pid").unwrap();
    sql::execute(&tx, "INSERT INTO notes (id) VALUES (1)", [])
        .await
        .unwrap();

    let end = "SELECT pg_terminate_backend($1)";
    sql::query_one(fixture.store.reader(), end, [pid.into()])
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let error = sql::execute(&tx, "INSERT INTO notes (id) VALUES (2)", [])
        .await
        .unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(tx.commit().await.is_err());
    let tx = fixture.store.begin().await.unwrap();
    sql::execute(&tx, "INSERT INTO notes (id) VALUES (1)", [])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_unavailable_to_one_of_the_two() {
    let Some(fixture) = harness::postgres().await else {
        return;
    };
    let setup = fixture.store.begin().await.unwrap();
    setup
        .execute_unprepared("INSERT INTO notes (id) VALUES (1), (2)")
        .await
        .unwrap();
    setup.commit().await.unwrap();

    let touch = |first: i64, second: i64| {
        let store = fixture.store.clone();
        async move {
            let tx = store.begin().await?;
            for id in [first, second] {
                sql::execute(&tx, "UPDATE notes SET size = 1 WHERE id = $1", [id.into()]).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tx.commit().await
        }
    };
    let (one, two) = tokio::join!(touch(1, 2), touch(2, 1));

    assert!(one.is_ok() != two.is_ok());
    assert!(one.and(two).unwrap_err().is_retryable());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_waits_for_the_file() {
    let fixture = harness::sqlite().await.unwrap();
    let other = fixture.reopen().await;
    let tx = fixture.store.begin().await.unwrap();

    let waiting = tokio::spawn(async move { other.begin().await?.commit().await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    tx.commit().await.unwrap();

    waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_written_as_promised() {
    let fixture = harness::sqlite().await.unwrap();
    let tx = fixture.store.begin().await.unwrap();

    for (pragma, value) in [
        ("synchronous", "2"),
        ("journal_mode", "wal"),
        ("secure_delete", "1"),
        ("foreign_keys", "1"),
    ] {
        let row = sql::query_one(&*tx, &format!("PRAGMA {pragma}"), [])
            .await
            .unwrap()
            .unwrap();
        let told = row
            .try_get_by_index::<String>(0)
            .or_else(|_| row.try_get_by_index::<i64>(0).map(|it| it.to_string()));
        assert_eq!(told.unwrap(), value, "{pragma}");
    }
}
