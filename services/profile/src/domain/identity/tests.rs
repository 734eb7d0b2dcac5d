use super::*;

fn identifier(text: &str) -> Identifier {
    let (namespace, value) = text.split_once(':').expect("namespace:value");
    let strength = match namespace {
        "customer_id" | "login" => Strength::Strong,
        "email" | "phone" => Strength::Medium,
        _ => Strength::Weak,
    };
    let mut fragment = [0; 16];
    for (index, byte) in text.bytes().enumerate() {
        fragment[index % 16] ^= byte.rotate_left(u32::try_from(index / 16).unwrap_or(0));
    }
    assert!(value.len() < 16);
    Identifier {
        fragment,
        namespace: namespace.to_owned(),
        strength,
    }
}

struct World {
    directory: Directory,
    ids: u128,
}

impl World {
    fn new() -> Self {
        Self {
            directory: Directory::default(),
            ids: 0,
        }
    }

    fn event(&mut self, identifiers: &[&str]) -> Settled {
        let identifiers: Vec<_> = identifiers.iter().map(|it| identifier(it)).collect();
        let ids = &mut self.ids;
        let mut fresh = || {
            *ids += 1;
            Uuid::from_u128(*ids)
        };
        self.directory
            .settle(&identifiers, 5, &mut fresh)
            .expect("identifiers")
    }

    #[track_caller]
    fn check_customer(&self, text: &str, id: u128) {
        let slot = self
            .directory
            .customer_of(&identifier(text).fragment)
            .expect("known fragment");
        assert_eq!(self.directory.id(slot), Uuid::from_u128(id), "{text}");
    }
}

#[test]
fn joins_all_identifiers_of_an_event() {
    let mut world = World::new();
    world.event(&["customer_id:1", "email:a@x", "device_id:d"]);
    world.event(&["email:a@x", "anonymous_id:z"]);

    for text in [
        "customer_id:1",
        "email:a@x",
        "device_id:d",
        "anonymous_id:z",
    ] {
        world.check_customer(text, 1);
    }
    assert_eq!(world.directory.fresh().count(), 1);
    assert!(world.directory.merges().is_empty());
}

#[test]
fn merges_into_the_older_customer() {
    let mut world = World::new();
    world.event(&["email:a@x"]);
    world.event(&["phone:1"]);
    world.event(&["anonymous_id:q", "phone:1", "email:a@x"]);

    world.check_customer("phone:1", 1);
    world.check_customer("anonymous_id:q", 1);
    let merges = world.directory.merges();
    assert_eq!(merges.len(), 1);
    assert_eq!(world.directory.id(merges[0].from), Uuid::from_u128(2));
}

#[test]
fn never_joins_two_customer_numbers_by_an_email() {
    let mut world = World::new();
    world.event(&["customer_id:1", "email:home@x"]);
    let settled = world.event(&["customer_id:2", "email:home@x"]);

    assert_eq!(settled.links_skipped, 1);
    world.check_customer("customer_id:1", 1);
    world.check_customer("email:home@x", 1);
    world.check_customer("customer_id:2", 2);

    let later = world.event(&["email:home@x", "phone:5"]);
    assert_eq!(later.links_skipped, 0);
    let crossing = world.event(&["customer_id:2", "phone:5"]);
    assert_eq!(crossing.links_skipped, 1);
}

#[test]
fn joins_two_customer_numbers_by_a_strong_identifier() {
    let mut world = World::new();
    world.event(&["customer_id:1", "login:ann"]);
    let settled = world.event(&["customer_id:2", "login:ann"]);

    assert_eq!(settled.links_skipped, 0);
    world.check_customer("customer_id:2", 1);
}

#[test]
fn joins_strong_identifiers_of_different_namespaces_by_an_email() {
    let mut world = World::new();
    world.event(&["customer_id:1", "email:a@x"]);
    world.event(&["login:ann", "email:a@x"]);

    world.check_customer("login:ann", 1);
}

#[test]
fn respects_stored_customers_and_tells_moved_fragments() {
    let mut world = World::new();
    let older = world.directory.know_customer(Uuid::from_u128(100), 7);
    let younger = world.directory.know_customer(Uuid::from_u128(101), 9);
    world
        .directory
        .know_fragment(&identifier("email:a@x"), younger, 1);
    world
        .directory
        .know_fragment(&identifier("device_id:d"), younger, 9);
    world
        .directory
        .know_fragment(&identifier("phone:1"), older, 2);
    world.event(&["email:a@x", "phone:1"]);

    let moved: Vec<_> = world.directory.placements();
    assert_eq!(moved.len(), 2, "both fragments of the younger customer");
    assert!(
        moved
            .iter()
            .all(|it| it.customer == older && it.known_ms == 5)
    );
    assert_eq!(
        world.directory.merges(),
        vec![Merge {
            from: younger,
            into: older
        }]
    );
}

#[test]
fn gives_the_same_customers_wherever_a_batch_ends() {
    let events: Vec<Vec<&str>> = vec![
        vec!["customer_id:1", "email:a@x"],
        vec!["device_id:d"],
        vec!["email:b@x", "device_id:d"],
        vec!["customer_id:1", "device_id:d"],
    ];
    let mut whole = World::new();
    for event in &events {
        whole.event(event);
    }
    let mut parts = World::new();
    for event in &events {
        parts.event(event);
        let Directory {
            members, customers, ..
        } = std::mem::take(&mut parts.directory);
        let mut next = Directory::default();
        let live: Vec<_> = customers
            .iter()
            .enumerate()
            .filter(|(i, it)| it.parent == Slot(*i))
            .collect();
        let slots: HashMap<usize, Slot> = live
            .iter()
            .map(|(i, it)| (*i, next.know_customer(it.id, it.age)))
            .collect();
        for (fragment, member) in &members {
            let mut slot = member.slot;
            while customers[slot.0].parent != slot {
                slot = customers[slot.0].parent;
            }
            let it = Identifier {
                fragment: *fragment,
                namespace: member.namespace.clone(),
                strength: member.strength,
            };
            next.know_fragment(&it, slots[&slot.0], 5);
        }
        parts.directory = next;
    }
    for text in ["customer_id:1", "email:a@x", "email:b@x", "device_id:d"] {
        let slot = whole
            .directory
            .customer_of(&identifier(text).fragment)
            .expect("known");
        parts.check_customer(text, whole.directory.id(slot).as_u128());
    }
}
