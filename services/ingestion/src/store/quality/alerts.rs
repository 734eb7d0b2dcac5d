//! Alerts: raised when they are found, cleared when they are not found any more.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use store::lease::Lease;
use store::{Store, StoreError, sql};

use super::super::log::{instant, micros};
use crate::domain::quality::alerts::Finding;

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Number, growing with time.
    pub id: i64,
    /// Source.
    pub source: String,
    /// Field; empty for the whole source.
    pub field: String,
    /// What was watched.
    pub metric: String,
    /// Rule that fired.
    pub rule: String,
    /// Day that it speaks of; absent when it speaks of the present.
    pub day: Option<i32>,
    /// What was seen.
    pub value: f64,
    /// Smallest value that was expected.
    pub expected_min: Option<f64>,
    /// Largest value that was expected.
    pub expected_max: Option<f64>,
    /// Sentence for a person.
    pub description: String,
    /// When it was raised.
    pub raised: DateTime<Utc>,
    /// When it was found to be over.
    pub cleared: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "id, source, field, metric, rule, day, value, expected_min, expected_max, description, \
    raised_us, cleared_us";

fn read(row: QueryResult) -> Result<AlertRow, StoreError> {
    Ok(AlertRow {
        id: sql::get(&row, "id")?,
        source: sql::get(&row, "source")?,
        field: sql::get(&row, "field")?,
        metric: sql::get(&row, "metric")?,
        rule: sql::get(&row, "rule")?,
        day: sql::get(&row, "day")?,
        value: sql::get(&row, "value")?,
        expected_min: sql::get(&row, "expected_min")?,
        expected_max: sql::get(&row, "expected_max")?,
        description: sql::get(&row, "description")?,
        raised: instant(sql::get(&row, "raised_us")?),
        cleared: sql::get::<Option<i64>>(&row, "cleared_us")?.map(instant),
    })
}

impl AlertRow {
    fn is_of(&self, finding: &Finding) -> bool {
        self.field == finding.field
            && self.metric == finding.metric
            && self.rule == finding.rule
            && self.day == finding.day
    }
}

/// Makes the standing alerts of a source those that were found: new ones are raised, others are cleared. Alerts of rules
/// other than `rules` are left alone. Returns how many stand.
pub async fn settle(
    store: &Store,
    lease: &Lease,
    (tenant, source): (&str, &str),
    rules: &[&str],
    found: &[Finding],
) -> Result<usize, StoreError> {
    let select = format!(
        "SELECT {COLUMNS} FROM quality_alerts WHERE tenant = $1 AND source = $2 AND cleared_us IS NULL"
    );
    let rows = sql::query_all(store.reader(), &select, [tenant.into(), source.into()]).await?;
    let standing: Vec<AlertRow> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    let mine: Vec<&AlertRow> = standing
        .iter()
        .filter(|alert| rules.contains(&alert.rule.as_str()))
        .collect();
    let raised: Vec<&Finding> = found
        .iter()
        .filter(|finding| !mine.iter().any(|alert| alert.is_of(finding)))
        .collect();
    let over: Vec<i64> = mine
        .iter()
        .filter(|alert| !found.iter().any(|finding| alert.is_of(finding)))
        .map(|alert| alert.id)
        .collect();
    let stand = standing.len() + raised.len() - over.len();
    if raised.is_empty() && over.is_empty() {
        return Ok(stand);
    }
    let now = micros(runtime::clock::now());
    let tx = store.begin().await?;
    lease.check(&tx).await?;
    for id in over {
        let clear =
            "UPDATE quality_alerts SET cleared_us = $2 WHERE id = $1 AND cleared_us IS NULL";
        sql::execute(&tx, clear, [id.into(), now.into()]).await?;
    }
    for it in raised {
        let insert = "INSERT INTO quality_alerts (tenant, source, field, metric, rule, day, value, expected_min, \
            expected_max, description, raised_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values: [Value; 11] = [
            tenant.into(),
            source.into(),
            it.field.as_str().into(),
            it.metric.into(),
            it.rule.into(),
            it.day.into(),
            it.value.into(),
            it.expected.min.into(),
            it.expected.max.into(),
            it.description.as_str().into(),
            now.into(),
        ];
        sql::execute(&tx, insert, values).await?;
    }
    tx.commit().await?;
    Ok(stand)
}

/// Lists alerts of a tenant with numbers below one, newest first; of one source, where it is named.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    source: &str,
    open_only: bool,
    (below, most): (i64, u64),
) -> Result<Vec<AlertRow>, StoreError> {
    let open = match open_only {
        true => " AND cleared_us IS NULL",
        false => "",
    };
    let select = format!(
        "SELECT {COLUMNS} FROM quality_alerts WHERE tenant = $1 AND ($2 = '' OR source = $2) AND id < $3{open} \
         ORDER BY id DESC LIMIT $4"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values: [Value; 4] = [tenant.into(), source.into(), below.into(), most.into()];
    let rows = sql::query_all(db, &select, values).await?;
    rows.into_iter().map(read).collect()
}

/// Counts standing alerts by tenant and source.
pub async fn open_counts<C: ConnectionTrait>(
    db: &C,
) -> Result<Vec<(String, String, i64)>, StoreError> {
    let select = "SELECT tenant, source, COUNT(*) AS standing FROM quality_alerts WHERE cleared_us IS NULL \
        GROUP BY tenant, source ORDER BY tenant, source";
    let mut found = Vec::new();
    for row in sql::query_all(db, select, []).await? {
        found.push((
            sql::get(&row, "tenant")?,
            sql::get(&row, "source")?,
            sql::get(&row, "standing")?,
        ));
    }
    Ok(found)
}
