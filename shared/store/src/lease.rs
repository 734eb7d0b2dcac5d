//! Leases: one worker at a time holds a name, by the database's clock.
//!
//! A lease that ran out may be taken by another while its old holder still works, paused or cut off. So every holder has
//! a fencing number, one above its predecessor's, and [`Lease::check`] compares it inside the transaction of each effect:
//! two holders may overlap, their effects cannot.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use crate::{Store, StoreError, sql};

/// Hands out leases.
#[derive(Clone, Debug)]
pub struct Leases {
    store: Store,
}

/// A name held by one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is held.
    pub name: String,
    /// Who holds it.
    pub holder: Uuid,
    /// Fencing number, from 1, higher than that of every holder before.
    pub fence: i64,
}

impl Leases {
    /// Hands out the leases kept in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Takes the lease for `ttl` if it is free, ran out, or is held by the same holder already (its earlier leases are
    /// then fenced off). Returns nothing while another holds it.
    pub async fn try_acquire(
        &self,
        name: &str,
        holder: Uuid,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let tx = self.store.begin().await?;
        let now = sql::now_ms(tx.get_database_backend());
        let take = format!(
            "INSERT INTO leases (name, holder, fence, expires_ms) VALUES ($1, $2, 1, {now} + $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = leases.fence + 1, \
             expires_ms = excluded.expires_ms WHERE leases.expires_ms <= {now} OR leases.holder = excluded.holder \
             RETURNING fence"
        );
        let values = [name.into(), holder.into(), millis(ttl).into()];
        let row = sql::query_one(&tx, &take, values).await?;
        tx.commit().await?;
        row.map(|row| {
            Ok(Lease {
                name: name.to_owned(),
                holder,
                fence: sql::get(&row, "fence")?,
            })
        })
        .transpose()
    }

    /// Prolongs the lease to `ttl` from now. Returns false when another has taken it; then stop.
    pub async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        let tx = self.store.begin().await?;
        let now = sql::now_ms(tx.get_database_backend());
        let renew =
            format!("UPDATE leases SET expires_ms = {now} + $3 WHERE name = $1 AND fence = $2");
        let values = [
            lease.name.as_str().into(),
            lease.fence.into(),
            millis(ttl).into(),
        ];
        let renewed = sql::execute(&tx, &renew, values).await?;
        tx.commit().await?;
        Ok(renewed == 1)
    }

    /// Waits until no lease holds any more, as after the end of every process that had one. Fails with
    /// [`StoreError::Conflict`] when one still holds after `limit`: somebody is at work.
    pub async fn wait_until_free(&self, limit: Duration) -> Result<(), StoreError> {
        let begun = std::time::Instant::now();
        let now = sql::now_ms(self.store.reader().get_database_backend());
        let held =
            format!("SELECT name FROM leases WHERE expires_ms > {now} ORDER BY name LIMIT 1");
        while let Some(row) = sql::query_one(self.store.reader(), &held, []).await? {
            if begun.elapsed() > limit {
                let name: String = sql::get(&row, "name")?;
                return Err(StoreError::Conflict(format!("{name} is still held")));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Gives the lease up, so that another may take it at once. Does nothing when it is lost already.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let tx = self.store.begin().await?;
        let release = "UPDATE leases SET expires_ms = 0 WHERE name = $1 AND fence = $2";
        sql::execute(
            &tx,
            release,
            [lease.name.as_str().into(), lease.fence.into()],
        )
        .await?;
        tx.commit().await
    }
}

impl Lease {
    /// Fails with [`StoreError::Fenced`] unless this is still the newest holder. Nobody can take the lease over before
    /// the transaction ends.
    pub async fn check<C: ConnectionTrait>(&self, tx: &C) -> Result<(), StoreError> {
        let lock = match tx.get_database_backend() {
            DbBackend::Postgres => " FOR SHARE",
            _ => "",
        };
        let check = format!("SELECT fence FROM leases WHERE name = $1 AND fence = $2{lock}");
        let row =
            sql::query_one(tx, &check, [self.name.as_str().into(), self.fence.into()]).await?;
        row.map(|_| ())
            .ok_or_else(|| StoreError::Fenced(self.name.clone()))
    }
}

fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}
