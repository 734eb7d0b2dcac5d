//! How the contract's section `alerts` is written.

use super::Column;
use super::node::Node;

/// What the section says; the defaults where it is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerts {}

/// Reads the section; absent means the defaults.
pub(super) fn read(node: Option<&Node<'_>>, _columns: &[Column]) -> Alerts {
    if let Some(node) = node {
        node.wrong("UNSUPPORTED", "nothing can be said here yet");
    }
    Alerts::default()
}
