//! Wakes the watchers of the change feed when this process has committed something.

use tokio::sync::watch;

/// Says that the feed has grown. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct FeedSignal(watch::Sender<u64>);

impl FeedSignal {
    /// Returns a signal that nobody has given yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Wakes the watchers.
    pub(crate) fn changed(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Returns what a watcher waits on; subscribe before looking, so that nothing is missed.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
