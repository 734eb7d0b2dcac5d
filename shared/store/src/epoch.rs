//! Numbers the generations of a cache that lives elsewhere.
//!
//! Keys of the cache carry the number, so raising it empties the cache at once, even one that cannot be reached. A writer
//! reads it, marks its keys under it, and [`confirm`]s it as the last thing before the commit: so nobody can raise it
//! between a mark and its commit. A writer that cannot mark [`bump`]s it instead, also as the last thing.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Value};

use crate::{StoreError, sql};

/// Number before the first [`bump`].
pub const FIRST: i64 = 1;

/// Reads the number.
pub async fn read<C: ConnectionTrait>(db: &C, name: &str) -> Result<i64, StoreError> {
    let row = sql::query_one(
        db,
        "SELECT value FROM epochs WHERE name = $1",
        [name.into()],
    )
    .await?;
    row.map_or(Ok(FIRST), |row| sql::get(&row, "value"))
}

/// Fails with [`StoreError::Conflict`] unless the number is still `value`; then it cannot change before the transaction
/// ends. Make it the last statement before the commit: whoever waits for the number must not hold what others wait for.
///
/// Returns how long ago the number was raised ([`Duration::MAX`] if never). While that is less than readers' leases, some
/// still act on the number before, so the commit must not be told to be done until their leases have ended.
pub async fn confirm<C: ConnectionTrait>(
    tx: &C,
    name: &str,
    value: i64,
) -> Result<Duration, StoreError> {
    let backend = tx.get_database_backend();
    let now = sql::now_ms(backend);
    let lock = if backend == DbBackend::Postgres {
        " FOR SHARE"
    } else {
        ""
    };
    let find =
        format!("SELECT value, bumped_ms, {now} AS now_ms FROM epochs WHERE name = $1{lock}");
    let mut row = sql::query_one(tx, &find, [name.into()]).await?;
    if row.is_none() {
        // A number that was never raised has no row to lock yet.
        let start = "INSERT INTO epochs (name, value, bumped_ms) VALUES ($1, $2, 0) \
                     ON CONFLICT DO NOTHING";
        sql::execute(tx, start, [name.into(), FIRST.into()]).await?;
        row = sql::query_one(tx, &find, [name.into()]).await?;
    }
    let row = row.ok_or_else(|| StoreError::Corrupt("epoch has no row".into()))?;
    let found: i64 = sql::get(&row, "value")?;
    if found != value {
        return Err(StoreError::Conflict(format!(
            "epoch of {name} is {found}, not {value}"
        )));
    }
    let (bumped, now): (i64, i64) = (sql::get(&row, "bumped_ms")?, sql::get(&row, "now_ms")?);
    Ok(match bumped {
        0 => Duration::MAX,
        _ => Duration::from_millis(now.saturating_sub(bumped).max(0).unsigned_abs()),
    })
}

/// Raises the number from `value` by 1 and returns it; fails with [`StoreError::Conflict`] when it is another by then.
/// Make it the last statement before the commit.
pub async fn advance<C: ConnectionTrait>(
    tx: &C,
    name: &str,
    value: i64,
) -> Result<i64, StoreError> {
    match raise(tx, name, " WHERE epochs.value = $3", vec![value.into()]).await? {
        Some(raised) if raised == value + 1 => Ok(raised),
        _ => Err(StoreError::Conflict(format!(
            "epoch of {name} is not {value}"
        ))),
    }
}

/// Raises the number and returns it. Make it the last statement before the commit.
pub async fn bump<C: ConnectionTrait>(tx: &C, name: &str) -> Result<i64, StoreError> {
    let raised = raise(tx, name, "", vec![]).await?;
    raised.ok_or_else(|| StoreError::Corrupt("epoch was not raised".into()))
}

async fn raise<C: ConnectionTrait>(
    tx: &C,
    name: &str,
    condition: &str,
    more: Vec<Value>,
) -> Result<Option<i64>, StoreError> {
    let now = sql::now_ms(tx.get_database_backend());
    let raise = format!(
        "INSERT INTO epochs (name, value, bumped_ms) VALUES ($1, $2, {now}) \
         ON CONFLICT (name) DO UPDATE SET value = epochs.value + 1, \
         bumped_ms = excluded.bumped_ms{condition} RETURNING value"
    );
    let values = [name.into(), (FIRST + 1).into()].into_iter().chain(more);
    let row = sql::query_one(tx, &raise, values).await?;
    row.map(|row| sql::get(&row, "value")).transpose()
}

/// Returns how long ago the number was raised, by the database's clock; nothing if never. Readers of a cache may act on
/// the number before for as long as their lease on it lasts.
pub async fn age<C: ConnectionTrait>(db: &C, name: &str) -> Result<Option<Duration>, StoreError> {
    let now = sql::now_ms(db.get_database_backend());
    let find =
        format!("SELECT {now} - bumped_ms AS age FROM epochs WHERE name = $1 AND bumped_ms > 0");
    let row = sql::query_one(db, &find, [name.into()]).await?;
    let age: Option<i64> = row.map(|row| sql::get(&row, "age")).transpose()?;
    Ok(age.map(|it| Duration::from_millis(it.max(0).unsigned_abs())))
}
