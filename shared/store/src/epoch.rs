//! Numbers the generations of a cache that lives elsewhere.
//!
//! Keys of the cache carry the number, so raising it empties the cache at once, even one that cannot be reached. A writer
//! reads it, marks its keys under it, and [`confirm`]s it as the last thing before the commit: so nobody can raise it
//! between a mark and its commit. A writer that cannot mark [`bump`]s it instead, also as the last thing.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};

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
pub async fn confirm<C: ConnectionTrait>(tx: &C, name: &str, value: i64) -> Result<(), StoreError> {
    let find = match tx.get_database_backend() {
        DbBackend::Postgres => {
            // A number that was never raised has no row to lock yet.
            let start = "INSERT INTO epochs (name, value, bumped_ms) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";
            let lock = "SELECT value FROM epochs WHERE name = $1 FOR SHARE";
            let found = sql::query_one(tx, lock, [name.into()]).await?;
            if found.is_none() {
                sql::execute(tx, start, [name.into(), FIRST.into()]).await?;
            }
            lock
        }
        _ => "SELECT value FROM epochs WHERE name = $1",
    };
    let row = sql::query_one(tx, find, [name.into()]).await?;
    match row.map_or(Ok(FIRST), |row| sql::get::<i64>(&row, "value"))? {
        now if now == value => Ok(()),
        now => Err(StoreError::Conflict(format!(
            "epoch of {name} is {now}, not {value}"
        ))),
    }
}

/// Raises the number from `value` by 1 and returns it; fails with [`StoreError::Conflict`] when it is another by then.
/// Make it the last statement before the commit.
pub async fn advance<C: ConnectionTrait>(
    tx: &C,
    name: &str,
    value: i64,
) -> Result<i64, StoreError> {
    let raised = bump(tx, name).await?;
    if raised == value + 1 {
        Ok(raised)
    } else {
        Err(StoreError::Conflict(format!(
            "epoch of {name} is {}, not {value}",
            raised - 1
        )))
    }
}

/// Raises the number and returns it. Make it the last statement before the commit.
pub async fn bump<C: ConnectionTrait>(tx: &C, name: &str) -> Result<i64, StoreError> {
    let now = sql::now_ms(tx.get_database_backend());
    let raise = format!(
        "INSERT INTO epochs (name, value, bumped_ms) VALUES ($1, $2, {now}) \
         ON CONFLICT (name) DO UPDATE SET value = epochs.value + 1, bumped_ms = excluded.bumped_ms RETURNING value"
    );
    let row = sql::query_one(tx, &raise, [name.into(), (FIRST + 1).into()]).await?;
    sql::get(
        &row.ok_or_else(|| StoreError::Corrupt("epoch was not raised".into()))?,
        "value",
    )
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
