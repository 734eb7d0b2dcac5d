//! What a story comes to, and what must be the same in every run of it.

use super::quarantine::MENDED;
use crate::shop;
use api::ingestion::QualityReport;
use std::collections::BTreeMap;

/// Everything that must be the same, however often processes died meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Totals {
    /// Customers with a profile.
    pub(crate) customers: i64,
    /// Features of every customer of the shop, by customer number.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Events in the log, and of these applied, parked, archived.
    pub(crate) log: [i64; 4],
    /// Accepted, quarantined and rejected events by source. (A caller who asks twice gets more duplicates.)
    pub(crate) receipts: BTreeMap<String, [i64; 3]>,
    /// Quarantined records of the shop: all that ever were, those held, replayed and discarded.
    pub(crate) quarantine: [i64; 4],
    /// Accepted and quarantined rows of the imported file, in its own answer.
    pub(crate) imported: [i64; 2],
    /// Rows of the lake's events, and distinct events among them.
    pub(crate) lake: [usize; 2],
    /// Quality by source, as of any time.
    pub(crate) quality: BTreeMap<String, QualityReport>,
}

/// Scores by customer number and name of the score.
pub(crate) type Scores = BTreeMap<(String, String), f64>;

/// What the suite makes of the totals.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Totals.
    pub(crate) totals: Totals,
    /// Model parameters r, alpha, a, b, p, q, v.
    pub(crate) model: Vec<f64>,
    /// Scores by customer number and name of the score.
    pub(crate) scores: Scores,
    /// Customers by segment.
    pub(crate) segments: BTreeMap<String, i64>,
    /// Budget and the sum of what was spent.
    pub(crate) budget: [i64; 2],
}

impl Outcome {
    /// Checks what must hold in every run.
    pub(crate) fn check(&self) {
        let events = shop::events().len() as i64;
        let [accepted, applied, parked, archived] = self.totals.log;
        assert_eq!(self.totals.customers, shop::CUSTOMERS as i64);
        assert_eq!(
            accepted,
            events + self.totals.imported[0] + MENDED as i64,
            "every acknowledged event is in the log, once"
        );
        assert_eq!((applied, parked, archived), (accepted, 0, accepted));
        assert_eq!(
            self.totals.lake, [accepted as usize; 2],
            "every event is in the lake, once"
        );
        assert_eq!(self.totals.imported, [588, 12]);
        let judged: i64 = self.totals.quality.values().map(|it| it.records).sum();
        let anonymous = shop::anonymous_events().len() as i64;
        assert_eq!(
            judged,
            accepted + anonymous - MENDED as i64 + self.totals.imported[1],
            "quality counts every accepted and every quarantined record once"
        );
        assert_eq!(
            self.totals.receipts["shop"][1],
            shop::anonymous_events().len() as i64
        );
        let entered = shop::anonymous_events().len() as i64;
        let mended = MENDED as i64;
        assert_eq!(
            self.totals.quarantine,
            [entered, 0, mended, entered - mended],
            "every quarantined record was let through or given up, once"
        );
        assert_eq!(self.segments.values().sum::<i64>(), shop::CUSTOMERS as i64);
        assert_eq!(
            self.budget[0], self.budget[1],
            "the budget is spent exactly"
        );
        for ((customer, name), value) in &self.scores {
            let fits = match name.as_str() {
                "p_alive" | "churn_risk" => (0.0..=1.0).contains(value),
                _ => *value >= 0.0,
            };
            assert!(fits && value.is_finite(), "{name} of {customer} is {value}");
        }
    }

    /// Checks that another run came to the same end.
    pub(crate) fn assert_same(&self, other: &Self, what: &str) {
        for (customer, features) in &self.totals.features {
            for (one, two) in features.iter().zip(&other.totals.features[customer]) {
                assert_eq!(one, two, "{what}: a feature of {customer} differs");
            }
        }
        assert_eq!(self.totals, other.totals, "{what}: totals differ");
        assert_eq!(self.segments, other.segments, "{what}: segments differ");
        for (name, (one, two)) in ["r", "alpha", "a", "b", "p", "q", "v"]
            .iter()
            .zip(self.model.iter().zip(&other.model))
        {
            assert!(
                close(*one, *two),
                "{what}: {name} is {two} instead of {one}"
            );
        }
        self.assert_same_scores(&other.scores, what);
    }

    /// Checks that scores are those of this run.
    pub(crate) fn assert_same_scores(&self, other: &Scores, what: &str) {
        assert_eq!(self.scores.len(), other.len(), "{what}: scores are missing");
        for (key, one) in &self.scores {
            let two = other[key];
            assert!(
                close(*one, two),
                "{what}: {key:?} is {two} instead of {one}"
            );
        }
    }
}

/// Customers are numbered in the order in which their events were applied, so sums may differ in their last bits.
fn close(one: f64, two: f64) -> bool {
    (one - two).abs() <= 1e-6 * one.abs().max(two.abs()).max(1e-9)
}
