//! What a backup and a restore need of this service: a pause of its workers, where its lanes stand, and lanes that begin
//! anew.
//!
//! Nothing here starts the service. A backup of a running one works on the same database beside it.

use std::path::Path;
use std::time::Duration;

use ::store::lease::Leases;
use ::store::pause::Pause;
use ::store::{Backend, Store, sql};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::Config;

/// How far a lane has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanePosition {
    /// Number of the lane, from 0.
    pub lane: i32,
    /// Its id.
    pub lane_id: String,
    /// Position of its newest event.
    pub head: i64,
    /// Newest claimed batch.
    pub claimed_batch: i64,
    /// Newest batch that profile has applied, as far as the log knows.
    pub applied_batch: i64,
    /// Newest batch that was planned to go to the lake.
    pub archiving_batch: i64,
    /// Newest batch that the lake holds, as far as the log knows.
    pub archived_batch: i64,
}

/// The log of a service whose dispatching and archiving have stopped at a batch boundary. Events are taken in meanwhile.
#[derive(Debug)]
pub struct Paused {
    store: Store,
    pause: Pause,
}

impl Paused {
    /// Pauses the workers, and returns when none of them is at work. Fails when one has not stopped within `limit`.
    pub async fn begin(config: &Config, limit: Duration) -> anyhow::Result<Self> {
        let store = open(config).await?;
        let lanes = positions(&store).await?;
        let workers = ["dispatch", "archive"];
        let names = lanes
            .iter()
            .flat_map(|lane| workers.map(|worker| format!("{worker}-{}", lane.lane)));
        let names: Vec<String> = names.collect();
        let pause = Leases::new(store.clone()).pause(&names, limit).await;
        Ok(Self {
            store,
            pause: pause.context("pause the dispatching of events")?,
        })
    }

    /// Returns where the lanes stand.
    pub async fn lanes(&self) -> anyhow::Result<Vec<LanePosition>> {
        positions(&self.store).await
    }

    /// Copies the database as it is now into a file; see [`Store::copy_into`].
    pub async fn copy_into(&self, file: &Path) -> anyhow::Result<()> {
        Ok(self.store.copy_into(file).await?)
    }

    /// Fails unless the workers have been stopped all the time.
    pub async fn confirm(&self) -> anyhow::Result<()> {
        Ok(self.pause.confirm().await?)
    }

    /// Lets the workers go on.
    pub async fn end(self) {
        self.pause.end().await;
    }
}

/// Returns where the lanes stand, of a service that does not run.
pub async fn lanes(config: &Config) -> anyhow::Result<Vec<LanePosition>> {
    positions(&open(config).await?).await
}

/// Gives the lanes of a restored database new ids, `NAME-0`, `NAME-1` and so on, and voids every lease: whoever held one
/// held it in another history. The service must not run.
pub async fn begin_anew(config: &Config, name: &str) -> anyhow::Result<()> {
    let store = open(config).await?;
    let tx = store.begin().await?;
    let number = match store.backend() {
        Backend::Sqlite => "lane",
        Backend::Postgres => "lane::text",
    };
    let rename = format!("UPDATE lane_cursors SET lane_id = $1 || {number}");
    sql::execute(&tx, &rename, [format!("{name}-").into()]).await?;
    sql::execute(&tx, "UPDATE leases SET expires_ms = 0", []).await?;
    tx.commit().await?;
    Ok(store.close().await?)
}

/// Waits until no process works on the database any more. Fails when one still does after `limit`.
pub async fn ended(config: &Config, limit: Duration) -> anyhow::Result<()> {
    let leases = Leases::new(open(config).await?);
    let free = leases.wait_until_free(limit).await;
    free.context("ingestion still runs on its database: stop it first")
}

async fn open(config: &Config) -> anyhow::Result<Store> {
    let store = Store::open(&config.database).await;
    store.context("open the database of ingestion")
}

async fn positions(store: &Store) -> anyhow::Result<Vec<LanePosition>> {
    let select = "SELECT c.lane AS lane, lane_id, position, claimed_batch, applied_batch, archiving_batch, archived_batch \
        FROM lane_cursors c JOIN lane_heads h ON h.lane = c.lane ORDER BY c.lane";
    let rows = sql::query_all(store.reader(), select, [])
        .await
        .context("read the lanes of the event log")?;
    let mut lanes = Vec::with_capacity(rows.len());
    for row in rows {
        lanes.push(LanePosition {
            lane: sql::get(&row, "lane")?,
            lane_id: sql::get(&row, "lane_id")?,
            head: sql::get(&row, "position")?,
            claimed_batch: sql::get(&row, "claimed_batch")?,
            applied_batch: sql::get(&row, "applied_batch")?,
            archiving_batch: sql::get(&row, "archiving_batch")?,
            archived_batch: sql::get(&row, "archived_batch")?,
        });
    }
    if lanes.is_empty() {
        bail!("the event log has no lanes: ingestion has never run on this database");
    }
    Ok(lanes)
}
