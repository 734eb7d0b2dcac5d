//! How the contract's section `duplicates` is written.

use chrono::TimeDelta;

use super::node::Node;
use super::{Column, shape};

/// Which records are near duplicates of each other: those that agree in some columns and happened at nearly the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Duplicates {
    /// Columns in which they agree, after the stages.
    pub key: Vec<usize>,
    /// Longest time between them.
    pub within: TimeDelta,
    /// What becomes of the one that comes later.
    pub action: DuplicateAction,
}

/// What becomes of a near duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateAction {
    /// It is taken in with the mark `near_duplicate`.
    Flag,
    /// It is kept aside.
    Quarantine,
    /// It is counted as a duplicate and left out.
    Drop,
}

/// Longest window.
const WITHIN_MAX: TimeDelta = TimeDelta::days(31);

/// Reads the section.
pub(super) fn read(node: &Node<'_>, columns: &[Column]) -> Option<Duplicates> {
    node.only(&["key", "within", "action"]);
    let key: Vec<usize> = node
        .need("key")?
        .list_or_one()
        .iter()
        .filter_map(|node| shape::column(node, columns))
        .collect();
    let within = node.need("within")?;
    let window = shape::delay(&within)?;
    if window <= TimeDelta::zero() || window > WITHIN_MAX {
        within.wrong("OUT_OF_RANGE", "a time from one second to 31 days");
    }
    let action = node.get("action");
    let action = match action.as_ref().and_then(|node| node.text()).as_deref() {
        None | Some("flag") => DuplicateAction::Flag,
        Some("quarantine") => DuplicateAction::Quarantine,
        Some("drop") => DuplicateAction::Drop,
        Some(_) => {
            if let Some(node) = &action {
                node.wrong("UNSUPPORTED", "use flag, quarantine or drop");
            }
            DuplicateAction::Flag
        }
    };
    (!key.is_empty()).then_some(Duplicates {
        key,
        within: window,
        action,
    })
}
