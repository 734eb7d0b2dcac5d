//! The identity outbox: lines on their way to the lake's table `identity`, in the order of commits.

use sea_orm::QueryResult;
use store::lease::Lease;
use store::{Store, StoreError, sql};
use uuid::Uuid;

use super::row::{get_fragment, get_uuid};
use crate::domain::identity::FragmentId;
use crate::error::Error;

/// A line that waits.
#[derive(Debug, Clone)]
pub(crate) struct OutboxLine {
    /// Number over all tenants, in the order of commits, without gaps.
    pub(crate) change_seq: i64,
    /// Tenant of the fragment.
    pub(crate) tenant: String,
    /// The fragment.
    pub(crate) fragment: FragmentId,
    /// Its customer from `known_ms` on.
    pub(crate) customer: Uuid,
    /// Dense number of the customer.
    pub(crate) ordinal: i64,
    /// When that could be known, in milliseconds since 1970.
    pub(crate) known_ms: i64,
}

/// Number through which lines are claimed: an append covers a claim, whoever repeats it.
pub(crate) const CLAIMED: &str = "identity_claimed";

/// Tells whether any line waits.
pub(crate) async fn waiting(store: &Store) -> Result<bool, Error> {
    Ok(sql::query_one(
        store.reader(),
        "SELECT change_seq FROM identity_outbox LIMIT 1",
        [],
    )
    .await?
    .is_some())
}

/// Fixes which lines the next append covers: those up to the number that is answered. A claim that was made before and
/// not finished is answered again. `None` when nothing waits. Only the holder of the lease may.
pub(crate) async fn claim(
    store: &Store,
    lease: &Lease,
    lines_max: i64,
) -> Result<Option<i64>, Error> {
    let tx = store.begin().await?;
    lease.check(&tx).await?;
    let row = sql::query_one(
        &tx,
        "SELECT MIN(change_seq) AS oldest, MAX(change_seq) AS newest FROM identity_outbox",
        [],
    );
    let Some(row) = row.await? else {
        return Ok(None);
    };
    let (Some(oldest), Some(newest)) = (
        sql::get::<Option<i64>>(&row, "oldest")?,
        sql::get::<Option<i64>>(&row, "newest")?,
    ) else {
        return Ok(None);
    };
    let row = sql::query_one(
        &tx,
        "SELECT value FROM counters WHERE name = $1",
        [CLAIMED.into()],
    )
    .await?;
    let claimed: i64 = row
        .map(|row| sql::get(&row, "value"))
        .transpose()?
        .unwrap_or_default();
    if oldest <= claimed {
        return Ok(Some(claimed));
    }
    let end = newest.min(oldest + lines_max - 1);
    let text = "INSERT INTO counters (name, value) VALUES ($1, $2) \
                ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sql::execute(&tx, text, [CLAIMED.into(), end.into()]).await?;
    tx.commit().await?;
    Ok(Some(end))
}

/// Reads the lines of a claim, in their order.
pub(crate) async fn claimed(store: &Store, end: i64) -> Result<Vec<OutboxLine>, Error> {
    let text = "SELECT change_seq, tenant, fragment_id, customer_id, ordinal, known_ms \
                FROM identity_outbox WHERE change_seq <= $1 ORDER BY change_seq";
    let rows = sql::query_all(store.reader(), text, [end.into()]).await?;
    rows.iter()
        .map(line)
        .map(|it| it.map_err(Error::from))
        .collect()
}

fn line(row: &QueryResult) -> Result<OutboxLine, StoreError> {
    Ok(OutboxLine {
        change_seq: sql::get(row, "change_seq")?,
        tenant: sql::get(row, "tenant")?,
        fragment: get_fragment(row)?,
        customer: get_uuid(row, "customer_id")?,
        ordinal: sql::get(row, "ordinal")?,
        known_ms: sql::get(row, "known_ms")?,
    })
}

/// Drops the lines up to `change_seq`, which are in the lake; only the holder of the lease may.
pub(crate) async fn drop_through(
    store: &Store,
    lease: &Lease,
    change_seq: i64,
) -> Result<(), Error> {
    let tx = store.begin().await?;
    lease.check(&tx).await?;
    sql::execute(
        &tx,
        "DELETE FROM identity_outbox WHERE change_seq <= $1",
        [change_seq.into()],
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Reads a setting that is fixed at first start; `first` gives its value then.
pub(crate) async fn fixed_setting(
    store: &Store,
    name: &str,
    first: String,
) -> Result<String, Error> {
    let tx = store.begin().await?;
    let insert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    sql::execute(&tx, insert, [name.into(), first.into()]).await?;
    let row = sql::query_one(
        &tx,
        "SELECT value FROM settings WHERE name = $1",
        [name.into()],
    )
    .await?;
    let value = sql::get(
        &row.ok_or_else(|| StoreError::Corrupt(format!("setting {name} is gone")))?,
        "value",
    )?;
    tx.commit().await?;
    Ok(value)
}
