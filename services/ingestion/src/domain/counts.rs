//! Counts of receipts, and what an import tells at its end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Violation;
use super::judge::{Judged, Verdict};
use super::record::Action;

/// What became of received events: received = accepted + duplicate + conflict + quarantined + rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Came in.
    pub received: i64,
    /// Committed.
    pub accepted: i64,
    /// Already there.
    pub duplicate: i64,
    /// Same id, other content.
    pub conflict: i64,
    /// Kept aside.
    pub quarantined: i64,
    /// Not stored.
    pub rejected: i64,
}

/// How often a reason was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Field at fault.
    pub field: String,
    /// Rows that had it.
    pub rows: i64,
    /// Line of the first such row.
    pub first_line: u64,
    /// Sentence for the first such row.
    pub description: String,
}

/// What an import has come to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Receipts.
    pub counts: Counts,
    /// Reasons by their name and field.
    pub reasons: BTreeMap<String, Reason>,
    /// Rows by mark.
    pub marks: BTreeMap<String, i64>,
    /// Values that standardising and cleaning changed, by field and by what was done.
    #[serde(default)]
    pub changes: BTreeMap<String, BTreeMap<String, i64>>,
    /// First event time of the accepted rows.
    pub first_time: Option<DateTime<Utc>>,
    /// Last event time of the accepted rows.
    pub last_time: Option<DateTime<Utc>>,
    /// Net value of the accepted rows in minor units.
    pub value_minor: i64,
    /// The file as it was at the first row; absent for one that cannot change.
    #[serde(default)]
    pub file: Option<FileFacts>,
}

/// What tells a file from a changed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Bytes.
    pub size_bytes: u64,
    /// When it was last changed, in microseconds since 1970.
    pub modified_micros: i64,
}

/// Most distinct reasons that are kept apart.
const REASONS_MAX: usize = 100;
/// Most fields whose changes are counted.
const CHANGED_FIELDS_MAX: usize = 500;

impl Summary {
    /// Adds a row's marks and reasons, before it is known what became of it.
    pub fn add_row(&mut self, judged: &Judged, line: u64) {
        for mark in &judged.marks {
            self.add_mark(mark);
        }
        if let Some(seen) = &judged.observation {
            for (index, what) in &seen.changes {
                self.add_change(&seen.watch.fields[*index].name, what);
            }
            for (index, action, method) in &seen.corrections {
                if *action != Action::Flagged {
                    let what = format!("{}_{method}", action.name());
                    self.add_change(&seen.watch.fields[*index].name, &what);
                }
            }
        }
        let violations = match &judged.verdict {
            Verdict::Accept(_) => return,
            Verdict::Quarantine { violations, .. } | Verdict::Reject(violations) => violations,
        };
        for violation in violations {
            self.add_reason(violation, line);
        }
    }

    /// Adds a mark of a row.
    pub fn add_mark(&mut self, mark: &str) {
        *self.marks.entry(mark.to_owned()).or_default() += 1;
    }

    /// Adds a reason for which a row was not accepted.
    pub fn add_reason(&mut self, violation: &Violation, line: u64) {
        let key = format!("{}|{}", violation.reason, violation.field);
        let room = self.reasons.len() < REASONS_MAX;
        match self.reasons.get_mut(&key) {
            Some(reason) => reason.rows += 1,
            None if room => {
                let reason = Reason {
                    field: violation.field.clone(),
                    rows: 1,
                    first_line: line,
                    description: violation.description.clone(),
                };
                self.reasons.insert(key, reason);
            }
            None => {}
        }
    }

    fn add_change(&mut self, field: &str, what: &str) {
        if !self.changes.contains_key(field) && self.changes.len() >= CHANGED_FIELDS_MAX {
            return;
        }
        let of_field = self.changes.entry(field.to_owned()).or_default();
        *of_field.entry(what.to_owned()).or_default() += 1;
    }

    /// Adds the time and value of an accepted row.
    pub fn add_accepted(&mut self, judged: &Judged) {
        let Verdict::Accept(standard) = &judged.verdict else {
            return;
        };
        let time = standard.event_time;
        self.first_time = Some(self.first_time.map_or(time, |first| first.min(time)));
        self.last_time = Some(self.last_time.map_or(time, |last| last.max(time)));
        self.value_minor = self
            .value_minor
            .saturating_add(standard.value_minor.unwrap_or_default());
    }
}
