//! Rebuilt states in the place of stored ones.

use std::collections::HashMap;

use features::{CustomerState, Version};

use super::{BatchError, Outcome, StoredCustomer, StoredFragment, Work, decode};
use crate::domain::identity::FragmentId;

/// Puts rebuilt states in the place of stored ones, where they hold equally many events: a fragment's events come in one
/// order, so equally many are the same. A stored state that cannot be read is replaced whatever it held.
///
/// `customers` and `fragments` are as for [`apply`](super::apply). `verdict` is told of every stored fragment among `rebuilt`.
///
/// # Errors
/// When a state that is to be merged cannot be read.
pub fn replace(
    fragments: Vec<StoredFragment>,
    customers: &[StoredCustomer],
    rebuilt: &HashMap<FragmentId, CustomerState>,
    write_version: Version,
    verdict: &mut dyn FnMut(Verdict),
) -> Result<Outcome, BatchError> {
    let mut work = Work::new(fragments, customers)?;
    for (fragment, state) in rebuilt {
        let Some(bytes) = work.stored.get(fragment) else {
            continue;
        };
        let same_events = decode(fragment, bytes).map_or(true, |it| it.events() == state.events());
        let same_bytes = *bytes == state.encode(write_version);
        verdict(match (same_events, same_bytes) {
            (false, _) => Verdict::Lagging(*fragment),
            (true, true) => Verdict::Unchanged,
            (true, false) => Verdict::Replaced,
        });
        if same_events && !same_bytes {
            work.changed.insert(*fragment, state.clone());
        }
    }
    work.finish(write_version)
}

/// What became of a fragment in [`replace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its state differed and was replaced.
    Replaced,
    /// Its state was the same.
    Unchanged,
    /// Its state holds other events than the rebuilt one.
    Lagging(FragmentId),
}
