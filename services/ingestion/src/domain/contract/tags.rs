//! How the contract's section `tags` is written.

use super::Column;
use super::node::Node;

/// What the section says of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tagging {}

/// Reads the entry of one column.
pub(super) fn read(node: &Node<'_>, _column: &Column) -> Option<Tagging> {
    node.wrong("UNSUPPORTED", "nothing can be said here yet");
    None
}
