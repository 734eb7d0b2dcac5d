//! Counts that other people's dashboards stand on.

pub(crate) mod quality;

use opentelemetry::metrics::{Counter, Gauge, Meter};
use opentelemetry::{KeyValue, global};

use crate::store::{Fill, Lane, Outcome};

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
    fill: Gauge<f64>,
    replayed: Counter<u64>,
    discarded: Counter<u64>,
    expired: Counter<u64>,
    limited: Counter<u64>,
    slowed: Counter<u64>,
    http: Counter<u64>,
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
            fill: meter
                .f64_gauge("clientele_ingestion_log_fill")
                .with_description("Share of the event log's bound that is used, 0 to 1")
                .build(),
            replayed: counter(
                "clientele_ingestion_quarantine_replayed",
                "Quarantined records that were judged again, by what became of them",
            ),
            discarded: counter(
                "clientele_ingestion_quarantine_discarded",
                "Quarantined records that somebody gave up",
            ),
            expired: counter(
                "clientele_ingestion_quarantine_expired",
                "Quarantined records that left after the time that they are kept",
            ),
            limited: counter(
                "clientele_ingestion_rate_limited",
                "Events refused because their tenant or source sent more than it may",
            ),
            slowed: counter(
                "clientele_ingestion_streams_slowed",
                "Messages of streams that had to wait for their source's allowance",
            ),
            http: counter(
                "clientele_ingestion_http_requests",
                "Requests of client libraries, by status",
            ),
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
        by_code(&self.receipts, tenant, outcomes);
    }

    /// Counts what became of records that were judged again.
    pub fn replayed(&self, tenant: &str, outcomes: &[Outcome]) {
        by_code(&self.replayed, tenant, outcomes);
    }

    /// Counts records that were given up.
    pub fn discarded(&self, tenant: &str, records: i64) {
        let tenant = KeyValue::new("tenant", tenant.to_owned());
        self.discarded.add(records.unsigned_abs(), &[tenant]);
    }

    /// Counts records that were kept for long enough.
    pub fn expired(&self, records: u64) {
        self.expired.add(records, &[]);
    }

    /// Counts events that were refused because there were too many.
    pub fn limited(&self, tenant: &str, count: usize) {
        self.limited
            .add(count as u64, &[KeyValue::new("tenant", tenant.to_owned())]);
    }

    /// Counts a message of a stream that had to wait.
    pub fn slowed(&self, tenant: &str) {
        self.slowed
            .add(1, &[KeyValue::new("tenant", tenant.to_owned())]);
    }

    /// Counts a request of a client library.
    pub fn http(&self, status: u16) {
        self.http
            .add(1, &[KeyValue::new("status", i64::from(status))]);
    }

    /// Shows how full the log is.
    pub fn fill(&self, fill: Fill) {
        self.fill.record(fill.ratio(), &[]);
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

/// Counts outcomes by their codes.
fn by_code(counter: &Counter<u64>, tenant: &str, outcomes: &[Outcome]) {
    let all = [
        (Outcome::Accepted, "accepted"),
        (Outcome::Duplicate, "duplicate"),
        (Outcome::Conflict, "conflict"),
        (Outcome::Quarantined, "quarantined"),
        (Outcome::Rejected, "rejected"),
    ];
    for (outcome, code) in all {
        let count = outcomes.iter().filter(|it| it.counted() == outcome).count() as u64;
        if count > 0 {
            let labels = [
                KeyValue::new("tenant", tenant.to_owned()),
                KeyValue::new("code", code),
            ];
            counter.add(count, &labels);
        }
    }
}
