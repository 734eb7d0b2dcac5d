//! From references to scores.

use super::answer::{CUSTOMER_NOT_FOUND, Extent, answer};
use super::days::{day_of, end_of_day};
use super::models::{LoadedModel, Models};
use crate::peers::states::{StateReader, States};
use crate::peers::{Identities, PeerError};
use crate::store::registry::VersionName;
use api::common::{CustomerRef, Freshness};
use api::scoring::CustomerScore;
use chrono::{DateTime, Utc};
use runtime::context::RequestContext;
use runtime::fault::Fault;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use uuid::Uuid;

/// Customers above which the arithmetic leaves the threads that serve requests.
const INLINE_CUSTOMERS_MAX: usize = 16;

/// What to score, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Time as of which to score; `None` means the model's own.
    pub as_of: Option<DateTime<Utc>>,
    /// Horizon of churn risk and expected purchases, 1 to 1,825.
    pub horizon_days: i32,
    /// Whether to give reasons.
    pub reasons: bool,
    /// Probability that intervals cover, in (0, 1), where they are asked for.
    pub interval_level: Option<f64>,
    /// Version to score with.
    pub version: VersionName,
}

/// Scores and what they rest on.
#[derive(Debug)]
pub struct Scored {
    /// One per customer asked for, in their order.
    pub scores: Vec<CustomerScore>,
    /// Name of the version.
    pub model_version: String,
    /// Time as of which they hold.
    pub as_of: DateTime<Utc>,
    /// How fresh the states were.
    pub freshness: Freshness,
}

/// Why there are no scores.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// No version of the model has been promoted.
    #[error(
        "no version of the model `{0}` is champion yet: train one with `promote`, or promote one"
    )]
    NoChampion(String),
    /// There is no such version.
    #[error("there is no such model version")]
    ModelNotFound,
    /// Nobody knows the customer.
    #[error("no customer is known by this reference")]
    CustomerNotFound,
    /// The registry cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The states cannot be had.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The arithmetic ended without an answer.
    #[error("scoring ended without an answer")]
    Broken,
}

impl Fault for ScoreError {
    fn code(&self) -> Code {
        match self {
            Self::NoChampion(_) => Code::FailedPrecondition,
            Self::ModelNotFound | Self::CustomerNotFound => Code::NotFound,
            Self::Store(error) => error.code(),
            Self::Peer(error) => error.code(),
            Self::Broken => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoChampion(_) => "NO_CHAMPION",
            Self::ModelNotFound => "MODEL_NOT_FOUND",
            Self::CustomerNotFound => CUSTOMER_NOT_FOUND,
            Self::Store(error) => error.reason(),
            Self::Peer(error) => error.reason(),
            Self::Broken => "SCORING_FAILED",
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Peer(error) => error.told(),
            _ => self.to_string(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Store(error) => error.retry_after(),
            Self::Peer(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// Scores customers. Cheap to clone.
#[derive(Clone)]
pub struct Scorer {
    models: Models,
    identities: Identities,
    states: StateReader,
    stuck_after: Duration,
}

impl Scorer {
    /// Scores with models and states; a watermark older than `stuck_after` makes answers degraded.
    pub fn new(
        models: Models,
        identities: Identities,
        states: StateReader,
        stuck_after: Duration,
    ) -> Self {
        Self {
            models,
            identities,
            states,
            stuck_after,
        }
    }

    /// Scores customers, at most 1,000, all from one reading of their states.
    pub async fn score(
        &self,
        context: &RequestContext,
        customers: &[CustomerRef],
        ask: &Ask,
    ) -> Result<Scored, ScoreError> {
        let model = self.model(context, &ask.version).await?;
        let ids = self.identities.resolve(context, customers).await?;
        let known: Vec<Uuid> = ids.iter().flatten().copied().collect();
        let states = if known.is_empty() {
            States::default()
        } else {
            self.states.read(context, &known).await?
        };

        let now = runtime::clock::now();
        let (as_of, extent) = extent(&model, ask, now);
        let freshness = if known.is_empty() {
            Freshness::default()
        } else {
            states.freshness(now, self.stuck_after)
        };
        let model_version = model.name.clone();
        let one = move |id: Option<Uuid>| {
            answer(&model, id.and_then(|id| states.found.get(&id)), &extent)
        };
        let scores = if customers.len() <= INLINE_CUSTOMERS_MAX && ask.interval_level.is_none() {
            ids.into_iter().map(one).collect()
        } else {
            off_thread(ids, one).await?
        };
        Ok(Scored {
            scores,
            model_version,
            as_of,
            freshness,
        })
    }

    /// Scores one customer. Fails with [`ScoreError::CustomerNotFound`] when nobody knows them.
    pub async fn score_one(
        &self,
        context: &RequestContext,
        customer: CustomerRef,
        ask: &Ask,
    ) -> Result<Scored, ScoreError> {
        let scored = self.score(context, &[customer], ask).await?;
        match scored.scores.first() {
            Some(score) if score.missing_reason == CUSTOMER_NOT_FOUND => {
                Err(ScoreError::CustomerNotFound)
            }
            Some(_) => Ok(scored),
            None => Err(ScoreError::Broken),
        }
    }

    async fn model(
        &self,
        context: &RequestContext,
        name: &VersionName,
    ) -> Result<Arc<LoadedModel>, ScoreError> {
        use crate::store::registry::Which;
        let found = self.models.get(&context.tenant, name).await?;
        found.ok_or_else(|| match name.which {
            Which::Champion => ScoreError::NoChampion(name.model.clone()),
            Which::Number(_) => ScoreError::ModelNotFound,
        })
    }
}

/// Maps on a thread that may block; stops after the item at hand when the caller goes away.
async fn off_thread<T, R>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Send + 'static,
) -> Result<Vec<R>, ScoreError>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let gone = CancellationToken::new();
    let _told = gone.clone().drop_guard();
    let mapped = move || {
        items
            .into_iter()
            .take_while(|_| !gone.is_cancelled())
            .map(work)
            .collect()
    };
    tokio::task::spawn_blocking(mapped)
        .await
        .map_err(|_| ScoreError::Broken)
}

fn extent(model: &LoadedModel, ask: &Ask, now: DateTime<Utc>) -> (DateTime<Utc>, Extent) {
    let as_of = match ask.as_of {
        Some(as_of) => as_of,
        None if model.live => now,
        None => end_of_day(model.as_of_day, model.zone),
    };
    let extent = Extent {
        as_of_day: day_of(as_of, model.zone),
        horizon_days: ask.horizon_days,
        reasons: ask.reasons,
        interval_level: ask.interval_level,
    };
    (as_of, extent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn work_ends_with_its_caller() {
        assert_eq!(
            off_thread(vec![1, 2, 3], |n| 2 * n).await.unwrap(),
            [2, 4, 6]
        );

        let done = Arc::new(AtomicUsize::new(0));
        let counted = done.clone();
        let slow = off_thread((0..200).collect(), move |_: i32| {
            std::thread::sleep(Duration::from_millis(5));
            counted.fetch_add(1, Ordering::SeqCst);
        });
        assert!(
            tokio::time::timeout(Duration::from_millis(50), slow)
                .await
                .is_err()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        let after = done.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;

        assert_eq!(done.load(Ordering::SeqCst), after);
        assert!(after < 200);
    }
}
