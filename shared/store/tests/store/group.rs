use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use store::{
    StoreError, WriteTx,
    group::{Batch, Group},
    sql,
};

use super::harness::{Fixture, on_both};

on_both!(
    callers_share_commits_and_get_their_own_answers,
    a_bad_item_fails_alone
);

struct Notes(Arc<AtomicUsize>);

#[async_trait]
impl Batch for Notes {
    type Item = i64;
    type Answer = i64;

    async fn write(&self, tx: &WriteTx, items: &[i64]) -> Result<Vec<i64>, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        for id in items {
            sql::execute(tx, "INSERT INTO notes (id) VALUES ($1)", [(*id).into()]).await?;
        }
        Ok(items.iter().map(|id| id * 10).collect())
    }

    fn weight(&self, _: &i64) -> usize {
        1
    }
}

async fn callers_share_commits_and_get_their_own_answers(fixture: Fixture) {
    let writes = Arc::new(AtomicUsize::new(0));
    let group = Group::start(fixture.store.clone(), Notes(writes.clone()), 50);

    let answers = futures::future::join_all((0..200).map(|id| group.submit(id))).await;

    for (id, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), id as i64 * 10);
    }
    assert!(
        (4..=20).contains(&writes.load(Ordering::SeqCst)),
        "{writes:?}"
    );
    let row = sql::query_one(
        fixture.store.reader(),
        "SELECT COUNT(*) AS n FROM notes",
        [],
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(sql::get::<i64>(&row, "n").unwrap(), 200);
}

async fn a_bad_item_fails_alone(fixture: Fixture) {
    let group = Group::start(fixture.store.clone(), Notes(Arc::default()), 50);
    group.submit(3).await.unwrap();

    let answers = futures::future::join_all((0..10).map(|id| group.submit(id))).await;

    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_err(), id == 3, "{id}: {answer:?}");
    }
}
