//! `clientele.segmentation.v1.SegmentService`.

use api::longrunning::Operation;
use api::profile::ResolveCustomersRequest;
use api::profile::identity_service_client::IdentityServiceClient;
use api::segmentation::segment_service_server::SegmentService;
use api::segmentation::{
    CheckMembershipRequest, CheckMembershipResponse, ComputeRfmSegmentsRequest, GetSegmentRequest,
    ListMembersRequest, ListMembersResponse, ListSegmentsRequest, ListSegmentsResponse, Member,
    Segment,
};
use runtime::client::Channel;
use runtime::context::RequestContext;
use runtime::fault::{Invalid, OrStatus, Violations};
use runtime::operations::{Operations, StartOperation};
use store::page;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::parse;
use crate::domain::groups::is_segment_id;
use crate::error::Error;
use crate::jobs::compute::KIND;
use crate::store::SegmentStore;

const PREFIX: &str = "segments/";

/// Answers segment calls.
pub(crate) struct SegmentRpc {
    segments: SegmentStore,
    operations: Operations,
    identity: IdentityServiceClient<Channel>,
}

impl SegmentRpc {
    /// Builds the service over its store, its operations and profile.
    pub(crate) fn new(segments: SegmentStore, operations: Operations, profile: &Channel) -> Self {
        Self {
            segments,
            operations,
            identity: IdentityServiceClient::new(profile.idempotent()),
        }
    }
}

#[tonic::async_trait]
impl SegmentService for SegmentRpc {
    async fn compute_rfm_segments(
        &self,
        request: Request<ComputeRfmSegmentsRequest>,
    ) -> Result<Response<Operation>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let request_id = parse::parse(&request)?.request_id;
        let request = runtime::any::pack(&request);
        let start = StartOperation {
            tenant,
            kind: KIND,
            request_id,
            request,
        };
        Ok(Response::new(self.operations.start(start).await?))
    }

    async fn get_segment(
        &self,
        request: Request<GetSegmentRequest>,
    ) -> Result<Response<Segment>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let name = request.into_inner().name;
        let id = segment_id(&name, "name")?;
        let found = self.segments.get(&tenant, id).await?;
        Ok(Response::new(
            found.ok_or_else(|| Error::SegmentNotFound(name))?,
        ))
    }

    async fn list_segments(
        &self,
        request: Request<ListSegmentsRequest>,
    ) -> Result<Response<ListSegmentsResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let size = page::page_size(request.page_size, 100, 1_000).or_status()?;
        let filter = ("segments", tenant.as_str());
        let after: String = match request.page_token.as_str() {
            "" => String::new(),
            token => page::decode_for(&filter, token).or_status()?,
        };
        let mut segments = self.segments.page(&tenant, &after, size + 1).await?;
        let more = segments.len() as u64 > size;
        segments.truncate(size as usize);
        let last = segments
            .last()
            .map(|segment| segment.name.trim_start_matches(PREFIX))
            .filter(|_| more);
        let next_page_token = last
            .map(|last| page::encode_for(&filter, &last))
            .unwrap_or_default();
        Ok(Response::new(ListSegmentsResponse {
            segments,
            next_page_token,
        }))
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let id = segment_id(&request.segment, "segment")?;
        let size = page::page_size(request.page_size, 1_000, 10_000).or_status()?;
        let filter = ("members", tenant.as_str(), id);
        let place: Option<(Uuid, u64)> = match request.page_token.as_str() {
            "" => None,
            token => Some(page::decode_for(&filter, token).or_status()?),
        };
        let start = place.map_or(0, |(_, start)| start);
        let members = self.segments.members(&tenant, id, start, size).await?;
        let members = members.ok_or_else(|| Error::SegmentNotFound(request.segment.clone()))?;
        if place.is_some_and(|(computation, _)| computation != members.computation) {
            return Err(Error::Recomputed.into());
        }
        let next = start + members.page.len() as u64;
        let more = next < members.total && !members.page.is_empty();
        let next_page_token = if more {
            page::encode_for(&filter, &(members.computation, next))
        } else {
            String::new()
        };
        let member = |(ordinal, id): (u32, Uuid)| Member {
            customer_id: id.to_string(),
            ordinal: i64::from(ordinal),
        };
        Ok(Response::new(ListMembersResponse {
            members: members.page.into_iter().map(member).collect(),
            next_page_token,
            total_size: members.total as i64,
            as_of: members.as_of,
        }))
    }

    async fn check_membership(
        &self,
        request: Request<CheckMembershipRequest>,
    ) -> Result<Response<CheckMembershipResponse>, Status> {
        let context = RequestContext::from_request(&request)?;
        let request = request.into_inner();
        let mut found = Violations::new();
        let customer = request.customer.filter(|customer| customer.r#ref.is_some());
        found.require(
            customer.is_some(),
            "customer",
            "REQUIRED",
            "must name a customer",
        );
        let mut only = Vec::new();
        for (i, name) in request.segments.iter().enumerate() {
            match name.strip_prefix(PREFIX).filter(|id| is_segment_id(id)) {
                Some(id) => only.push(id.to_owned()),
                None => found.push(
                    format!("segments[{i}]"),
                    "INVALID_FORMAT",
                    "must be `segments/{id}`",
                ),
            }
        }
        found.finish()?;
        let ask = ResolveCustomersRequest {
            customers: customer.into_iter().collect(),
        };
        let answer = self
            .identity
            .clone()
            .resolve_customers(context.request(ask))
            .await;
        let resolved = match answer {
            Ok(answer) => answer
                .into_inner()
                .customers
                .into_iter()
                .next()
                .unwrap_or_default(),
            Err(status) => return Err(Error::of_profile(status)),
        };
        if resolved.customer_id.is_empty() {
            return Err(Error::CustomerNotFound.into());
        }
        let ordinal =
            u32::try_from(resolved.ordinal).map_err(|_| Error::Ordinal(resolved.ordinal))?;
        let (segments, as_of) = self
            .segments
            .holding(&context.tenant, ordinal, &only)
            .await?;
        let segments = segments
            .into_iter()
            .map(|id| format!("{PREFIX}{id}"))
            .collect();
        Ok(Response::new(CheckMembershipResponse {
            customer_id: resolved.customer_id,
            segments,
            as_of,
        }))
    }
}

fn segment_id<'a>(name: &'a str, field: &str) -> Result<&'a str, Invalid> {
    let id = name.strip_prefix(PREFIX).filter(|id| is_segment_id(id));
    id.ok_or_else(|| {
        Invalid::field(
            field,
            "INVALID_FORMAT",
            format!("must be `segments/{{id}}`, is `{name}`"),
        )
    })
}
