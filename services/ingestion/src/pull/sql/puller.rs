use api::ingestion::SqlSource;
use async_trait::async_trait;
use chrono::TimeDelta;

use super::mysql::MySqlTable;
use super::postgres::PostgresTable;
use super::sqlite::SqliteTable;
use super::{Place, Query, Table};
use crate::config::{ConnectionConfig, SqlPullConfig};
use crate::domain::contract::{Contract, KeyRule};
use crate::pull::cursor::{CursorValue, rewound};
use crate::pull::{Next, Page, Position, Progress, PullFault, Puller, Records};

/// Rows of a read unless the source says otherwise.
const ROWS: usize = 2_000;
/// Most bytes of one page in memory.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// What a pull from a database needs to know.
pub(crate) struct SqlPlan<'a> {
    /// What the source says.
    pub(crate) source: &'a SqlSource,
    /// Its contract, which names the columns.
    pub(crate) contract: &'a Contract,
    /// The operator's connection.
    pub(crate) connection: &'a ConnectionConfig,
    /// Limits of reading.
    pub(crate) limits: &'a SqlPullConfig,
    /// Most rows of a read, where the source's own number is not to count.
    pub(crate) rows_max: Option<usize>,
}

/// Pulls rows of a table.
pub(crate) struct SqlPuller {
    table: Box<dyn Table>,
    /// Whether the next pull begins where this one ends.
    incremental: bool,
    /// Whether the position moves page by page, or only when all is read.
    steady: bool,
    place: Place,
    ended: bool,
}

impl SqlPuller {
    /// Prepares a pull that goes on at `progress`; nothing is connected yet.
    pub(crate) fn new(plan: &SqlPlan<'_>, start: Start) -> Result<Self, PullFault> {
        let SqlSource {
            table,
            watermark_column,
            key_column,
            batch_rows,
            ..
        } = plan.source;
        let incremental = !watermark_column.is_empty();
        let mut order: Vec<String> = [watermark_column, key_column]
            .into_iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        if order.is_empty() {
            order = key_columns(plan.contract);
        }
        let query = Query {
            table: table.split('.').map(str::to_owned).collect(),
            columns: names(plan.contract),
            order,
        };
        let rows = plan
            .rows_max
            .or_else(|| usize::try_from(*batch_rows).ok().filter(|rows| *rows > 0))
            .unwrap_or(ROWS);
        let limits = plan.limits.clone();
        Ok(Self {
            table: open(plan.connection.url.expose(), query, limits)?,
            incremental,
            steady: start.steady,
            place: Place {
                after: start.after,
                rows,
            },
            ended: false,
        })
    }
}

/// Where a pull begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    after: Vec<CursorValue>,
    steady: bool,
}

impl Start {
    /// Says where a pull begins that has come as far as `progress`, after pulls that came as far as `position`.
    ///
    /// With an overlap it begins that much earlier, and the position moves only when the pull has come to its end: a
    /// pull that fails on the way must not move it back.
    pub(crate) fn new(
        source: &SqlSource,
        progress: &Progress,
        position: Option<&Position>,
    ) -> Result<Self, PullFault> {
        let overlap = source
            .overlap
            .as_ref()
            .and_then(runtime::time::duration_from_proto)
            .and_then(|length| TimeDelta::from_std(length).ok())
            .filter(|length| !length.is_zero());
        let known = match position {
            Some(Position::Rows { after }) if !source.watermark_column.is_empty() => after.clone(),
            _ => Vec::new(),
        };
        let steady = overlap.is_none() || known.is_empty();
        if let Progress::Rows { after } = progress {
            let after = after.clone();
            return Ok(Self { after, steady });
        }
        let (Some(overlap), Some(watermark)) = (overlap, known.first()) else {
            return Ok(Self {
                after: known,
                steady,
            });
        };
        let earlier = rewound(&watermark.text(), overlap).ok_or_else(|| {
            PullFault::wrong("an overlap needs a watermark column that holds times or dates")
        })?;
        Ok(Self {
            after: vec![CursorValue::Text(earlier)],
            steady,
        })
    }

    /// Returns the progress of a pull that begins here.
    pub(crate) fn progress(&self) -> Progress {
        match self.after.is_empty() {
            true => Progress::Start,
            false => Progress::Rows {
                after: self.after.clone(),
            },
        }
    }
}

fn names(contract: &Contract) -> Vec<String> {
    let names = contract.columns.iter().map(|column| column.name.clone());
    names.collect()
}

fn key_columns(contract: &Contract) -> Vec<String> {
    match &contract.key {
        KeyRule::Columns(columns) => columns
            .iter()
            .map(|&index| contract.columns[index].name.clone())
            .collect(),
        KeyRule::ContentAndOccurrence => names(contract),
    }
}

fn open(url: &str, query: Query, limits: SqlPullConfig) -> Result<Box<dyn Table>, PullFault> {
    let scheme = url.split(':').next().unwrap_or_default();
    Ok(match scheme {
        "postgres" | "postgresql" => Box::new(PostgresTable::new(url, query, limits)?),
        "mysql" | "mariadb" => {
            let url = url.replacen("mariadb:", "mysql:", 1);
            Box::new(MySqlTable::new(&url, query, limits)?)
        }
        "sqlite" => Box::new(SqliteTable::new(url, query, limits)?),
        _ => {
            let problem = "a connection is `postgres://`, `mysql://` or `sqlite://`";
            return Err(PullFault::wrong(problem));
        }
    })
}

#[async_trait]
impl Puller for SqlPuller {
    async fn next(&mut self) -> Result<Next, PullFault> {
        if self.ended {
            return Ok(Next::End(self.end()));
        }
        let (rows, more) = self.table.read(&self.place, PAGE_BYTES_MAX).await?;
        self.ended = !more;
        let Some((_, last)) = rows.last() else {
            return Ok(Next::End(self.end()));
        };
        self.place.after = last.clone();
        let after = last.clone();
        let position = (self.incremental && self.steady).then(|| Position::Rows {
            after: after.clone(),
        });
        Ok(Next::Page(Page {
            records: Records::Cells(rows.into_iter().map(|(cells, _)| cells).collect()),
            progress: Progress::Rows { after },
            position,
            file_taken: None,
        }))
    }
}

impl SqlPuller {
    /// Returns where the next pull begins, when this one has come to its end.
    fn end(&self) -> Option<Position> {
        // One value alone means that only the beginning of an overlap is known, and nothing behind it.
        let known = self.incremental && self.place.after.len() > 1;
        known.then(|| Position::Rows {
            after: self.place.after.clone(),
        })
    }
}
