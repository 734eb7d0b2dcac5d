//! Who is who: decides, for the events of one batch in their order, which fragments belong to one customer.
//!
//! A *fragment* is what one identifier has done; a customer is a set of fragments. An event names one fragment of its
//! own (its strongest identifier) and any number of others, and by doing so says that they are one person. The rule:
//!
//! 1. All fragments of an event are joined into one customer. When several customers are joined, the older one (the
//!    lower ordinal) survives, and the others become its aliases for ever.
//! 2. Except that two customers who both hold a strong identifier of the same namespace with different values are never
//!    joined by an identifier that is weaker than strong: a family may share an e-mail address. The event then counts for
//!    its own fragment's customer, and the link is skipped.
//!
//! Nothing here reads a clock or draws a number: ids of new customers come from the caller.

use std::collections::HashMap;

use uuid::Uuid;

/// Keyed hash that names a fragment.
pub type FragmentId = [u8; 16];

/// How far an identifier identifies a person; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// Shared or short-lived.
    Weak,
    /// Personal but sometimes shared.
    Medium,
    /// One person alone.
    Strong,
}

impl Strength {
    /// Number under which it is stored: 1 weak, 2 medium, 3 strong.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Weak => 1,
            Self::Medium => 2,
            Self::Strong => 3,
        }
    }

    /// Reads what [`Strength::number`] wrote.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Weak),
            2 => Some(Self::Medium),
            3 => Some(Self::Strong),
            _ => None,
        }
    }
}

/// An identifier as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// Fragment behind it.
    pub fragment: FragmentId,
    /// Kind of identifier, for example `email`.
    pub namespace: String,
    /// How far the namespace identifies a person.
    pub strength: Strength,
}

/// Index of a customer within one [`Directory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(usize);

#[derive(Debug, Clone)]
struct Member {
    namespace: String,
    strength: Strength,
    slot: Slot,
    /// Customer that the store has for it; `None` for a fragment that this batch brought.
    stored: Option<Slot>,
    /// Earliest time at which an event that named it could be known, in milliseconds since 1970.
    known_ms: i64,
    /// The same before this batch.
    stored_known_ms: i64,
}

#[derive(Debug, Clone)]
struct Customer {
    id: Uuid,
    /// Ordinal of a stored customer; new ones come after all stored ones, in the order in which they appeared.
    age: i64,
    fresh: bool,
    parent: Slot,
    /// When the event that merged it away could be known.
    joined_ms: i64,
    /// Strong identifiers that it holds.
    strong: Vec<(String, FragmentId)>,
}

/// Age of the first new customer: above every stored ordinal.
const FRESH_AGE: i64 = i64::MAX / 2;

/// What is known of the fragments and customers that a batch touches, and what the batch made of them.
///
/// It must be told every fragment of every customer that it is told of: rule 2 looks at all of them.
#[derive(Debug, Default)]
pub struct Directory {
    members: HashMap<FragmentId, Member>,
    customers: Vec<Customer>,
    slots: HashMap<Uuid, Slot>,
}

/// Where an event was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Customer of the event's own fragment. A later event may still merge it: see [`Directory::survivor`].
    pub customer: Slot,
    /// Links that rule 2 refused.
    pub links_skipped: u32,
}

/// A customer that the batch merged away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// The one that became an alias.
    pub from: Slot,
    /// The one that survives.
    pub into: Slot,
}

/// A fragment whose customer is not the stored one, or that turns out to have been known earlier than stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The fragment.
    pub fragment: FragmentId,
    /// Its customer now.
    pub customer: Slot,
    /// When that could be known, in milliseconds since 1970.
    pub known_ms: i64,
}

impl Directory {
    /// Tells of a stored customer that is no alias.
    pub fn know_customer(&mut self, id: Uuid, ordinal: i64) -> Slot {
        if let Some(slot) = self.slots.get(&id) {
            return *slot;
        }
        self.add(id, ordinal, false)
    }

    /// Tells of a stored fragment, its customer, and the earliest time at which it could be known.
    pub fn know_fragment(&mut self, identifier: &Identifier, customer: Slot, known_ms: i64) {
        self.place(identifier, customer, Some(customer), known_ms);
    }

    /// Takes one event's identifiers, the event's own first, and joins what they link. `known_ms` is when the event could
    /// be known, and `fresh` gives the id of a new customer. Answers `None` for an empty list.
    pub fn settle(
        &mut self,
        identifiers: &[Identifier],
        known_ms: i64,
        fresh: &mut dyn FnMut() -> Uuid,
    ) -> Option<Settled> {
        let (own, links) = identifiers.split_first()?;
        let mut current = match self.slot_of(&own.fragment) {
            Some(slot) => slot,
            None => {
                let slot = self
                    .adopter(own, links)
                    .unwrap_or_else(|| self.found(fresh()));
                self.place(own, slot, None, known_ms);
                slot
            }
        };
        let mut links_skipped = 0;
        for link in links {
            match self.slot_of(&link.fragment) {
                None => self.place(link, current, None, known_ms),
                Some(other) if other == current => {}
                Some(other) if self.may_join(current, other, link.strength) => {
                    current = self.join(current, other, known_ms);
                }
                Some(_) => links_skipped += 1,
            }
        }
        for identifier in identifiers {
            if let Some(member) = self.members.get_mut(&identifier.fragment) {
                member.known_ms = member.known_ms.min(known_ms);
            }
        }
        Some(Settled {
            customer: current,
            links_skipped,
        })
    }

    /// The customer that `slot` is part of now.
    #[must_use]
    pub fn survivor(&self, slot: Slot) -> Slot {
        let mut slot = slot;
        while self.customers[slot.0].parent != slot {
            slot = self.customers[slot.0].parent;
        }
        slot
    }

    /// Id of a customer.
    #[must_use]
    pub fn id(&self, slot: Slot) -> Uuid {
        self.customers[slot.0].id
    }

    /// Customer of a fragment, if the fragment is known.
    #[must_use]
    pub fn customer_of(&self, fragment: &FragmentId) -> Option<Slot> {
        self.slot_of(fragment)
    }

    /// New customers in the order in which they appeared: this is the order of their ordinals. One that was merged away
    /// in the same batch is among them, so that the outcome does not depend on where a batch ends.
    pub fn fresh(&self) -> impl Iterator<Item = Slot> + '_ {
        self.customers
            .iter()
            .enumerate()
            .filter(|(_, it)| it.fresh)
            .map(|(index, _)| Slot(index))
    }

    /// Customers that were merged away, each with its survivor, by age.
    #[must_use]
    pub fn merges(&self) -> Vec<Merge> {
        let all = (0..self.customers.len()).map(Slot);
        let mut merges: Vec<Merge> = all
            .map(|from| Merge {
                from,
                into: self.survivor(from),
            })
            .filter(|it| it.from != it.into)
            .collect();
        merges.sort_by_key(|it| self.customers[it.from.0].age);
        merges
    }

    /// Fragments that are new, moved, or known earlier than stored, by id.
    #[must_use]
    pub fn placements(&self) -> Vec<Placement> {
        let mut placements: Vec<Placement> = self
            .members
            .iter()
            .filter_map(|(fragment, member)| self.placement(*fragment, member))
            .collect();
        placements.sort_by_key(|it| it.fragment);
        placements
    }

    fn placement(&self, fragment: FragmentId, member: &Member) -> Option<Placement> {
        let customer = self.survivor(member.slot);
        let moved = member.stored.is_some_and(|it| it != customer);
        let known_ms = if moved {
            self.joined_ms(member.slot)
        } else {
            member.known_ms
        };
        let news = moved || member.stored.is_none() || member.known_ms < member.stored_known_ms;
        news.then_some(Placement {
            fragment,
            customer,
            known_ms,
        })
    }

    /// Latest time of the joins that lead from `slot` to its survivor.
    fn joined_ms(&self, slot: Slot) -> i64 {
        let mut slot = slot;
        let mut latest = i64::MIN;
        while self.customers[slot.0].parent != slot {
            latest = latest.max(self.customers[slot.0].joined_ms);
            slot = self.customers[slot.0].parent;
        }
        latest
    }

    /// All fragments by customer, each list by id.
    #[must_use]
    pub fn members(&self) -> HashMap<Slot, Vec<FragmentId>> {
        let mut members: HashMap<Slot, Vec<FragmentId>> = HashMap::new();
        for (fragment, member) in &self.members {
            members
                .entry(self.survivor(member.slot))
                .or_default()
                .push(*fragment);
        }
        for fragments in members.values_mut() {
            fragments.sort_unstable();
        }
        members
    }

    /// The oldest customer, among those that `links` belong to, that may take in the new fragment `own`.
    fn adopter(&self, own: &Identifier, links: &[Identifier]) -> Option<Slot> {
        let allowed = links.iter().filter_map(|link| {
            let slot = self.slot_of(&link.fragment)?;
            let clashes = own.strength == Strength::Strong
                && link.strength < Strength::Strong
                && self.customers[slot.0]
                    .strong
                    .iter()
                    .any(|(namespace, _)| *namespace == own.namespace);
            (!clashes).then_some(slot)
        });
        allowed.min_by_key(|slot| self.customers[slot.0].age)
    }

    fn may_join(&self, one: Slot, other: Slot, by: Strength) -> bool {
        let (one, other) = (
            &self.customers[one.0].strong,
            &self.customers[other.0].strong,
        );
        by == Strength::Strong
            || !one.iter().any(|(namespace, value)| {
                other.iter().any(|it| it.0 == *namespace && it.1 != *value)
            })
    }

    fn join(&mut self, one: Slot, other: Slot, known_ms: i64) -> Slot {
        let (into, from) = if self.customers[one.0].age < self.customers[other.0].age {
            (one, other)
        } else {
            (other, one)
        };
        let strong = std::mem::take(&mut self.customers[from.0].strong);
        self.customers[into.0].strong.extend(strong);
        self.customers[from.0].parent = into;
        self.customers[from.0].joined_ms = known_ms;
        into
    }

    fn slot_of(&self, fragment: &FragmentId) -> Option<Slot> {
        self.members.get(fragment).map(|it| self.survivor(it.slot))
    }

    fn place(&mut self, identifier: &Identifier, slot: Slot, stored: Option<Slot>, known_ms: i64) {
        let Identifier {
            fragment,
            namespace,
            strength,
        } = identifier.clone();
        if strength == Strength::Strong {
            self.customers[slot.0]
                .strong
                .push((namespace.clone(), fragment));
        }
        self.members.insert(
            fragment,
            Member {
                namespace,
                strength,
                slot,
                stored,
                known_ms,
                stored_known_ms: known_ms,
            },
        );
    }

    fn found(&mut self, id: Uuid) -> Slot {
        let age = FRESH_AGE + i64::try_from(self.customers.len()).unwrap_or(FRESH_AGE - 1);
        self.add(id, age, true)
    }

    fn add(&mut self, id: Uuid, age: i64, fresh: bool) -> Slot {
        let slot = Slot(self.customers.len());
        self.customers.push(Customer {
            id,
            age,
            fresh,
            parent: slot,
            joined_ms: 0,
            strong: Vec::new(),
        });
        self.slots.insert(id, slot);
        slot
    }

    /// Earliest time at which a fragment could be known, in milliseconds since 1970.
    #[must_use]
    pub fn known_ms(&self, fragment: &FragmentId) -> Option<i64> {
        self.members.get(fragment).map(|it| it.known_ms)
    }

    /// Namespace and strength of a known fragment.
    #[must_use]
    pub fn identifier(&self, fragment: &FragmentId) -> Option<Identifier> {
        let member = self.members.get(fragment)?;
        Some(Identifier {
            fragment: *fragment,
            namespace: member.namespace.clone(),
            strength: member.strength,
        })
    }
}

#[cfg(test)]
mod tests;
