//! Reads tables of PostgreSQL.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};

use super::dialect::{self, Column, find, quote, quote_table, refuse_bytes, select};
use super::{Filling, OrderedRow, Place, Query, Table};
use crate::config::SqlPullConfig;
use crate::pull::PullFault;
use crate::pull::cursor::CursorValue;

/// A table of PostgreSQL.
pub(super) struct PostgresTable {
    options: PgConnectOptions,
    query: Query,
    limits: SqlPullConfig,
    open: Option<Open>,
}

/// A connection on which the table was found.
struct Open {
    connection: PgConnection,
    /// How each wanted column and then each ordering column is written.
    wanted: Vec<String>,
    /// Types of the ordering columns.
    order_types: Vec<String>,
}

const COLUMNS: &str = "SELECT CAST(a.attname AS text) AS name, format_type(a.atttypid, a.atttypmod) AS sql_type \
    FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped";

impl PostgresTable {
    /// Reads a table at `url`. Fails when that is none; the fault does not quote it.
    pub(super) fn new(url: &str, query: Query, limits: SqlPullConfig) -> Result<Self, PullFault> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| PullFault::wrong("the connection's address cannot be read"))?
            .application_name("clientele")
            .disable_statement_logging();
        Ok(Self {
            options,
            query,
            limits,
            open: None,
        })
    }

    async fn open(&self) -> Result<Open, PullFault> {
        let connecting = PgConnection::connect_with(&self.options);
        let mut connection = in_time(self.limits.connect_timeout, connecting).await?;
        let settings = format!(
            "SET default_transaction_read_only = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; \
             SET statement_timeout = {}",
            self.limits.statement_timeout.as_millis()
        );
        sqlx::raw_sql(AssertSqlSafe(settings))
            .execute(&mut connection)
            .await
            .map_err(|error| fault(&error))?;
        let rows = sqlx::query(COLUMNS)
            .bind(quote_table(&self.query.table, '"'))
            .fetch_all(&mut connection)
            .await
            .map_err(|error| fault(&error))?;
        let known: Vec<Column> = rows
            .iter()
            .map(|row| {
                Ok(Column {
                    name: row.try_get("name")?,
                    sql_type: row.try_get("sql_type")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|error| fault(&error))?;
        let table = self.query.table.join(".");
        let columns = find(&known, &self.query.columns, &table)?;
        let order = find(&known, &self.query.order, &table)?;
        refuse_bytes(&columns, |sql_type| sql_type == "bytea")?;
        let mut wanted: Vec<String> = columns.iter().map(|column| text_of(column)).collect();
        wanted.extend(
            order
                .iter()
                .map(|column| format!("CAST({} AS text)", quote(&column.name, '"'))),
        );
        Ok(Open {
            connection,
            wanted,
            order_types: order.iter().map(|column| column.sql_type.clone()).collect(),
        })
    }

    async fn page(
        &self,
        open: &mut Open,
        place: &Place,
        bytes_max: usize,
    ) -> Result<(Vec<OrderedRow>, bool), PullFault> {
        let order: Vec<String> = self
            .query
            .order
            .iter()
            .map(|name| quote(name, '"'))
            .collect();
        let types = &open.order_types;
        let mut value =
            |index: usize| format!("CAST(CAST(${} AS text) AS {})", index + 1, types[index]);
        let condition = dialect::condition(&order, place, &mut value);
        let statement = select(&self.query, ('"', &open.wanted), &condition, place.rows);
        let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        for value in &place.after {
            query = query.bind(value.text());
        }
        let mut filling = Filling::new(bytes_max, self.limits.row_bytes_max);
        let mut stream = query.fetch(&mut open.connection);
        let width = self.query.columns.len();
        while let Some(row) = stream.try_next().await.map_err(|error| fault(&error))? {
            if !filling.add(read(&row, width, order.len())?)? {
                return Ok((filling.rows, true));
            }
        }
        let more = filling.rows.len() >= place.rows;
        Ok((filling.rows, more))
    }
}

/// Writes a column's value as text, without losing anything.
fn text_of(column: &Column) -> String {
    let name = quote(&column.name, '"');
    if column.sql_type.starts_with("timestamp") && column.sql_type.ends_with("with time zone") {
        return format!(
            "CASE WHEN {name} >= '0001-01-01 00:00:00+00' AND {name} < '10000-01-01 00:00:00+00' \
             THEN to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') ELSE CAST({name} AS text) END"
        );
    }
    match column.sql_type.as_str() {
        "money" => format!("CAST(CAST({name} AS numeric) AS text)"),
        _ => format!("CAST({name} AS text)"),
    }
}

fn read(row: &PgRow, width: usize, order: usize) -> Result<OrderedRow, PullFault> {
    let cell = |index: usize| {
        row.try_get::<Option<String>, usize>(index)
            .map_err(|error| fault(&error))
    };
    let cells = (0..width).map(cell).collect::<Result<_, _>>()?;
    let after = (width..width + order)
        .map(|index| Ok(CursorValue::Text(cell(index)?.unwrap_or_default())))
        .collect::<Result<_, PullFault>>()?;
    Ok((cells, after))
}

#[async_trait]
impl Table for PostgresTable {
    async fn read(
        &mut self,
        place: &Place,
        bytes_max: usize,
    ) -> Result<(Vec<OrderedRow>, bool), PullFault> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open().await?,
        };
        // Somewhat longer than the server's own limit, so that a server that is merely slow speaks first.
        let limit = self.limits.statement_timeout + Duration::from_secs(5);
        let reading = self.page(&mut open, place, bytes_max);
        let page = tokio::time::timeout(limit, reading)
            .await
            .map_err(|_| PullFault::away("the database took too long to answer"))??;
        // A connection whose answer was not read to its end would send the rest first.
        if !page.1 || page.0.len() >= place.rows {
            self.open = Some(open);
        }
        Ok(page)
    }
}

/// Waits for a connection.
pub(super) async fn in_time<T>(
    limit: Duration,
    connecting: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, PullFault> {
    match tokio::time::timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(|error| fault(&error)),
        Err(_) => Err(PullFault::away("the database took too long to connect")),
    }
}

/// Says what a driver's error means. Words of the server are repeated only where they cannot quote a record.
pub(super) fn fault(error: &sqlx::Error) -> PullFault {
    let sqlx::Error::Database(refusal) = error else {
        return match error {
            sqlx::Error::Io(cause) => {
                PullFault::away(format!("the database cannot be reached: {}", cause.kind()))
            }
            sqlx::Error::Tls(_) => PullFault::away("the database's certificate is not accepted"),
            sqlx::Error::ColumnDecode { index, .. } => PullFault::wrong(format!(
                "the value of column {index} cannot be read as text"
            )),
            sqlx::Error::Configuration(_) => {
                PullFault::wrong("the connection's address cannot be read")
            }
            _ => PullFault::away("the connection to the database broke"),
        };
    };
    let code = refusal.code().unwrap_or_default().into_owned();
    match code.get(..2).unwrap_or_default() {
        // Names that are not there or not allowed, users that are not let in, databases that do not exist.
        "42" | "28" | "3D" | "3F" => {
            PullFault::wrong(format!("the database refuses: {}", refusal.message()))
        }
        "08" | "40" | "53" | "55" | "57" | "58" | "HY" | "70" => {
            PullFault::away(format!("the database did not answer this time ({code})"))
        }
        _ => PullFault::wrong(format!("the database refuses with {code}")),
    }
}
