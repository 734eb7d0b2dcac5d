//! Reads tables of MySQL and MariaDB.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, Row};

use super::dialect::{self, Column, find, quote, refuse_bytes, select};
use super::postgres::{fault, in_time};
use super::{Filling, OrderedRow, Place, Query, Table};
use crate::config::SqlPullConfig;
use crate::pull::PullFault;
use crate::pull::cursor::CursorValue;

/// A table of MySQL or MariaDB.
pub(super) struct MySqlTable {
    options: MySqlConnectOptions,
    query: Query,
    limits: SqlPullConfig,
    open: Option<Open>,
}

struct Open {
    connection: MySqlConnection,
    wanted: Vec<String>,
    /// How a value of each ordering column is written as a parameter.
    parameters: Vec<&'static str>,
}

const COLUMNS: &str = "SELECT CAST(column_name AS CHAR) AS name, CAST(column_type AS CHAR) AS sql_type \
    FROM information_schema.columns WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?";

impl MySqlTable {
    /// Reads a table at `url`. Fails when that is none; the fault does not quote it.
    pub(super) fn new(url: &str, query: Query, limits: SqlPullConfig) -> Result<Self, PullFault> {
        let options = MySqlConnectOptions::from_str(url)
            .map_err(|_| PullFault::wrong("the connection's address cannot be read"))?
            .disable_statement_logging();
        Ok(Self {
            options,
            query,
            limits,
            open: None,
        })
    }

    async fn open(&self) -> Result<Open, PullFault> {
        let connecting = MySqlConnection::connect_with(&self.options);
        let mut connection = in_time(self.limits.connect_timeout, connecting).await?;
        let read_only = "SET SESSION TRANSACTION READ ONLY";
        sqlx::raw_sql(read_only)
            .execute(&mut connection)
            .await
            .map_err(|error| fault(&error))?;
        let limit = self.limits.statement_timeout;
        // Each of the two products knows one of these.
        for setting in [
            format!("SET SESSION max_statement_time = {}", limit.as_secs_f64()),
            format!("SET SESSION max_execution_time = {}", limit.as_millis()),
        ] {
            if let Err(error) = sqlx::raw_sql(AssertSqlSafe(setting))
                .execute(&mut connection)
                .await
            {
                tracing::debug!(%error, "the other product's limit of time counts");
            }
        }
        let (schema, table) = match self.query.table.as_slice() {
            [schema, table] => (Some(schema.as_str()), table.as_str()),
            [table] => (None, table.as_str()),
            _ => return Err(PullFault::wrong("a table is `table` or `schema.table`")),
        };
        let rows = sqlx::query(COLUMNS)
            .bind(schema)
            .bind(table)
            .fetch_all(&mut connection)
            .await
            .map_err(|error| fault(&error))?;
        let known: Vec<Column> = rows
            .iter()
            .map(|row| {
                Ok(Column {
                    name: row.try_get("name")?,
                    sql_type: row.try_get::<String, _>("sql_type")?.to_lowercase(),
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|error| fault(&error))?;
        let table = self.query.table.join(".");
        let columns = find(&known, &self.query.columns, &table)?;
        let order = find(&known, &self.query.order, &table)?;
        refuse_bytes(&columns, holds_bytes)?;
        let mut wanted: Vec<String> = columns.iter().map(|column| text_of(column)).collect();
        wanted.extend(order.iter().map(|column| exact_text_of(column)));
        let parameters = order
            .iter()
            .map(|column| parameter_of(column))
            .collect::<Result<_, _>>()?;
        Ok(Open {
            connection,
            wanted,
            parameters,
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
            .map(|name| quote(name, '`'))
            .collect();
        // Parameters have no numbers: each is bound where it stands.
        let mut bound = Vec::new();
        let mut value = |index: usize| {
            bound.push(index);
            open.parameters[index].to_owned()
        };
        let condition = dialect::condition(&order, place, &mut value);
        let statement = select(&self.query, ('`', &open.wanted), &condition, place.rows);
        let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        for index in bound {
            query = query.bind(place.after[index].text());
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

/// Returns the type's name without its size and attributes.
fn base(sql_type: &str) -> &str {
    sql_type.split(['(', ' ']).next().unwrap_or_default()
}

fn holds_bytes(sql_type: &str) -> bool {
    let base = base(sql_type);
    base.ends_with("blob")
        || base.ends_with("binary")
        || [
            "bit",
            "geometry",
            "point",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geometrycollection",
            "vector",
        ]
        .contains(&base)
}

/// Writes a column's value as text, without losing anything.
fn text_of(column: &Column) -> String {
    match base(&column.sql_type) {
        "timestamp" => format!(
            "DATE_FORMAT({}, '%Y-%m-%dT%H:%i:%s.%fZ')",
            quote(&column.name, '`')
        ),
        _ => exact_text_of(column),
    }
}

/// Writes a column's value as a text that [`parameter_of`] reads back as the same value.
fn exact_text_of(column: &Column) -> String {
    let name = quote(&column.name, '`');
    match base(&column.sql_type) {
        // Written directly, it would be cut to six digits.
        "float" => format!("CAST(CAST({name} AS DOUBLE) AS CHAR)"),
        _ => format!("CAST({name} AS CHAR)"),
    }
}

/// Returns how a value of a column is written as a parameter, so that it is compared exactly.
fn parameter_of(column: &Column) -> Result<&'static str, PullFault> {
    let unsigned = column.sql_type.contains("unsigned");
    Ok(match base(&column.sql_type) {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if unsigned => {
            "CAST(? AS UNSIGNED)"
        }
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => "CAST(? AS SIGNED)",
        "decimal" => "CAST(? AS DECIMAL(65,30))",
        "float" | "double" => "CAST(? AS DOUBLE)",
        "datetime" | "timestamp" => "CAST(? AS DATETIME(6))",
        "date" => "CAST(? AS DATE)",
        // These are ordered by their numbers and compared by their names.
        "enum" | "set" => {
            return Err(PullFault::wrong(format!(
                "rows cannot be ordered by the column `{}` ({})",
                column.name, column.sql_type
            )));
        }
        _ => "?",
    })
}

fn read(row: &MySqlRow, width: usize, order: usize) -> Result<OrderedRow, PullFault> {
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
impl Table for MySqlTable {
    async fn read(
        &mut self,
        place: &Place,
        bytes_max: usize,
    ) -> Result<(Vec<OrderedRow>, bool), PullFault> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open().await?,
        };
        let limit = self.limits.statement_timeout + Duration::from_secs(5);
        let reading = self.page(&mut open, place, bytes_max);
        let page = tokio::time::timeout(limit, reading)
            .await
            .map_err(|_| PullFault::away("the database took too long to answer"))??;
        if !page.1 || page.0.len() >= place.rows {
            self.open = Some(open);
        }
        Ok(page)
    }
}
