//! The story on the embedded default: one process, SQLite, a cache in memory.

use crate::story::Story;
use tests::suite::Embedded;

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_suite_tells_the_story_and_remembers_it() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("data/lake");
    let suite = Embedded::start(folder.path()).unwrap();

    let first = Story::new(&suite, "shop").tell(&lake).await.unwrap();
    first.check();
    let second = Story::new(&suite, "other-shop").tell(&lake).await.unwrap();
    first.assert_same(&second, "another tenant");
    assert!(
        suite.stop().unwrap().success(),
        "the suite drains and ends well"
    );

    // After a restart the same events are known already: telling it again changes nothing.
    let suite = Embedded::start(folder.path()).unwrap();
    let story = Story::new(&suite, "shop");
    story
        .ingest(
            &crate::shop::events(),
            api::ingestion::ReceiptCode::Duplicate,
        )
        .await
        .unwrap();
    let imported = story.import(crate::shop::till_csv()).await.unwrap();
    story.settle().await.unwrap();
    let after = story.totals(&imported, &lake).await.unwrap();
    assert_eq!(after.features, first.totals.features);
    assert_eq!(after.log, first.totals.log);
    assert_eq!(
        after.imported[0], 0,
        "every row of the file was imported before"
    );
    assert!(suite.stop().unwrap().success());
}
