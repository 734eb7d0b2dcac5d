use std::time::Duration;

use bytes::Bytes;
use cache::{Entry, Epoch, FillToken, Lookup};
use uuid::Uuid;

use super::harness::{Fixture, entry, on_both};

on_both!(
    a_miss_gives_a_token_that_fills_once,
    readers_that_miss_together_hold_equal_tokens,
    a_mark_voids_tokens_and_hides_the_entry,
    set_and_clear_show_the_new_entry,
    an_older_entry_never_replaces_a_newer_one,
    overlapping_writers_hide_the_entry_until_the_last_is_done,
    what_is_marked_and_not_set_is_removed,
    a_writer_that_removes_keeps_slower_ones_from_setting,
    a_writer_whose_mark_was_lost_removes_the_entry,
    a_dead_writers_mark_is_found_and_repaired,
    keys_of_tenants_and_epochs_are_apart,
    a_customer_that_is_not_known_is_remembered,
    the_watermark_only_rises,
    many_customers_are_one_read,
    any_bytes_come_back,
);

const ONE: Epoch = Epoch(1);
const NOW: Duration = Duration::ZERO;

async fn look(fixture: &Fixture, customer: Uuid) -> Lookup {
    fixture
        .cache()
        .read(ONE, "acme", &[customer])
        .await
        .unwrap()
        .lookups
        .remove(0)
}

async fn miss(fixture: &Fixture, customer: Uuid) -> FillToken {
    match look(fixture, customer).await {
        Lookup::Miss(token) => token,
        other => panic!("not a miss: {other:?}"),
    }
}

async fn write(fixture: &Fixture, customer: Uuid, version: i64) {
    let mark = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    fixture
        .cache()
        .set_if_newer(&mark, vec![(customer, entry(version))])
        .await
        .unwrap();
    fixture.cache().clear(mark).await.unwrap();
}

async fn a_miss_gives_a_token_that_fills_once(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let token = miss(&fixture, customer).await;

    assert_eq!(
        fixture
            .cache()
            .fill(vec![(token.clone(), entry(3))])
            .await
            .unwrap(),
        1
    );
    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(3)));
    assert_eq!(
        fixture.cache().fill(vec![(token, entry(2))]).await.unwrap(),
        0
    );
    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(3)));
}

async fn readers_that_miss_together_hold_equal_tokens(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let first = miss(&fixture, customer).await;
    assert_eq!(miss(&fixture, customer).await, first);

    let mark = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    fixture.cache().clear(mark).await.unwrap();

    assert_ne!(miss(&fixture, customer).await, first);
}

async fn a_mark_voids_tokens_and_hides_the_entry(fixture: Fixture) {
    let (known, missed) = (Uuid::new_v4(), Uuid::new_v4());
    write(&fixture, known, 1).await;
    let token = miss(&fixture, missed).await;

    let mark = fixture
        .cache()
        .mark(ONE, "acme", &[known, missed])
        .await
        .unwrap();

    assert_eq!(look(&fixture, known).await, Lookup::Marked);
    assert_eq!(look(&fixture, missed).await, Lookup::Marked);
    assert_eq!(
        fixture
            .cache()
            .fill(vec![(token.clone(), entry(1))])
            .await
            .unwrap(),
        0
    );
    fixture.cache().clear(mark).await.unwrap();
    assert_eq!(
        fixture.cache().fill(vec![(token, entry(1))]).await.unwrap(),
        0
    );
}

async fn set_and_clear_show_the_new_entry(fixture: Fixture) {
    let customer = Uuid::new_v4();
    write(&fixture, customer, 1).await;

    let mark = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    fixture
        .cache()
        .set_if_newer(&mark, vec![(customer, entry(2))])
        .await
        .unwrap();
    assert_eq!(look(&fixture, customer).await, Lookup::Marked);
    fixture.cache().clear(mark).await.unwrap();

    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(2)));
}

async fn an_older_entry_never_replaces_a_newer_one(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let slow = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    write(&fixture, customer, 6).await;

    fixture
        .cache()
        .set_if_newer(&slow, vec![(customer, entry(5))])
        .await
        .unwrap();
    fixture.cache().clear(slow).await.unwrap();

    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(6)));
}

async fn overlapping_writers_hide_the_entry_until_the_last_is_done(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let first = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    let second = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    fixture
        .cache()
        .set_if_newer(&first, vec![(customer, entry(1))])
        .await
        .unwrap();
    fixture.cache().clear(first).await.unwrap();

    assert_eq!(look(&fixture, customer).await, Lookup::Marked);

    fixture
        .cache()
        .set_if_newer(&second, vec![(customer, entry(2))])
        .await
        .unwrap();
    fixture.cache().clear(second).await.unwrap();
    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(2)));
}

async fn what_is_marked_and_not_set_is_removed(fixture: Fixture) {
    let customer = Uuid::new_v4();
    write(&fixture, customer, 1).await;

    let mark = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    fixture.cache().clear(mark).await.unwrap();

    miss(&fixture, customer).await;
}

async fn a_writer_that_removes_keeps_slower_ones_from_setting(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let slow = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    let removing = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    fixture.cache().clear(removing).await.unwrap();

    fixture
        .cache()
        .set_if_newer(&slow, vec![(customer, entry(5))])
        .await
        .unwrap();
    fixture.cache().clear(slow).await.unwrap();

    let token = miss(&fixture, customer).await;
    assert_eq!(
        fixture.cache().fill(vec![(token, entry(6))]).await.unwrap(),
        1
    );
    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(6)));
}

async fn a_writer_whose_mark_was_lost_removes_the_entry(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let mark = fixture
        .cache()
        .mark(ONE, "acme", &[customer])
        .await
        .unwrap();
    let orphan = fixture.cache().orphans(NOW, 10).await.unwrap().remove(0);
    fixture
        .cache()
        .repair(&orphan, Some(entry(4)))
        .await
        .unwrap();

    fixture
        .cache()
        .set_if_newer(&mark, vec![(customer, entry(5))])
        .await
        .unwrap();

    let token = miss(&fixture, customer).await;
    fixture.cache().clear(mark).await.unwrap();
    assert_eq!(
        fixture.cache().fill(vec![(token, entry(5))]).await.unwrap(),
        0
    );
    miss(&fixture, customer).await;
}

async fn a_dead_writers_mark_is_found_and_repaired(fixture: Fixture) {
    let (dead, alive) = (Uuid::new_v4(), Uuid::new_v4());
    let token = miss(&fixture, dead).await;
    drop(fixture.cache().mark(ONE, "acme", &[dead]).await.unwrap());
    write(&fixture, alive, 1).await;

    assert_eq!(
        fixture
            .cache()
            .orphans(Duration::from_secs(60), 10)
            .await
            .unwrap(),
        []
    );
    let orphans = fixture.cache().orphans(NOW, 10).await.unwrap();
    assert_eq!(orphans.len(), 1);
    assert_eq!(
        (orphans[0].epoch, &*orphans[0].tenant, orphans[0].customer),
        (ONE, "acme", dead)
    );
    fixture
        .cache()
        .repair(&orphans[0], Some(entry(9)))
        .await
        .unwrap();

    assert_eq!(look(&fixture, dead).await, Lookup::Hit(entry(9)));
    assert_eq!(fixture.cache().orphans(NOW, 10).await.unwrap(), []);
    assert_eq!(
        fixture.cache().fill(vec![(token, entry(1))]).await.unwrap(),
        0
    );
}

async fn keys_of_tenants_and_epochs_are_apart(fixture: Fixture) {
    let customer = Uuid::new_v4();
    write(&fixture, customer, 1).await;

    for (epoch, tenant) in [(Epoch(3), "acme"), (ONE, "other")] {
        let read = fixture
            .cache()
            .read(epoch, tenant, &[customer])
            .await
            .unwrap();
        assert!(matches!(read.lookups[0], Lookup::Miss(_)));
    }
    drop(
        fixture
            .cache()
            .mark(Epoch(3), "acme", &[customer])
            .await
            .unwrap(),
    );
    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(1)));
}

async fn a_customer_that_is_not_known_is_remembered(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let token = miss(&fixture, customer).await;
    fixture
        .cache()
        .fill(vec![(token, Entry::unknown())])
        .await
        .unwrap();

    match look(&fixture, customer).await {
        Lookup::Hit(entry) => assert!(entry.is_unknown()),
        other => panic!("{other:?}"),
    }
    write(&fixture, customer, 1).await;
    assert_eq!(look(&fixture, customer).await, Lookup::Hit(entry(1)));
}

async fn the_watermark_only_rises(fixture: Fixture) {
    let watermark = async |epoch| {
        fixture
            .cache()
            .read(epoch, "acme", &[])
            .await
            .unwrap()
            .watermark
    };
    assert_eq!(watermark(ONE).await, None);

    fixture
        .cache()
        .put_watermark(ONE, 1_795_312_800_000)
        .await
        .unwrap();
    fixture
        .cache()
        .put_watermark(ONE, 1_795_312_799_999)
        .await
        .unwrap();

    assert_eq!(watermark(ONE).await, Some(1_795_312_800_000));
    assert_eq!(watermark(Epoch(3)).await, None);
}

async fn many_customers_are_one_read(fixture: Fixture) {
    let customers: Vec<Uuid> = (0..1000).map(|_| Uuid::new_v4()).collect();
    let mark = fixture.cache().mark(ONE, "acme", &customers).await.unwrap();
    let entries = customers
        .iter()
        .zip(1..)
        .filter(|(_, at)| at % 2 == 0)
        .map(|(id, at)| (*id, entry(at)));
    fixture
        .cache()
        .set_if_newer(&mark, entries.collect())
        .await
        .unwrap();
    fixture.cache().clear(mark).await.unwrap();

    let read = fixture.cache().read(ONE, "acme", &customers).await.unwrap();

    let mut fills = Vec::new();
    for (lookup, at) in read.lookups.into_iter().zip(1..) {
        match lookup {
            Lookup::Hit(found) => assert_eq!(found, entry(at)),
            Lookup::Miss(token) => fills.push((token, entry(at))),
            Lookup::Marked => panic!("nobody marks"),
        }
    }
    assert_eq!(fixture.cache().fill(fills).await.unwrap(), 500);
    for (id, at) in customers.iter().zip(1..) {
        assert_eq!(look(&fixture, *id).await, Lookup::Hit(entry(at)));
    }
}

async fn any_bytes_come_back(fixture: Fixture) {
    let customer = Uuid::new_v4();
    let state: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let whole = Entry {
        version: 1 << 52,
        ordinal: 1,
        state: Bytes::from(state),
    };
    let token = miss(&fixture, customer).await;

    fixture
        .cache()
        .fill(vec![(token, whole.clone())])
        .await
        .unwrap();

    assert_eq!(look(&fixture, customer).await, Lookup::Hit(whole));
}
