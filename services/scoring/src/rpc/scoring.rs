//! `clientele.scoring.v1.ScoringService`.

use super::validate;
use crate::serving::Scorer;
use api::scoring::scoring_service_server::ScoringService;
use api::scoring::{BatchScoreRequest, BatchScoreResponse, ScoreRequest, ScoreResponse};
use runtime::context::RequestContext;
use runtime::fault::OrStatus;
use tonic::{Request, Response, Status};

/// Serves scores.
pub struct ScoringRpc {
    scorer: Scorer,
}

impl ScoringRpc {
    /// Serves what a scorer answers.
    pub fn new(scorer: Scorer) -> Self {
        Self { scorer }
    }
}

#[tonic::async_trait]
impl ScoringService for ScoringRpc {
    async fn score(
        &self,
        request: Request<ScoreRequest>,
    ) -> Result<Response<ScoreResponse>, Status> {
        let context = RequestContext::from_request(&request)?;
        let (customer, ask) = validate::score(request.into_inner())?;
        let scored = self
            .scorer
            .score_one(&context, customer, &ask)
            .await
            .or_status()?;
        Ok(Response::new(ScoreResponse {
            score: scored.scores.into_iter().next(),
            model_version: scored.model_version,
            as_of: Some(runtime::time::to_proto(scored.as_of)),
            freshness: Some(scored.freshness),
        }))
    }

    async fn batch_score(
        &self,
        request: Request<BatchScoreRequest>,
    ) -> Result<Response<BatchScoreResponse>, Status> {
        let context = RequestContext::from_request(&request)?;
        let (customers, ask) = validate::batch(request.into_inner())?;
        let scored = self
            .scorer
            .score(&context, &customers, &ask)
            .await
            .or_status()?;
        Ok(Response::new(BatchScoreResponse {
            scores: scored.scores,
            model_version: scored.model_version,
            as_of: Some(runtime::time::to_proto(scored.as_of)),
            freshness: Some(scored.freshness),
        }))
    }
}
