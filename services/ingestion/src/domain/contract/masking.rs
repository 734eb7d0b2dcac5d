//! How the contract's section `mask` is written.

use super::Column;
use super::node::Node;

/// What the section says of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mask {}

/// Reads the entry of one column.
pub(super) fn read(node: &Node<'_>, _column: &Column) -> Option<Mask> {
    node.wrong("UNSUPPORTED", "nothing can be said here yet");
    None
}
