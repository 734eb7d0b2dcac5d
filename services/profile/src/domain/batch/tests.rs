use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::identity::Strength;

/// What a store would have after some batches.
#[derive(Default)]
struct Stored {
    fragments: BTreeMap<FragmentId, StoredFragment>,
    customers: BTreeMap<Uuid, StoredCustomer>,
    served: BTreeMap<Uuid, Vec<u8>>,
    ids: u128,
    ordinals: i64,
}

impl Stored {
    fn apply(&mut self, events: &[Incoming]) {
        let fragments = self.fragments.values().cloned().collect();
        let customers: Vec<_> = self.customers.values().copied().collect();
        let ids = &mut self.ids;
        let mut fresh = || {
            *ids += 1;
            Uuid::from_u128(*ids)
        };
        let outcome = apply(
            fragments,
            &customers,
            events,
            Version::default(),
            &mut fresh,
        )
        .expect("applied");
        for it in outcome.fragments {
            let FragmentWrite {
                identifier,
                customer,
                known_ms,
                state,
                ..
            } = it;
            let stored = StoredFragment {
                identifier,
                customer,
                known_ms,
                state,
            };
            self.fragments.insert(stored.identifier.fragment, stored);
        }
        for it in outcome.customers {
            self.ordinals += i64::from(it.ordinal.is_none());
            let ordinal = it.ordinal.unwrap_or(self.ordinals);
            if let Change::MergedInto(_) = it.change {
                self.customers.remove(&it.id);
                self.served.remove(&it.id);
            } else {
                let stored = StoredCustomer {
                    id: it.id,
                    ordinal,
                    version: it.version,
                };
                self.customers.insert(it.id, stored);
                self.served.insert(it.id, it.state);
            }
        }
    }

    /// Fragments by the ordinal of their customer, with the state that is served for it.
    fn view(&self) -> BTreeMap<i64, (Vec<FragmentId>, CustomerState)> {
        let mut view: BTreeMap<i64, (Vec<FragmentId>, CustomerState)> = BTreeMap::new();
        for (id, fragment) in &self.fragments {
            let customer = &self.customers[&fragment.customer];
            let served = CustomerState::decode(&self.served[&customer.id]).expect("a state");
            view.entry(customer.ordinal)
                .or_insert((Vec::new(), served))
                .0
                .push(*id);
        }
        view
    }
}

fn identifier(number: u8) -> Identifier {
    let (namespace, strength) = match number % 4 {
        0 => ("customer_id", Strength::Strong),
        1 => ("email", Strength::Medium),
        2 => ("phone", Strength::Medium),
        _ => ("device_id", Strength::Weak),
    };
    Identifier {
        fragment: [number; 16],
        namespace: namespace.into(),
        strength,
    }
}

fn event((numbers, day): (Vec<u8>, i32)) -> Incoming {
    let mut identifiers: Vec<Identifier> = numbers.into_iter().map(identifier).collect();
    identifiers.sort_by_key(|it| (std::cmp::Reverse(it.strength), it.fragment));
    let event = Event::order(15_000 + day, 100 + i64::from(day), &day.to_string());
    let event_ms = event.event_time_ms;
    Incoming {
        identifiers,
        local_day: event.local_day,
        event,
        event_ms,
        known_ms: event_ms,
    }
}

proptest! {
    #[test]
    fn it_does_not_matter_where_batches_end(
        events in prop::collection::vec((prop::collection::vec(0_u8..14, 1..4), 0..60), 1..40),
        cuts in prop::collection::vec(1_usize..9, 1..40),
    ) {
        let events: Vec<Incoming> = events.into_iter().map(event).collect();
        let (mut whole, mut parts) = (Stored::default(), Stored::default());
        whole.apply(&events);
        let mut rest = &events[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, left) = rest.split_at((*cut).min(rest.len()));
            parts.apply(batch);
            rest = left;
        }

        prop_assert_eq!(whole.view(), parts.view());
        let counted: u64 = whole.view().values().map(|it| it.1.events()).sum();
        prop_assert_eq!(counted, u64::try_from(events.len()).expect("a count"));
    }
}
