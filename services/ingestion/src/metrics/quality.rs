//! Gauges of quality, for a bounded number of sources.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::metrics::Gauge;
use opentelemetry::{KeyValue, global};

use crate::domain::quality::Dimension;

/// Most sources that have series of their own.
const SOURCES_MAX: usize = 200;

/// Instruments of quality.
#[derive(Clone)]
pub(crate) struct QualityMetrics {
    score: Gauge<f64>,
    alerts: Gauge<i64>,
    shown: Arc<Mutex<Shown>>,
}

/// Sources that have series, and those of which alerts were shown last.
#[derive(Default)]
struct Shown {
    sources: HashSet<(String, String)>,
    alerting: BTreeSet<(String, String)>,
}

impl Default for QualityMetrics {
    fn default() -> Self {
        let meter = global::meter("clientele.ingestion");
        Self {
            score: meter
                .f64_gauge("clientele_ingestion_quality_score")
                .with_description(
                    "Quality of a source over its newest seven days with records, 0 to 100: the score, and each dimension",
                )
                .build(),
            alerts: meter
                .i64_gauge("clientele_ingestion_quality_alerts")
                .with_description("Alerts that stand for a source")
                .build(),
            shown: Arc::default(),
        }
    }
}

impl QualityMetrics {
    /// Shows the score of a source and its dimensions, shares from 0 to 1.
    pub(crate) fn score(
        &self,
        (tenant, source): (&str, &str),
        score: Option<f64>,
        dimensions: &[(Dimension, Option<f64>)],
    ) {
        if !self.admit(tenant, source) {
            return;
        }
        let labels = |dimension: &'static str| {
            [
                KeyValue::new("tenant", tenant.to_owned()),
                KeyValue::new("source", source.to_owned()),
                KeyValue::new("dimension", dimension),
            ]
        };
        if let Some(score) = score {
            self.score.record(score, &labels("all"));
        }
        for (dimension, share) in dimensions {
            if let Some(share) = share {
                self.score.record(100.0 * share, &labels(dimension.name()));
            }
        }
    }

    /// Shows how many alerts stand, by tenant and source; sources that are not named have none any more.
    pub(crate) fn alerts(&self, standing: &[(String, String, i64)]) {
        let record = |tenant: &str, source: &str, count: i64| {
            let labels = [
                KeyValue::new("tenant", tenant.to_owned()),
                KeyValue::new("source", source.to_owned()),
            ];
            self.alerts.record(count, &labels);
        };
        let mut now = BTreeSet::new();
        for (tenant, source, count) in standing {
            if self.admit(tenant, source) {
                record(tenant, source, *count);
                now.insert((tenant.clone(), source.clone()));
            }
        }
        let before = std::mem::replace(&mut self.shown().alerting, now.clone());
        for (tenant, source) in before.difference(&now) {
            record(tenant, source, 0);
        }
    }

    /// Tells whether a source has series of its own: the first ones have, so that their number stays bounded.
    fn admit(&self, tenant: &str, source: &str) -> bool {
        let mut shown = self.shown();
        let key = (tenant.to_owned(), source.to_owned());
        if shown.sources.contains(&key) {
            return true;
        }
        shown.sources.len() < SOURCES_MAX && shown.sources.insert(key)
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
