//! Lets concurrent callers share one durable commit.
//!
//! Flushing to disk takes longer than writing a few rows, so callers that come while one commit runs are written together
//! by the next. Nobody waits for company: a lone caller is written at once.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::{Store, StoreError, WriteTx};

/// Callers that may wait for their turn; more wait to be let in.
const WAITING_MAX: usize = 1024;

/// What a group writes.
#[async_trait]
pub trait Batch: Send + Sync + 'static {
    /// What a caller hands in.
    type Item: Send + Sync + 'static;
    /// What a caller gets back once its item is durable.
    type Answer: Send + 'static;

    /// Writes the items and returns one answer each, in their order. May be called again with the same items, together
    /// or alone, after a failure.
    async fn write(
        &self,
        tx: &WriteTx,
        items: &[Self::Item],
    ) -> Result<Vec<Self::Answer>, StoreError>;

    /// Returns the weight of an item, such as its number of rows, from 1.
    fn weight(&self, item: &Self::Item) -> usize;
}

type Waiting<B> = (
    <B as Batch>::Item,
    oneshot::Sender<Result<<B as Batch>::Answer, StoreError>>,
);

/// Gathers items and commits them together. Clones share the group; it ends with its last clone.
#[derive(Debug)]
pub struct Group<B: Batch> {
    waiting: mpsc::Sender<Waiting<B>>,
}

impl<B: Batch> Clone for Group<B> {
    fn clone(&self) -> Self {
        Self {
            waiting: self.waiting.clone(),
        }
    }
}

impl<B: Batch> Group<B> {
    /// Starts a group whose transactions weigh at most `weight_max` (a heavier item goes alone).
    pub fn start(store: Store, batch: B, weight_max: usize) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING_MAX);
        tokio::spawn(run(store, Arc::new(batch), weight_max, queue));
        Self { waiting }
    }

    /// Writes an item and returns its answer after the commit. If this future is dropped, the item may still be written.
    ///
    /// Fails as [`Batch::write`] and the commit do; one caller's bad item does not fail the others.
    pub async fn submit(&self, item: B::Item) -> Result<B::Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::Unavailable("the writer has stopped".into());
        self.waiting
            .send((item, answer))
            .await
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn run<B: Batch>(
    store: Store,
    batch: Arc<B>,
    weight_max: usize,
    mut queue: mpsc::Receiver<Waiting<B>>,
) {
    let mut next = queue.recv().await;
    while let Some(first) = next.take() {
        let mut weight = batch.weight(&first.0);
        let (mut items, mut answers) = (vec![first.0], vec![first.1]);
        while let Ok((item, answer)) = queue.try_recv() {
            weight += batch.weight(&item);
            if weight > weight_max {
                next = Some((item, answer));
                break;
            }
            items.push(item);
            answers.push(answer);
        }
        let (store, batch) = (store.clone(), batch.clone());
        let written =
            tokio::spawn(async move { write_group(&store, &*batch, &items, answers).await });
        // A panic ends this write alone: its callers are told that it is not known what became of it.
        if let Err(error) = written.await {
            tracing::error!(%error, "a group's write broke off");
        }
        if next.is_none() {
            next = queue.recv().await;
        }
    }
}

async fn write_group<B: Batch>(
    store: &Store,
    batch: &B,
    items: &[B::Item],
    answers: Vec<oneshot::Sender<Result<B::Answer, StoreError>>>,
) {
    match write_once(store, batch, items).await {
        Ok(results) => {
            for (answer, result) in answers.into_iter().zip(results) {
                // A caller that left does not need its answer.
                let _ = answer.send(Ok(result));
            }
        }
        Err(error) if error.is_retryable() || items.len() == 1 => {
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
        // Something is wrong with one of them: find out which.
        Err(_) => {
            for (item, answer) in items.iter().zip(answers) {
                let alone = write_once(store, batch, std::slice::from_ref(item)).await;
                let _ = answer.send(alone.and_then(|mut it| it.pop().ok_or_else(too_few)));
            }
        }
    }
}

async fn write_once<B: Batch>(
    store: &Store,
    batch: &B,
    items: &[B::Item],
) -> Result<Vec<B::Answer>, StoreError> {
    let tx = store.begin().await?;
    let answers = batch.write(&tx, items).await?;
    if answers.len() != items.len() {
        return Err(too_few());
    }
    tx.commit().await?;
    Ok(answers)
}

fn too_few() -> StoreError {
    StoreError::Failed("a batch must answer each of its items".into())
}
