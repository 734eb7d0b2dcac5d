//! Ctrl-C and SIGTERM: who deals with them, and how the process ends then.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Exit code of a command that was stopped, as shells know it.
pub(crate) const EXIT_CODE: u8 = 130;

/// The command was stopped by Ctrl-C or SIGTERM.
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
    tokio::select! {
        () = heard(tokio::signal::ctrl_c()) => {}
        () = heard(told()) => {}
    }
}

/// Where signals cannot be heard there is nobody to stop for.
async fn heard(signal: impl Future<Output = std::io::Result<()>>) {
    if signal.await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn told() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn told() -> std::io::Result<()> {
    std::future::pending().await
}
