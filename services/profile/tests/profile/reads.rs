//! States, features and definitions.

use api::profile::{
    BatchGetProfilesRequest, GetFeaturesRequest, ListFeatureDefinitionsRequest, StateOrigin,
    ValueStatus, feature_value,
};
use prost_types::Timestamp;
use tonic::Code;

use crate::harness::{DAY, TENANT, World, assert_fault, by, by_id, of, order, scenarios};

scenarios!(
    answers_from_the_cache_after_the_first_read,
    computes_features_as_of_a_time,
    pages_through_the_catalogue,
    tells_unknown_customers_apart,
    lists_what_is_wrong_with_a_question,
);

async fn answers_from_the_cache_after_the_first_read(mut world: World) {
    world
        .apply("lane-0", 1, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    let first = world.state(by("customer_id:1")).await;
    let second = world.state(by("customer_id:1")).await;
    let by_its_id = world.state(by_id(&first.customer_id)).await;

    assert_eq!(
        (first.origin(), second.origin()),
        (StateOrigin::Store, StateOrigin::Cache)
    );
    assert_eq!(
        (second.state, second.version, second.ordinal),
        (first.state, first.version, first.ordinal)
    );
    assert_eq!(by_its_id.origin(), StateOrigin::Cache);

    world
        .apply("lane-0", 2, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    let third = world.state(by("customer_id:1")).await;
    assert_eq!((third.origin(), third.version), (StateOrigin::Cache, 2));
    assert_eq!(crate::harness::orders(&third), 2);
}

async fn computes_features_as_of_a_time(mut world: World) {
    world
        .apply(
            "lane-0",
            1,
            vec![
                order(&["customer_id:1"], DAY, 500),
                order(&["customer_id:1"], DAY + 9, 700),
            ],
        )
        .await;
    let ask = |day: i32, features: &[&str]| GetFeaturesRequest {
        customers: vec![by("customer_id:1"), by("customer_id:9")],
        features: features.iter().map(|it| (*it).to_owned()).collect(),
        as_of: Some(Timestamp {
            seconds: i64::from(day) * 86_400 + 60,
            nanos: 0,
        }),
    };
    let names = ["revenue", "days_since_last_purchase", "last_purchase_day"];
    let answer = world
        .features
        .get_features(of(TENANT, ask(DAY + 10, &names)))
        .await
        .expect("features")
        .into_inner();
    let values = &answer.customers[0].values;
    assert_eq!(
        values.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        names
    );
    assert_eq!(values[0].value, Some(feature_value::Value::Number(1_200.0)));
    assert_eq!(values[1].value, Some(feature_value::Value::Number(1.0)));
    let midnight = Timestamp {
        seconds: i64::from(DAY + 9) * 86_400,
        nanos: 0,
    };
    assert_eq!(values[2].value, Some(feature_value::Value::Time(midnight)));
    assert_eq!(answer.customers[1].customer_id, "");

    let early = world
        .features
        .get_features(of(TENANT, ask(DAY + 1, &names)))
        .await
        .expect("features")
        .into_inner();
    assert_eq!(
        early.customers[0].values[0].value,
        Some(feature_value::Value::Number(500.0))
    );
    let before = world
        .features
        .get_features(of(TENANT, ask(DAY - 1, &names)))
        .await
        .expect("features")
        .into_inner();
    assert_eq!(before.customers[0].values[1].status(), ValueStatus::Unknown);

    let unknown = world
        .features
        .get_features(of(TENANT, ask(DAY, &["revenue", "x", "y"])))
        .await;
    let status = assert_fault(unknown, Code::InvalidArgument, "FEATURE_UNKNOWN");
    assert_eq!(runtime::fault::violations(&status).len(), 2);
}

async fn pages_through_the_catalogue(mut world: World) {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListFeatureDefinitionsRequest {
            page_size: 25,
            page_token,
            family: String::new(),
        };
        let page = world
            .features
            .list_feature_definitions(request)
            .await
            .expect("a page")
            .into_inner();
        names.extend(page.definitions.into_iter().map(|it| it.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            assert_eq!(usize::try_from(page.total_size).ok(), Some(names.len()));
            break;
        }
    }
    assert_eq!(names.len(), features::catalogue().len());
    let request = ListFeatureDefinitionsRequest {
        family: "recency".into(),
        ..Default::default()
    };
    let page = world
        .features
        .list_feature_definitions(request)
        .await
        .expect("a page")
        .into_inner();
    assert!(
        !page.definitions.is_empty() && page.definitions.iter().all(|it| it.family == "recency")
    );
}

async fn tells_unknown_customers_apart(mut world: World) {
    world
        .apply("lane-0", 1, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    let stranger = by_id("0193d1a0-0000-7000-8000-000000000000");
    let customers = vec![by("customer_id:2"), by("customer_id:1"), stranger];
    let request = BatchGetProfilesRequest {
        customers: customers.clone(),
        as_of: None,
    };
    let answer = world
        .profiles
        .batch_get_profiles(of(TENANT, request))
        .await
        .expect("profiles")
        .into_inner();
    assert_eq!(
        (answer.profiles.len(), answer.unknown_indices),
        (1, vec![0, 2])
    );
    assert_eq!(
        answer.profiles[0].as_of,
        Some(Timestamp {
            seconds: i64::from(DAY) * 86_400 + 43_200,
            nanos: 0
        })
    );

    let states = world.states(customers).await.states;
    assert_eq!(
        states
            .iter()
            .map(|it| it.customer_id.is_empty())
            .collect::<Vec<_>>(),
        [true, false, true]
    );
}

async fn lists_what_is_wrong_with_a_question(mut world: World) {
    let nobody = api::common::CustomerRef::default();
    let customers = vec![nobody, by_id("7"), by(":"), by("customer_id:1")];
    let request = BatchGetProfilesRequest {
        customers,
        as_of: Some(Timestamp {
            seconds: 0,
            nanos: -1,
        }),
    };
    let status = assert_fault(
        world.profiles.batch_get_profiles(of(TENANT, request)).await,
        Code::InvalidArgument,
        "INVALID",
    );
    let fields: Vec<_> = runtime::fault::violations(&status)
        .into_iter()
        .map(|it| it.field)
        .collect();
    let expected = [
        "customers[0]",
        "customers[1].customer_id",
        "customers[2].identifier.namespace",
        "customers[2].identifier.value",
        "as_of",
    ];
    assert_eq!(fields, expected);

    for count in [0, 1_001] {
        let request = BatchGetProfilesRequest {
            customers: vec![by("customer_id:1"); count],
            as_of: None,
        };
        let answer = world.profiles.batch_get_profiles(of(TENANT, request)).await;
        assert_fault(answer, Code::InvalidArgument, "INVALID");
    }
}
