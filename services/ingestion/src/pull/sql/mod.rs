//! Pulls rows of a table of another database: PostgreSQL, MySQL, MariaDB or SQLite.
//!
//! Rows come in the order of a few columns, page by page, each page by one statement that begins behind the last row of
//! the page before. Names of tables and columns are looked up in the database's own catalogue and quoted; they are never
//! taken as text.

mod dialect;
mod mysql;
mod postgres;
mod puller;
mod sqlite;

pub(crate) use puller::{SqlPlan, SqlPuller, Start};

use async_trait::async_trait;

use super::cursor::CursorValue;
use super::{Cells, PullFault};

/// What to read.
#[derive(Clone, Debug)]
struct Query {
    /// Names of the table, outermost first.
    table: Vec<String>,
    /// Columns whose values are wanted.
    columns: Vec<String>,
    /// Columns by which the rows are ordered; together they tell rows apart.
    order: Vec<String>,
}

/// Where to read on.
#[derive(Clone, Debug, Default)]
struct Place {
    /// Values of the ordering columns behind which to begin; of the first alone, rows of that value count too.
    after: Vec<CursorValue>,
    /// Most rows.
    rows: usize,
}

/// A row with the values that order it.
type OrderedRow = (Cells, Vec<CursorValue>);

/// A table of another database, opened for reading alone.
#[async_trait]
trait Table: Send {
    /// Reads rows from a place on, until there are enough or they take more than `bytes_max`. The flag tells whether
    /// there may be more.
    async fn read(
        &mut self,
        place: &Place,
        bytes_max: usize,
    ) -> Result<(Vec<OrderedRow>, bool), PullFault>;
}

/// Adds a row to a page while there is room.
struct Filling {
    rows: Vec<OrderedRow>,
    bytes: usize,
    bytes_max: usize,
    row_bytes_max: usize,
}

impl Filling {
    fn new(bytes_max: usize, row_bytes_max: usize) -> Self {
        Self {
            rows: Vec::new(),
            bytes: 0,
            bytes_max,
            row_bytes_max,
        }
    }

    /// Adds a row; false when the page is full with it.
    fn add(&mut self, row: OrderedRow) -> Result<bool, PullFault> {
        let size: usize = row.0.iter().flatten().map(String::len).sum();
        if size > self.row_bytes_max {
            let most = self.row_bytes_max;
            return Err(PullFault::wrong(format!(
                "a row has more than {most} bytes"
            )));
        }
        self.bytes += size + 32 * row.0.len();
        self.rows.push(row);
        Ok(self.bytes < self.bytes_max)
    }
}

#[cfg(test)]
mod tests;
