//! Reads tables of SQLite, whose values have types and whose columns have none.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection, TypeInfo, ValueRef};

use super::dialect::{self, Column, find, quote, select};
use super::postgres::in_time;
use super::{Filling, OrderedRow, Place, Query, Table};
use crate::config::SqlPullConfig;
use crate::pull::PullFault;
use crate::pull::cursor::CursorValue;

/// A table of SQLite.
pub(super) struct SqliteTable {
    options: SqliteConnectOptions,
    query: Query,
    limits: SqlPullConfig,
    open: Option<SqliteConnection>,
}

impl SqliteTable {
    /// Reads a table at `url`. Fails when that is none.
    pub(super) fn new(url: &str, query: Query, limits: SqlPullConfig) -> Result<Self, PullFault> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|_| PullFault::wrong("the connection's address cannot be read"))?
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(limits.connect_timeout)
            .disable_statement_logging();
        Ok(Self {
            options,
            query,
            limits,
            open: None,
        })
    }

    async fn open(&self) -> Result<SqliteConnection, PullFault> {
        let connecting = SqliteConnection::connect_with(&self.options);
        let mut connection = in_time(self.limits.connect_timeout, async { Ok(connecting.await) })
            .await?
            .map_err(|error| fault(&error))?;
        let (schema, table) = match self.query.table.as_slice() {
            [schema, table] => (schema.as_str(), table.as_str()),
            [table] => ("main", table.as_str()),
            _ => return Err(PullFault::wrong("a table is `table` or `schema.table`")),
        };
        // A name in double quotes that is no column means a text here, so every name is looked up first.
        let rows = sqlx::query("SELECT name, type FROM pragma_table_info(?1, ?2)")
            .bind(table)
            .bind(schema)
            .fetch_all(&mut connection)
            .await
            .map_err(|error| fault(&error))?;
        let known: Vec<Column> = rows
            .iter()
            .map(|row| {
                Ok(Column {
                    name: row.try_get(0)?,
                    sql_type: row.try_get(1)?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|error| fault(&error))?;
        let table = self.query.table.join(".");
        find(&known, &self.query.columns, &table)?;
        find(&known, &self.query.order, &table)?;
        Ok(connection)
    }

    async fn page(
        &self,
        connection: &mut SqliteConnection,
        place: &Place,
        bytes_max: usize,
    ) -> Result<(Vec<OrderedRow>, bool), PullFault> {
        let order: Vec<String> = self
            .query
            .order
            .iter()
            .map(|name| quote(name, '"'))
            .collect();
        let mut value = |index: usize| format!("?{}", index + 1);
        let condition = dialect::condition(&order, place, &mut value);
        let mut wanted: Vec<String> = self
            .query
            .columns
            .iter()
            .map(|name| quote(name, '"'))
            .collect();
        wanted.extend(order.iter().cloned());
        let statement = select(&self.query, ('"', &wanted), &condition, place.rows);
        let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        for value in &place.after {
            query = match value {
                CursorValue::Text(text) => query.bind(text.clone()),
                CursorValue::Integer(number) => query.bind(*number),
                CursorValue::Real(text) => query.bind(text.parse::<f64>().unwrap_or_default()),
            };
        }
        let mut filling = Filling::new(bytes_max, self.limits.row_bytes_max);
        let mut stream = query.fetch(connection);
        while let Some(row) = stream.try_next().await.map_err(|error| fault(&error))? {
            if !filling.add(self.row(&row)?)? {
                return Ok((filling.rows, true));
            }
        }
        let more = filling.rows.len() >= place.rows;
        Ok((filling.rows, more))
    }

    fn row(&self, row: &SqliteRow) -> Result<OrderedRow, PullFault> {
        let width = self.query.columns.len();
        let cells = (0..width)
            .map(|index| Ok(value(row, index)?.map(|value| value.text())))
            .collect::<Result<_, PullFault>>()?;
        let after = (width..width + self.query.order.len())
            .map(|index| Ok(value(row, index)?.unwrap_or(CursorValue::Text(String::new()))))
            .collect::<Result<_, PullFault>>()?;
        Ok((cells, after))
    }
}

/// Reads a value as what it is.
fn value(row: &SqliteRow, index: usize) -> Result<Option<CursorValue>, PullFault> {
    let broken = |error: sqlx::Error| fault(&error);
    let raw = row.try_get_raw(index).map_err(broken)?;
    if raw.is_null() {
        return Ok(None);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(Some(match kind.as_str() {
        "INTEGER" | "BOOLEAN" => {
            CursorValue::Integer(row.try_get_unchecked(index).map_err(broken)?)
        }
        // The shortest text that means the same number.
        "REAL" => {
            let number: f64 = row.try_get_unchecked(index).map_err(broken)?;
            CursorValue::Real(format!("{number:?}"))
        }
        "BLOB" => {
            let problem = format!(
                "column {} holds bytes, which a contract has no type for",
                index + 1
            );
            return Err(PullFault::wrong(problem));
        }
        _ => CursorValue::Text(row.try_get_unchecked(index).map_err(broken)?),
    }))
}

#[async_trait]
impl Table for SqliteTable {
    async fn read(
        &mut self,
        place: &Place,
        bytes_max: usize,
    ) -> Result<(Vec<OrderedRow>, bool), PullFault> {
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let limit = self.limits.statement_timeout + Duration::from_secs(5);
        let reading = self.page(&mut connection, place, bytes_max);
        let page = tokio::time::timeout(limit, reading)
            .await
            .map_err(|_| PullFault::away("the database took too long to answer"))??;
        self.open = Some(connection);
        Ok(page)
    }
}

/// Says what a driver's error means.
fn fault(error: &sqlx::Error) -> PullFault {
    match error {
        sqlx::Error::Database(refusal) => {
            let code: i32 = refusal
                .code()
                .unwrap_or_default()
                .parse()
                .unwrap_or_default();
            match code & 0xff {
                1 => PullFault::wrong("the database refuses the statement"),
                11 | 26 => PullFault::wrong("the file is no database, or a damaged one"),
                14 => PullFault::away("the database file cannot be opened"),
                _ => PullFault::away(format!("the database did not answer this time ({code})")),
            }
        }
        sqlx::Error::Io(cause) => PullFault::away(format!(
            "the database file cannot be read: {}",
            cause.kind()
        )),
        sqlx::Error::ColumnDecode { index, .. } => PullFault::wrong(format!(
            "the value of column {index} cannot be read as text"
        )),
        _ => PullFault::away("the connection to the database broke"),
    }
}
