//! Appends identity lines to the lake's table `identity`, each exactly once, in the order of commits.
//!
//! The holder of a lease first fixes which lines an append covers, then appends them under the number of the last one,
//! then drops them. A successor repeats the same append, which the lake recognises by its number.

use std::time::Duration;

use chrono::DateTime;
use lake::identity::{IdentityRow, to_batch};
use lake::{Lake, LakeError, Table, Transaction};
use runtime::crash;
use store::Store;
use store::lease::{Lease, Leases};
use uuid::Uuid;

use super::Job;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::store::outbox::{self, OutboxLine};

/// Name of the lease.
pub(crate) const LEASE: &str = "identity_outbox";
/// Setting that holds the id by which the lake knows this database's lines.
pub(crate) const LOG_ID: &str = "identity_log_id";
/// How long the lease is held without renewal.
const LEASE_TTL: Duration = Duration::from_secs(5);
/// Most lines in one append.
const LINES_MAX: i64 = 50_000;

/// Returns the writer's name in the lake.
pub(crate) fn app_id(log_id: &str) -> String {
    format!("identity-{log_id}")
}

/// Appends identity lines.
pub(crate) struct Outbox {
    store: Store,
    leases: Leases,
    lake: Lake,
    app_id: String,
    holder: Uuid,
    metrics: Metrics,
    held: Option<Lease>,
}

#[async_trait::async_trait]
impl Job for Outbox {
    /// Appends everything that waits, if this process holds the lease.
    async fn run(&mut self) -> Result<(), Error> {
        while outbox::waiting(&self.store).await? {
            if self.leases.is_paused().await? {
                self.release().await;
                return Ok(());
            }
            let Some(lease) = self.hold().await? else {
                return Ok(());
            };
            let Some(end) = outbox::claim(&self.store, &lease, LINES_MAX).await? else {
                return Ok(());
            };
            let lines = outbox::claimed(&self.store, end).await?;
            self.append(&lines, end).await.map_err(Error::Lake)?;
            outbox::drop_through(&self.store, &lease, end).await?;
            self.metrics.appended(lines.len());
        }
        Ok(())
    }
}

impl Outbox {
    /// Prepares the job. The lake knows this database's lines by an id that is drawn once.
    pub(crate) async fn open(store: Store, lake: Lake, metrics: Metrics) -> Result<Self, Error> {
        let first = Uuid::now_v7().simple().to_string();
        let log_id = outbox::fixed_setting(&store, LOG_ID, first).await?;
        let leases = Leases::new(store.clone());
        let app_id = app_id(&log_id);
        Ok(Self {
            store,
            leases,
            lake,
            app_id,
            holder: Uuid::now_v7(),
            metrics,
            held: None,
        })
    }

    /// Gives the lease up, so that another process need not wait for its end.
    pub(crate) async fn release(&mut self) {
        if let Some(lease) = self.held.take()
            && let Err(error) = self.leases.release(&lease).await
        {
            tracing::debug!(%error, "lease not released; it runs out by itself");
        }
    }

    /// The lease, renewed or taken; `None` while another process holds it.
    async fn hold(&mut self) -> Result<Option<Lease>, Error> {
        if let Some(lease) = self.held.take()
            && self.leases.renew(&lease, LEASE_TTL).await?
        {
            self.held = Some(lease.clone());
            return Ok(Some(lease));
        }
        self.held = self
            .leases
            .try_acquire(LEASE, self.holder, LEASE_TTL)
            .await?;
        Ok(self.held.clone())
    }

    async fn append(&self, lines: &[OutboxLine], end: i64) -> Result<(), LakeError> {
        let rows: Vec<IdentityRow> = lines.iter().map(row).collect();
        crash::point("identity_appending");
        let transaction = Transaction {
            app_id: self.app_id.clone(),
            version: end,
        };
        self.lake
            .append(Table::Identity, &[to_batch(&rows)?], &transaction)
            .await?;
        crash::point("identity_appended");
        Ok(())
    }
}

fn row(line: &OutboxLine) -> IdentityRow {
    IdentityRow {
        tenant: line.tenant.clone(),
        fragment: line.fragment,
        customer_id: line.customer,
        ordinal: line.ordinal,
        change_seq: line.change_seq,
        known_time: DateTime::from_timestamp_millis(line.known_ms).unwrap_or_default(),
    }
}
