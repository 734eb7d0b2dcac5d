use std::time::Duration;

use store::{
    StoreError,
    lease::{Lease, Leases},
};
use uuid::Uuid;

use super::harness::{Fixture, on_both};

on_both!(
    one_holder_at_a_time,
    a_lease_that_ran_out_can_be_taken_and_fences_its_old_holder,
    a_released_lease_is_free_at_once,
    nobody_takes_over_during_an_effect,
    many_contenders_have_one_winner,
);

const LONG: Duration = Duration::from_secs(60);

async fn check(fixture: &Fixture, lease: &Lease) -> Result<(), StoreError> {
    let tx = fixture.store.begin().await?;
    lease.check(&tx).await
}

async fn one_holder_at_a_time(fixture: Fixture) {
    let leases = Leases::new(fixture.store.clone());
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());

    let lease = leases
        .try_acquire("lane", one, LONG)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(lease.fence, 1);
    assert_eq!(leases.try_acquire("lane", two, LONG).await.unwrap(), None);
    assert!(
        leases
            .try_acquire("other lane", two, LONG)
            .await
            .unwrap()
            .is_some()
    );
    assert!(leases.renew(&lease, LONG).await.unwrap());
    check(&fixture, &lease).await.unwrap();
    let again = leases
        .try_acquire("lane", one, LONG)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.fence, 2);
    assert!(matches!(
        check(&fixture, &lease).await,
        Err(StoreError::Fenced(_))
    ));
}

async fn a_lease_that_ran_out_can_be_taken_and_fences_its_old_holder(fixture: Fixture) {
    let leases = Leases::new(fixture.store.clone());
    let old = leases
        .try_acquire("lane", Uuid::new_v4(), Duration::from_millis(30))
        .await
        .unwrap()
        .unwrap();
    check(&fixture, &old).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;

    let new = leases
        .try_acquire("lane", Uuid::new_v4(), LONG)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(new.fence, old.fence + 1);
    assert!(matches!(
        check(&fixture, &old).await,
        Err(StoreError::Fenced(_))
    ));
    assert!(!leases.renew(&old, LONG).await.unwrap());
    leases.release(&old).await.unwrap();
    check(&fixture, &new).await.unwrap();
    assert_eq!(
        leases
            .try_acquire("lane", Uuid::new_v4(), LONG)
            .await
            .unwrap(),
        None
    );
}

async fn a_released_lease_is_free_at_once(fixture: Fixture) {
    let leases = Leases::new(fixture.store.clone());
    let lease = leases
        .try_acquire("lane", Uuid::new_v4(), LONG)
        .await
        .unwrap()
        .unwrap();

    leases.release(&lease).await.unwrap();

    assert!(
        leases
            .try_acquire("lane", Uuid::new_v4(), LONG)
            .await
            .unwrap()
            .is_some()
    );
}

async fn nobody_takes_over_during_an_effect(fixture: Fixture) {
    let leases = Leases::new(fixture.store.clone());
    let lease = leases
        .try_acquire("lane", Uuid::new_v4(), Duration::from_millis(20))
        .await
        .unwrap()
        .unwrap();
    let tx = fixture.store.begin().await.unwrap();
    lease.check(&tx).await.unwrap();
    tokio::time::sleep(Duration::from_millis(40)).await;

    let contender =
        tokio::spawn(async move { leases.try_acquire("lane", Uuid::new_v4(), LONG).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!contender.is_finished());
    tx.commit().await.unwrap();

    assert!(contender.await.unwrap().unwrap().is_some());
}

async fn many_contenders_have_one_winner(fixture: Fixture) {
    let leases = Leases::new(fixture.store.clone());

    let tries = (0..16).map(|_| leases.try_acquire("lane", Uuid::new_v4(), LONG));
    let won = futures::future::join_all(tries).await;

    assert_eq!(
        won.into_iter()
            .filter(|it| it.as_ref().unwrap().is_some())
            .count(),
        1
    );
}
