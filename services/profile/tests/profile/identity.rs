//! Who is who, over time and over gRPC.

use api::profile::{GetProfileRequest, ResolveCustomersRequest};
use tonic::Code;

use crate::harness::{DAY, TENANT, World, assert_fault, by, by_id, of, order, orders, scenarios};

scenarios!(
    a_shared_email_joins_customers_and_the_younger_becomes_an_alias,
    two_customer_numbers_are_never_joined_by_an_email,
    tenants_see_nothing_of_each_other,
);

async fn a_shared_email_joins_customers_and_the_younger_becomes_an_alias(mut world: World) {
    world
        .apply(
            "lane-0",
            1,
            vec![
                order(&["customer_id:1"], DAY, 500),
                order(&["email:a@x"], DAY + 1, 600),
            ],
        )
        .await;
    let elder = world.state(by("customer_id:1")).await.customer_id;
    let younger = world.state(by("email:a@x")).await.customer_id;
    assert_ne!(elder, younger);
    assert_eq!(world.orders(by_id(&younger)).await, 1);

    world
        .apply(
            "lane-1",
            1,
            vec![order(&["customer_id:1", "email:a@x"], DAY + 2, 700)],
        )
        .await;

    let merged = world.state(by_id(&younger)).await;
    assert_eq!(
        (merged.customer_id.as_str(), orders(&merged)),
        (elder.as_str(), 3)
    );
    assert_eq!(world.state(by("email:a@x")).await.customer_id, elder);
    let request = ResolveCustomersRequest {
        customers: vec![by_id(&younger), by_id(&elder), by("email:nobody@x")],
    };
    let resolved = world
        .identity
        .resolve_customers(of(TENANT, request))
        .await
        .expect("resolve")
        .into_inner()
        .customers;
    assert_eq!(
        (resolved[0].customer_id.as_str(), resolved[0].alias),
        (elder.as_str(), true)
    );
    assert_eq!(
        (resolved[1].customer_id.as_str(), resolved[1].alias),
        (elder.as_str(), false)
    );
    assert_eq!(
        (resolved[2].customer_id.as_str(), resolved[2].ordinal),
        ("", 0)
    );

    let request = GetProfileRequest {
        customer: Some(by_id(&younger)),
        as_of: None,
    };
    let profile = world
        .profiles
        .get_profile(of(TENANT, request))
        .await
        .expect("profile")
        .into_inner();
    assert_eq!(profile.customer_id, elder);
    assert_eq!(profile.alias_ids, [younger]);
    assert_eq!(profile.identifiers.len(), 2);
    let dimensions: std::collections::BTreeSet<_> = profile
        .persona
        .iter()
        .map(|it| it.dimension.as_str())
        .collect();
    assert_eq!(dimensions.len(), 5);
    let paid = profile
        .features
        .iter()
        .find(|it| it.name == "revenue")
        .expect("revenue");
    assert_eq!(
        paid.value,
        Some(api::profile::feature_value::Value::Number(1_800.0))
    );
}

async fn two_customer_numbers_are_never_joined_by_an_email(mut world: World) {
    let events = vec![
        order(&["customer_id:1", "email:home@x"], DAY, 500),
        order(&["customer_id:2", "email:home@x"], DAY, 600),
        order(&["email:home@x"], DAY + 1, 700),
    ];
    world.apply("lane-0", 1, events).await;

    let (one, two) = (
        world.state(by("customer_id:1")).await,
        world.state(by("customer_id:2")).await,
    );
    assert_ne!(one.customer_id, two.customer_id);
    assert_eq!((orders(&one), orders(&two)), (2, 1));
}

async fn tenants_see_nothing_of_each_other(mut world: World) {
    world.create_tenant("other").await;
    world
        .apply("lane-0", 1, vec![order(&["customer_id:1"], DAY, 500)])
        .await;
    let known = world.state(by("customer_id:1")).await.customer_id;

    for customer in [by("customer_id:1"), by_id(&known)] {
        let request = GetProfileRequest {
            customer: Some(customer),
            as_of: None,
        };
        let answer = world.profiles.get_profile(of("other", request)).await;
        assert_fault(answer, Code::NotFound, "CUSTOMER_NOT_FOUND");
    }
    let request = GetProfileRequest {
        customer: Some(by("customer_id:1")),
        as_of: None,
    };
    assert_fault(
        world.profiles.get_profile(of("nowhere", request)).await,
        Code::NotFound,
        "TENANT_NOT_FOUND",
    );
}
