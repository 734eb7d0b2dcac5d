//! The wish to stop, passed down to everything that runs.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

/// Tells when the process should stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    token: CancellationToken,
}

/// Asks for shutdown; dropping it asks for nothing.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger {
    token: CancellationToken,
}

impl Shutdown {
    /// Returns a shutdown and what triggers it.
    pub fn new() -> (ShutdownTrigger, Self) {
        let token = CancellationToken::new();
        (
            ShutdownTrigger {
                token: token.clone(),
            },
            Self { token },
        )
    }

    /// Returns a shutdown that SIGTERM or SIGINT triggers; a second signal ends the process at once.
    ///
    /// Fails when the signals cannot be watched. Needs a tokio runtime.
    pub fn on_signal() -> anyhow::Result<Self> {
        let (trigger, shutdown) = Self::new();
        let mut signals = Signals::listen()?;
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("stopping; another signal ends the process at once");
            trigger.trigger();
            signals.next().await;
            std::process::exit(130);
        });
        Ok(shutdown)
    }

    /// Returns when the process should stop.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Tells whether the process should stop.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

impl ShutdownTrigger {
    /// Asks everything that holds the shutdown to stop.
    pub fn trigger(&self) {
        self.token.cancel();
    }
}

/// Tells a handler that its server is about to close connections; found among a request's extensions.
///
/// A call that merely waits should answer then what it has.
#[derive(Debug, Clone, Default)]
pub struct Draining {
    token: CancellationToken,
}

impl Draining {
    /// Returns when the server begins to close connections.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Tells whether the server is closing connections.
    pub fn is_on(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(super) fn begin(&self) {
        self.token.cancel();
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("watch SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("watch SIGINT")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c()
            .await
            .context("watch ctrl-c")
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}
