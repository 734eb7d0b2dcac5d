//! Reads figures: those that are folded and those that are not, in one statement, so that nothing is missed or read twice.

use sea_orm::{ConnectionTrait, Value};
use store::{StoreError, sql};

use super::corrupt;
use crate::domain::quality::alerts::History;
use crate::domain::quality::delta::counts_from_bytes;
use crate::domain::quality::{Day, Days, NO_DAY};

/// Returns the figures of a source over a period; without ends also those of records without a day.
pub async fn days<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    source: &str,
    (from, to): (Option<i32>, Option<i32>),
) -> Result<Days, StoreError> {
    let select = "SELECT day, counts, sketches, CAST(NULL AS BYTEA) AS body FROM quality_days \
        WHERE tenant = $1 AND source = $2 AND day BETWEEN $3 AND $4 UNION ALL \
        SELECT CAST(NULL AS INTEGER), CAST(NULL AS BYTEA), CAST(NULL AS BYTEA), body FROM quality_deltas \
        WHERE tenant = $1 AND source = $2";
    let open = from.is_none() && to.is_none();
    let first = from.unwrap_or(if open { NO_DAY } else { NO_DAY + 1 });
    let last = to.unwrap_or(i32::MAX);
    let values: [Value; 4] = [tenant.into(), source.into(), first.into(), last.into()];
    let mut all = Days::default();
    for row in sql::query_all(db, select, values).await? {
        match sql::get::<Option<Vec<u8>>>(&row, "body")? {
            Some(body) => {
                let mut added = Days::from_bytes(&body).map_err(corrupt)?;
                added.0.retain(|day, _| (first..=last).contains(day));
                all.merge(&added);
            }
            None => {
                let counts: Vec<u8> = sql::get(&row, "counts")?;
                let sketches: Vec<u8> = sql::get(&row, "sketches")?;
                let day = Day::from_bytes(&counts, &sketches).map_err(corrupt)?;
                let at: i32 = sql::get(&row, "day")?;
                all.0.entry(at).or_default().merge(&day);
            }
        }
    }
    Ok(all)
}

/// Returns the counts of a source by day, from a day on.
pub async fn counts<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    source: &str,
    from: i32,
) -> Result<History, StoreError> {
    let select = "SELECT day, counts, CAST(NULL AS BYTEA) AS body FROM quality_days \
        WHERE tenant = $1 AND source = $2 AND day >= $3 UNION ALL \
        SELECT CAST(NULL AS INTEGER), CAST(NULL AS BYTEA), body FROM quality_deltas WHERE tenant = $1 AND source = $2";
    let values: [Value; 3] = [tenant.into(), source.into(), from.into()];
    let mut all = History::new();
    for row in sql::query_all(db, select, values).await? {
        match sql::get::<Option<Vec<u8>>>(&row, "body")? {
            Some(body) => {
                let added = Days::from_bytes(&body).map_err(corrupt)?;
                for (day, figures) in added.0.range(from..) {
                    all.entry(*day).or_default().add(&figures.counts, 1);
                }
            }
            None => {
                let counts: Vec<u8> = sql::get(&row, "counts")?;
                let counts = counts_from_bytes(&counts).map_err(corrupt)?;
                let day: i32 = sql::get(&row, "day")?;
                all.entry(day).or_default().add(&counts, 1);
            }
        }
    }
    Ok(all)
}

/// Tells whether anything ever came from a source.
pub async fn is_known<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    source: &str,
) -> Result<bool, StoreError> {
    let select = "SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM quality_days WHERE tenant = $1 AND source = $2) \
        OR EXISTS (SELECT 1 FROM quality_deltas WHERE tenant = $1 AND source = $2)";
    let found = sql::query_one(db, select, [tenant.into(), source.into()]).await?;
    Ok(found.is_some())
}

/// A source that has figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// Tenant.
    pub tenant: String,
    /// Source.
    pub source: String,
    /// When a day of it changed last, microseconds since 1970.
    pub changed_us: i64,
    /// Its newest day.
    pub last_day: i32,
    /// Time of its newest accepted event, microseconds since 1970; 0 when there is none.
    pub last_us: i64,
}

/// Lists sources that have figures, those that changed last first.
pub async fn sources<C: ConnectionTrait>(db: &C, most: i64) -> Result<Vec<SourceRow>, StoreError> {
    let select = "SELECT tenant, source, MAX(changed_us) AS changed_us, MAX(day) AS last_day, MAX(last_us) AS last_us \
        FROM quality_days \
        GROUP BY tenant, source ORDER BY 3 DESC, 1, 2 LIMIT $1";
    let mut found = Vec::new();
    for row in sql::query_all(db, select, [most.into()]).await? {
        found.push(SourceRow {
            tenant: sql::get(&row, "tenant")?,
            source: sql::get(&row, "source")?,
            changed_us: sql::get(&row, "changed_us")?,
            last_day: sql::get(&row, "last_day")?,
            last_us: sql::get(&row, "last_us")?,
        });
    }
    Ok(found)
}
