//! How the contract's section `duplicates` is written.

use super::Column;
use super::node::Node;

/// Which records are near duplicates of each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplicates {}

/// Reads the section.
pub(super) fn read(node: &Node<'_>, _columns: &[Column]) -> Option<Duplicates> {
    node.wrong("UNSUPPORTED", "nothing can be said here yet");
    None
}
