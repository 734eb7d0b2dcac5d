//! Turns a record into a draft of an event, by the contract.

use std::sync::{Mutex, PoisonError};

use api::common::{Event, Identifier};
use chrono::{DateTime, Utc};
use prost::Message;

use super::cells::Cells;
use super::clean::Baseline;
use super::contract::{
    Contract, Format, IdentifierSource, KeyRule, LogicalType, TimeRule, TypeRule,
};
use super::draft::{Draft, MESSAGE_ID_BYTES_MAX};
use super::json::Json;
use super::judge::is_source_name;
use super::keys::{Hash, Keys, hex};
use super::lesson::Lesson;
use super::observe::observe;
use super::occurrences::Occurrences;
use super::record::Record;
use super::{Violation, constraints, near, paths, reading, stages};

mod kept;
mod parts;

/// Brings the records of one source through the stages and maps them to events.
pub struct Mapper<'a> {
    contract: &'a Contract,
    baseline: Option<&'a Baseline>,
    lesson: Option<&'a Mutex<Lesson>>,
    source: &'a str,
    keys: &'a Keys,
    /// Where each column of the contract stands in the file.
    positions: Vec<usize>,
    /// Whether the events are known as they come, not by the contract's delay.
    live: bool,
}

impl<'a> Mapper<'a> {
    /// Maps history: rows of `source` whose columns stand at `positions`, one per column of the contract.
    pub fn new(
        contract: &'a Contract,
        source: &'a str,
        keys: &'a Keys,
        positions: Vec<usize>,
    ) -> Self {
        debug_assert!(is_source_name(source) && positions.len() == contract.columns.len());
        Self {
            contract,
            baseline: None,
            lesson: None,
            source,
            keys,
            positions,
            live: false,
        }
    }

    /// Maps what is sent to `source` as it happens.
    pub fn of_sent(contract: &'a Contract, source: &'a str, keys: &'a Keys) -> Self {
        Self {
            contract,
            baseline: None,
            lesson: None,
            source,
            keys,
            positions: Vec::new(),
            live: true,
        }
    }

    /// Cleans by a baseline.
    #[must_use]
    pub fn with_baseline(mut self, baseline: Option<&'a Baseline>) -> Self {
        self.baseline = baseline;
        self
    }

    /// Gathers what a baseline is learned from.
    #[must_use]
    pub fn with_lesson(mut self, lesson: Option<&'a Mutex<Lesson>>) -> Self {
        self.lesson = lesson;
        self
    }

    /// Maps a row; what is wrong with it is in the draft. `line` counts from 1.
    pub fn draft(&self, cells: &[&str], line: u64, seen: &mut Occurrences) -> Draft {
        match reading::row(self.contract, &self.positions, cells, line) {
            Some(record) => {
                let content = self.content(&record);
                self.row_draft(record, content, seen)
            }
            None => {
                let content = self.keys.content(cells.iter().map(|cell| cell.as_bytes()));
                let text = format!(
                    "line {line}: the row has {} cells, {} are expected",
                    cells.len(),
                    self.positions.len()
                );
                let violation = Violation::new("", "WRONG_CELL_COUNT", text);
                self.unreadable(content, violation, seen)
            }
        }
    }

    /// Maps a JSON object of a file.
    pub fn object(&self, object: &Json<'_>, line: u64, seen: &mut Occurrences) -> Draft {
        let record = reading::object(self.contract, &self.positions, object, line);
        let content = self.content(&record);
        self.row_draft(record, content, seen)
    }

    /// Returns the draft of a record that nothing can be read of, by a hash of its content.
    pub fn unreadable(&self, content: Hash, violation: Violation, seen: &mut Occurrences) -> Draft {
        Draft {
            message_id: occurrence_id(&content, seen.count(content)),
            source: self.source.to_owned(),
            violations: vec![violation],
            unreadable: true,
            content,
            ..Draft::default()
        }
    }

    /// Maps what was sent: an event where the contract's columns are paths in events, otherwise a record.
    pub fn take(&self, event: Event) -> Draft {
        if self.contract.file.format == Format::Events {
            self.event(event, Vec::new())
        } else {
            let size = event.encoded_len();
            self.sent(&event, size)
        }
    }

    /// Maps a record that was sent: an event that holds nothing but the columns, in its properties.
    ///
    /// Without a message id of its own it takes the key that the contract gives it.
    pub fn sent(&self, event: &Event, size: usize) -> Draft {
        let mut record = reading::properties(self.contract, event.properties.as_ref());
        for (field, given) in [
            ("type", !event.r#type.is_empty()),
            ("event_time", event.event_time.is_some()),
            ("identifiers", !event.identifiers.is_empty()),
            ("value", event.value.is_some()),
            ("items", !event.items.is_empty()),
        ] {
            if given {
                let problem = "the source's contract takes records: the columns stand in `properties`, and nothing beside them";
                record.fail_part(field, "UNEXPECTED_FIELD", problem);
            }
        }
        let content = self.content(&record);
        let mut draft = match (&self.contract.key, event.message_id.is_empty()) {
            (KeyRule::Columns(columns), true) => match self.key(columns, &record) {
                Ok(key) => self.map(record, key, content, None),
                Err(missing) => self.map(record, String::new(), content, Some(missing)),
            },
            _ => self.map(record, event.message_id.clone(), content, None),
        };
        draft.size = size;
        draft
    }

    /// Brings an event through the stages: the contract's columns are paths in it. `found` is what reading it found wrong.
    pub fn event(&self, event: Event, found: Vec<Violation>) -> Draft {
        let mut draft = Draft::from_event(event, self.keys);
        if !self.live {
            draft.history_delay = Some(self.contract.delay);
        }
        if !self.contract.paths.is_empty() {
            let mut record = paths::read(self.contract, &draft);
            stages::run(self.contract, self.baseline, &mut record);
            let changed = paths::changed(&record);
            let stages = self.finish(record);
            paths::write(self.contract, changed, &mut draft);
            draft.violations.extend(stages.violations);
            draft.marks.extend(stages.marks);
            draft.cells = stages.cells;
            draft.observation = stages.observation;
            draft.corrections = stages.corrections;
            draft.changes = stages.changes;
            draft.near = stages.near;
        }
        draft.violations.splice(0..0, found);
        draft
    }

    fn row_draft(&self, mut record: Record<'_>, content: Hash, seen: &mut Occurrences) -> Draft {
        let missing_key = match &self.contract.key {
            KeyRule::Columns(columns) => match self.key(columns, &record) {
                Ok(key) => return self.map(record, key, content, None),
                Err(missing) => Some(missing),
            },
            KeyRule::ContentAndOccurrence => None,
        };
        let occurrence = seen.count(content);
        if occurrence > 1 && missing_key.is_none() {
            record.marks.push("repeat".to_owned());
        }
        self.map(
            record,
            occurrence_id(&content, occurrence),
            content,
            missing_key,
        )
    }

    /// Runs the record through the stages and makes an event of it.
    fn map(
        &self,
        mut record: Record<'_>,
        message_id: String,
        content: Hash,
        missing_key: Option<usize>,
    ) -> Draft {
        stages::run(self.contract, self.baseline, &mut record);
        if let Some(index) = missing_key {
            let problem = "the value is part of the row's key";
            record.fail(self.contract, index, "MISSING_KEY", problem);
        }
        self.map_staged(record, message_id, content)
    }

    /// Makes an event of a record that has been through the stages.
    fn map_staged(&self, mut record: Record<'_>, message_id: String, content: Hash) -> Draft {
        let kind = self.kind(&mut record);
        let event_time = self.event_time(&mut record);
        let identifiers = self.identifiers(&record, &message_id);
        let rule = self.contract.value.as_ref();
        let value = rule.and_then(|rule| self.amount("value", rule, &mut record));
        let rule = self.contract.items.as_ref();
        let items = rule.map(|rule| self.items(rule, &mut record));
        Draft {
            message_id,
            source: self.source.to_owned(),
            kind,
            event_time,
            history_delay: (!self.live).then_some(self.contract.delay),
            identifiers,
            value,
            items: items.unwrap_or_default(),
            properties: self.properties(&record),
            content,
            ..self.finish(record)
        }
    }

    /// Returns a draft with what the stages say of a record.
    pub(super) fn finish(&self, record: Record<'_>) -> Draft {
        if let Some(lesson) = self.lesson {
            let mut lesson = lesson.lock().unwrap_or_else(PoisonError::into_inner);
            lesson.observe(self.contract, &record, self.keys.salt());
        }
        let observation = observe(self.contract, self.keys, &record);
        Draft {
            cells: Some(Cells::of(&record)),
            observation,
            corrections: self.corrections(&record),
            near: near::key(self.contract, self.keys, &record),
            marks: record.marks,
            changes: record.changes,
            violations: record.violations,
            ..Draft::default()
        }
    }

    fn corrections(&self, record: &Record<'_>) -> Vec<api::common::Correction> {
        let told = |it: &super::record::Correction| {
            let column = &self.contract.columns[it.column];
            let original = it.original.as_deref().filter(|_| !column.personal);
            api::common::Correction {
                field: column.name.clone(),
                action: it.action.to_proto().into(),
                method: it.method.to_owned(),
                original: original.unwrap_or_default().to_owned(),
                targets: self.contract.targets(it.column),
            }
        };
        record.corrections.iter().map(told).collect()
    }

    fn content(&self, record: &Record<'_>) -> Hash {
        let cells = record
            .cells
            .iter()
            .map(|cell| cell.original().unwrap_or_default().as_bytes());
        self.keys
            .content(cells.chain(record.rest.iter().map(|cell| cell.as_bytes())))
    }

    /// Returns the record's key by these columns. Fails with the first of them that has no value.
    fn key(&self, columns: &[usize], record: &Record<'_>) -> Result<String, usize> {
        let missing = columns
            .iter()
            .find(|index| record.cells[**index].original.is_none());
        if let Some(&index) = missing {
            return Err(index);
        }
        let parts = columns
            .iter()
            .filter_map(|index| record.cells[*index].original());
        let parts: Vec<&str> = parts.collect();
        let readable = parts.join("/");
        let plain = readable.len() <= MESSAGE_ID_BYTES_MAX && !readable.contains(char::is_control);
        let personal = |index: &usize| self.contract.columns[*index].personal;
        if plain && !columns.iter().any(personal) {
            Ok(readable)
        } else {
            let parts = parts.iter().map(|part| part.as_bytes());
            Ok(hex(&self.keys.content(parts)))
        }
    }

    fn kind(&self, record: &mut Record<'_>) -> String {
        let applies = |rule: &&TypeRule| {
            rule.when
                .as_ref()
                .is_none_or(|condition| condition.holds(record.cells[condition.column].text()))
        };
        let Some(rule) = self.contract.types.iter().find(applies) else {
            return String::new();
        };
        record.marks.extend(rule.mark.clone());
        rule.kind.clone()
    }

    fn event_time(&self, record: &mut Record<'_>) -> Option<DateTime<Utc>> {
        let (index, formats) = match &self.contract.time {
            TimeRule::Fixed(time) => return Some(*time),
            TimeRule::Column { column, formats } => (*column, formats),
        };
        let column = &self.contract.columns[index];
        if record.cells[index].unreadable {
            return None;
        }
        let Some(text) = record.cells[index].text() else {
            if !column.required {
                record.fail(
                    self.contract,
                    index,
                    "MISSING_VALUE",
                    "an event needs a time",
                );
            }
            return None;
        };
        if matches!(
            column.logical_type,
            LogicalType::Date | LogicalType::Timestamp
        ) {
            return record.cells[index].time;
        }
        let time = constraints::read_time(column, formats, text, self.contract.zone);
        if time.is_none() {
            constraints::fail_time(self.contract, index, record);
        }
        time
    }

    fn identifiers(&self, record: &Record<'_>, message_id: &str) -> Vec<Identifier> {
        let identifier = |(namespace, source): &(String, IdentifierSource)| {
            let value = match source {
                IdentifierSource::Column(index) => record.cells[*index].text()?,
                IdentifierSource::RowKey => message_id,
            };
            Some(Identifier {
                namespace: namespace.clone(),
                value: value.to_owned(),
            })
        };
        let all = self.contract.identifiers.iter();
        all.filter_map(identifier).collect()
    }
}

fn occurrence_id(content: &Hash, occurrence: u32) -> String {
    format!("{}-{occurrence}", hex(content))
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
