use std::time::Duration;

use api::google::rpc;
use prost_types::Any;
use runtime::{
    context::TenantId,
    operations::{ListPage, LogError, NewOperation, OperationLog, Outcome},
};
use store::operations::SeaOperationLog;
use uuid::Uuid;

use super::harness::{Fixture, on_both};

on_both!(
    an_operation_comes_back_as_it_was_stored,
    the_same_request_makes_one_operation,
    a_claim_fences_the_one_before,
    an_operation_that_ended_stays_as_it_is,
    a_list_is_newest_first_and_of_one_tenant,
    deleting_takes_the_claim_away,
);

const LONG: Duration = Duration::from_secs(60);

fn any(text: &str) -> Any {
    Any {
        type_url: "type/test".into(),
        value: text.as_bytes().to_vec(),
    }
}

fn new(tenant: &str, request_id: Option<Uuid>) -> NewOperation {
    NewOperation {
        id: Uuid::now_v7(),
        tenant: TenantId::parse(tenant).unwrap(),
        kind: "train".into(),
        request_id,
        request: any("request"),
        create_time: runtime::clock::now(),
    }
}

async fn an_operation_comes_back_as_it_was_stored(fixture: Fixture) {
    let log = SeaOperationLog::new(fixture.store.clone());
    let operation = new("acme", Some(Uuid::new_v4()));

    let created = log.create(operation.clone()).await.unwrap();

    assert!(!created.existed);
    let record = log
        .load(&operation.tenant, operation.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record, created.record);
    assert_eq!(
        (record.id, record.request_id),
        (operation.id, operation.request_id)
    );
    assert_eq!(
        (record.kind, record.request),
        (operation.kind, operation.request)
    );
    assert_eq!(record.create_time, operation.create_time);
    assert_eq!(
        (record.metadata, record.outcome, record.cancel_requested),
        (None, None, false)
    );
    assert_eq!(
        log.load(&TenantId::parse("other").unwrap(), operation.id)
            .await
            .unwrap(),
        None
    );
}

async fn the_same_request_makes_one_operation(fixture: Fixture) {
    let log = SeaOperationLog::new(fixture.store.clone());
    let id = Some(Uuid::new_v4());

    let first = log.create(new("acme", id)).await.unwrap();
    let again = log.create(new("acme", id)).await.unwrap();
    let other = log.create(new("other", id)).await.unwrap();
    let unnamed = [
        log.create(new("acme", None)).await.unwrap(),
        log.create(new("acme", None)).await.unwrap(),
    ];

    assert!(again.existed);
    assert_eq!(again.record, first.record);
    assert!(!other.existed && !unnamed[0].existed && !unnamed[1].existed);
}

async fn a_claim_fences_the_one_before(fixture: Fixture) {
    let log = SeaOperationLog::new(fixture.store.clone());
    let id = log.create(new("acme", None)).await.unwrap().record.id;
    assert_eq!(log.unfinished(10).await.unwrap().len(), 1);

    let first = log
        .claim(id, Uuid::new_v4(), Duration::from_millis(30))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(log.claim(id, Uuid::new_v4(), LONG).await.unwrap(), None);
    log.save_progress(&first, any("half")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    let second = log.claim(id, Uuid::new_v4(), LONG).await.unwrap().unwrap();

    assert!(second.fence > first.fence);
    assert!(matches!(log.renew(&first, LONG).await, Err(LogError::Lost)));
    assert!(matches!(
        log.save_progress(&first, any("x")).await,
        Err(LogError::Lost)
    ));
    assert!(matches!(
        log.finish(&first, Outcome::Response(any("x"))).await,
        Err(LogError::Lost)
    ));
    log.release(&first).await.unwrap();
    assert!(!log.renew(&second, LONG).await.unwrap().cancel_requested);
    assert_eq!(log.unfinished(10).await.unwrap(), []);
    log.release(&second).await.unwrap();
    let left = log.unfinished(10).await.unwrap();
    assert_eq!(left[0].metadata, Some(any("half")));
}

async fn an_operation_that_ended_stays_as_it_is(fixture: Fixture) {
    let log = SeaOperationLog::new(fixture.store.clone());
    let tenant = TenantId::parse("acme").unwrap();
    let id = log.create(new("acme", None)).await.unwrap().record.id;
    let claim = log.claim(id, Uuid::new_v4(), LONG).await.unwrap().unwrap();
    assert!(log.request_cancel(&tenant, id).await.unwrap());
    assert!(log.renew(&claim, LONG).await.unwrap().cancel_requested);
    let error = Outcome::Error(rpc::Status {
        code: 1,
        message: "cancelled".into(),
        details: vec![],
    });

    log.finish(&claim, error.clone()).await.unwrap();

    let record = log.load(&tenant, id).await.unwrap().unwrap();
    assert_eq!(
        (record.outcome.as_ref(), record.cancel_requested),
        (Some(&error), true)
    );
    assert!(matches!(
        log.finish(&claim, Outcome::Response(any("x"))).await,
        Err(LogError::Lost)
    ));
    assert!(matches!(log.renew(&claim, LONG).await, Err(LogError::Lost)));
    assert_eq!(log.claim(id, Uuid::new_v4(), LONG).await.unwrap(), None);
    assert!(log.request_cancel(&tenant, id).await.unwrap());
    assert_eq!(log.load(&tenant, id).await.unwrap().unwrap(), record);
    assert!(!log.request_cancel(&tenant, Uuid::now_v7()).await.unwrap());
}

async fn a_list_is_newest_first_and_of_one_tenant(fixture: Fixture) {
    let log = SeaOperationLog::new(fixture.store.clone());
    let tenant = TenantId::parse("acme").unwrap();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(log.create(new("acme", None)).await.unwrap().record.id);
        log.create(new("other", None)).await.unwrap();
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let claim = log
        .claim(ids[1], Uuid::new_v4(), LONG)
        .await
        .unwrap()
        .unwrap();
    log.finish(&claim, Outcome::Response(any("done")))
        .await
        .unwrap();

    let list = async |before, done, limit| {
        let listed = log
            .list(
                &tenant,
                ListPage {
                    before,
                    done,
                    limit,
                },
            )
            .await
            .unwrap();
        listed.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 3).await, ids[..3]);
    assert_eq!(list(Some(ids[2]), None, 3).await, ids[3..]);
    assert_eq!(list(None, Some(true), 9).await, ids[1..2]);
    assert_eq!(
        list(None, Some(false), 9).await,
        [ids[0], ids[2], ids[3], ids[4]]
    );
}

async fn deleting_takes_the_claim_away(fixture: Fixture) {
    let log = SeaOperationLog::new(fixture.store.clone());
    let tenant = TenantId::parse("acme").unwrap();
    let id = log.create(new("acme", None)).await.unwrap().record.id;
    let claim = log.claim(id, Uuid::new_v4(), LONG).await.unwrap().unwrap();

    assert!(
        !log.delete(&TenantId::parse("other").unwrap(), id)
            .await
            .unwrap()
    );
    assert!(log.delete(&tenant, id).await.unwrap());

    assert!(!log.delete(&tenant, id).await.unwrap());
    assert!(matches!(log.renew(&claim, LONG).await, Err(LogError::Lost)));
}
