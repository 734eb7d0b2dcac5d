//! Says what shall become of a draft, and makes the event of it that is kept.

mod check;
mod exchange;
pub mod limits;
mod malformed;

use api::common::{FragmentRef, Identifier, IdentifierStrength, StandardEvent};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use prost::Message;

use super::Violation;
use super::contract::DuplicateAction;
use super::draft::{Draft, MESSAGE_ID_BYTES_MAX, hashed_fragment};
use super::instant::{local_day, local_minute};
use super::kept::{self, KeptCells};
use super::keys::{Hash, Keys};
use super::mask::{DEPTH_MAX, Masker};
use super::near::{self, Near, NearKey};
use super::observe::{self, Observation};
use super::record::Change;
use super::tag::{Taxonomies, tag};
use super::terms::Terms;

/// What judging needs to know of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Id of the tenant.
    pub id: String,
    /// Zone in which its days begin.
    pub zone: Tz,
    /// ISO 4217 code in which its values are summed.
    pub currency: String,
}

/// Bounds on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// How far in the future an event may lie.
    pub future: TimeDelta,
    /// How old a live event may be: as old as its key is remembered, so that it cannot count twice.
    pub age: TimeDelta,
}

/// A draft after judgement.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Caller's key of the message; empty when it had none.
    pub message_id: String,
    /// Source to count it under; empty when it had no valid one.
    pub source: String,
    /// Keyed hash of tenant, source and message id.
    pub event_id: Hash,
    /// Hash of the content.
    pub content: Hash,
    /// Marks, those of the contract and `missing_identifier`.
    pub marks: Vec<String>,
    /// What standardising did.
    pub changes: Vec<Change>,
    /// What quality counts of it.
    pub observation: Option<Box<Observation>>,
    /// What the log compares to find near duplicates.
    pub near: Option<Box<Near>>,
    /// What shall become of it.
    pub verdict: Verdict,
}

/// What shall become of an event, as far as it can be told without looking at the log.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It may be committed.
    Accept(Standard),
    /// It is kept aside with its reasons.
    Quarantine {
        /// The event, masked and encoded.
        kept: Vec<u8>,
        /// Values of the record as the source wrote them, personal ones masked; absent for events without columns.
        cells: Option<KeptCells>,
        /// Everything that is wrong with it.
        violations: Vec<Violation>,
        /// For history, how long after the event it could be known.
        history: Option<TimeDelta>,
    },
    /// It cannot even be kept.
    Reject(Vec<Violation>),
}

/// An event that may be committed.
#[derive(Clone, Debug)]
pub struct Standard {
    /// Encoded [`StandardEvent`].
    pub payload: Vec<u8>,
    /// Its own fragment, which chooses its lane.
    pub fragment: Hash,
    /// When it happened.
    pub event_time: DateTime<Utc>,
    /// Value in the tenant's minor units.
    pub value_minor: Option<i64>,
}

/// Judges the drafts of one tenant.
pub struct Judge<'a> {
    /// Keys of the hashes.
    pub keys: &'a Keys,
    /// Tenant whose events they are.
    pub tenant: &'a Tenant,
    /// Bounds on time.
    pub tolerance: Tolerance,
    /// On what terms the data of the source are taken.
    pub terms: &'a Terms,
    /// The taxonomies that the tenant has in force.
    pub taxonomies: &'a Taxonomies,
    /// The present.
    pub now: DateTime<Utc>,
}

impl Judge<'_> {
    /// Judges one draft; everything that is wrong with it is listed.
    pub fn judge(&self, mut draft: Draft) -> Judged {
        let event_id = draft.event_id.unwrap_or_else(|| {
            let Draft {
                source, message_id, ..
            } = &draft;
            self.keys.event_id(&self.tenant.id, source, message_id)
        });
        let mut judged = Judged {
            message_id: draft.message_id.clone(),
            source: draft.source.clone(),
            event_id,
            content: draft.content,
            marks: Vec::new(),
            changes: std::mem::take(&mut draft.changes),
            observation: draft.observation.take(),
            near: None,
            verdict: Verdict::Reject(Vec::new()),
        };
        let refused = malformed::malformed(&draft);
        if !refused.is_empty() {
            if judged.message_id.len() > MESSAGE_ID_BYTES_MAX {
                judged.message_id.clear();
            }
            if !is_source_name(&judged.source) {
                judged.source.clear();
            }
            let mut refused = refused;
            self.masker(&event_id).violations(&mut refused);
            judged.marks = draft.marks;
            judged.verdict = Verdict::Reject(refused);
            return judged;
        }
        if !draft.unreadable {
            tag(self.taxonomies, self.terms.contract.as_deref(), &mut draft);
            self.mask(&mut draft, &event_id);
            self.check(&mut draft);
        } else {
            self.masker(&event_id).violations(&mut draft.violations);
        }
        let violations = std::mem::take(&mut draft.violations);
        self.observe(&mut judged, &draft, &violations);
        match draft.event_time.filter(|_| violations.is_empty()) {
            Some(time) => {
                judged.marks = draft.marks.clone();
                judged.near = self.near(&draft, time, &event_id);
                judged.verdict = Verdict::Accept(self.standardise(draft, event_id, time));
            }
            None => {
                judged.marks = std::mem::take(&mut draft.marks);
                let unknown = |it: &Violation| it.reason == "MISSING_IDENTIFIER";
                if violations.iter().any(unknown) {
                    judged.marks.push("missing_identifier".to_owned());
                }
                judged.verdict = self.put_aside(draft, violations, &event_id);
            }
        }
        judged
    }

    /// Returns the verdict that keeps a draft aside.
    fn put_aside(&self, draft: Draft, violations: Vec<Violation>, event_id: &Hash) -> Verdict {
        let contract = self.terms.contract.as_deref();
        let masker = self.masker(event_id);
        let cells = contract.and_then(|contract| kept::cells(contract, &draft, &masker));
        Verdict::Quarantine {
            cells,
            history: draft.history_delay,
            kept: draft.hashed(self.keys, &self.tenant.id).encode_to_vec(),
            violations,
        }
    }

    /// Returns what the log compares to find near duplicates.
    fn near(&self, draft: &Draft, time: DateTime<Utc>, event_id: &Hash) -> Option<Box<Near>> {
        let key = draft.near?;
        let parts = [
            self.tenant.id.as_bytes(),
            draft.source.as_bytes(),
            key.hash.as_slice(),
        ];
        let hash = self.keys.content(parts);
        let aside = (key.action == DuplicateAction::Quarantine)
            .then(|| self.put_aside(draft.clone(), vec![near::violation()], event_id));
        Some(Box::new(Near {
            key: NearKey { hash, ..key },
            time_us: time.timestamp_micros(),
            aside,
        }))
    }

    /// Makes ready what quality counts: of records it was observed on their way, events are observed here.
    fn observe(&self, judged: &mut Judged, draft: &Draft, violations: &[Violation]) {
        let seen = judged
            .observation
            .get_or_insert_with(|| match draft.unreadable {
                true => Observation::unreadable(),
                false => observe::event(draft, self.keys),
            });
        // A day that cannot be would be the newest for ever.
        let can_be = |time: &DateTime<Utc>| {
            *time >= DateTime::UNIX_EPOCH && *time <= self.now + self.tolerance.future
        };
        let time = draft.event_time.filter(can_be);
        let day = time.map(|time| local_day(time, self.tenant.zone));
        let late = time.map(|time| draft.history_delay.unwrap_or(self.now - time));
        let timely = self.terms.freshness().zip(late);
        let timely = timely.map(|(target, late)| late <= target);
        if let Some(day) = day.zip(time.map(|time| time.timestamp_micros())) {
            seen.dated(day, timely);
        }
        seen.judged(violations);
    }

    fn masker<'m>(&'m self, event_id: &'m Hash) -> Masker<'m> {
        Masker {
            keys: self.keys,
            tenant: &self.tenant.id,
            policies: self.terms.policies(),
            event_id,
        }
    }

    /// Takes personal data out of the draft.
    fn mask(&self, draft: &mut Draft, event_id: &Hash) {
        if !self.masker(event_id).draft(draft) {
            let text = format!("properties are at most {DEPTH_MAX} levels deep");
            draft
                .violations
                .push(Violation::new("properties", "TOO_DEEP", text));
        }
    }

    fn standardise(&self, mut draft: Draft, event_id: Hash, time: DateTime<Utc>) -> Standard {
        self.exchange(&mut draft, time);
        let fragments = self.fragments(&draft.identifiers, draft.kept);
        let known_time = match draft.history_delay {
            Some(delay) => time + delay,
            None => self.now,
        };
        let mut fragment = Hash::default();
        fragment.copy_from_slice(&fragments[0].fragment_id);
        let value_minor = draft.value.as_ref().map(|value| value.minor_units);
        let event = StandardEvent {
            event_id: event_id.to_vec(),
            tenant: self.tenant.id.clone(),
            source: draft.source,
            r#type: draft.kind,
            event_time: Some(runtime::time::to_proto(time)),
            known_time: Some(runtime::time::to_proto(known_time)),
            fragments,
            value: draft.value,
            original_value: draft.original_value,
            items: draft.items,
            properties: draft.properties,
            local_day: local_day(time, self.tenant.zone),
            local_minute: Some(local_minute(time, self.tenant.zone)),
            marks: draft.marks,
            corrections: draft.corrections,
            tags: draft.tags,
            contract_revision: self.terms.revision,
            baseline_version: self.terms.baseline.as_ref().map_or(0, |it| it.version),
        };
        Standard {
            payload: event.encode_to_vec(),
            fragment,
            event_time: time,
            value_minor,
        }
    }

    /// Returns the fragments of the identifiers, the strongest first, each once.
    fn fragments(&self, identifiers: &[Identifier], kept: bool) -> Vec<FragmentRef> {
        let mut ordered: Vec<_> = identifiers
            .iter()
            .map(|one| (strength(&one.namespace), one))
            .collect();
        ordered.sort_by(|(left, a), (right, b)| {
            right
                .cmp(left)
                .then_with(|| (&a.namespace, a.value.trim()).cmp(&(&b.namespace, b.value.trim())))
        });
        let mut fragments: Vec<FragmentRef> = Vec::with_capacity(ordered.len());
        for (strength, Identifier { namespace, value }) in ordered {
            let known = kept.then(|| hashed_fragment(value)).flatten();
            let fragment_id = known
                .unwrap_or_else(|| self.keys.fragment(&self.tenant.id, namespace, value))
                .to_vec();
            if fragments
                .iter()
                .all(|known| known.fragment_id != fragment_id)
            {
                fragments.push(FragmentRef {
                    fragment_id,
                    namespace: namespace.clone(),
                    strength: strength.into(),
                });
            }
        }
        fragments
    }
}

/// Returns how far identifiers of a namespace identify a person.
pub fn strength(namespace: &str) -> IdentifierStrength {
    match namespace {
        "customer_id" | "login" | "loyalty_id" | "crm_id" => IdentifierStrength::Strong,
        "email" | "phone" => IdentifierStrength::Medium,
        _ => IdentifierStrength::Weak,
    }
}

/// Returns true for 1 to 64 bytes of `[a-z0-9_-]`.
pub fn is_source_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=limits::NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn is_namespace(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=limits::NAME_BYTES_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
}
