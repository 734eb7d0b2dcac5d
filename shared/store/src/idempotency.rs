//! Answers a repeated request as the first time: the response is kept under (tenant, rpc, request id) in the transaction
//! of the request's effect.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::{Store, StoreError, sql};

/// Returns the stored response if this request was answered before; otherwise claims the id for this transaction, and
/// [`remember`] must follow before its commit. A second request that comes at the same time waits here for the first.
pub async fn replay_or_run<C: ConnectionTrait>(
    tx: &C,
    tenant: &str,
    request_id: Uuid,
    rpc: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let now = sql::now_ms(tx.get_database_backend());
    let claim = format!(
        "INSERT INTO requests (tenant, rpc, request_id, response, created_ms) VALUES ($1, $2, $3, NULL, {now}) \
         ON CONFLICT DO NOTHING"
    );
    let key = || [tenant.into(), rpc.into(), request_id.into()];
    if sql::execute(tx, &claim, key()).await? == 1 {
        return Ok(None);
    }
    let find = "SELECT response FROM requests WHERE tenant = $1 AND rpc = $2 AND request_id = $3";
    match sql::query_one(tx, find, key()).await? {
        Some(row) => sql::get(&row, "response"),
        None => Ok(None),
    }
}

/// Keeps the response of a request that [`replay_or_run`] claimed in the same transaction.
pub async fn remember<C: ConnectionTrait>(
    tx: &C,
    tenant: &str,
    request_id: Uuid,
    rpc: &str,
    response: &[u8],
) -> Result<(), StoreError> {
    let keep =
        "UPDATE requests SET response = $4 WHERE tenant = $1 AND rpc = $2 AND request_id = $3";
    let values = [
        tenant.into(),
        rpc.into(),
        request_id.into(),
        response.to_vec().into(),
    ];
    match sql::execute(tx, keep, values).await? {
        1 => Ok(()),
        _ => Err(StoreError::Failed(format!(
            "request of {rpc} was not claimed"
        ))),
    }
}

/// Forgets responses older than `age`, at most `limit` at a time; returns how many.
pub async fn forget_older_than(
    store: &Store,
    age: Duration,
    limit: u32,
) -> Result<u64, StoreError> {
    let tx = store.begin().await?;
    let now = sql::now_ms(tx.get_database_backend());
    let forget = format!(
        "DELETE FROM requests WHERE (tenant, rpc, request_id) IN \
         (SELECT tenant, rpc, request_id FROM requests WHERE created_ms < {now} - $1 LIMIT $2)"
    );
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let forgotten = sql::execute(&tx, &forget, [age.into(), i64::from(limit).into()]).await?;
    tx.commit().await?;
    Ok(forgotten)
}
