//! How the contract's section `dependencies` is written: which columns settle which others.

use super::clean::{MENDED, Treatment, treatment};
use super::node::Node;
use super::{Column, shape};

/// Most dependencies of a contract, counted by the columns that are settled.
const DEPENDENCIES_MAX: usize = 100;

/// Columns whose values settle the value of another: a post code settles the city.
///
/// Which value goes with which is learned by the baseline; a record that says otherwise stands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// Names of the columns, by which the baseline knows the dependency: `ZipCode>City`.
    pub id: String,
    /// Columns that settle it, by index.
    pub from: Vec<usize>,
    /// Column that is settled, by index.
    pub to: usize,
    /// Fewest records of the baseline with the same settling values before anything follows.
    pub support: u32,
    /// Smallest share of these records that must agree, above 0.5.
    pub share: f64,
    /// What becomes of a value that stands out.
    pub action: Treatment,
}

/// Reads the section: one entry may settle several columns.
pub(super) fn read(node: &Node<'_>, columns: &[Column]) -> Vec<Dependency> {
    let mut all = Vec::new();
    for entry in node.list() {
        read_entry(&entry, columns, &mut all);
    }
    if all.len() > DEPENDENCIES_MAX {
        node.wrong(
            "TOO_MANY",
            format!("at most {DEPENDENCIES_MAX} settled columns"),
        );
    }
    all
}

fn read_entry(node: &Node<'_>, columns: &[Column], all: &mut Vec<Dependency>) {
    node.only(&["from", "to", "support", "share", "action"]);
    let listed = |name: &str| -> Vec<usize> {
        let nodes = node.need(name).map(|node| node.list_or_one());
        let index = |node: &Node<'_>| {
            let index = shape::column(node, columns)?;
            if columns[index].personal {
                // What the baseline learns it keeps in the clear.
                node.wrong("PERSONAL_COLUMN", "nothing is learned of personal columns");
            }
            Some(index)
        };
        nodes.iter().flatten().filter_map(index).collect()
    };
    let (from, to) = (listed("from"), listed("to"));
    let support = node.get("support").map(|node| {
        let support = shape::small_number(&node, 1_000_000)?;
        if support < 2 {
            node.wrong("OUT_OF_RANGE", "at least 2 records must agree");
        }
        Some(support)
    });
    let share = node.get("share").map(|node| share(&node));
    let action = treatment(node, MENDED);
    if from.is_empty() || to.is_empty() || to.iter().any(|index| from.contains(index)) {
        node.wrong(
            "INCOMPLETE",
            "at least one column settles at least one other",
        );
        return;
    }
    let names = |indices: &[usize]| {
        let names: Vec<&str> = indices
            .iter()
            .map(|index| columns[*index].name.as_str())
            .collect();
        names.join("+")
    };
    for index in to {
        let id = format!("{}>{}", names(&from), names(&[index]));
        if all.iter().any(|known| known.id == id) {
            node.wrong("DUPLICATE", format!("`{id}` stands twice"));
        }
        all.push(Dependency {
            id,
            from: from.clone(),
            to: index,
            support: support.flatten().unwrap_or(3),
            share: share.flatten().unwrap_or(0.8),
            action,
        });
    }
}

fn share(node: &Node<'_>) -> Option<f64> {
    let share = node
        .value
        .as_f64()
        .filter(|share| *share > 0.5 && *share <= 1.0);
    if share.is_none() {
        node.wrong("OUT_OF_RANGE", "a share above 0.5 and up to 1 is expected");
    }
    share
}
