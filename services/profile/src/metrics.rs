//! What the service counts.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::store::lanes::Answers;

/// Counters of the service.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    events: Counter<u64>,
    links_skipped: Counter<u64>,
    states: Counter<u64>,
    identity_lines: Counter<u64>,
}

impl Metrics {
    /// Registers the counters with the process's meter.
    pub(crate) fn new() -> Self {
        let meter = opentelemetry::global::meter("profile");
        let counter = |name: &'static str, meaning: &'static str| {
            meter.u64_counter(name).with_description(meaning).build()
        };
        Self {
            events: counter(
                "clientele.profile.events",
                "Events of batches, by what became of them.",
            ),
            links_skipped: counter(
                "clientele.profile.links_skipped",
                "Links refused because strong identifiers differ.",
            ),
            states: counter(
                "clientele.profile.states",
                "States served, by where they came from.",
            ),
            identity_lines: counter(
                "clientele.profile.identity_lines",
                "Identity lines appended to the lake.",
            ),
        }
    }

    /// Counts a batch that was committed.
    pub(crate) fn applied(&self, answers: &Answers, links_skipped: u64) {
        let applied = answers.events.saturating_sub(answers.parked.len());
        self.events
            .add(count(applied), &[KeyValue::new("outcome", "applied")]);
        for (_, reason) in &answers.parked {
            self.events.add(
                1,
                &[
                    KeyValue::new("outcome", "parked"),
                    KeyValue::new("reason", reason.clone()),
                ],
            );
        }
        self.links_skipped.add(links_skipped, &[]);
    }

    /// Counts states served.
    pub(crate) fn served(&self, from_cache: usize, from_store: usize) {
        self.states
            .add(count(from_cache), &[KeyValue::new("origin", "cache")]);
        self.states
            .add(count(from_store), &[KeyValue::new("origin", "store")]);
    }

    /// Counts identity lines that reached the lake.
    pub(crate) fn appended(&self, lines: usize) {
        self.identity_lines.add(count(lines), &[]);
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
