//! The words of a statement that the databases share.

use super::super::PullFault;
use super::{Place, Query};

/// A column as the catalogue tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Name.
    pub(super) name: String,
    /// Type, as a statement may write it.
    pub(super) sql_type: String,
}

/// Finds the wanted columns. Fails with a sentence that names each one that is missing.
pub(super) fn find<'c>(
    known: &'c [Column],
    wanted: &[String],
    table: &str,
) -> Result<Vec<&'c Column>, PullFault> {
    if known.is_empty() {
        return Err(PullFault::wrong(format!("there is no table `{table}`")));
    }
    let find = |name: &String| known.iter().find(|column| column.name == *name);
    let missing: Vec<String> = wanted
        .iter()
        .filter(|name| find(name).is_none())
        .map(|name| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(PullFault::wrong(format!(
            "the table `{table}` has no column {missing}"
        )));
    }
    Ok(wanted.iter().filter_map(find).collect())
}

/// Refuses columns that hold bytes: no column of a contract can take them.
pub(super) fn refuse_bytes(
    columns: &[&Column],
    holds_bytes: impl Fn(&str) -> bool,
) -> Result<(), PullFault> {
    match columns.iter().find(|column| holds_bytes(&column.sql_type)) {
        None => Ok(()),
        Some(column) => Err(PullFault::wrong(format!(
            "the column `{}` holds bytes ({}), which a contract has no type for",
            column.name, column.sql_type
        ))),
    }
}

/// Quotes a name with a mark that is doubled inside.
pub(super) fn quote(name: &str, mark: char) -> String {
    let doubled: String = [mark, mark].iter().collect();
    format!("{mark}{}{mark}", name.replace(mark, &doubled))
}

/// Quotes the names of a table.
pub(super) fn quote_table(names: &[String], mark: char) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quote(name, mark)).collect();
    quoted.join(".")
}

/// Returns the condition for rows behind some values: `columns` are quoted, `value` says how each value is written as a
/// parameter, and is asked in the order in which they stand.
///
/// It is written out instead of comparing rows, so that every database can use an index of the first column.
fn behind(columns: &[String], value: &mut dyn FnMut(usize) -> String) -> String {
    let [first, rest @ ..] = columns else {
        return String::new();
    };
    if rest.is_empty() {
        return format!("{first} > {}", value(0));
    }
    let bound = format!("{first} >= {}", value(0));
    let mut cases = Vec::new();
    for last in 0..columns.len() {
        let mut terms = Vec::new();
        for (index, column) in columns.iter().enumerate().take(last) {
            terms.push(format!("{column} = {}", value(index)));
        }
        terms.push(format!("{} > {}", columns[last], value(last)));
        cases.push(format!("({})", terms.join(" AND ")));
    }
    format!("{bound} AND ({})", cases.join(" OR "))
}

/// Returns the condition of a page: every ordering column has a value, and the row lies behind the place. `value` says
/// how each value is written as a parameter.
pub(super) fn condition(
    columns: &[String],
    place: &Place,
    value: &mut dyn FnMut(usize) -> String,
) -> String {
    let mut terms: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} IS NOT NULL"))
        .collect();
    match place.after.len() {
        0 => {}
        count if count == columns.len() => terms.push(behind(columns, value)),
        // Only how far to go back is known: rows of that very value count too.
        _ => terms.push(format!("{} >= {}", columns[0], value(0))),
    }
    format!("WHERE {}", terms.join(" AND "))
}

/// Returns the statement that reads a page.
pub(super) fn select(
    query: &Query,
    (mark, wanted): (char, &[String]),
    condition: &str,
    rows: usize,
) -> String {
    // With the table's name in front: a name alone means first what is selected, which is a text.
    let order: Vec<String> = query
        .order
        .iter()
        .map(|name| format!("t.{}", quote(name, mark)))
        .collect();
    format!(
        "SELECT {} FROM {} AS t {condition} ORDER BY {} LIMIT {rows}",
        wanted.join(", "),
        quote_table(&query.table, mark),
        order.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        for name in ["a\"; DROP TABLE x; --", "`", "a`b\"c", "'"] {
            for mark in ['"', '`'] {
                let quoted = quote(name, mark);
                let inner = &quoted[1..quoted.len() - 1];
                let doubled: String = [mark, mark].iter().collect();
                assert!(!inner.replace(&doubled, "").contains(mark), "{quoted}");
            }
        }
        let names = ["s".to_owned(), "t\"x".to_owned()];
        assert_eq!(quote_table(&names, '"'), "\"s\".\"t\"\"x\"");
    }

    #[test]
    fn rows_behind_a_row_are_those_that_order_after_it() {
        let columns = ["a".to_owned(), "b".to_owned()];
        assert_eq!(
            behind(&columns, &mut |index| format!("${index}")),
            "a >= $0 AND ((a > $0) OR (a = $0 AND b > $1))"
        );
        assert_eq!(behind(&columns[..1], &mut |_| "?".into()), "a > ?");
    }

    #[test]
    fn what_is_missing_is_named() {
        let known = [Column {
            name: "id".into(),
            sql_type: "text".into(),
        }];
        let wanted = ["id".to_owned(), "Id".to_owned(), "x".to_owned()];
        let fault = find(&known, &wanted, "t").unwrap_err().to_string();
        assert_eq!(fault, "the table `t` has no column `Id`, `x`");
        assert_eq!(
            find(&[], &wanted, "t").unwrap_err().to_string(),
            "there is no table `t`"
        );
    }
}
