//! A pause: every worker that holds a lease is asked to stop between two steps, and stays stopped until the pause ends.
//!
//! The pause is a lease itself, so that it runs out by itself when its holder dies, and only one can be at a time. Whoever
//! pauses then takes the workers' own leases: once it has them, no step is at work any more, or what is left of one is
//! fenced off.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::lease::{Lease, Leases};
use crate::{StoreError, sql};

/// Name of the pause's lease.
const NAME: &str = "pause";
/// For how long a pause whose holder died stops the workers.
const TTL: Duration = Duration::from_secs(20);
/// How often the workers' leases are asked for.
const ASK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a worker sleeps before it looks again whether a pause has ended.
pub const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A pause that holds.
#[derive(Debug)]
pub struct Pause {
    leases: Leases,
    held: Vec<Lease>,
    renewing: JoinHandle<()>,
}

impl Leases {
    /// Tells whether workers are asked to stop.
    pub async fn is_paused(&self) -> Result<bool, StoreError> {
        let now = sql::now_ms(self.store().reader().get_database_backend());
        let find = format!("SELECT fence FROM leases WHERE name = $1 AND expires_ms > {now}");
        let found = sql::query_one(self.store().reader(), &find, [NAME.into()]).await?;
        Ok(found.is_some())
    }

    /// Pauses the workers that hold leases of these names, and returns when none of them is at work.
    ///
    /// Fails with [`StoreError::Conflict`] while another pause holds, and with [`StoreError::Unavailable`] when a worker has
    /// not stopped within `limit`; nothing is paused then.
    pub async fn pause(&self, workers: &[String], limit: Duration) -> Result<Pause, StoreError> {
        let begun = Instant::now();
        let holder = Uuid::new_v4();
        let Some(pause) = self.try_acquire(NAME, holder, TTL).await? else {
            return Err(StoreError::Conflict("another pause holds".into()));
        };
        let mut held = vec![pause];
        let mut prolonged = Instant::now();
        for worker in workers {
            let taken = loop {
                match self.try_acquire(worker, holder, TTL).await {
                    Ok(Some(lease)) => break Ok(lease),
                    Ok(None) if begun.elapsed() < limit => tokio::time::sleep(ASK_INTERVAL).await,
                    Ok(None) => {
                        let text = format!("{worker} has not stopped within {limit:?}");
                        break Err(StoreError::Unavailable(text));
                    }
                    Err(error) => break Err(error),
                }
                if prolonged.elapsed() > TTL / 4 {
                    self.prolong(&held).await;
                    prolonged = Instant::now();
                }
            };
            match taken {
                Ok(lease) => held.push(lease),
                Err(error) => {
                    self.give_up(&held).await;
                    return Err(error);
                }
            }
        }
        let (leases, kept) = (self.clone(), held.clone());
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(TTL / 4).await;
                leases.prolong(&kept).await;
            }
        });
        Ok(Pause {
            leases: self.clone(),
            held,
            renewing,
        })
    }

    async fn prolong(&self, held: &[Lease]) {
        for lease in held {
            if let Err(error) = self.renew(lease, TTL).await {
                tracing::warn!(lease = lease.name, %error, "a pause could not be prolonged");
            }
        }
    }

    async fn give_up(&self, held: &[Lease]) {
        // The pause itself last, so that no worker meets a lease that is still held.
        for lease in held.iter().rev() {
            if let Err(error) = self.release(lease).await {
                tracing::warn!(lease = lease.name, %error, "a lease runs out by itself");
            }
        }
    }
}

impl Pause {
    /// Fails with [`StoreError::Fenced`] unless the pause has held all the time.
    pub async fn confirm(&self) -> Result<(), StoreError> {
        for lease in &self.held {
            if !self.leases.renew(lease, TTL).await? {
                return Err(StoreError::Fenced(lease.name.clone()));
            }
        }
        Ok(())
    }

    /// Lets the workers go on.
    pub async fn end(self) {
        self.renewing.abort();
        self.leases.give_up(&self.held).await;
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}
