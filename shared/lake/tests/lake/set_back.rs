//! A table set back to an earlier version, and copies of a version.

use lake::events::to_batch;
use lake::{Appended, Lake, ReplayRequest, Table, Transaction};

use crate::rows::{TENANT, batch, noon, order};

fn lane(app_id: &str, version: i64) -> Transaction {
    Transaction {
        app_id: app_id.to_owned(),
        version,
    }
}

/// Appends one order as a batch of a lane.
async fn append(lake: &Lake, app_id: &str, number: i64) -> Appended {
    let rows = batch(app_id, number, [order(TENANT, number as u64, 1, 100)]);
    lake.append(
        Table::Events,
        &[to_batch(&rows).unwrap()],
        &lane(app_id, number),
    )
    .await
    .unwrap()
}

async fn events(lake: &Lake) -> u64 {
    let request = ReplayRequest {
        tenant: TENANT.to_owned(),
        as_of_day: 30_000,
        known_by: noon(30_000),
    };
    let replay = lake.replay(&request, |_| std::ops::ControlFlow::Continue(()));
    replay.await.unwrap().events
}

#[tokio::test]
async fn the_newest_version_within_bounds_is_found_and_set_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).await.unwrap();
    for number in 1..=12 {
        append(&lake, "a-0", number).await;
        append(&lake, "a-1", number).await;
    }
    let bounds = [lane("a-0", 5), lane("a-1", 4)];

    let version = lake
        .newest_within(Table::Events, &bounds)
        .await
        .unwrap()
        .unwrap();
    let appended = lake
        .appended_at(Table::Events, version, &bounds)
        .await
        .unwrap();
    let writers = [lane("b-0", appended[0]), lane("b-1", appended[1])];
    lake.set_back(Table::Events, version, &writers)
        .await
        .unwrap();

    assert_eq!(appended, [5, 4]);
    assert_eq!(events(&lake).await, 9);
    assert_eq!(append(&lake, "b-0", 5).await, Appended::AlreadyThere);
    assert_eq!(append(&lake, "b-0", 6).await, Appended::Committed);
    let again = Lake::open(folder.path()).await.unwrap();
    assert_eq!(events(&again).await, 10);
    assert_eq!(
        again
            .transaction_version(Table::Events, "b-1")
            .await
            .unwrap(),
        Some(4)
    );
}

#[tokio::test]
async fn setting_back_to_where_a_table_is_only_tells_of_its_writers() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).await.unwrap();
    append(&lake, "a-0", 1).await;
    let bounds = [lane("a-0", 1), lane("never", 0)];

    for _ in 0..2 {
        let version = lake
            .newest_within(Table::Events, &bounds)
            .await
            .unwrap()
            .unwrap();
        lake.set_back(Table::Events, version, &[lane("b-0", 1)])
            .await
            .unwrap();
    }

    assert_eq!(events(&lake).await, 1);
    assert_eq!(
        lake.transaction_version(Table::Events, "b-0")
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(
        lake.newest_within(Table::Events, &[lane("a-0", 0)])
            .await
            .unwrap(),
        Some(0)
    );
}

#[tokio::test]
async fn the_files_of_a_version_are_a_table_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path()).await.unwrap();
    for number in 1..=120 {
        append(&lake, "a-0", number).await;
    }
    let version = lake
        .newest_within(Table::Events, &[lane("a-0", 110)])
        .await
        .unwrap()
        .unwrap();
    let files = lake.files_at(Table::Events, version).await.unwrap();
    append(&lake, "a-0", 121).await;

    let copy = tempfile::tempdir().unwrap();
    for file in files {
        let to = copy.path().join("events").join(&file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(lake.folder(Table::Events).join(&file), to).unwrap();
    }
    let copied = Lake::open(copy.path()).await.unwrap();
    assert_eq!(copied.version(Table::Events).await.unwrap(), version);
    assert_eq!(events(&copied).await, 110);
    assert_eq!(append(&copied, "a-0", 111).await, Appended::Committed);
}
