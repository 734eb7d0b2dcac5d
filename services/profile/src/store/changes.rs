//! The feed of changes, and its trimming.

use sea_orm::{ConnectionTrait, QueryResult};
use store::{Store, StoreError, sql};
use uuid::Uuid;

use super::row::{get_uuid, get_uuid_or_null};
use super::tenants;
use crate::error::Error;

/// One change of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangeRow {
    /// Position in the tenant's feed.
    pub(crate) position: i64,
    /// Customer that changed.
    pub(crate) customer: Uuid,
    /// Its dense number.
    pub(crate) ordinal: i64,
    /// 1 created, 2 updated, 3 merged: the contract's numbers.
    pub(crate) kind: i32,
    /// Version after the change.
    pub(crate) version: i64,
    /// Survivor of a merge.
    pub(crate) merged_into: Option<Uuid>,
    /// When it was committed, in milliseconds since 1970.
    pub(crate) change_ms: i64,
}

/// Reads up to `limit` changes after a position.
///
/// # Errors
/// When the feed was trimmed beyond that position.
pub(crate) async fn after(
    connection: &impl ConnectionTrait,
    tenant: &str,
    position: i64,
    limit: u64,
) -> Result<Vec<ChangeRow>, Error> {
    let text = "SELECT position, customer_id, ordinal, kind, version, merged_into, change_ms FROM changes \
                WHERE tenant = $1 AND position > $2 ORDER BY position LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sql::query_all(
        connection,
        text,
        [tenant.into(), position.into(), limit.into()],
    )
    .await?;
    // Read after the rows: what was trimmed before they were read shows here.
    let floor = tenants::counters(connection, tenant).await?.feed_floor;
    if position < floor {
        return Err(Error::PositionExpired { floor });
    }
    rows.iter()
        .map(change)
        .map(|it| it.map_err(Error::from))
        .collect()
}

fn change(row: &QueryResult) -> Result<ChangeRow, StoreError> {
    Ok(ChangeRow {
        position: sql::get(row, "position")?,
        customer: get_uuid(row, "customer_id")?,
        ordinal: sql::get(row, "ordinal")?,
        kind: sql::get(row, "kind")?,
        version: sql::get(row, "version")?,
        merged_into: get_uuid_or_null(row, "merged_into")?,
        change_ms: sql::get(row, "change_ms")?,
    })
}

/// Drops changes committed before `before_ms`, at most `limit` positions of each tenant; returns how many.
pub(crate) async fn trim(store: &Store, before_ms: i64, limit: i64) -> Result<u64, Error> {
    let tenants = tenants::list(store.reader(), "", u64::MAX >> 1).await?;
    let mut trimmed = 0;
    for tenant in tenants {
        let newest = "SELECT MAX(position) AS newest FROM (SELECT position FROM changes \
                      WHERE tenant = $1 AND change_ms < $2 ORDER BY position LIMIT $3) AS old";
        let values = [tenant.id.clone().into(), before_ms.into(), limit.into()];
        let row = sql::query_one(store.reader(), newest, values).await?;
        let Some(newest) = row
            .map(|row| sql::get::<Option<i64>>(&row, "newest"))
            .transpose()?
            .flatten()
        else {
            continue;
        };
        let tx = store.begin().await?;
        let floor =
            "UPDATE tenant_counters SET feed_floor = $2 WHERE tenant = $1 AND feed_floor < $2";
        sql::execute(&tx, floor, [tenant.id.clone().into(), newest.into()]).await?;
        let delete = "DELETE FROM changes WHERE tenant = $1 AND position <= $2";
        trimmed += sql::execute(&tx, delete, [tenant.id.into(), newest.into()]).await?;
        tx.commit().await?;
    }
    Ok(trimmed)
}
