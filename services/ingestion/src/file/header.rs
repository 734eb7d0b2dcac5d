//! The names of columns, and where the contract's columns stand among them.

use std::collections::HashSet;

use super::FileFault;
use crate::domain::contract::Contract;

/// Most names that a message repeats.
const TOLD_MAX: usize = 8;

/// Returns the names of columns as a contract calls them: without blanks around them, `column_3` for a third column without
/// a name, `price (2)` for the second that is called `price`.
pub(super) fn column_names(cells: &[&str]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let plain = match cell.trim() {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        };
        let mut name = plain.clone();
        let mut count = 1;
        while !seen.insert(name.clone()) {
            count += 1;
            name = format!("{plain} ({count})");
        }
        names.push(name);
    }
    names
}

/// Finds where each column of a contract stands; the order is free, but none may be missing or unknown.
pub(super) fn positions(
    contract: &Contract,
    names: &[String],
    file: &str,
    line: u64,
) -> Result<Vec<usize>, FileFault> {
    let place = |name: &str| names.iter().position(|known| known == name);
    let found: Vec<Option<usize>> = contract
        .columns
        .iter()
        .map(|column| place(&column.name))
        .collect();
    let missing: Vec<&str> = contract
        .columns
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_none())
        .map(|(column, _)| column.name.as_str())
        .collect();
    let known: HashSet<&str> = contract.columns.iter().map(|it| it.name.as_str()).collect();
    let unknown: Vec<(usize, &str)> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| !known.contains(name.as_str()))
        .map(|(index, name)| (index, name.as_str()))
        .collect();
    if missing.is_empty() && unknown.is_empty() {
        return Ok(found.into_iter().flatten().collect());
    }
    let mut problem = format!("the header does not fit the contract `{}`:", contract.id);
    if line > 0 && missing.len() == contract.columns.len() {
        // It is a row perhaps, and what it says may be personal.
        problem.push_str(" it names none of its columns; is the first line a header?");
        return Err(FileFault::new(file, line, 0, problem));
    }
    if !missing.is_empty() {
        problem.push_str(&format!(" missing {}", quoted(missing.iter().copied())));
    }
    if !unknown.is_empty() {
        let comma = if missing.is_empty() { "" } else { "," };
        let names = unknown.iter().map(|(_, name)| *name);
        problem.push_str(&format!("{comma} not expected {}", quoted(names)));
    }
    let column = unknown.first().map_or(0, |(index, _)| *index as u64 + 1);
    Err(FileFault::new(file, line, column, problem))
}

/// Says that a file has more columns than are read.
pub(super) fn check_width(count: usize, most: usize, file: &str) -> Result<(), FileFault> {
    if count <= most {
        return Ok(());
    }
    let problem = format!("the file has {count} columns; at most {most} are read");
    Err(FileFault::new(file, 1, 0, problem))
}

fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let short = |name: &str| {
        let name = text::hide(name);
        format!("`{}`", name.chars().take(40).collect::<String>())
    };
    let all: Vec<String> = names.map(short).collect();
    if all.len() > TOLD_MAX {
        format!(
            "{} and {} more",
            all[..TOLD_MAX].join(", "),
            all.len() - TOLD_MAX
        )
    } else {
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_column_and_none_twice() {
        let names = column_names(&["", " id ", "price", "price", "", "price (2)"]);
        let expected = [
            "column_1",
            "id",
            "price",
            "price (2)",
            "column_5",
            "price (2) (2)",
        ];
        assert_eq!(names, expected);
    }
}
