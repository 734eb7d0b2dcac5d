//! Ctrl-C: who deals with it, and how the process ends then.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Exit code of a command that Ctrl-C ended, as shells know it.
pub(crate) const EXIT_CODE: u8 = 130;

/// The command was stopped by Ctrl-C.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("stopped at your word")]
pub(crate) struct Interrupted;

/// Waits that deal with the next Ctrl-C themselves.
static OWNERS: AtomicUsize = AtomicUsize::new(0);

struct Owner;

impl Owner {
    fn new() -> Self {
        OWNERS.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        OWNERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns when Ctrl-C is pressed; until then nobody else acts on it.
pub(crate) async fn mine() {
    let _owner = Owner::new();
    pressed().await;
}

/// Runs a command until it ends, or until a Ctrl-C that nobody in it deals with.
pub(crate) async fn unless_stopped<T>(
    command: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        // Asked first: an owner in the command counts until it has seen the signal itself.
        biased;
        () = unowned() => Err(Interrupted.into()),
        outcome = command => outcome,
    }
}

async fn unowned() {
    loop {
        pressed().await;
        if OWNERS.load(Ordering::SeqCst) == 0 {
            return;
        }
    }
}

async fn pressed() {
    // Where signals cannot be heard there is nobody to stop for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
