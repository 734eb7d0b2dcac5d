//! Many rows in one statement, on both databases.
//!
//! A statement names the rows as the table `{rows}`, whose columns are those of [`Rows::new`]. It may insert from it,
//! join it, or update by it:
//!
//! ```text
//! INSERT INTO notes (tenant, id, body) SELECT $1, rows.id, rows.body FROM {rows} WHERE TRUE ON CONFLICT DO NOTHING
//! SELECT notes.id FROM notes JOIN {rows} ON notes.tenant = $1 AND notes.id = rows.id
//! UPDATE notes SET body = rows.body FROM {rows} WHERE notes.tenant = $1 AND notes.id = rows.id
//! ```
//!
//! (`WHERE TRUE` lets SQLite tell the conflict clause from a join.) PostgreSQL gets the rows as one array per column,
//! SQLite as parameters in a few sizes of statement, so that each is prepared once. Many rows become several statements
//! of one transaction; do not aggregate over `{rows}`.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value, sea_query::ArrayType};

use crate::{StoreError, sql};

/// Most rows in one statement to PostgreSQL.
const POSTGRES_ROWS_MAX: usize = 10_000;
/// Most rows in one statement to SQLite; a power of two.
const SQLITE_ROWS_MAX: usize = 512;
/// Most parameters of one statement of SQLite.
const SQLITE_PARAMETERS_MAX: usize = 32_766;

/// Type of a column of [`Rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `TEXT`
    Text,
    /// `BIGINT`
    BigInt,
    /// `INTEGER`
    Int,
    /// `DOUBLE PRECISION`
    Double,
    /// `BOOLEAN`
    Bool,
    /// Byte string.
    Bytes,
    /// UUID.
    Uuid,
}

/// Rows to send, kept by column.
#[derive(Clone, Debug)]
pub struct Rows {
    columns: Vec<Column>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Column {
    name: &'static str,
    kind: Kind,
    values: Vec<Value>,
    nulls: bool,
}

impl Rows {
    /// Names the columns of the table `rows`.
    pub fn new<const N: usize>(columns: [(&'static str, Kind); N]) -> Self {
        let column = |(name, kind)| Column {
            name,
            kind,
            values: Vec::new(),
            nulls: false,
        };
        Self {
            columns: columns.into_iter().map(column).collect(),
            len: 0,
        }
    }

    /// Adds a row, its values in the order of the columns; a null is the `None` of the column's own type.
    ///
    /// # Panics
    /// When there are not as many values as columns.
    pub fn push<const N: usize>(&mut self, values: [Value; N]) {
        assert_eq!(N, self.columns.len(), "one value per column");
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.nulls |= is_null(&value);
            column.values.push(value);
        }
        self.len += 1;
    }

    /// Tells how many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Runs a statement over `{rows}` and returns how many rows it changed. `values` are its parameters `$1`, `$2`, ...
pub async fn execute<C: ConnectionTrait>(
    tx: &C,
    statement: &str,
    values: impl IntoIterator<Item = Value>,
    rows: Rows,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for (text, values) in statements(
        tx.get_database_backend(),
        statement,
        values.into_iter().collect(),
        rows,
    ) {
        changed += sql::execute(tx, &text, values).await?;
    }
    Ok(changed)
}

/// Runs a query over `{rows}`, or a statement with `RETURNING`. The order of the answers is not that of the rows.
pub async fn query<C: ConnectionTrait>(
    tx: &C,
    statement: &str,
    values: impl IntoIterator<Item = Value>,
    rows: Rows,
) -> Result<Vec<QueryResult>, StoreError> {
    let mut found = Vec::new();
    for (text, values) in statements(
        tx.get_database_backend(),
        statement,
        values.into_iter().collect(),
        rows,
    ) {
        found.append(&mut sql::query_all(tx, &text, values).await?);
    }
    Ok(found)
}

fn statements(
    backend: DbBackend,
    statement: &str,
    values: Vec<Value>,
    rows: Rows,
) -> impl Iterator<Item = (String, Vec<Value>)> {
    let mut rows = rows;
    std::iter::from_fn(move || {
        if rows.is_empty() {
            return None;
        }
        Some(match backend {
            DbBackend::Postgres => {
                let mut all = values.clone();
                let table = take_arrays(&mut rows, &mut all);
                (statement.replace("{rows}", &table), all)
            }
            _ => {
                let (table, mut all) = take_tuples(&mut rows, values.len());
                let text = renumber(statement, all.len()).replace("{rows}", &table);
                all.extend_from_slice(&values);
                (text, all)
            }
        })
    })
}

/// Moves the next rows into `all` as arrays and returns the SQL of their table.
fn take_arrays(rows: &mut Rows, all: &mut Vec<Value>) -> String {
    let count = rows.len.min(POSTGRES_ROWS_MAX);
    let (mut selected, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut parameter = all.len() + 1;
    for column in &mut rows.columns {
        let mut values: Vec<Value> = column.values.drain(..count).collect();
        let name = column.name;
        // Arrays cannot hold nulls here, so a second array tells which values are there.
        if column.nulls {
            let there = values
                .iter()
                .map(|it| Value::Bool(Some(!is_null(it))))
                .collect();
            values
                .iter_mut()
                .filter(|it| is_null(it))
                .for_each(|it| *it = filler(column.kind));
            arrays.push(format!("${parameter}::boolean[]"));
            names.push(format!("{name}_is_there"));
            selected.push(format!(
                "CASE WHEN {name}_is_there THEN {name} END AS {name}"
            ));
            all.push(Value::Array(ArrayType::Bool, Some(Box::new(there))));
            parameter += 1;
        } else {
            selected.push(name.to_owned());
        }
        let (sql_type, array_type) = types(column.kind);
        arrays.push(format!("${parameter}::{sql_type}[]"));
        names.push(name.to_owned());
        all.push(Value::Array(array_type, Some(Box::new(values))));
        parameter += 1;
    }
    rows.len -= count;
    let (selected, arrays, names) = (selected.join(", "), arrays.join(", "), names.join(", "));
    format!("(SELECT {selected} FROM unnest({arrays}) AS given({names})) AS rows")
}

/// Takes the next rows as single parameters, beside `others`; returns the SQL of their table and the values.
///
/// The parameters have no numbers and so come before all others: SQLite looks numbered ones up one by one.
fn take_tuples(rows: &mut Rows, others: usize) -> (String, Vec<Value>) {
    let width = rows.columns.len();
    let fits = (SQLITE_PARAMETERS_MAX - others) / width;
    let count = largest_power_of_two(rows.len.min(fits).min(SQLITE_ROWS_MAX));
    let mut all = Vec::with_capacity(count * width + others);
    let mut drained: Vec<_> = rows
        .columns
        .iter_mut()
        .map(|it| it.values.drain(..count))
        .collect();
    for _ in 0..count {
        all.extend(drained.iter_mut().filter_map(Iterator::next));
    }
    drop(drained);
    rows.len -= count;
    let named = |(at, column): (usize, &Column)| format!("column{} AS {}", at + 1, column.name);
    let names: Vec<_> = rows.columns.iter().enumerate().map(named).collect();
    let tuple = format!("({})", vec!["?"; width].join(","));
    let tuples = vec![tuple.as_str(); count].join(",");
    (
        format!(
            "(SELECT {} FROM (VALUES {tuples})) AS rows",
            names.join(", ")
        ),
        all,
    )
}

/// Adds `offset` to the number of every parameter `$1`, `$2`, ... of a statement.
fn renumber(statement: &str, offset: usize) -> String {
    let mut pieces = statement.split('$');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = piece.split_at(digits);
        match number.parse::<usize>() {
            Ok(number) => text.push_str(&format!("${}{rest}", number + offset)),
            Err(_) => text.push_str(&format!("${piece}")),
        }
    }
    text
}

fn largest_power_of_two(most: usize) -> usize {
    1 << most.max(1).ilog2()
}

fn types(kind: Kind) -> (&'static str, ArrayType) {
    match kind {
        Kind::Text => ("text", ArrayType::String),
        Kind::BigInt => ("bigint", ArrayType::BigInt),
        Kind::Int => ("integer", ArrayType::Int),
        Kind::Double => ("double precision", ArrayType::Double),
        Kind::Bool => ("boolean", ArrayType::Bool),
        Kind::Bytes => ("bytea", ArrayType::Bytes),
        Kind::Uuid => ("uuid", ArrayType::Uuid),
    }
}

fn filler(kind: Kind) -> Value {
    match kind {
        Kind::Text => String::new().into(),
        Kind::BigInt => 0_i64.into(),
        Kind::Int => 0_i32.into(),
        Kind::Double => 0.0_f64.into(),
        Kind::Bool => false.into(),
        Kind::Bytes => Vec::<u8>::new().into(),
        Kind::Uuid => uuid::Uuid::nil().into(),
    }
}

fn is_null(value: &Value) -> bool {
    matches!(
        value,
        Value::String(None)
            | Value::BigInt(None)
            | Value::Int(None)
            | Value::Double(None)
            | Value::Bool(None)
            | Value::Bytes(None)
            | Value::Uuid(None)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_sees_few_sizes_of_statement() {
        let mut rows = Rows::new([("id", Kind::BigInt), ("body", Kind::Text)]);
        for id in 0..1000_i64 {
            rows.push([id.into(), "x".into()]);
        }

        let sent: Vec<_> =
            statements(DbBackend::Sqlite, "SELECT * FROM {rows}", vec![], rows).collect();

        let sizes: Vec<_> = sent.iter().map(|(_, values)| values.len() / 2).collect();
        assert_eq!(sizes, [512, 256, 128, 64, 32, 8]);
        assert_eq!(sent[5].1[0], Value::from(992_i64));
    }

    #[test]
    fn other_parameters_follow_the_rows() {
        let mut rows = Rows::new([("id", Kind::BigInt)]);
        rows.push([1_i64.into()]);
        rows.push([2_i64.into()]);

        let (text, values) = statements(DbBackend::Sqlite, "$1 $12 {rows}", vec![9.into()], rows)
            .next()
            .unwrap();

        assert_eq!(
            text,
            "$3 $14 (SELECT column1 AS id FROM (VALUES (?),(?))) AS rows"
        );
        assert_eq!(values, [1_i64.into(), 2_i64.into(), 9.into()]);
    }

    #[test]
    fn postgres_is_told_which_values_are_null() {
        let mut rows = Rows::new([("id", Kind::BigInt), ("body", Kind::Text)]);
        rows.push([1_i64.into(), Value::String(None)]);

        let (text, values) = statements(DbBackend::Postgres, "{rows}", vec![7.into()], rows)
            .next()
            .unwrap();

        assert_eq!(
            text,
            "(SELECT id, CASE WHEN body_is_there THEN body END AS body \
             FROM unnest($2::bigint[], $3::boolean[], $4::text[]) AS given(id, body_is_there, body)) AS rows"
        );
        assert_eq!(values.len(), 4);
    }
}
