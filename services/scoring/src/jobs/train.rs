//! Training: from the lake's history to a registered version.

use crate::domain::currency::minor_per_major;
use crate::domain::fault::Unidentified;
use crate::domain::fit::Sampling;
use crate::domain::history::Purchases;
use crate::domain::model;
use crate::peers::{Profile, Tenant};
use crate::serving::{Models, date_of, end_of_day, parse_day, purchases, start_of_day};
use crate::store::artefact::{clv_from_proto, clv_to_proto, from_trained};
use crate::store::registry::{NewVersion, Registry};
use api::scoring::{Exclusion, ModelArtefact, ModelVersion, TrainModelMetadata, TrainModelRequest};
use async_trait::async_trait;
use lake::{Lake, Replay, ReplayProgress, ReplayRequest};
use prost_types::Any;
use runtime::fault::{Fault, Invalid, OrStatus};
use runtime::operations::{OperationContext, OperationHandler};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// Kind of the operation.
pub const TRAIN_MODEL: &str = "train-model";

/// Draws of the parameters that a version keeps: intervals at their 5 % ends then rest on 25 draws a side.
const DRAWS: usize = 500;
/// How often progress is stored.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// How long to wait for the lake to be told whose events are whose; beyond it, training goes on without them, and says so.
const IDENTITY_PATIENCE: Duration = Duration::from_secs(30);

/// The data cannot identify a model.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct CannotTrain(#[from] Unidentified);

impl Fault for CannotTrain {
    fn code(&self) -> Code {
        Code::FailedPrecondition
    }

    fn reason(&self) -> &'static str {
        self.0.reason()
    }
}

/// The computation ended without a result.
#[derive(Debug, thiserror::Error)]
#[error("the computation ended without a result: {0}")]
struct Broken(String);

impl Fault for Broken {
    fn code(&self) -> Code {
        Code::Internal
    }

    fn reason(&self) -> &'static str {
        "TRAINING_FAILED"
    }
}

/// Trains models. A training that is taken up again after a crash starts over, and registers one version.
pub struct Trainer {
    lake: Lake,
    profile: Profile,
    registry: Registry,
    models: Models,
}

impl Trainer {
    /// Trains on a lake, for the tenants that the profile service keeps, into a registry.
    pub fn new(lake: Lake, profile: Profile, registry: Registry, models: Models) -> Self {
        Self {
            lake,
            profile,
            registry,
            models,
        }
    }
}

#[async_trait]
impl OperationHandler for Trainer {
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status> {
        let request: TrainModelRequest = runtime::any::unpack(&request)?;
        let tenant = self.profile.tenant(context.tenant()).await.or_status()?;
        let replay = self.replay(&context, &request).await?;
        context.checkpoint()?;

        let mut progress = TrainModelMetadata {
            stage: "fitting".to_owned(),
            events: i64::try_from(replay.events).unwrap_or(i64::MAX),
            customers: replay.customers.len() as i64,
        };
        context.progress(runtime::any::pack(&progress)).await?;
        let fitting = request.clone();
        let fitted = tokio::task::spawn_blocking(move || fit(&replay, &fitting, &tenant)).await;
        let artefact = fitted
            .map_err(|error| Broken(error.to_string()))
            .or_status()??;
        context.checkpoint()?;

        progress.stage = "registering".to_owned();
        context.progress(runtime::any::pack(&progress)).await?;
        let new = NewVersion {
            tenant: context.tenant().as_str().to_owned(),
            model: request.model.clone(),
            operation: context.id(),
            artefact,
            promote: request.promote,
        };
        let registered = self.registry.register(&new).await.or_status()?;
        if request.promote {
            self.models
                .promoted(context.tenant(), &request.model)
                .await
                .or_status()?;
        }
        let version = registered.to_version();
        tracing::info!(
            version = version.name,
            customers = version.customers,
            "trained a model"
        );
        Ok(runtime::any::pack(&version))
    }
}

impl Trainer {
    /// Reads the history. Profile tells the lake whose events are whose a moment after it applied them: waits for it.
    async fn replay(
        &self,
        context: &OperationContext,
        request: &TrainModelRequest,
    ) -> Result<Replay, Status> {
        let begin = Instant::now();
        loop {
            let replay = self.replay_once(context, request).await?;
            if replay.events_without_customer == 0 || begin.elapsed() > IDENTITY_PATIENCE {
                return Ok(replay);
            }
            context.checkpoint()?;
            tokio::time::sleep(PROGRESS_INTERVAL).await;
        }
    }

    /// Reads the history, storing how far it has come.
    async fn replay_once(
        &self,
        context: &OperationContext,
        request: &TrainModelRequest,
    ) -> Result<Replay, Status> {
        let ask = ReplayRequest {
            tenant: context.tenant().as_str().to_owned(),
            as_of_day: parse_day(&request.as_of).unwrap_or(i32::MAX),
            known_by: runtime::clock::now(),
        };
        let rows = Arc::new(AtomicU64::new(0));
        let (read, watched) = (rows.clone(), context.clone());
        let progress = move |reached: ReplayProgress| {
            read.store(reached.rows, Ordering::Relaxed);
            if watched.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let replaying = self.lake.replay(&ask, progress);
        tokio::pin!(replaying);
        loop {
            let events = i64::try_from(rows.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
            let metadata = TrainModelMetadata {
                stage: "reading".to_owned(),
                events,
                customers: 0,
            };
            context.progress(runtime::any::pack(&metadata)).await?;
            tokio::select! {
                replay = &mut replaying => return replay.or_status(),
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {}
            }
        }
    }
}

/// Fits the models and makes the artefact.
fn fit(
    replay: &Replay,
    request: &TrainModelRequest,
    tenant: &Tenant,
) -> Result<ModelArtefact, Status> {
    let newest = replay
        .customers
        .iter()
        .filter_map(|customer| customer.state.newest_day())
        .max();
    let as_of_day = parse_day(&request.as_of).or(newest).unwrap_or(0);
    let mut customers: Vec<Purchases> = Vec::with_capacity(replay.customers.len());
    let mut first_day = i32::MAX;
    for customer in &replay.customers {
        if let Some(one) = purchases(&customer.state, as_of_day) {
            customers.push(one);
            first_day = first_day.min(customer.state.first_purchase_day().unwrap_or(i32::MAX));
        }
    }
    let without = (replay.customers.len() - customers.len()) as i64;
    let behind = i64::try_from(replay.fragments_without_customer).unwrap_or(i64::MAX);
    let exclusions = [("NO_PURCHASE", without), ("IDENTITY_BEHIND", behind)];
    let exclusions = exclusions
        .into_iter()
        .filter(|(_, customers)| *customers > 0);
    let exclusions = exclusions
        .map(|(reason, customers)| Exclusion {
            reason: reason.to_owned(),
            customers,
        })
        .collect();
    let settings = clv_from_proto(request.clv.as_ref()).map_err(|invalid| {
        Invalid::field(
            format!("clv.{}", invalid.field),
            "OUT_OF_RANGE",
            invalid.to_string(),
        )
    })?;
    let sampling = Sampling {
        draws: DRAWS,
        seed: request.seed,
    };
    let trained = model::train(
        &customers,
        settings,
        minor_per_major(&tenant.currency),
        sampling,
    )
    .map_err(CannotTrain)
    .or_status()?;
    let instant = |at| Some(runtime::time::to_proto(at));
    let about = ModelVersion {
        as_of: date_of(as_of_day).to_string(),
        data_start_time: instant(start_of_day(first_day, tenant.zone)),
        data_end_time: instant(end_of_day(newest.unwrap_or(as_of_day), tenant.zone)),
        customers: customers.len() as i64,
        exclusions,
        clv: Some(clv_to_proto(&settings)),
        code_version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: request.seed,
        currency_code: tenant.currency.clone(),
        time_zone: tenant.zone.name().to_owned(),
        ..Default::default()
    };
    Ok(from_trained(&trained, about))
}

#[cfg(test)]
mod tests {
    use super::*;
    use features::{CustomerState, Event};
    use lake::CustomerHistory;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma};
    use uuid::Uuid;

    #[test]
    fn who_is_left_out_is_told_with_the_reason() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut customer = |number: i64| {
            let mut state = CustomerState::default();
            let rate: f64 = Gamma::new(0.9, 1.0 / 40.0).unwrap().sample(&mut random);
            let mean: f64 = 20_000.0 / Gamma::new(4.0, 1.0).unwrap().sample(&mut random);
            let mut day = 19_904.0 - random.random_range(60.0..360.0);
            loop {
                let value: f64 = Gamma::new(6.0, mean / 6.0).unwrap().sample(&mut random);
                state.apply(&Event::order(
                    day as i32,
                    value as i64 + 1,
                    &format!("{number}-{day}"),
                ));
                day += 1.0 - (1.0 - random.random::<f64>()).ln() / rate;
                if day > 19_904.0 || random.random::<f64>() < 0.2 {
                    break;
                }
            }
            CustomerHistory {
                customer_id: Uuid::from_u128(number as u128),
                ordinal: number,
                state,
            }
        };
        let mut customers: Vec<_> = (1..=500).map(&mut customer).collect();
        customers.push(CustomerHistory {
            customer_id: Uuid::nil(),
            ordinal: 501,
            state: CustomerState::default(),
        });
        let replay = Replay {
            customers,
            events_without_customer: 9,
            fragments_without_customer: 4,
            ..Default::default()
        };
        let tenant = Tenant {
            zone: chrono_tz::Tz::UTC,
            currency: "GBP".to_owned(),
        };

        let artefact = fit(&replay, &TrainModelRequest::default(), &tenant).unwrap();

        let exclusions = artefact.version.unwrap().exclusions;
        let told: Vec<_> = exclusions
            .iter()
            .map(|one| (one.reason.as_str(), one.customers))
            .collect();
        assert_eq!(told, [("NO_PURCHASE", 1), ("IDENTITY_BEHIND", 4)]);
    }
}
