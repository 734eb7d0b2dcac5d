//! The service over real gRPC, on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used)]

#[path = "segmentation/harness.rs"]
mod harness;
#[path = "segmentation/peers.rs"]
mod peers;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use api::common::{CustomerRef, Identifier, customer_ref::Ref};
use api::longrunning::operation::Result as Outcome;
use api::segmentation::{
    CheckMembershipRequest, ComputeRfmSegmentsRequest, GetSegmentRequest, ListMembersRequest,
    ListSegmentsRequest, RfmGroup,
};
use harness::{BUYERS, Harness, on_every_database};
use tonic::Code;
use uuid::Uuid;

fn everything(id: &str) -> RfmGroup {
    RfmGroup {
        segment_id: id.into(),
        display_name: String::new(),
        recency_min: 1,
        recency_max: 5,
        frequency_min: 1,
        frequency_max: 5,
        monetary_min: 1,
        monetary_max: 5,
    }
}

fn identifier(value: &str) -> Option<CustomerRef> {
    let identifier = Identifier {
        namespace: "customer_id".into(),
        value: value.into(),
    };
    Some(CustomerRef {
        r#ref: Some(Ref::Identifier(identifier)),
    })
}

async fn members(harness: &mut Harness, segment: &str, page_size: i32) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListMembersRequest {
            segment: segment.into(),
            page_size,
            page_token,
        };
        let page = harness
            .segments
            .list_members(request)
            .await
            .unwrap()
            .into_inner();
        assert!(page.members.len() <= page_size as usize);
        all.extend(
            page.members
                .into_iter()
                .map(|member| (member.ordinal, member.customer_id)),
        );
        if page.next_page_token.is_empty() {
            assert_eq!(all.len() as i64, page.total_size);
            return all;
        }
        page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_buyer_is_in_exactly_one_segment() {
    on_every_database(|mut harness| async move {
        let response = harness.computed(ComputeRfmSegmentsRequest::default()).await;

        assert_eq!(
            (response.customers, response.customers_without_purchase),
            (BUYERS, 1)
        );
        assert_eq!(response.as_of, "2023-10-28");
        assert_eq!(response.segments.len(), 11);
        let edges = response.edges.unwrap();
        assert_eq!(edges.recency_days, [39.0, 79.0, 119.0, 159.0]);
        assert_eq!(edges.frequency, [1.0, 2.0, 3.0, 4.0]);
        let mut seen = BTreeSet::new();
        for segment in &response.segments {
            let members = members(&mut harness, &segment.name, 7).await;
            assert!(members.is_sorted_by_key(|(ordinal, _)| *ordinal));
            assert_eq!(
                members.len() as i64,
                segment.summary.as_ref().unwrap().customers
            );
            for (ordinal, id) in members {
                assert_eq!(id, harness.ids[ordinal as usize - 1].to_string());
                assert!(seen.insert(ordinal), "{ordinal} is in two segments");
            }
        }
        assert_eq!(seen.len() as i64, BUYERS);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn summaries_carry_lifetime_values_or_say_why_not() {
    on_every_database(|mut harness| async move {
        let all = ComputeRfmSegmentsRequest {
            groups: vec![everything("all")],
            ..Default::default()
        };
        harness.computed(all.clone()).await;
        let name = "segments/all".to_owned();
        let segment = harness
            .segments
            .get_segment(GetSegmentRequest { name: name.clone() })
            .await
            .unwrap()
            .into_inner();
        let summary = segment.summary.unwrap();
        let clv = summary.clv.unwrap();
        assert_eq!(
            (clv.currency_code.as_str(), clv.minor_units),
            ("NZD", 1_234 * BUYERS)
        );
        assert_eq!(summary.expected_purchases, Some(100.0));
        assert_eq!(summary.mean_churn_risk, Some(0.25));
        assert_eq!(summary.model_version, "models/clv/versions/1");
        assert!(
            summary.text.starts_with("200 customers, 100.0 % of all"),
            "{}",
            summary.text
        );
        assert!(!segment.freshness.unwrap().degraded);

        harness.scoring.away.store(true, Ordering::SeqCst);
        harness.computed(all).await;
        let segment = harness
            .segments
            .get_segment(GetSegmentRequest { name })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(segment.summary.unwrap().clv, None);
        let freshness = segment.freshness.unwrap();
        assert!(freshness.degraded && freshness.complete_through.is_some());
        assert_eq!(freshness.degraded_reasons, ["SCORING_UNAVAILABLE"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_that_lack_customers_or_rest_on_old_states_are_marked() {
    on_every_database(|mut harness| async move {
        harness.scoring.behind.store(true, Ordering::SeqCst);
        let all = ComputeRfmSegmentsRequest {
            groups: vec![everything("all")],
            ..Default::default()
        };

        let segment = harness.computed(all).await.segments.remove(0);

        assert_eq!(
            segment.summary.unwrap().clv.unwrap().minor_units,
            1_234 * (BUYERS - 1)
        );
        let freshness = segment.freshness.unwrap();
        assert!(freshness.degraded);
        assert_eq!(
            freshness.degraded_reasons,
            ["SCORES_INCOMPLETE", "WATERMARK_STUCK"]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computation_replaces_the_one_before() {
    on_every_database(|mut harness| async move {
        harness.computed(ComputeRfmSegmentsRequest::default()).await;
        let first = ListMembersRequest {
            segment: "segments/lost".into(),
            page_size: 1,
            ..Default::default()
        };
        let page = harness
            .segments
            .list_members(first.clone())
            .await
            .unwrap()
            .into_inner();
        let listed = harness
            .segments
            .list_segments(ListSegmentsRequest {
                page_size: 10,
                ..Default::default()
            })
            .await;
        let listed = listed.unwrap().into_inner();
        assert_eq!(listed.segments.len(), 10);
        assert!(listed.segments.is_sorted_by(|a, b| a.name < b.name));
        let rest = ListSegmentsRequest {
            page_size: 10,
            page_token: listed.next_page_token,
        };
        assert_eq!(
            harness
                .segments
                .list_segments(rest)
                .await
                .unwrap()
                .into_inner()
                .segments
                .len(),
            1
        );

        harness.computed(ComputeRfmSegmentsRequest::default()).await;
        let next = ListMembersRequest {
            page_token: page.next_page_token,
            ..first
        };
        let status = harness.segments.list_members(next).await.unwrap_err();
        assert_eq!(
            runtime::fault::reason(&status).as_deref(),
            Some("SEGMENT_RECOMPUTED")
        );

        let past = ComputeRfmSegmentsRequest {
            groups: vec![everything("all")],
            as_of: "2023-05-01".into(),
            ..Default::default()
        };
        let response = harness.computed(past).await;
        assert!(response.customers < BUYERS && response.as_of == "2023-05-01");
        let status = harness
            .segments
            .get_segment(GetSegmentRequest {
                name: "segments/lost".into(),
            })
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), runtime::fault::reason(&status).as_deref()),
            (Code::NotFound, Some("SEGMENT_NOT_FOUND"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_follows_identifiers_and_aliases() {
    on_every_database(|mut harness| async move {
        harness.computed(ComputeRfmSegmentsRequest::default()).await;
        let mut ask = CheckMembershipRequest {
            customer: identifier("c3"),
            segments: Vec::new(),
        };
        let own = harness
            .segments
            .check_membership(ask.clone())
            .await
            .unwrap()
            .into_inner();
        assert_eq!(own.customer_id, harness.ids[3].to_string());
        assert_eq!(
            (own.segments.as_slice(), own.as_of.as_str()),
            (&["segments/champions".to_owned()][..], "2023-10-28")
        );

        let alias = Some(CustomerRef {
            r#ref: Some(Ref::CustomerId(harness.alias.to_string())),
        });
        let through_alias = CheckMembershipRequest {
            customer: alias,
            segments: Vec::new(),
        };
        assert_eq!(
            harness
                .segments
                .check_membership(through_alias)
                .await
                .unwrap()
                .into_inner(),
            own
        );

        ask.segments = vec!["segments/lost".into()];
        assert!(
            harness
                .segments
                .check_membership(ask.clone())
                .await
                .unwrap()
                .into_inner()
                .segments
                .is_empty()
        );
        ask.customer = identifier(&format!("c{BUYERS}"));
        ask.segments.clear();
        assert!(
            harness
                .segments
                .check_membership(ask.clone())
                .await
                .unwrap()
                .into_inner()
                .segments
                .is_empty()
        );

        ask.customer = identifier("nobody");
        let status = harness
            .segments
            .check_membership(ask.clone())
            .await
            .unwrap_err();
        assert_eq!(
            runtime::fault::reason(&status).as_deref(),
            Some("CUSTOMER_NOT_FOUND")
        );
        let mut unknown_tenant = tonic::Request::new(ask);
        unknown_tenant
            .metadata_mut()
            .insert("x-clientele-tenant", "nobody".parse().unwrap());
        let status = harness
            .segments
            .check_membership(unknown_tenant)
            .await
            .unwrap_err();
        assert_eq!(
            status.code(),
            Code::NotFound,
            "no use in trying again: {status:?}"
        );
        ask = CheckMembershipRequest {
            customer: None,
            segments: vec!["lost".into()],
        };
        let status = harness.segments.check_membership(ask).await.unwrap_err();
        let fields: Vec<_> = runtime::fault::violations(&status)
            .into_iter()
            .map(|one| one.field)
            .collect();
        assert_eq!(fields, ["customer", "segments[0]"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_id_is_one_operation() {
    on_every_database(|mut harness| async move {
        let request_id = Uuid::new_v4().to_string();
        let request = ComputeRfmSegmentsRequest {
            request_id,
            ..Default::default()
        };

        let first = harness.compute(request.clone()).await;
        let second = harness.compute(request).await;

        assert_eq!(first, second);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_and_empty_histories_are_refused() {
    on_every_database(|mut harness| async move {
        let bad = ComputeRfmSegmentsRequest {
            as_of: "yesterday".into(),
            groups: vec![everything("A b")],
            ..Default::default()
        };
        let status = harness
            .segments
            .compute_rfm_segments(bad)
            .await
            .unwrap_err();
        let fields: Vec<_> = runtime::fault::violations(&status)
            .into_iter()
            .map(|one| one.field)
            .collect();
        assert_eq!(fields, ["as_of", "groups[0].segment_id"]);

        let early = ComputeRfmSegmentsRequest {
            as_of: "1999-01-01".into(),
            ..Default::default()
        };
        match harness.compute(early).await.result {
            Some(Outcome::Error(error)) => {
                let status = runtime::fault::from_rpc(&error);
                assert_eq!(status.code(), Code::FailedPrecondition);
                assert_eq!(
                    runtime::fault::reason(&status).as_deref(),
                    Some("NO_CUSTOMERS")
                );
            }
            other => panic!("no error: {other:?}"),
        }

        let negative = ListMembersRequest {
            segment: "segments/x".into(),
            page_size: -1,
            ..Default::default()
        };
        let status = harness.segments.list_members(negative).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let unknown = ListMembersRequest {
            segment: "segments/x".into(),
            ..Default::default()
        };
        let status = harness.segments.list_members(unknown).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    })
    .await;
}
