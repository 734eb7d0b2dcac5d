//! Training, versions and the champion.

use super::harness::*;
use api::scoring::*;
use store::DatabaseConfig;
use tonic::Code;
use uuid::Uuid;

fn request(seed: u64) -> TrainModelRequest {
    TrainModelRequest {
        as_of: AS_OF.into(),
        seed,
        ..Default::default()
    }
}

async fn trains_registers_and_promotes(database: Option<DatabaseConfig>) {
    let mut scoring = Scoring::start(database).await;
    scoring.know(&people(600, 1)).await;

    let first = scoring.train(request(1)).await.unwrap();
    let second = scoring.train(request(1)).await.unwrap();
    let third = scoring.train(request(2)).await.unwrap();

    assert_eq!(first.name, "models/clv/versions/1");
    assert_eq!((first.customers, first.champion), (600, false));
    assert_eq!(
        (first.as_of.as_str(), first.currency_code.as_str()),
        (AS_OF, "GBP")
    );
    assert_eq!(second.name, "models/clv/versions/2");
    assert_eq!(
        first.content_hash, second.content_hash,
        "the same data and seed give the same bytes"
    );
    assert_ne!(
        first.content_hash, third.content_hash,
        "another seed gives other draws"
    );
    let champion = GetModelRequest {
        name: "models/clv/versions/champion".into(),
    };
    assert_fault(
        scoring.models.get_model(champion.clone()).await,
        Code::NotFound,
        "MODEL_NOT_FOUND",
    );

    let promotion = PromoteModelRequest {
        name: second.name.clone(),
        request_id: Uuid::new_v4().to_string(),
    };
    let promoted = scoring
        .models
        .promote_model(promotion.clone())
        .await
        .unwrap()
        .into_inner();
    let again = scoring
        .models
        .promote_model(promotion)
        .await
        .unwrap()
        .into_inner();
    assert!(promoted.champion && promoted == again);
    let named = scoring
        .models
        .get_model(champion)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(named, promoted);

    let mut page = ListModelsRequest {
        page_size: 2,
        ..Default::default()
    };
    let newest = scoring
        .models
        .list_models(page.clone())
        .await
        .unwrap()
        .into_inner();
    page.page_token = newest.next_page_token;
    let oldest = scoring.models.list_models(page).await.unwrap().into_inner();
    let names: Vec<_> = newest
        .models
        .iter()
        .chain(&oldest.models)
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "models/clv/versions/3",
            "models/clv/versions/2",
            "models/clv/versions/1"
        ]
    );
    assert_eq!(oldest.next_page_token, "");
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trains_registers_and_promotes_on_sqlite() {
    trains_registers_and_promotes(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trains_registers_and_promotes_on_postgres() {
    if let Some(database) = postgres() {
        trains_registers_and_promotes(Some(database)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_trains_once() {
    let mut scoring = Scoring::start(None).await;
    scoring.know(&people(300, 2)).await;
    let request = TrainModelRequest {
        request_id: Uuid::new_v4().to_string(),
        ..request(1)
    };

    let one = scoring
        .models
        .train_model(request.clone())
        .await
        .unwrap()
        .into_inner();
    let other = scoring
        .models
        .train_model(request)
        .await
        .unwrap()
        .into_inner();

    assert_eq!(one.name, other.name);
    assert_eq!(
        scoring.outcome(one).await.unwrap(),
        scoring.outcome(other).await.unwrap()
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_data_that_cannot_identify_a_model() {
    let mut scoring = Scoring::start(None).await;
    assert_fault(
        scoring.train(request(1)).await,
        Code::FailedPrecondition,
        "TOO_FEW_CUSTOMERS",
    );

    let mut once = people(200, 3);
    for person in &mut once {
        person.purchases.truncate(1);
    }
    scoring.know(&once).await;
    assert_fault(
        scoring.train(request(1)).await,
        Code::FailedPrecondition,
        "NO_REPEAT_PURCHASES",
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_history_to_the_end_of_the_as_of_day_alone() {
    let mut scoring = Scoring::start(None).await;
    let mut known = people(500, 4);
    let base = scoring.peer.clone();
    base.learn(&known);
    let mut later = known.clone();
    for person in &mut later {
        person.purchases.push((AS_OF_DAY + 10, 99_999));
    }
    scoring.archive("default", &later).await;
    let cut = scoring.train(request(1)).await.unwrap();
    scoring.stop().await;

    let mut plain = Scoring::start(None).await;
    known.sort_by_key(|person| std::cmp::Reverse(person.ordinal));
    plain.know(&known).await;
    let whole = plain.train(request(1)).await.unwrap();

    assert_eq!(cut.bgnbd, whole.bgnbd);
    assert_eq!(
        cut.content_hash, whole.content_hash,
        "neither later purchases nor the order of rows count"
    );
    plain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_serves_what_was_promoted_here() {
    let mut one = Scoring::start(None).await;
    let known = people(400, 5);
    one.know(&known).await;
    let first = one.champion().await;
    let mut other = one.beside().await;
    let asked = other
        .score(known[0].id, ScoreOptions::default())
        .await
        .unwrap();
    assert_eq!(asked.model_version, first.name);

    let second = one.champion().await;

    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let asked = other
            .score(known[0].id, ScoreOptions::default())
            .await
            .unwrap();
        if asked.model_version == second.name {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the old champion is still served"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    other.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_sees_nothing() {
    let mut scoring = Scoring::start(None).await;
    scoring.know(&people(300, 6)).await;
    scoring.champion().await;

    let mut request = tonic::Request::new(ListModelsRequest::default());
    request
        .metadata_mut()
        .insert("x-clientele-tenant", "other".parse().unwrap());
    assert!(
        scoring
            .models
            .list_models(request)
            .await
            .unwrap()
            .into_inner()
            .models
            .is_empty()
    );
    let mut request = tonic::Request::new(GetModelRequest {
        name: "models/clv/versions/1".into(),
    });
    request
        .metadata_mut()
        .insert("x-clientele-tenant", "other".parse().unwrap());
    assert_fault(
        scoring.models.get_model(request).await,
        Code::NotFound,
        "MODEL_NOT_FOUND",
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_every_violation() {
    let mut scoring = Scoring::start(None).await;
    let bad = TrainModelRequest {
        model: "Bad Name".into(),
        as_of: "30.06.2024".into(),
        clv: Some(ClvSettings {
            horizon_months: 121,
            ..Default::default()
        }),
        request_id: "seven".into(),
        ..Default::default()
    };
    let status = scoring.models.train_model(bad).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let fields: Vec<_> = runtime::fault::violations(&status)
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(
        fields,
        ["model", "as_of", "clv.horizon_months", "request_id"]
    );
    let alias = PromoteModelRequest {
        name: "models/clv/versions/champion".into(),
        ..Default::default()
    };
    assert_fault(
        scoring.models.promote_model(alias).await,
        Code::InvalidArgument,
        "INVALID",
    );
    scoring.stop().await;
}
