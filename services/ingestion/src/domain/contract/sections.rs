//! Brings the sections of a contract that speak of columns to the files that read them.

use super::node::Node;
use super::{Column, clean, masking, shape, standardise, tags};

/// Reads the sections whose entries belong to one column each, and gives every column its own.
pub(super) fn of_columns(
    mapping: &Node<'_>,
    columns: &mut [Column],
    defaults: &standardise::Defaults,
) {
    each(mapping, "standardise", columns, |node, column| {
        column.standard = standardise::read(node, column, defaults);
    });
    each(mapping, "clean", columns, |node, column| {
        column.clean = clean::read(node, column);
    });
    each(mapping, "mask", columns, |node, column| {
        column.mask = masking::read(node, column);
    });
    each(mapping, "tags", columns, |node, column| {
        column.tags = tags::read(node, column);
    });
}

/// Calls `read` for every entry of a section with the column that it names.
fn each(
    mapping: &Node<'_>,
    section: &str,
    columns: &mut [Column],
    read: impl Fn(&Node<'_>, &mut Column),
) {
    let Some(section) = mapping.get(section) else {
        return;
    };
    for (name, node) in section.entries() {
        match columns.iter_mut().find(|column| column.name == name) {
            Some(column) => read(&node, column),
            None => shape::unknown_column(&node, name),
        }
    }
}
