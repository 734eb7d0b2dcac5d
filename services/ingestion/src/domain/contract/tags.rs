//! How the contract's section `tags` is written.

use super::Column;
use super::node::Node;

/// By which taxonomies the texts of one column are tagged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tagging {
    /// Ids of taxonomies; empty means all of the tenant.
    pub taxonomies: Vec<String>,
}

/// Reads the entry of one column: `all`, the id of a taxonomy, or a list of ids.
pub(super) fn read(node: &Node<'_>, _column: &Column) -> Option<Tagging> {
    let mut taxonomies = Vec::new();
    for one in node.list_or_one() {
        let id = one.text()?;
        if id == "all" || one.value.as_bool() == Some(true) {
            return Some(Tagging::default());
        }
        if !crate::domain::judge::is_source_name(&id) {
            one.wrong(
                "INVALID_TAXONOMY",
                "`all` or the id of a taxonomy is expected, 1 to 64 bytes of a-z, 0-9, _ and -",
            );
        }
        taxonomies.push(id);
    }
    if taxonomies.is_empty() {
        node.wrong("MISSING", "name at least one taxonomy, or `all`");
        return None;
    }
    Some(Tagging { taxonomies })
}
