//! The service over real gRPC, with a small segmentation beside it.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use api::campaign::budget_service_client::BudgetServiceClient;
use api::campaign::{self as pb, AllocateBudgetRequest, AllocateBudgetResponse};
use api::common::{Freshness, Money};
use api::segmentation as seg;
use api::segmentation::segment_service_server::{SegmentService, SegmentServiceServer};
use campaign_recommendation::{Config, DEFAULTS, Service};
use runtime::server::{Server, Shutdown, ShutdownTrigger};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

/// A segmentation that knows what it is told.
#[derive(Clone, Default)]
struct Segments(Arc<Mutex<Vec<seg::Segment>>>);

#[tonic::async_trait]
impl SegmentService for Segments {
    async fn compute_rfm_segments(
        &self,
        _: Request<seg::ComputeRfmSegmentsRequest>,
    ) -> Result<Response<api::longrunning::Operation>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn get_segment(
        &self,
        _: Request<seg::GetSegmentRequest>,
    ) -> Result<Response<seg::Segment>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    /// Gives two segments a page, so that paging is used.
    async fn list_segments(
        &self,
        request: Request<seg::ListSegmentsRequest>,
    ) -> Result<Response<seg::ListSegmentsResponse>, Status> {
        let start: usize = request.into_inner().page_token.parse().unwrap_or(0);
        let all = self.0.lock().unwrap();
        let segments: Vec<_> = all.iter().skip(start).take(2).cloned().collect();
        let next = start + segments.len();
        let next_page_token = if next < all.len() {
            next.to_string()
        } else {
            String::new()
        };
        Ok(Response::new(seg::ListSegmentsResponse {
            segments,
            next_page_token,
        }))
    }

    async fn list_members(
        &self,
        _: Request<seg::ListMembersRequest>,
    ) -> Result<Response<seg::ListMembersResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn check_membership(
        &self,
        _: Request<seg::CheckMembershipRequest>,
    ) -> Result<Response<seg::CheckMembershipResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

async fn serve(name: &str, routes: Routes) -> (String, ShutdownTrigger) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (trigger, shutdown) = Shutdown::new();
    let server = Server::new(name, Default::default()).add(routes);
    tokio::spawn(server.serve(listener, shutdown));
    (address, trigger)
}

struct Harness {
    client: BudgetServiceClient<tonic::transport::Channel>,
    segments: Segments,
    peer: ShutdownTrigger,
    own: ShutdownTrigger,
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.peer.trigger();
        self.own.trigger();
    }
}

impl Harness {
    async fn start() -> Self {
        let segments = Segments::default();
        let (peer_address, peer) = serve(
            "segmentation",
            Routes::new(SegmentServiceServer::new(segments.clone())),
        )
        .await;
        let mut config: Config = runtime::config::load_from(DEFAULTS, None, []).unwrap();
        config.peers.segmentation = peer_address;
        let service = Service::open(config).await.unwrap();
        let (address, own) = serve("campaign-recommendation", service.routes()).await;
        Self {
            client: BudgetServiceClient::connect(address).await.unwrap(),
            segments,
            peer,
            own,
        }
    }

    fn know(&self, segments: &[(&str, i64, Option<i64>)]) {
        let segment = |&(id, customers, clv): &(&str, i64, Option<i64>)| seg::Segment {
            name: format!("segments/{id}"),
            summary: Some(seg::SegmentSummary {
                customers,
                clv: clv.map(gbp),
                net_spend: Some(gbp(customers * 5_000)),
                ..Default::default()
            }),
            freshness: Some(Freshness {
                degraded: clv.is_none(),
                degraded_reasons: clv
                    .map_or(vec!["SCORING_UNAVAILABLE".to_owned()], |_| Vec::new()),
                ..Default::default()
            }),
            ..Default::default()
        };
        *self.segments.0.lock().unwrap() = segments.iter().map(segment).collect();
    }

    async fn allocate(
        &mut self,
        request: AllocateBudgetRequest,
    ) -> Result<AllocateBudgetResponse, Status> {
        self.client
            .allocate_budget(request)
            .await
            .map(Response::into_inner)
    }
}

fn gbp(minor_units: i64) -> Money {
    Money {
        currency_code: "GBP".into(),
        minor_units,
    }
}

fn ask(budget_minor: i64, rule: pb::TotalRule) -> AllocateBudgetRequest {
    AllocateBudgetRequest {
        budget: Some(gbp(budget_minor)),
        total_rule: rule.into(),
        ..Default::default()
    }
}

fn cell(segment: &str, channel: &str, gain_minor: f64) -> pb::Cell {
    let shape = pb::response_curve::Shape::Log(pb::LogCurve {
        gain_minor,
        scale_minor: 1_000.0,
    });
    let curve = Some(pb::ResponseCurve { shape: Some(shape) });
    pb::Cell {
        segment: segment.into(),
        channel: channel.into(),
        curve,
        ..Default::default()
    }
}

fn bound(name: &str, min_spend_minor: i64, max_spend_minor: Option<i64>) -> pb::SliceBound {
    pb::SliceBound {
        name: name.into(),
        min_spend_minor,
        max_spend_minor,
    }
}

#[tokio::test]
async fn builds_cells_from_segments_and_spends_exactly_the_budget() {
    let mut harness = Harness::start().await;
    harness.know(&[
        ("champions", 400, Some(6_000_000)),
        ("lost", 900, Some(300_000)),
        ("new", 200, Some(800_000)),
    ]);

    let answer = harness
        .allocate(ask(250_000, pb::TotalRule::Exactly))
        .await
        .unwrap();

    assert_eq!(answer.cells.len(), 15);
    assert_eq!(
        answer
            .cells
            .iter()
            .map(|cell| cell.spend_minor)
            .sum::<i64>(),
        250_000
    );
    assert_eq!(answer.spend_minor, 250_000);
    assert!(
        answer
            .cells
            .iter()
            .all(|cell| cell.assumed && cell.reason.ends_with('.')),
        "{:?}",
        answer.cells
    );
    assert_eq!(answer.assumptions.len(), 5);
    assert!(answer.gap < 1e-3, "{}", answer.gap);
    assert!(
        answer
            .cells
            .is_sorted_by_key(|cell| (cell.segment.clone(), cell.channel.clone()))
    );
    assert!(answer.profitable_spend_minor > 0);
    assert_eq!(answer.shadow_prices[0].constraint, "total");
}

#[tokio::test]
async fn takes_net_spend_where_lifetime_value_is_missing_and_says_so() {
    let mut harness = Harness::start().await;
    harness.know(&[("champions", 400, None)]);

    let answer = harness
        .allocate(ask(10_000, pb::TotalRule::AtMost))
        .await
        .unwrap();

    assert!(
        answer
            .assumptions
            .iter()
            .any(|text| text.contains("net spend so far")),
        "{:?}",
        answer.assumptions
    );
    let freshness = answer.freshness.unwrap();
    assert!(freshness.degraded);
    assert_eq!(freshness.degraded_reasons, ["SCORING_UNAVAILABLE"]);
}

#[tokio::test]
async fn holds_crossing_bounds_to_the_unit_and_prices_them() {
    let mut harness = Harness::start().await;
    let mut request = ask(10_000, pb::TotalRule::Exactly);
    request.cells = vec![
        cell("a", "email", 9_000.0),
        cell("a", "sms", 5_000.0),
        cell("b", "email", 4_000.0),
        pb::Cell {
            curve_assumed: true,
            max_spend_minor: Some(2_000),
            ..cell("b", "sms", 8_000.0)
        },
    ];
    request.channel_bounds = vec![bound("email", 0, Some(4_001))];
    request.segment_bounds = vec![bound("a", 0, Some(6_003))];

    let answer = harness.allocate(request).await.unwrap();

    let spend: Vec<i64> = answer.cells.iter().map(|cell| cell.spend_minor).collect();
    assert_eq!(spend.iter().sum::<i64>(), 10_000);
    assert_eq!(spend[0] + spend[2], 4_001);
    assert!(
        spend[0] + spend[1] <= 6_003 && spend[3] <= 2_000,
        "{spend:?}"
    );
    assert_eq!(answer.cells[3].bound, "cell maximum");
    assert_eq!(
        answer.assumptions,
        ["1 given curves are guesses by the caller's own mark."]
    );
    let named: Vec<_> = answer
        .shadow_prices
        .iter()
        .map(|price| price.constraint.as_str())
        .collect();
    assert!(
        named.contains(&"channel email maximum") && named.contains(&"cell b sms maximum"),
        "{named:?}"
    );
}

#[tokio::test]
async fn names_a_smallest_conflict() {
    let mut harness = Harness::start().await;
    let mut request = ask(1_000, pb::TotalRule::Exactly);
    request.cells = vec![
        cell("a", "email", 9_000.0),
        cell("b", "email", 9_000.0),
        cell("b", "sms", 1_000.0),
    ];
    request.channel_bounds = vec![bound("email", 0, Some(300)), bound("sms", 0, Some(500))];
    request.segment_bounds = vec![bound("a", 10, None)];

    let status = harness.allocate(request).await.unwrap_err();

    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(
        runtime::fault::reason(&status).as_deref(),
        Some("INFEASIBLE")
    );
    assert_eq!(
        status.message(),
        "no plan can hold all of these at once: total of exactly 1000; channel email maximum of 300; \
         channel sms maximum of 500"
    );
}

#[tokio::test]
async fn lists_every_violation() {
    let mut harness = Harness::start().await;
    let mut request = ask(-1, pb::TotalRule::AtMost);
    request.cells = vec![cell("a", "email", f64::NAN), cell("a", "email", -5.0)];
    request.margin = Some(2.0);

    let status = harness.allocate(request).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    let fields: Vec<_> = runtime::fault::violations(&status)
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    let expected = [
        "budget.minor_units",
        "margin",
        "cells[0].curve.log.gain_minor",
        "cells[1]",
        "cells[1].curve.log.gain_minor",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn refuses_unknown_segments_and_mixed_currencies() {
    let mut harness = Harness::start().await;
    harness.know(&[("champions", 400, Some(6_000_000))]);
    let mut request = ask(100, pb::TotalRule::AtMost);
    request.segments = vec!["segments/champions".into(), "segments/nobody".into()];
    request.budget = Some(Money {
        currency_code: "EUR".into(),
        minor_units: 100,
    });

    let status = harness.allocate(request).await.unwrap_err();

    let found = runtime::fault::violations(&status)
        .into_iter()
        .map(|v| (v.field, v.reason))
        .collect::<Vec<_>>();
    let expected = [
        ("segments[1]", "UNKNOWN"),
        ("budget.currency_code", "MIXED_CURRENCIES"),
    ];
    assert_eq!(
        found,
        expected.map(|(field, reason)| (field.to_owned(), reason.to_owned()))
    );
}

#[tokio::test]
async fn tells_when_there_are_no_segments_and_when_segmentation_is_away() {
    let mut harness = Harness::start().await;

    let status = harness
        .allocate(ask(100, pb::TotalRule::AtMost))
        .await
        .unwrap_err();
    assert_eq!(
        runtime::fault::reason(&status).as_deref(),
        Some("NO_SEGMENTS")
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut config: Config = runtime::config::load_from(DEFAULTS, None, []).unwrap();
    config.peers.segmentation = nobody;
    config.client.timeout = std::time::Duration::from_millis(500);
    let (address, stop) = serve(
        "campaign-recommendation",
        Service::open(config).await.unwrap().routes(),
    )
    .await;
    let mut client = BudgetServiceClient::connect(address).await.unwrap();
    let status = client
        .allocate_budget(ask(100, pb::TotalRule::AtMost))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        runtime::fault::reason(&status).as_deref(),
        Some("SEGMENTATION_UNAVAILABLE")
    );
    stop.trigger();
}
