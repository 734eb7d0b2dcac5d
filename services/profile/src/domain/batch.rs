//! What one batch of events does to one tenant's customers: the pure middle of `ApplyEvents`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use features::{CustomerState, Event, Version};
use uuid::Uuid;

mod replace;

pub use replace::{Verdict, replace};

use super::identity::{Directory, FragmentId, Identifier, Slot};

/// A fragment as the store has it.
#[derive(Debug, Clone)]
pub struct StoredFragment {
    /// The identifier behind it.
    pub identifier: Identifier,
    /// Customer it belongs to, never an alias.
    pub customer: Uuid,
    /// Earliest time at which it could be known, in milliseconds since 1970.
    pub known_ms: i64,
    /// `CustomerState` in its wire form; empty when nothing was counted for it yet.
    pub state: Vec<u8>,
}

/// A customer as the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredCustomer {
    /// Its id.
    pub id: Uuid,
    /// Its dense number.
    pub ordinal: i64,
    /// Its version.
    pub version: i64,
}

/// An event that may be applied.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Fragments it names, its own first; at least one.
    pub identifiers: Vec<Identifier>,
    /// What it says.
    pub event: Event,
    /// When it happened, in milliseconds since 1970.
    pub event_ms: i64,
    /// Day of it in the tenant's zone, in days since 1970.
    pub local_day: i32,
    /// When it could be known, in milliseconds since 1970.
    pub known_ms: i64,
}

/// A fragment to write.
#[derive(Debug, Clone)]
pub struct FragmentWrite {
    /// The identifier behind it.
    pub identifier: Identifier,
    /// Customer it belongs to now.
    pub customer: Uuid,
    /// Earliest time at which it could be known.
    pub known_ms: i64,
    /// True when it is new, moved, or known earlier than stored; false when only its state is new.
    pub placed: bool,
    /// Its state in wire form.
    pub state: Vec<u8>,
}

/// What happened to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// First seen in this batch.
    Created,
    /// Its state or its fragments changed.
    Updated,
    /// Merged away; the survivor's id.
    MergedInto(Uuid),
}

/// A customer to write. A customer that was first seen in this batch has no ordinal yet: the store gives it, in order.
#[derive(Debug, Clone)]
pub struct CustomerWrite {
    /// Its id.
    pub id: Uuid,
    /// Its dense number; `None` for a new one.
    pub ordinal: Option<i64>,
    /// Its version after the batch.
    pub version: i64,
    /// What happened to it.
    pub change: Change,
    /// How many fragments it has now.
    pub fragments: i32,
    /// Its merged state in wire form; empty for one that was merged away.
    pub state: Vec<u8>,
}

/// A line of the identity table: from when on a fragment belongs to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityWrite {
    /// The fragment.
    pub fragment: FragmentId,
    /// Its customer.
    pub customer: Uuid,
    /// When that could be known, in milliseconds since 1970.
    pub known_ms: i64,
}

/// What to write after a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Fragments by id.
    pub fragments: Vec<FragmentWrite>,
    /// Customers: new ones in the order of their ordinals first, then changed ones by id.
    pub customers: Vec<CustomerWrite>,
    /// Identity lines by fragment.
    pub identity: Vec<IdentityWrite>,
    /// Links that were refused because two strong identifiers contradict each other.
    pub links_skipped: u64,
    /// Newest event time among the events, in milliseconds since 1970.
    pub newest_event_ms: Option<i64>,
    /// Newest local day among the events.
    pub newest_event_day: Option<i32>,
}

/// Why a batch could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A stored state cannot be read.
    #[error("state of fragment {0} cannot be read")]
    StateUnreadable(String),
    /// A stored fragment names a customer that was not given.
    #[error("fragment {0} belongs to a customer that is not stored")]
    CustomerMissing(String),
}

/// Applies `events` in their order to what is stored.
///
/// `customers` must hold every customer of `fragments`, and `fragments` every fragment of those customers. States are
/// written in wire version `write_version`. `fresh` gives ids of new customers.
///
/// # Errors
/// When what is stored cannot be read.
pub fn apply<'a>(
    fragments: Vec<StoredFragment>,
    customers: &[StoredCustomer],
    events: impl IntoIterator<Item = &'a Incoming>,
    write_version: Version,
    fresh: &mut dyn FnMut() -> Uuid,
) -> Result<Outcome, BatchError> {
    let mut work = Work::new(fragments, customers)?;
    for event in events {
        work.take(event, fresh)?;
    }
    work.finish(write_version)
}

struct Work<'a> {
    directory: Directory,
    customers: HashMap<Uuid, &'a StoredCustomer>,
    /// Wire form of the stored states.
    stored: HashMap<FragmentId, Vec<u8>>,
    /// States that this batch changed.
    changed: BTreeMap<FragmentId, CustomerState>,
    outcome: Outcome,
}

impl<'a> Work<'a> {
    fn new(
        fragments: Vec<StoredFragment>,
        customers: &'a [StoredCustomer],
    ) -> Result<Self, BatchError> {
        let mut directory = Directory::default();
        let slots: HashMap<Uuid, Slot> = customers
            .iter()
            .map(|it| (it.id, directory.know_customer(it.id, it.ordinal)))
            .collect();
        let mut stored = HashMap::with_capacity(fragments.len());
        for fragment in fragments {
            let slot = slots
                .get(&fragment.customer)
                .ok_or_else(|| BatchError::CustomerMissing(hex(&fragment.identifier.fragment)))?;
            directory.know_fragment(&fragment.identifier, *slot, fragment.known_ms);
            stored.insert(fragment.identifier.fragment, fragment.state);
        }
        let customers = customers.iter().map(|it| (it.id, it)).collect();
        Ok(Self {
            directory,
            customers,
            stored,
            changed: BTreeMap::new(),
            outcome: Outcome::default(),
        })
    }

    fn take(
        &mut self,
        incoming: &Incoming,
        fresh: &mut dyn FnMut() -> Uuid,
    ) -> Result<(), BatchError> {
        let Some(settled) = self
            .directory
            .settle(&incoming.identifiers, incoming.known_ms, fresh)
        else {
            return Ok(());
        };
        let own = incoming.identifiers[0].fragment;
        if !self.changed.contains_key(&own) {
            let state = self.stored_state(&own)?;
            self.changed.insert(own, state);
        }
        if let Some(state) = self.changed.get_mut(&own) {
            state.apply(&incoming.event);
        }
        let outcome = &mut self.outcome;
        outcome.links_skipped += u64::from(settled.links_skipped);
        outcome.newest_event_ms = outcome.newest_event_ms.max(Some(incoming.event_ms));
        outcome.newest_event_day = outcome.newest_event_day.max(Some(incoming.local_day));
        Ok(())
    }

    fn stored_state(&self, fragment: &FragmentId) -> Result<CustomerState, BatchError> {
        match self.stored.get(fragment) {
            None => Ok(CustomerState::default()),
            Some(bytes) => decode(fragment, bytes),
        }
    }

    fn finish(mut self, write_version: Version) -> Result<Outcome, BatchError> {
        let encoded: HashMap<FragmentId, Vec<u8>> = self
            .changed
            .iter()
            .map(|(fragment, state)| (*fragment, state.encode(write_version)))
            .collect();
        let mut touched = self.write_fragments(&encoded);
        for merge in self.directory.merges() {
            touched.insert(merge.from);
            touched.insert(merge.into);
        }
        let members = self.directory.members();
        let fresh: Vec<Slot> = self.directory.fresh().collect();
        touched.extend(fresh.iter().copied());
        for slot in &fresh {
            touched.remove(slot);
        }
        let mut others: Vec<Slot> = touched.into_iter().collect();
        others.sort_by_key(|slot| self.directory.id(*slot));
        for slot in fresh.into_iter().chain(others) {
            let fragments = members.get(&slot).map_or(&[][..], Vec::as_slice);
            let write = self.write_customer(slot, fragments, &encoded, write_version)?;
            self.outcome.customers.push(write);
        }
        Ok(self.outcome)
    }

    /// Lists the fragments and identity lines to write; returns the customers that they touch.
    fn write_fragments(&mut self, encoded: &HashMap<FragmentId, Vec<u8>>) -> BTreeSet<Slot> {
        let placements: BTreeMap<FragmentId, _> = self
            .directory
            .placements()
            .into_iter()
            .map(|it| (it.fragment, it))
            .collect();
        let mut ids: BTreeSet<FragmentId> = placements.keys().copied().collect();
        ids.extend(self.changed.keys());
        let mut touched = BTreeSet::new();
        for fragment in ids {
            let (Some(identifier), Some(slot)) = (
                self.directory.identifier(&fragment),
                self.directory.customer_of(&fragment),
            ) else {
                continue;
            };
            touched.insert(slot);
            let customer = self.directory.id(slot);
            let placement = placements.get(&fragment);
            if let Some(placement) = placement {
                self.outcome.identity.push(IdentityWrite {
                    fragment,
                    customer,
                    known_ms: placement.known_ms,
                });
            }
            let state = encoded
                .get(&fragment)
                .or_else(|| self.stored.get(&fragment))
                .cloned()
                .unwrap_or_default();
            let known_ms = self.directory.known_ms(&fragment).unwrap_or_default();
            let placed = placement.is_some();
            self.outcome.fragments.push(FragmentWrite {
                identifier,
                customer,
                known_ms,
                placed,
                state,
            });
        }
        touched
    }

    fn write_customer(
        &self,
        slot: Slot,
        fragments: &[FragmentId],
        encoded: &HashMap<FragmentId, Vec<u8>>,
        write_version: Version,
    ) -> Result<CustomerWrite, BatchError> {
        let id = self.directory.id(slot);
        let stored = self.customers.get(&id);
        let survivor = self.directory.survivor(slot);
        let (change, state) = if survivor != slot {
            (Change::MergedInto(self.directory.id(survivor)), Vec::new())
        } else {
            let change = if stored.is_some() {
                Change::Updated
            } else {
                Change::Created
            };
            (change, self.merged(fragments, encoded, write_version)?)
        };
        Ok(CustomerWrite {
            id,
            ordinal: stored.map(|it| it.ordinal),
            version: stored.map_or(0, |it| it.version) + 1,
            change,
            fragments: i32::try_from(fragments.len()).unwrap_or(i32::MAX),
            state,
        })
    }

    /// Merged state of a customer's fragments; spares the work where only one of them holds anything.
    fn merged(
        &self,
        fragments: &[FragmentId],
        encoded: &HashMap<FragmentId, Vec<u8>>,
        write_version: Version,
    ) -> Result<Vec<u8>, BatchError> {
        let wire = |it: &FragmentId| {
            encoded
                .get(it)
                .or_else(|| self.stored.get(it))
                .filter(|it| !it.is_empty())
        };
        let holding: Vec<&FragmentId> = fragments.iter().filter(|it| wire(it).is_some()).collect();
        if let [only] = holding[..] {
            return Ok(wire(only).cloned().unwrap_or_default());
        }
        let mut merged = CustomerState::default();
        for fragment in holding {
            match self.changed.get(fragment) {
                Some(state) => merged.merge(state),
                None => merged.merge(&self.stored_state(fragment)?),
            }
        }
        Ok(merged.encode(write_version))
    }
}

/// Merges the wire forms of a customer's fragments.
///
/// # Errors
/// When one of them cannot be read.
pub fn merge_states<'a>(
    states: impl IntoIterator<Item = (&'a FragmentId, &'a [u8])>,
) -> Result<CustomerState, BatchError> {
    let mut merged = CustomerState::default();
    for (fragment, bytes) in states {
        merged.merge(&decode(fragment, bytes)?);
    }
    Ok(merged)
}

fn decode(fragment: &FragmentId, bytes: &[u8]) -> Result<CustomerState, BatchError> {
    if bytes.is_empty() {
        return Ok(CustomerState::default());
    }
    CustomerState::decode(bytes).map_err(|_| BatchError::StateUnreadable(hex(fragment)))
}

/// Lower-case hexadecimal form of a fragment's id.
#[must_use]
pub fn hex(fragment: &FragmentId) -> String {
    fragment.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
