//! `clientele.campaign.v1.BudgetService`.

use std::collections::HashSet;
use std::sync::Arc;

use api::campaign::budget_service_server::BudgetService;
use api::campaign::{AllocateBudgetRequest, AllocateBudgetResponse};
use api::segmentation::segment_service_client::SegmentServiceClient;
use api::segmentation::{ListSegmentsRequest, Segment};
use runtime::client::Channel;
use runtime::context::RequestContext;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::parse::{self, Asked};
use super::plan;
use crate::domain::allocate;
use crate::error::Error;

/// Segments asked for at a time.
const PAGE: i32 = 1_000;
/// Most cells that are built.
const CELLS_MAX: usize = 10_000;
/// Most constraints of a conflict that are spelled out.
const CONFLICT_MAX: usize = 50;

/// Answers budget calls.
pub(crate) struct BudgetRpc {
    segments: SegmentServiceClient<Channel>,
    turns: Arc<Semaphore>,
}

impl BudgetRpc {
    /// Builds the service. `concurrent_max` allocations are computed at once.
    pub(crate) fn new(segmentation: &Channel, concurrent_max: usize) -> Self {
        let segments = SegmentServiceClient::new(segmentation.idempotent())
            .max_decoding_message_size(64 << 20);
        Self {
            segments,
            turns: Arc::new(Semaphore::new(concurrent_max.max(1))),
        }
    }

    async fn allocate(
        &self,
        context: &RequestContext,
        asked: Asked,
    ) -> Result<AllocateBudgetResponse, Error> {
        let posed = if asked.cells.is_empty() {
            self.pose_from_segments(context, asked).await?
        } else {
            plan::pose(asked, Vec::new(), None)
        };
        let turn = self
            .turns
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Error::Stopping)?;
        tokio::task::spawn_blocking(move || {
            // The turn ends with the computation, not with a caller who may have gone before.
            let _turn = turn;
            solve(posed)
        })
        .await?
    }

    async fn pose_from_segments(
        &self,
        context: &RequestContext,
        mut asked: Asked,
    ) -> Result<plan::Posed, Error> {
        let all = self.segments(context).await.map_err(Error::Segmentation)?;
        if all.is_empty() {
            return Err(Error::NoSegments);
        }
        let (cells, notes) = plan::build_cells(&asked, &all).map_err(Error::Invalid)?;
        if cells.len() > CELLS_MAX {
            return Err(Error::TooManyCells(cells.len()));
        }
        let used: HashSet<&str> = cells.iter().map(|cell| cell.segment.as_str()).collect();
        let used: Vec<Segment> = all
            .iter()
            .filter(|segment| used.contains(segment.name.as_str()))
            .cloned()
            .collect();
        asked.cells = cells;
        Ok(plan::pose(asked, notes, Some(&used)))
    }

    async fn segments(&self, context: &RequestContext) -> Result<Vec<Segment>, Status> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = context.request(ListSegmentsRequest {
                page_size: PAGE,
                page_token,
            });
            let page = self
                .segments
                .clone()
                .list_segments(request)
                .await?
                .into_inner();
            all.extend(page.segments);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }
}

fn solve(posed: plan::Posed) -> Result<AllocateBudgetResponse, Error> {
    let conflict = match allocate::allocate(&posed.problem) {
        Ok(found) => return Ok(plan::answer(posed, &found)),
        Err(conflict) => conflict,
    };
    let mut texts: Vec<_> = conflict
        .iter()
        .map(|&one| posed.problem.describe(one))
        .collect();
    if texts.len() > CONFLICT_MAX {
        let more = texts.len() - CONFLICT_MAX;
        texts.truncate(CONFLICT_MAX);
        texts.push(format!("{more} more of the same kind"));
    }
    Err(Error::Infeasible(texts))
}

#[tonic::async_trait]
impl BudgetService for BudgetRpc {
    async fn allocate_budget(
        &self,
        request: Request<AllocateBudgetRequest>,
    ) -> Result<Response<AllocateBudgetResponse>, Status> {
        let context = RequestContext::from_request(&request)?;
        let asked = parse::parse(request.into_inner()).map_err(Error::Invalid)?;
        Ok(Response::new(self.allocate(&context, asked).await?))
    }
}
