//! The drills: a data folder is lost and restored from a backup that was taken while events flowed; a PostgreSQL server
//! loses its data folder and comes back to a point in time, and the lake with it.

use crate::shop;
use crate::story::Story;
use api::ingestion::ReceiptCode;
use std::path::Path;
use std::time::Duration;
use tests::process::Process;
use tests::suite::{Cluster, Embedded, clientele, run, run_json};

/// Runs `clientele admin ARGS` on a data folder; it must fail, and say why.
fn refused(args: &[&str], data: &Path) -> String {
    let all = ["admin"].iter().chain(args).map(|it| (*it).to_owned());
    let all = all.chain(["--data-dir".to_owned(), data.display().to_string()]);
    let output = run(all).unwrap();
    assert!(!output.status.success(), "{args:?} was not refused");
    String::from_utf8(output.stderr).unwrap()
}

fn admin(args: &[&str], data: &Path) -> serde_json::Value {
    let all = ["admin"].iter().chain(args).map(|it| (*it).to_owned());
    let all = all.chain(["--output", "json", "--data-dir"].map(str::to_owned));
    run_json(all.chain([data.display().to_string()])).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_data_folder_comes_back_from_a_backup_taken_while_events_flowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let (data, lake) = (path("data"), path("data/lake"));
    let events = shop::events();
    let (before, during) = events.split_at(events.len() / 2);

    let suite = Embedded::start(folder.path()).unwrap();
    let story = Story::new(&suite, "shop");
    story.create_tenant().await.unwrap();
    story.ingest(before, ReceiptCode::Accepted).await.unwrap();
    story.import(shop::till_csv()).await.unwrap();
    let flow = async {
        for few in during.chunks(5) {
            story.ingest(few, ReceiptCode::Accepted).await.unwrap();
        }
    };
    let (to, keys, target) = (text("backup"), text("keys"), data.clone());
    let backup = tokio::task::spawn_blocking(move || {
        admin(&["backup", "--to", &to, "--keys-to", &keys], &target)
    });
    let ((), told) = tokio::join!(flow, async { backup.await.unwrap() });
    assert_eq!(told["lanes"].as_array().unwrap().len(), 4, "{told}");
    suite.kill();
    std::fs::remove_dir_all(&data).unwrap();

    let from = text("backup");
    damage_is_told(folder.path(), &from, &data);
    assert!(refused(&["restore", "--from", &from], &data).contains("--keys-from"));
    let keys = text("keys");
    let restore = ["restore", "--from", &from, "--keys-from", &keys];
    interrupted(&restore, folder.path(), &data);
    let restored = admin(&restore, &data);
    assert_eq!(restored["id"], told["id"]);
    assert_ne!(restored["lanes"][0], told["lanes"][0]["lane_id"]);
    assert!(refused(&restore, &data).contains("is not empty"));

    let suite = Embedded::start(folder.path()).unwrap();
    let story = Story::new(&suite, "shop");
    // What was acknowledged before the backup began is there: as duplicates nothing of it can be accepted again.
    let there = story.settle().await.unwrap().accepted;
    story.ingest(before, ReceiptCode::Duplicate).await.unwrap();
    let imported = story.import(shop::till_csv()).await.unwrap();
    assert_eq!(imported.receipts.unwrap().accepted, 0);
    assert_eq!(story.settle().await.unwrap().accepted, there);
    assert!(
        there >= before.len() as i64 + 588,
        "{there} events are there"
    );
    // What came later is sent again, and counted once whether the backup had it or not.
    story.ingest(during, ReceiptCode::Accepted).await.unwrap();
    story.settle().await.unwrap();
    let after = story.totals(&imported, &lake).await.unwrap();
    let expected = Story::new(&suite, "uninterrupted");
    expected.create_tenant().await.unwrap();
    expected
        .ingest(&events, ReceiptCode::Accepted)
        .await
        .unwrap();
    let imported = expected.import(shop::till_csv()).await.unwrap();
    expected.settle().await.unwrap();
    let expected = expected.totals(&imported, &lake).await.unwrap();
    assert_eq!(after.features, expected.features);
    assert_eq!(
        (after.customers, after.log, after.lake),
        (expected.customers, expected.log, expected.lake)
    );
    println!(
        "backup drill: {there} events were in the backup, all {} are there",
        after.log[0]
    );
    assert!(suite.stop().unwrap().success());
}

/// A damaged backup is refused before anything is touched.
fn damage_is_told(folder: &Path, from: &str, data: &Path) {
    let keys = folder.join("keys").display().to_string();
    let file = Path::new(from).join("profile.db");
    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let told = refused(&["restore", "--from", from, "--keys-from", &keys], data);
    assert!(told.contains("profile.db is damaged"), "{told}");
    assert!(!data.exists(), "a damaged backup touches nothing");
    std::fs::write(&file, whole).unwrap();
}

/// Kills a restoration as soon as it has begun; what it leaves is not served.
fn interrupted(restore: &[&str], folder: &Path, data: &Path) {
    let mut command = clientele(["admin"]).unwrap();
    command.args(restore).arg("--data-dir").arg(data);
    let mut process = Process::start("restore", command, &folder.join("restore.log")).unwrap();
    process
        .wait_until(Duration::from_secs(60), || data.join("restoring").exists())
        .unwrap();
    process.kill();
    if data.join("restoring").exists() {
        assert!(refused(&["migrate"], data).contains("has not ended"));
    } else {
        // It was quicker than the kill: the mark is what an interruption would have left.
        std::fs::write(data.join("restoring"), "").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_postgres_comes_back_to_a_point_in_time_and_the_lake_with_it() {
    let changes = [("ingestion", "CLIENTELE_LOG__BATCH_EVENTS", "60")];
    let Some(mut cluster) = Cluster::start("postgres drill", &changes).unwrap() else {
        return;
    };
    cluster.postgres.archive_log().unwrap();
    let (addresses, lake) = (cluster.addresses(), cluster.folder().join("lake"));
    let events = shop::events();
    let (first, rest) = events.split_at(events.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let story = Story::new(&addresses, "shop");
    story.create_tenant().await.unwrap();
    story.ingest(first, ReceiptCode::Accepted).await.unwrap();
    cluster.postgres.base_backup().unwrap();
    story.ingest(second, ReceiptCode::Accepted).await.unwrap();
    let imported = story.import(shop::till_csv()).await.unwrap();
    let time = cluster.postgres.archived_now().unwrap();
    // The lake gets ahead of that time.
    story.ingest(third, ReceiptCode::Accepted).await.unwrap();
    let ahead = story.settle().await.unwrap().accepted;

    for service in tests::suite::SERVICES {
        cluster.kill(service);
    }
    cluster.postgres.lose().unwrap();
    cluster.postgres.recover(&time).unwrap();
    let told = cluster.realign().unwrap();
    assert!(
        told["lake"][0]["set_back_to"].as_u64() < told["lake"][0]["version"].as_u64(),
        "{told}"
    );
    for service in tests::suite::SERVICES {
        cluster.restart(service).unwrap();
    }

    let there = story.settle().await.unwrap().accepted;
    assert_eq!(there, ahead - third.len() as i64);
    story.ingest(first, ReceiptCode::Duplicate).await.unwrap();
    story.ingest(second, ReceiptCode::Duplicate).await.unwrap();
    let again = story.import(shop::till_csv()).await.unwrap();
    assert_eq!(again.receipts.unwrap().accepted, 0);
    assert_eq!(story.settle().await.unwrap().accepted, there);
    story.ingest(third, ReceiptCode::Accepted).await.unwrap();
    story.settle().await.unwrap();
    let after = story.totals(&imported, &lake).await.unwrap();
    let accepted = after.log[0];
    assert_eq!((accepted, after.log[3]), (ahead, ahead));
    assert_eq!(
        after.lake, [accepted as usize; 2],
        "every event is in the lake, once"
    );
    println!("postgres drill: {there} events came back, all {accepted} are there: {told}");
}
