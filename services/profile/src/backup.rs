//! What a backup and a restore need of this service: a pause of its lines to the lake, where its lanes stand, and a history
//! that begins anew.
//!
//! Nothing here starts the service. A backup of a running one works on the same database beside it.

use std::path::Path;
use std::time::Duration;

use ::store::lease::Leases;
use ::store::pause::Pause;
use ::store::{Store, epoch, sql};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Config;
use crate::guard::EPOCH;
use crate::jobs::outbox::{LEASE, LOG_ID, app_id};
use crate::store::outbox::{CLAIMED, fixed_setting};

/// How far this service has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Newest applied batch of each lane, by its id.
    pub lanes: Vec<(String, i64)>,
    /// Id by which the lake knows this database's identity lines.
    pub identity_writer: String,
    /// Number through which identity lines are surely in the lake.
    pub identity_settled: i64,
    /// Number through which identity lines may be in the lake.
    pub identity_claimed: i64,
}

/// The database of a service that sends no lines to the lake.
#[derive(Debug)]
pub struct Paused {
    store: Store,
    pause: Pause,
}

impl Paused {
    /// Pauses the lines to the lake. Fails when they have not stopped within `limit`.
    pub async fn begin(config: &Config, limit: Duration) -> anyhow::Result<Self> {
        let store = open(config).await?;
        let leases = Leases::new(store.clone());
        let pause = leases.pause(&[LEASE.to_owned()], limit).await;
        let pause = pause.context("pause the lines of identity")?;
        Ok(Self { store, pause })
    }

    /// Returns how far the service has come.
    pub async fn position(&self) -> anyhow::Result<Position> {
        position_of(&self.store).await
    }

    /// Copies the database as it is now into a file; see [`Store::copy_into`].
    pub async fn copy_into(&self, file: &Path) -> anyhow::Result<()> {
        Ok(self.store.copy_into(file).await?)
    }

    /// Fails unless the lines have been stopped all the time.
    pub async fn confirm(&self) -> anyhow::Result<()> {
        Ok(self.pause.confirm().await?)
    }

    /// Lets the lines go on.
    pub async fn end(self) {
        self.pause.end().await;
    }
}

/// Returns how far the service has come, when it does not run.
pub async fn position(config: &Config) -> anyhow::Result<Position> {
    position_of(&open(config).await?).await
}

/// Returns the name under which a history goes on after `name`: drawn once and kept, so that who begins anew and is
/// interrupted goes on under the same name. A restored database knows nothing of it and draws another.
pub async fn successor(config: &Config, name: &str) -> anyhow::Result<String> {
    let fresh = Uuid::new_v4().simple().to_string()[..12].to_owned();
    let setting = format!("successor_of_{name}");
    Ok(fixed_setting(&open(config).await?, &setting, fresh).await?)
}

/// Begins anew on a restored database, under names that are new to every neighbour. The service must not run.
///
/// Lanes are renamed (old id, new id) with what was answered to them, and those that are not named are retired: the
/// watermark waits for none of them any more. The cache gets a new epoch, so nothing that was cached is read again. Voids
/// every lease. A repeat does the same again.
pub async fn begin_anew(
    config: &Config,
    lanes: &[(String, String)],
    identity_writer: &str,
) -> anyhow::Result<()> {
    let store = open(config).await?;
    let tx = store.begin().await?;
    for (old, new) in lanes {
        // An interrupted attempt may have renamed it already.
        for rename in [
            "UPDATE lanes SET lane = $2, fence = 0 WHERE lane = $1",
            "UPDATE lane_batches SET lane = $2 WHERE lane = $1",
        ] {
            sql::execute(&tx, rename, [old.as_str().into(), new.as_str().into()]).await?;
        }
    }
    let known = sql::query_all(&tx, "SELECT lane FROM lanes", []).await?;
    for row in known {
        let lane: String = sql::get(&row, "lane")?;
        if !lanes.iter().any(|(_, new)| *new == lane) {
            for retire in [
                "DELETE FROM lanes WHERE lane = $1",
                "DELETE FROM lane_batches WHERE lane = $1",
            ] {
                sql::execute(&tx, retire, [lane.as_str().into()]).await?;
            }
        }
    }
    let writer = "UPDATE settings SET value = $2 WHERE name = $1";
    sql::execute(&tx, writer, [LOG_ID.into(), identity_writer.into()]).await?;
    sql::execute(&tx, "UPDATE leases SET expires_ms = 0", []).await?;
    // Odd epochs are open.
    if epoch::bump(&tx, EPOCH).await? % 2 == 0 {
        epoch::bump(&tx, EPOCH).await?;
    }
    tx.commit().await?;
    Ok(store.close().await?)
}

/// Returns the name by which the lake knows the writer of identity lines.
pub fn identity_app(writer: &str) -> String {
    app_id(writer)
}

/// Waits until no process works on the database any more. Fails when one still does after `limit`.
pub async fn ended(config: &Config, limit: Duration) -> anyhow::Result<()> {
    let leases = Leases::new(open(config).await?);
    let free = leases.wait_until_free(limit).await;
    free.context("profile still runs on its database: stop it first")
}

async fn open(config: &Config) -> anyhow::Result<Store> {
    let store = Store::open(&config.database).await;
    store.context("open the database of profile")
}

async fn position_of(store: &Store) -> anyhow::Result<Position> {
    let reader = store.reader();
    let mut lanes = Vec::new();
    for row in sql::query_all(reader, "SELECT lane, number FROM lanes ORDER BY lane", []).await? {
        lanes.push((sql::get(&row, "lane")?, sql::get(&row, "number")?));
    }
    let text = "SELECT value FROM settings WHERE name = $1";
    let row = sql::query_one(reader, text, [LOG_ID.into()]).await?;
    let writer = row.context("profile has never run on this database")?;
    let text = "SELECT value FROM counters WHERE name = $1";
    let row = sql::query_one(reader, text, [CLAIMED.into()]).await?;
    let claimed: i64 = row
        .map(|row| sql::get(&row, "value"))
        .transpose()?
        .unwrap_or_default();
    let text = "SELECT MIN(change_seq) AS oldest FROM identity_outbox";
    let row = sql::query_one(reader, text, []).await?;
    let oldest: Option<i64> = row
        .map(|row| sql::get(&row, "oldest"))
        .transpose()?
        .flatten();
    Ok(Position {
        lanes,
        identity_writer: sql::get(&writer, "value")?,
        // Lines that wait although they are claimed may be in the lake or not; the claim is repeated either way.
        identity_settled: oldest
            .filter(|it| *it <= claimed)
            .map_or(claimed, |it| it - 1),
        identity_claimed: claimed,
    })
}
