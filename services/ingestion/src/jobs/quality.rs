//! Folds what appends added to the quality figures, judges sources that changed, and shows how they stand.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use runtime::context::TenantId;
use sketch::series::Expected;
use store::Store;
use store::lease::Lease;

use super::log_alert;
use super::worker::{LaneWorker, Step, StepError};
use crate::domain::contract::{Alerts, Weights};
use crate::domain::instant::local_day;
use crate::domain::quality::alerts::{Finding, History, find};
use crate::domain::quality::{Dimension, NO_DAY, score};
use crate::intake::Intake;
use crate::metrics::quality::QualityMetrics;
use crate::store::LogError;
use crate::store::quality::{self, SourceRow};

/// Most sources that are judged, those that changed last first.
const SOURCES_MAX: i64 = 5_000;
/// Days of history that judging looks at.
const DAYS_MAX: i32 = 430;
/// Days with records that the shown score is taken over.
const SHOWN_DAYS: usize = 7;
/// Rules whose alerts are raised and cleared here.
const RULES: [&str; 5] = [
    "threshold",
    "rate_of_change",
    "online_normal",
    "seasonal",
    "freshness",
];

/// A source as it was judged last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judged {
    changed_us: i64,
    today: i32,
    revision: i64,
    late: bool,
}

#[derive(Default)]
struct State {
    judged: HashMap<(String, String), Judged>,
    looked: Option<Instant>,
    forgot: Option<Instant>,
    /// Whether the log was nearly full when it was looked at last.
    nearly_full: bool,
}

/// Keeps the quality figures.
pub struct QualityKeeper {
    store: Store,
    intake: Arc<Intake>,
    metrics: QualityMetrics,
    every: Duration,
    remember: Duration,
    state: Mutex<State>,
}

impl QualityKeeper {
    /// Keeps the figures in `store`, on the terms that `intake` knows, and judges changed sources `every` so often. What is
    /// held of records in quarantine is remembered for as long as message keys are.
    pub fn new(store: Store, intake: Arc<Intake>, every: Duration, remember: Duration) -> Self {
        Self {
            store,
            intake,
            metrics: QualityMetrics::default(),
            every,
            remember,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self) -> bool {
        let mut state = self.state();
        let due = state.looked.is_none_or(|at| at.elapsed() >= self.every);
        if due {
            state.looked = Some(Instant::now());
        }
        due
    }

    /// Forgets, once an hour, what is held of records that are older than any key.
    async fn forget(&self) -> Result<(), StepError> {
        const HOUR: Duration = Duration::from_secs(3600);
        let due = self.state().forgot.is_none_or(|at| at.elapsed() >= HOUR);
        if due {
            let age = TimeDelta::from_std(self.remember).unwrap_or(TimeDelta::days(36_500));
            let forgotten = quality::forget_held(&self.store, runtime::clock::now() - age)
                .await
                .map_err(LogError::from)?;
            if forgotten > 0 {
                tracing::info!(forgotten, "forgot what quality held of old records");
            }
            self.state().forgot = Some(Instant::now());
        }
        Ok(())
    }

    /// Judges every source that changed since it was judged last.
    async fn judge_all(&self, lease: &Lease) -> Result<(), StepError> {
        let reader = self.store.reader();
        let rows = quality::sources(reader, SOURCES_MAX)
            .await
            .map_err(LogError::from)?;
        for row in &rows {
            self.judge(lease, row).await?;
        }
        let tenants: BTreeSet<&str> = rows.iter().map(|row| row.tenant.as_str()).collect();
        let log = self.intake.log().clone();
        let before = self.state().nearly_full;
        let now = log_alert::watch(&self.store, &*log, lease, &tenants, before).await?;
        self.state().nearly_full = now;
        let known: HashSet<(&str, &str)> = rows
            .iter()
            .map(|row| (row.tenant.as_str(), row.source.as_str()))
            .collect();
        self.state()
            .judged
            .retain(|(tenant, source), _| known.contains(&(tenant.as_str(), source.as_str())));
        let open = quality::open_counts(reader).await.map_err(LogError::from)?;
        self.metrics.alerts(&open);
        Ok(())
    }

    async fn judge(&self, lease: &Lease, row: &SourceRow) -> Result<(), StepError> {
        let Ok(id) = TenantId::parse(&row.tenant) else {
            return Ok(());
        };
        // Whose tenant is gone or not known now is judged when it is.
        let Ok(tenant) = self.intake.tenant(&id).await else {
            return Ok(());
        };
        let sources = self.intake.sources();
        let registered = sources
            .get(&row.tenant, &row.source)
            .await
            .map_err(LogError::from)?;
        let terms = registered.as_ref().map(|it| it.terms()).unwrap_or_default();
        let now = runtime::clock::now();
        let late = terms
            .freshness()
            .and_then(|target| silence(row, target, now));
        let judged = Judged {
            changed_us: row.changed_us,
            today: local_day(now, tenant.zone),
            revision: terms.revision,
            late: late.is_some(),
        };
        let key = (row.tenant.clone(), row.source.clone());
        if self.state().judged.get(&key) == Some(&judged) {
            return Ok(());
        }
        let contract = terms.contract.as_deref();
        let (usual, even) = (Alerts::default(), Weights::default());
        let alerts = contract.map_or(&usual, |contract| &contract.alerts);
        let weights = &contract
            .map_or(&even, |contract| &contract.weights)
            .dimensions;
        let from = row.last_day.saturating_sub(DAYS_MAX).max(NO_DAY + 1);
        let history = quality::counts(self.store.reader(), &row.tenant, &row.source, from)
            .await
            .map_err(LogError::from)?;
        let mut found = find(&history, &alerts.rules, weights, judged.today);
        found.extend(late);
        quality::settle_alerts(
            &self.store,
            lease,
            (&row.tenant, &row.source),
            &RULES,
            &found,
        )
        .await
        .map_err(LogError::from)?;
        self.show(row, &history, weights);
        self.state().judged.insert(key, judged);
        Ok(())
    }

    /// Shows the score and the dimensions over the newest days.
    fn show(&self, row: &SourceRow, history: &History, weights: &score::Weights) {
        let mut sum = crate::domain::quality::DayCounts::default();
        for counts in history.values().rev().take(SHOWN_DAYS) {
            sum.add(counts, 1);
        }
        let dimensions = score::dimensions(&sum);
        let shares = dimensions.map(|(dimension, tally)| (dimension, tally.share()));
        self.metrics.score(
            (&row.tenant, &row.source),
            weights.score(&dimensions),
            &shares,
        );
    }
}

/// Finds that nothing has come from a source for longer than its target.
fn silence(row: &SourceRow, target: TimeDelta, now: chrono::DateTime<Utc>) -> Option<Finding> {
    let last = chrono::DateTime::from_timestamp_micros(row.last_us).filter(|_| row.last_us > 0)?;
    let age = now - last;
    let hours = |length: TimeDelta| length.num_minutes() as f64 / 60.0;
    (age > target).then(|| Finding {
        field: String::new(),
        metric: Dimension::Timeliness.name(),
        rule: "freshness",
        day: None,
        value: age.num_seconds() as f64,
        expected: Expected {
            min: None,
            max: Some(target.num_seconds() as f64),
        },
        description: format!(
            "the newest event is more than {:.1} hours old (target) since {}",
            hours(target),
            (last + target).format("%Y-%m-%d %H:%M UTC")
        ),
    })
}

#[async_trait]
impl LaneWorker for QualityKeeper {
    fn name(&self) -> &'static str {
        "quality"
    }

    async fn step(&self, _lane: i32, lease: &Lease) -> Result<Step, StepError> {
        let full = quality::fold(&self.store, lease)
            .await
            .map_err(LogError::from)?;
        if full {
            return Ok(Step::Worked);
        }
        if self.is_due() {
            self.judge_all(lease).await?;
            self.forget().await?;
        }
        Ok(Step::Idle)
    }
}
