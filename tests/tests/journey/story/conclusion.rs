//! The second half: a model, scores, segments and a budget.

use super::outcome::{Outcome, Scores, Totals};
use super::{Story, references};
use crate::shop;
use anyhow::{Context, ensure};
use api::campaign::budget_service_client::BudgetServiceClient;
use api::campaign::{AllocateBudgetRequest, TotalRule};
use api::common::Money;
use api::scoring::model_service_client::ModelServiceClient;
use api::scoring::scoring_service_client::ScoringServiceClient;
use api::scoring::{BatchScoreRequest, ModelVersion, TrainModelRequest};
use api::segmentation::segment_service_client::SegmentServiceClient;
use api::segmentation::{ComputeRfmSegmentsRequest, ComputeRfmSegmentsResponse};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An answer of the scoring service.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    /// Scores by customer number and name of the score.
    pub(crate) scores: Scores,
    /// Why they may be older than promised.
    pub(crate) degraded: Vec<String>,
}

impl Story {
    /// Trains, scores, segments and allocates.
    pub(crate) async fn conclude(&self, totals: Totals) -> anyhow::Result<Outcome> {
        let model = self.train().await?;
        let scores = self.score(&model).await?.scores;
        let segments = self.segments().await?;
        let budget = self.allocate(1_234_567).await?;
        let (bgnbd, spend) = (
            model.bgnbd.context("BG/NBD")?,
            model.gamma_gamma.context("Gamma-Gamma")?,
        );
        Ok(Outcome {
            totals,
            model: vec![
                bgnbd.r,
                bgnbd.alpha,
                bgnbd.a,
                bgnbd.b,
                spend.p,
                spend.q,
                spend.v,
            ],
            scores,
            segments,
            budget,
        })
    }

    /// Fits the models and makes them the champion.
    pub(crate) async fn train(&self) -> anyhow::Result<ModelVersion> {
        let client = ModelServiceClient::new(self.channels["scoring"].clone());
        let request = TrainModelRequest {
            as_of: shop::as_of(),
            promote: true,
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let started = self
            .call("TrainModel", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.train_model(request).await }
            })
            .await?;
        self.wait("scoring", started).await
    }

    /// Scores every customer of the shop with a version that was just promoted.
    pub(crate) async fn score(&self, model: &ModelVersion) -> anyhow::Result<Scored> {
        let client = ScoringServiceClient::new(self.channels["scoring"].clone());
        let request = BatchScoreRequest {
            customers: references(),
            options: None,
        };
        let answer = self
            .call("BatchScore", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.batch_score(request).await }
            })
            .await?;
        ensure!(
            answer.model_version == model.name,
            "{} instead of {}",
            answer.model_version,
            model.name
        );
        let mut scores = BTreeMap::new();
        for (index, score) in answer.scores.iter().enumerate() {
            ensure!(
                score.missing_reason.is_empty(),
                "{} has no score: {}",
                shop::customer(index),
                score.missing_reason
            );
            for value in &score.values {
                scores.insert((shop::customer(index), value.name.clone()), value.value);
            }
        }
        let freshness = answer.freshness.context("freshness")?;
        Ok(Scored {
            scores,
            degraded: freshness.degraded_reasons,
        })
    }

    async fn segments(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let client = SegmentServiceClient::new(self.channels["segmentation"].clone());
        let request = ComputeRfmSegmentsRequest {
            as_of: shop::as_of(),
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let started = self
            .call("ComputeRfmSegments", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.compute_rfm_segments(request).await }
            })
            .await?;
        let computed: ComputeRfmSegmentsResponse = self.wait("segmentation", started).await?;
        let size =
            |it: &api::segmentation::Segment| it.summary.as_ref().map_or(0, |it| it.customers);
        Ok(computed
            .segments
            .iter()
            .map(|it| (it.name.clone(), size(it)))
            .collect())
    }

    async fn allocate(&self, minor_units: i64) -> anyhow::Result<[i64; 2]> {
        let client = BudgetServiceClient::new(self.channels["campaign-recommendation"].clone());
        let request = AllocateBudgetRequest {
            budget: Some(Money {
                currency_code: "EUR".into(),
                minor_units,
            }),
            total_rule: TotalRule::Exactly as i32,
            ..Default::default()
        };
        let answer = self
            .call("AllocateBudget", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.allocate_budget(request).await }
            })
            .await?;
        Ok([
            minor_units,
            answer.cells.iter().map(|it| it.spend_minor).sum(),
        ])
    }
}
