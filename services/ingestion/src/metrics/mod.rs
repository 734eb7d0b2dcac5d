//! Counts that other people's dashboards stand on.

pub(crate) mod quality;

use opentelemetry::metrics::{Counter, Gauge, Meter};
use opentelemetry::{KeyValue, global};

use crate::store::{Lane, Outcome};

/// Instruments of the service.
#[derive(Clone)]
pub struct Metrics {
    received: Counter<u64>,
    receipts: Counter<u64>,
    unanswered: Counter<u64>,
    applied: Counter<u64>,
    parked: Counter<u64>,
    archived: Counter<u64>,
    unclaimed: Gauge<i64>,
    lag: Gauge<f64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(&global::meter("clientele.ingestion"))
    }
}

impl Metrics {
    fn new(meter: &Meter) -> Self {
        let counter = |name: &'static str, text: &'static str| {
            meter.u64_counter(name).with_description(text).build()
        };
        let gauge = |name: &'static str, text: &'static str| {
            meter.i64_gauge(name).with_description(text).build()
        };
        Self {
            received: counter(
                "clientele_ingestion_received",
                "Events that came over the wire or out of a file",
            ),
            receipts: counter("clientele_ingestion_receipts", "Receipts given, by code"),
            unanswered: counter(
                "clientele_ingestion_unanswered",
                "Events received for which this process counted no receipt, because their call failed",
            ),
            applied: counter(
                "clientele_ingestion_applied",
                "Events that profile has applied",
            ),
            parked: counter(
                "clientele_ingestion_parked",
                "Events that profile has refused",
            ),
            archived: counter(
                "clientele_ingestion_archived",
                "Events that were handed to the lake",
            ),
            unclaimed: gauge(
                "clientele_ingestion_unclaimed",
                "Accepted events of a lane that no batch has claimed",
            ),
            lag: meter
                .f64_gauge("clientele_ingestion_watermark_age")
                .with_unit("s")
                .with_description("Age of a lane's watermark")
                .build(),
        }
    }

    /// Counts events that were received and got no receipt: received = receipts + unanswered, once nothing is at work.
    pub fn unanswered(&self, tenant: &str, count: usize) {
        self.unanswered
            .add(count as u64, &[KeyValue::new("tenant", tenant.to_owned())]);
    }

    /// Counts events where they come in, before anything is known of them.
    pub fn received(&self, tenant: &str, count: usize) {
        self.received
            .add(count as u64, &[KeyValue::new("tenant", tenant.to_owned())]);
    }

    /// Counts the receipts that are given.
    pub fn receipts(&self, tenant: &str, outcomes: &[Outcome]) {
        let all = [
            (Outcome::Accepted, "accepted"),
            (Outcome::Duplicate, "duplicate"),
            (Outcome::Conflict, "conflict"),
            (Outcome::Quarantined, "quarantined"),
            (Outcome::Rejected, "rejected"),
        ];
        for (outcome, code) in all {
            let count = outcomes.iter().filter(|it| **it == outcome).count() as u64;
            if count > 0 {
                self.receipts.add(
                    count,
                    &[
                        KeyValue::new("tenant", tenant.to_owned()),
                        KeyValue::new("code", code),
                    ],
                );
            }
        }
    }

    /// Counts profile's answers.
    pub fn answers(&self, applied: usize, parked: usize) {
        self.applied.add(applied as u64, &[]);
        self.parked.add(parked as u64, &[]);
    }

    /// Counts events that went to the lake.
    pub fn archived(&self, count: usize) {
        self.archived.add(count as u64, &[]);
    }

    /// Shows how far the lanes have come.
    pub fn lanes(&self, lanes: &[Lane]) {
        let now = runtime::clock::now();
        for lane in lanes {
            let label = [KeyValue::new("lane", lane.lane.to_string())];
            self.unclaimed
                .record(lane.head - lane.claimed_position, &label);
            self.lag
                .record((now - lane.through).as_seconds_f64().max(0.0), &label);
        }
    }
}
