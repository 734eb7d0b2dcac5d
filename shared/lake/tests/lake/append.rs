//! Appends happen once, whoever repeats them.

use lake::events::{LakeRow, to_batch};
use lake::{Appended, Lake, ReplayRequest, Table, Transaction};

use crate::rows::{TENANT, batch, noon, order, owner};

fn lane(app_id: &str, version: i64) -> Transaction {
    Transaction {
        app_id: app_id.to_owned(),
        version,
    }
}

async fn append(lake: &Lake, rows: &[LakeRow], transaction: &Transaction) -> Appended {
    lake.append(Table::Events, &[to_batch(rows).unwrap()], transaction)
        .await
        .unwrap()
}

/// Counts the events of a tenant, whoever they belong to.
async fn events(lake: &Lake, tenant: &str) -> u64 {
    let request = ReplayRequest {
        tenant: tenant.to_owned(),
        as_of_day: 30_000,
        known_by: noon(30_000),
    };
    lake.replay(&request, |_| std::ops::ControlFlow::Continue(()))
        .await
        .unwrap()
        .events
}

#[tokio::test]
async fn a_repeated_append_changes_nothing_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let rows = batch("l-0", 1, (0..10).map(|it| order(TENANT, it, it, 100)));
    let lake = Lake::open(folder.path()).await.unwrap();
    assert_eq!(
        lake.transaction_version(Table::Events, "l-0")
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        append(&lake, &rows, &lane("l-0", 1)).await,
        Appended::Committed
    );

    // The process dies before its cursor moves; its successor repeats the append.
    drop(lake);
    let lake = Lake::open(folder.path()).await.unwrap();
    assert_eq!(
        append(&lake, &rows, &lane("l-0", 1)).await,
        Appended::AlreadyThere
    );
    assert_eq!(
        lake.transaction_version(Table::Events, "l-0")
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(events(&lake, TENANT).await, 10);
}

#[tokio::test]
async fn a_successor_that_joins_batches_differently_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).await.unwrap();
    let number = |it: i64| {
        batch(
            "l-0",
            it,
            [
                order(TENANT, it as u64, 1, 100),
                order("other", it as u64, 1, 100),
            ],
        )
    };
    append(&lake, &[number(1), number(2)].concat(), &lane("l-0", 2)).await;

    let wider = [number(1), number(2), number(3)].concat();
    assert_eq!(
        append(&lake, &wider, &lane("l-0", 3)).await,
        Appended::Committed
    );

    assert_eq!(
        (events(&lake, TENANT).await, events(&lake, "other").await),
        (3, 3)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_at_once_append_each_batch_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = Vec::new();
    for writer in 0..2 {
        let lake = Lake::open(folder.path()).await.unwrap();
        writers.push(tokio::spawn(async move {
            let mut committed = 0;
            for version in 1..=8 {
                // The same lane from both, and a lane of each one's own.
                let shared = batch("shared", version, [order(TENANT, version as u64, 1, 100)]);
                let own_name = format!("own-{writer}");
                let own = batch(
                    &own_name,
                    version,
                    [order(TENANT, 100 + version as u64, 1, 100)],
                );
                let appended = append(&lake, &shared, &lane("shared", version)).await;
                committed += u32::from(appended == Appended::Committed);
                assert_eq!(
                    append(&lake, &own, &lane(&own_name, version)).await,
                    Appended::Committed
                );
            }
            committed
        }));
    }
    let mut committed = 0;
    for writer in writers {
        committed += writer.await.unwrap();
    }

    let lake = Lake::open(folder.path()).await.unwrap();
    assert_eq!(committed, 8);
    assert_eq!(events(&lake, TENANT).await, 8 + 16);
    assert_eq!(
        lake.transaction_version(Table::Events, "shared")
            .await
            .unwrap(),
        Some(8)
    );
}

#[tokio::test]
async fn identity_is_appended_under_its_own_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).await.unwrap();
    let rows = lake::identity::to_batch(&[owner(1, 1, 1, noon(100))]).unwrap();
    let transaction = lane("profile-default", 1);

    assert_eq!(
        lake.append(Table::Identity, &[rows.clone()], &transaction)
            .await
            .unwrap(),
        Appended::Committed
    );
    assert_eq!(
        lake.append(Table::Identity, &[rows], &transaction)
            .await
            .unwrap(),
        Appended::AlreadyThere
    );
    assert_eq!(lake.version(Table::Identity).await.unwrap(), 1);
}

#[tokio::test]
async fn an_event_without_a_fragment_is_refused() {
    let mut event = order(TENANT, 1, 1, 100);
    event.fragments.clear();
    assert!(to_batch(&batch("l-0", 1, [event])).is_err());
}
