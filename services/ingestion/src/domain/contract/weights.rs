//! How the contract's section `weights` is written.

use super::Column;
use super::node::Node;

/// What the section says; the defaults where it is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {}

/// Reads the section; absent means the defaults.
pub(super) fn read(node: Option<&Node<'_>>, _columns: &[Column]) -> Weights {
    if let Some(node) = node {
        node.wrong("UNSUPPORTED", "nothing can be said here yet");
    }
    Weights::default()
}
