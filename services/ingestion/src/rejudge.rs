//! Judges quarantined records again on the terms of their source, under the ids that they came with.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::common::{Event, Identifier};
use prost::Message;
use tonic::Status;

use crate::domain::Violation;
use crate::domain::contract::{Contract, Format, IdentifierSource};
use crate::domain::draft::{Draft, hashed_fragment};
use crate::domain::judge::{Judged, Tenant, Verdict};
use crate::domain::kept::{self, Identity, KeptCell, KeptCells};
use crate::domain::mapping::Mapper;
use crate::domain::terms::Terms;
use crate::intake::Intake;
use crate::rpc::not_corrected;
use crate::sources::SourceError;
use crate::store::Record;

/// Judges quarantined records again.
#[derive(Clone)]
pub(crate) struct Rejudge {
    intake: Arc<Intake>,
}

impl Rejudge {
    /// Judges through `intake`.
    pub(crate) fn new(intake: Arc<Intake>) -> Self {
        Self { intake }
    }

    /// Returns where the records' events are taken in.
    pub(crate) fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// Returns the terms on which a source's data are taken now.
    pub(crate) async fn terms(&self, tenant: &Tenant, source: &str) -> Result<Terms, SourceError> {
        Ok(self.intake.terms(tenant, source, None).await?)
    }

    /// Judges a record of a tenant.
    pub(crate) fn judge(&self, tenant: &Tenant, terms: &Terms, record: &Record) -> Judged {
        self.intake.judge(tenant, terms, self.draft(terms, record))
    }

    fn draft(&self, terms: &Terms, record: &Record) -> Draft {
        let identity = Identity {
            source: &record.source,
            message_id: &record.message_id,
            content: record.content,
            history: record.history,
            marks: &record.marks,
        };
        let keys = self.intake.keys();
        let event = Event::decode(record.event.as_slice()).unwrap_or_default();
        let cells = record.cells.as_deref().and_then(KeptCells::from_json);
        let known = event.identifiers.clone();
        let contract = terms.contract.as_deref();
        let mapper = |contract| {
            Mapper::of_sent(contract, &record.source, keys).with_baseline(terms.baseline.as_deref())
        };
        let mut draft = match (contract, &cells) {
            (Some(contract), _) if contract.file.format == Format::Events => {
                mapper(contract).kept_event(kept::draft(event, &identity, keys), cells.as_ref())
            }
            (Some(contract), Some(cells)) => mapper(contract).kept(cells, &identity),
            (None, None) => kept::draft(event, &identity, keys),
            (Some(_), None) => unreadable(
                kept::draft(event, &identity, keys),
                "UNREADABLE",
                "nothing of the record could be read that the source's contract could be applied to; send it anew",
            ),
            (None, Some(_)) => unreadable(
                kept::draft(event, &identity, keys),
                "NO_CONTRACT",
                "the source has no contract by which the record could be judged; register it with one",
            ),
        };
        draft.event_id = Some(record.event_id);
        restore_row_keys(contract, &known, &mut draft);
        self.keep_masked(contract, cells.as_ref(), record, &mut draft);
        draft
    }

    /// Adds what was found wrong with values that are masked since: it holds until they are given anew.
    fn keep_masked(
        &self,
        contract: Option<&Contract>,
        cells: Option<&KeptCells>,
        record: &Record,
        draft: &mut Draft,
    ) {
        let (Some(_), Some(cells)) = (contract, cells) else {
            return;
        };
        for finding in &record.findings {
            if matches!(cells.0.get(&finding.field), Some(KeptCell::Masked { .. })) {
                let description = finding.description.clone();
                let reason = known_reason(&finding.reason);
                draft
                    .violations
                    .push(Violation::new(finding.field.clone(), reason, description));
            }
        }
    }

    /// Corrects a record in place and judges it again. Fails with `INVALID_ARGUMENT` listing every value that cannot be set.
    pub(crate) fn correct(
        &self,
        tenant: &Tenant,
        terms: &Terms,
        record: &mut Record,
        values: BTreeMap<String, String>,
    ) -> Result<Judged, Status> {
        let cells = record.cells.as_deref().and_then(KeptCells::from_json);
        let contract = terms.contract.as_deref();
        let of_events = contract.is_some_and(|it| it.file.format == Format::Events);
        let is_cell = |path: &String| match (&cells, contract) {
            (None, _) => false,
            (Some(_), Some(contract)) if of_events => contract.column(path).is_some(),
            (Some(_), _) => true,
        };
        let (set, parts): (BTreeMap<_, _>, BTreeMap<_, _>) = values
            .clone()
            .into_iter()
            .partition(|(path, _)| is_cell(path));
        if let Some(cells) = cells {
            let cells = set_cells(cells, terms, &set).map_err(not_corrected)?;
            record.cells = Some(cells.to_json());
        }
        if !parts.is_empty() {
            let keys = self.intake.keys();
            let hash = |name: &str, value: &str| keys.fragment(&tenant.id, name, value);
            let mut event = Event::decode(record.event.as_slice()).unwrap_or_default();
            kept::correct(&mut event, &parts, &hash).map_err(not_corrected)?;
            record.event = event.encode_to_vec();
        }
        record
            .findings
            .retain(|finding| !values.contains_key(&finding.field));
        let draft = self.draft(terms, record);
        // What is kept is what judging masks; a violation of its own makes it keep the record.
        let mut shown = draft.clone();
        shown
            .violations
            .push(Violation::new("", "CORRECTED", "the record was corrected"));
        let shown = self.intake.judge(tenant, terms, shown);
        if let Verdict::Quarantine { kept, cells, .. } = shown.verdict {
            record.event = kept;
            if let Some(cells) = cells {
                record.cells = Some(cells.to_json());
            }
        }
        for path in values.into_keys() {
            if !record.corrected.contains(&path) {
                record.corrected.push(path);
            }
        }
        Ok(self.intake.judge(tenant, terms, draft))
    }
}

/// Sets identifiers that are the row's key to what they were hashed to when the record came: personal data are hidden in
/// its message id since, and equal for different customers.
fn restore_row_keys(contract: Option<&Contract>, known: &[Identifier], draft: &mut Draft) {
    let rules = contract.map_or(&[][..], |contract| &contract.identifiers);
    for (namespace, source) in rules {
        let hashed = known.iter().find(|it| it.namespace == *namespace);
        let mut all = draft.identifiers.iter_mut();
        let present = all.find(|it| it.namespace == *namespace);
        if let (IdentifierSource::RowKey, Some(hashed), Some(present)) = (source, hashed, present) {
            present.value.clone_from(&hashed.value);
        }
    }
}

fn unreadable(mut draft: Draft, reason: &'static str, text: &str) -> Draft {
    draft.unreadable = true;
    draft.violations = vec![Violation::new("", reason, text)];
    draft
}

/// Sets cells by their columns. Fails with every column that there is not.
fn set_cells(
    mut cells: KeptCells,
    terms: &Terms,
    values: &BTreeMap<String, String>,
) -> Result<KeptCells, Vec<Violation>> {
    let mut found = Vec::new();
    for (name, text) in values {
        let known = match &terms.contract {
            Some(contract) => contract.column(name).is_some(),
            None => cells.0.contains_key(name),
        };
        if !known {
            let text = "the source's contract has no such column";
            found.push(Violation::new(
                format!("values[{name}]"),
                "UNKNOWN_COLUMN",
                text,
            ));
            continue;
        }
        let cell = match text.as_str() {
            "" => KeptCell::Missing,
            text if hashed_fragment(text).is_some() => {
                let text = "a masked value cannot be given, only a clear one";
                found.push(Violation::new(
                    format!("values[{name}]"),
                    "MASKED_VALUE",
                    text,
                ));
                continue;
            }
            text => KeptCell::Text(text.to_owned()),
        };
        cells.0.insert(name.clone(), cell);
    }
    match found.is_empty() {
        true => Ok(cells),
        false => Err(found),
    }
}

/// Returns a stored reason as one of ours; stored reasons were ours once, so there are few.
fn known_reason(text: &str) -> &'static str {
    use std::collections::HashSet;
    use std::sync::{LazyLock, Mutex, PoisonError};
    static KNOWN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    const KNOWN_MAX: usize = 1_000;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reason) = known.get(text) {
        return reason;
    }
    if known.len() >= KNOWN_MAX {
        return "INVALID_VALUE";
    }
    let reason: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(reason);
    reason
}
