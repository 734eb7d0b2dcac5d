//! Scores over the wire.

use super::harness::*;
use api::common::{CustomerRef, Identifier, customer_ref};
use api::scoring::*;
use tonic::Code;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn answers_values_reasons_and_intervals() {
    let mut scoring = Scoring::start(None).await;
    let known = people(500, 7);
    scoring.know(&known).await;
    assert_fault(
        scoring.score(known[0].id, ScoreOptions::default()).await,
        Code::FailedPrecondition,
        "NO_CHAMPION",
    );
    let champion = scoring.champion().await;
    let regular = known
        .iter()
        .max_by_key(|person| person.purchases.len())
        .unwrap();

    let options = ScoreOptions {
        reasons: true,
        intervals: true,
        ..Default::default()
    };
    let answer = scoring.score(regular.id, options.clone()).await.unwrap();

    assert_eq!(answer.model_version, champion.name);
    let as_of = runtime::time::from_proto(&answer.as_of.unwrap()).unwrap();
    assert_eq!(
        as_of.to_rfc3339(),
        "2024-06-30T22:59:59.999999+00:00",
        "the end of the as-of day in London"
    );
    let freshness = answer.freshness.clone().unwrap();
    assert!(
        !freshness.degraded && freshness.complete_through.is_some(),
        "{freshness:?}"
    );
    let score = answer.score.clone().unwrap();
    assert_eq!(
        (score.customer_id.as_str(), score.ordinal),
        (regular.id.to_string().as_str(), regular.ordinal)
    );
    assert_eq!(
        score.history.unwrap().repeat_purchases as usize,
        regular.purchases.len() - 1
    );
    let names: Vec<_> = score
        .values
        .iter()
        .map(|value| value.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["expected_purchases", "p_alive", "churn_risk", "clv_minor"]
    );
    for value in &score.values {
        assert!(
            (0.0..=100.0).contains(&value.percentile) && !value.reasons.is_empty(),
            "{value:?}"
        );
        assert_eq!(
            value.interval.is_some(),
            ["expected_purchases", "clv_minor"].contains(&value.name.as_str())
        );
    }
    let alive = value(&score, "p_alive").value;
    let churn = value(&score, "churn_risk").value;
    assert!(1.0 - alive <= churn && churn <= 1.0, "{alive} {churn}");
    let worth = value(&score, "clv_minor");
    let interval = worth.interval.unwrap();
    assert!(interval.lower <= worth.value && worth.value <= interval.upper);
    assert_eq!(
        scoring.score(regular.id, options).await.unwrap().score,
        answer.score,
        "the same bytes twice"
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_equals_one_by_one_and_tells_who_is_missing() {
    let mut scoring = Scoring::start(None).await;
    let mut known = people(200, 8);
    known.push(Person {
        id: Uuid::from_u128(77),
        ordinal: 999,
        purchases: vec![(AS_OF_DAY + 5, 100)],
    });
    scoring.know(&known).await;
    scoring.champion().await;
    let options = ScoreOptions {
        intervals: true,
        horizon_days: 30,
        ..Default::default()
    };
    let stranger = Uuid::from_u128(5);
    let ids = [
        known[3].id,
        stranger,
        known[9].id,
        Uuid::from_u128(77),
        known[3].id,
    ];

    let request = BatchScoreRequest {
        customers: ids.map(by_id).to_vec(),
        options: Some(options.clone()),
    };
    let batch = scoring
        .scores
        .batch_score(request)
        .await
        .unwrap()
        .into_inner();

    let missing: Vec<_> = batch
        .scores
        .iter()
        .map(|score| score.missing_reason.as_str())
        .collect();
    assert_eq!(missing, ["", "CUSTOMER_NOT_FOUND", "", "NO_PURCHASE", ""]);
    assert_eq!(batch.scores[0], batch.scores[4]);
    for place in [0, 2] {
        let one = scoring.score(ids[place], options.clone()).await.unwrap();
        assert_eq!(one.score.as_ref(), Some(&batch.scores[place]));
    }
    assert_fault(
        scoring.score(stranger, options).await,
        Code::NotFound,
        "CUSTOMER_NOT_FOUND",
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_day_without_purchases_never_raises_p_alive() {
    let mut scoring = Scoring::start(None).await;
    let known = people(300, 9);
    scoring.know(&known).await;
    scoring.champion().await;
    let at = |day: i32| {
        Some(prost_types::Timestamp {
            seconds: i64::from(day) * 86_400 + 43_200,
            nanos: 0,
        })
    };

    for person in known.iter().take(20) {
        let sooner = ScoreOptions {
            as_of: at(AS_OF_DAY),
            ..Default::default()
        };
        let later = ScoreOptions {
            as_of: at(AS_OF_DAY + 60),
            ..Default::default()
        };
        let sooner = scoring
            .score(person.id, sooner)
            .await
            .unwrap()
            .score
            .unwrap();
        let later = scoring
            .score(person.id, later)
            .await
            .unwrap()
            .score
            .unwrap();
        assert!(value(&later, "p_alive").value <= value(&sooner, "p_alive").value);
        assert!(sooner.history.unwrap().age_weeks + 8.0 < later.history.unwrap().age_weeks);
    }
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_and_merged_away_ids_lead_to_the_customer() {
    let mut scoring = Scoring::start(None).await;
    let known = people(200, 10);
    scoring.know(&known).await;
    scoring.champion().await;
    let merged = Uuid::from_u128(4242);
    scoring.peer.change(|peer| {
        peer.identifiers
            .insert("ann@example.com".into(), known[1].id);
        peer.aliases.insert(merged, known[1].id);
    });
    let identifier = |value: &str| {
        let identifier = Identifier {
            namespace: "email".into(),
            value: value.into(),
        };
        CustomerRef {
            r#ref: Some(customer_ref::Ref::Identifier(identifier)),
        }
    };

    let direct = scoring
        .score(known[1].id, ScoreOptions::default())
        .await
        .unwrap()
        .score;
    for _ in 0..3 {
        let request = ScoreRequest {
            customer: Some(identifier("ann@example.com")),
            options: None,
        };
        assert_eq!(
            scoring
                .scores
                .score(request)
                .await
                .unwrap()
                .into_inner()
                .score,
            direct
        );
        assert_eq!(
            scoring
                .score(merged, ScoreOptions::default())
                .await
                .unwrap()
                .score,
            direct
        );
    }
    let stranger = ScoreRequest {
        customer: Some(identifier("nobody@example.com")),
        options: None,
    };
    assert_fault(
        scoring.scores.score(stranger).await,
        Code::NotFound,
        "CUSTOMER_NOT_FOUND",
    );
    assert_eq!(
        scoring.peer.change(|peer| peer.resolve_calls),
        2,
        "answers are remembered, strangers are not"
    );
    scoring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_breaks_the_contract_with_every_violation() {
    let mut scoring = Scoring::start(None).await;
    let customers = vec![by_id(Uuid::nil()); 1_001];
    let options = ScoreOptions {
        horizon_days: -1,
        interval_level: 2.0,
        ..Default::default()
    };

    let request = BatchScoreRequest {
        customers,
        options: Some(options),
    };
    let status = scoring.scores.batch_score(request).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    let fields: Vec<_> = runtime::fault::violations(&status)
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(
        fields,
        [
            "options.horizon_days",
            "options.interval_level",
            "customers"
        ]
    );
    assert_fault(
        scoring
            .scores
            .batch_score(BatchScoreRequest::default())
            .await,
        Code::InvalidArgument,
        "INVALID",
    );
    assert_fault(
        scoring.scores.score(ScoreRequest::default()).await,
        Code::InvalidArgument,
        "INVALID",
    );
    scoring.stop().await;
}
