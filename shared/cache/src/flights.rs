use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

/// Lets callers that want the same thing at the same time share one load.
///
/// The key must tell apart what may not be shared. For customers it is the [`crate::FillToken`]: callers that hold equal
/// tokens know that nothing was marked between their reads, so either one's load is fresh enough for both. A key such as
/// the customer's id is wrong: a caller could join a load that began before a commit it must see.
pub struct Flights<K, V> {
    running: Arc<Mutex<HashMap<K, WeakShared<BoxFuture<'static, V>>>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            running: Arc::default(),
        }
    }
}

impl<K, V> Clone for Flights<K, V> {
    fn clone(&self) -> Self {
        Self {
            running: self.running.clone(),
        }
    }
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the load that runs for `key`, or starts `load`. When the caller that started it goes away the others carry it
    /// on; when all have gone it ends.
    pub async fn run(&self, key: K, load: impl Future<Output = V> + Send + 'static) -> V {
        self.join(key, load).await
    }

    fn join<F>(&self, key: K, load: F) -> Shared<BoxFuture<'static, V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = running.get(&key).and_then(WeakShared::upgrade) {
            return flight;
        }
        let table = Arc::downgrade(&self.running);
        let landed = key.clone();
        let flight = async move {
            let value = load.await;
            if let Some(table) = table.upgrade() {
                table
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&landed);
            }
            value
        }
        .boxed()
        .shared();
        // Loads that everybody left are dropped without landing; forget them before they pile up.
        if running.len() > 1024 && running.len().is_power_of_two() {
            running.retain(|_, it| it.upgrade().is_some());
        }
        if let Some(weak) = flight.downgrade() {
            running.insert(key, weak);
        }
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn callers_of_one_key_share_one_load() {
        let flights = Flights::<u32, usize>::default();
        let loads = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(Notify::new());

        let load = |loads: Arc<AtomicUsize>, go: Arc<Notify>| async move {
            go.notified().await;
            loads.fetch_add(1, Ordering::SeqCst) + 1
        };
        let first = flights.join(7, load(loads.clone(), go.clone()));
        let second = flights.join(7, load(loads.clone(), go.clone()));
        let other = flights.join(8, async { 99 });
        go.notify_one();

        assert_eq!((first.await, second.await, other.await), (1, 1, 99));
        go.notify_one();
        assert_eq!(
            flights.run(7, load(loads, go)).await,
            2,
            "a load that has landed is not joined"
        );
    }

    #[tokio::test]
    async fn the_others_go_on_when_the_first_caller_leaves() {
        let flights = Flights::<u32, u32>::default();
        let first = flights.join(1, async {
            tokio::task::yield_now().await;
            5
        });
        let second = flights.join(1, async { 6 });

        drop(first);

        assert_eq!(second.await, 5);
    }
}
