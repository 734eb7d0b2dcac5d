use std::time::Duration;

use sea_orm::ConnectionTrait;
use store::{Backend, StoreError, epoch, sql};

use super::harness::{Fixture, Migrator, on_both};

on_both!(
    migrating_again_changes_nothing,
    processes_that_migrate_at_once_take_turns,
    a_dropped_transaction_leaves_nothing,
    a_cancelled_begin_or_statement_leaves_the_store_usable,
    a_taken_key_is_a_conflict,
    readers_see_only_what_is_committed,
    writers_wait_for_each_other,
    the_database_has_a_clock,
    an_epoch_cannot_change_between_its_confirmation_and_the_commit,
    counted_ids_are_given_by_the_database,
);

async fn insert(db: &impl ConnectionTrait, id: i64) -> Result<u64, StoreError> {
    sql::execute(
        db,
        "INSERT INTO notes (id, body) VALUES ($1, $2)",
        [id.into(), "text".into()],
    )
    .await
}

async fn count(fixture: &Fixture) -> i64 {
    let row = sql::query_one(
        fixture.store.reader(),
        "SELECT COUNT(*) AS n FROM notes",
        [],
    )
    .await
    .unwrap();
    sql::get(&row.unwrap(), "n").unwrap()
}

async fn migrating_again_changes_nothing(fixture: Fixture) {
    store::migrate::<Migrator>(&fixture.store).await.unwrap();

    assert_eq!(
        store::pending_migrations::<Migrator>(&fixture.store)
            .await
            .unwrap(),
        0
    );
}

async fn processes_that_migrate_at_once_take_turns(fixture: Fixture) {
    let mut config = fixture.config.clone();
    config.url = config.url.replace("test.db", "other.db");
    config.schema = config.schema.map(|it| format!("{}_b", &it[..30]));

    let starts = (0..4).map(|_| async {
        let store = store::Store::open(&config).await?;
        store::migrate::<Migrator>(&store).await
    });

    for started in futures::future::join_all(starts).await {
        started.unwrap();
    }
}

async fn a_dropped_transaction_leaves_nothing(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();
    insert(&tx, 1).await.unwrap();

    drop(tx);

    let tx = fixture.store.begin().await.unwrap();
    insert(&tx, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&fixture).await, 1);
}

async fn a_cancelled_begin_or_statement_leaves_the_store_usable(fixture: Fixture) {
    for round in 0..200_u64 {
        let limit = Duration::from_micros(round * 10);
        let work = async {
            let tx = fixture.store.begin().await?;
            insert(&tx, 1000).await?;
            insert(&tx, 1001).await?;
            Ok::<_, StoreError>(tx)
        };
        let _ = tokio::time::timeout(limit, work).await;
    }

    let tx = fixture.store.begin().await.unwrap();
    insert(&tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&fixture).await, 1);
}

async fn a_taken_key_is_a_conflict(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();
    insert(&tx, 1).await.unwrap();
    tx.commit().await.unwrap();

    let tx = fixture.store.begin().await.unwrap();
    let error = insert(&tx, 1).await.unwrap_err();

    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
}

async fn readers_see_only_what_is_committed(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();
    insert(&tx, 1).await.unwrap();
    assert_eq!(count(&fixture).await, 0);

    tx.commit().await.unwrap();

    assert_eq!(count(&fixture).await, 1);
    if fixture.store.backend() == Backend::Sqlite {
        assert!(
            insert(fixture.store.reader(), 2).await.is_err(),
            "readers cannot write"
        );
    }
}

async fn writers_wait_for_each_other(fixture: Fixture) {
    let writers = (0..20).map(|id| {
        let store = fixture.store.clone();
        tokio::spawn(async move {
            let tx = store.begin().await?;
            insert(&tx, id).await?;
            tx.commit().await
        })
    });

    for written in futures::future::join_all(writers).await {
        written.unwrap().unwrap();
    }
    assert_eq!(count(&fixture).await, 20);
}

async fn the_database_has_a_clock(fixture: Fixture) {
    let here = runtime::clock::now().timestamp_millis();

    let there = sql::read_now_ms(fixture.store.reader()).await.unwrap();

    assert!((there - here).abs() < 60_000);
}

async fn an_epoch_cannot_change_between_its_confirmation_and_the_commit(fixture: Fixture) {
    let writing = fixture.store.begin().await.unwrap();
    let value = epoch::read(&writing, "cache").await.unwrap();
    assert_eq!(
        epoch::confirm(&writing, "cache", value).await.unwrap(),
        Duration::MAX
    );

    let other = fixture.store.clone();
    let raising = tokio::spawn(async move {
        let tx = other.begin().await?;
        let raised = epoch::advance(&tx, "cache", epoch::FIRST).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(raised)
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!raising.is_finished());
    writing.commit().await.unwrap();

    assert_eq!(raising.await.unwrap().unwrap(), epoch::FIRST + 1);
    let late = fixture.store.begin().await.unwrap();
    assert!(matches!(
        epoch::confirm(&late, "cache", value).await,
        Err(StoreError::Conflict(_))
    ));
    assert!(matches!(
        epoch::advance(&late, "cache", value).await,
        Err(StoreError::Conflict(_))
    ));
    let young = epoch::confirm(&late, "cache", value + 1).await.unwrap();
    assert!(young < Duration::from_secs(30));
    drop(late);
    let age = epoch::age(fixture.store.reader(), "cache")
        .await
        .unwrap()
        .unwrap();
    assert!(age < Duration::from_secs(30));
    assert_eq!(
        epoch::age(fixture.store.reader(), "never").await.unwrap(),
        None
    );
}

async fn counted_ids_are_given_by_the_database(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();
    let mut ids = Vec::new();
    for body in ["a", "b"] {
        let insert = "INSERT INTO counted (body) VALUES ($1) RETURNING id";
        let row = sql::query_one(&tx, insert, [body.into()])
            .await
            .unwrap()
            .unwrap();
        ids.push(sql::get::<i64>(&row, "id").unwrap());
    }
    tx.commit().await.unwrap();

    assert_eq!(ids, [1, 2]);
}
