//! Records that come out of quarantine: their masked values pass the stages as they are.

use super::Mapper;
use crate::domain::contract::{Contract, LogicalType};
use crate::domain::draft::{Draft, hashed_fragment};
use crate::domain::kept::{Identity, KeptCell, KeptCells};
use crate::domain::record::{Cell, Record};
use crate::domain::{paths, stages};

impl Mapper<'_> {
    /// Maps a record that quarantine kept, under the identity that it came with.
    ///
    /// A masked value counts as there; nothing is found wrong with it, for nothing of it can be read.
    pub fn kept(&self, cells: &KeptCells, identity: &Identity<'_>) -> Draft {
        let (mut record, masked) = record(self.contract, cells);
        self.run_kept(&mut record, &masked);
        if identity.marks.iter().any(|mark| mark == "repeat") {
            record.marks.push("repeat".to_owned());
        }
        let mut draft = self.map_staged(record, identity.message_id.to_owned(), identity.content);
        draft.history_delay = identity.history;
        draft.kept = true;
        draft
    }

    /// Brings an event that quarantine kept through the stages, by the values that its source wrote where they were kept.
    pub fn kept_event(&self, mut draft: Draft, cells: Option<&KeptCells>) -> Draft {
        if self.contract.paths.is_empty() {
            return draft;
        }
        let (mut record, masked) = match cells {
            Some(cells) => record(self.contract, cells),
            None => {
                let record = paths::read(self.contract, &draft);
                let owned = record
                    .cells
                    .into_iter()
                    .map(|cell| Cell::new(cell.original.map(|text| text.into_owned().into())));
                let record = Record {
                    cells: owned.collect(),
                    ..Record::default()
                };
                let masked = masked(&record);
                (record, masked)
            }
        };
        self.run_kept(&mut record, &masked);
        let texts = record.cells.iter().enumerate();
        let changed = texts
            .filter(|(index, _)| !masked.contains(index))
            .map(|(index, cell)| (index, cell.text().map(str::to_owned)))
            .collect();
        let stages = self.finish(record);
        paths::write(self.contract, changed, &mut draft);
        draft.violations.extend(stages.violations);
        for mark in stages.marks {
            if !draft.marks.contains(&mark) {
                draft.marks.push(mark);
            }
        }
        draft.cells = stages.cells;
        draft.observation = stages.observation;
        draft.corrections = stages.corrections;
        draft.changes = stages.changes;
        draft
    }

    fn run_kept(&self, record: &mut Record<'_>, masked: &[usize]) {
        stages::run(self.contract, self.baseline, record);
        for &index in masked {
            let cell = &mut record.cells[index];
            cell.text.clone_from(&cell.original);
            (cell.number, cell.time) = (None, None);
        }
        let names: Vec<&str> = masked
            .iter()
            .map(|index| self.contract.columns[*index].name.as_str())
            .collect();
        record
            .violations
            .retain(|it| !names.contains(&it.field.as_str()));
        record.changes.retain(|it| !masked.contains(&it.column));
        record.corrections.retain(|it| !masked.contains(&it.column));
    }
}

/// Makes a record of kept cells, and tells which of its columns are masked.
fn record(contract: &Contract, cells: &KeptCells) -> (Record<'static>, Vec<usize>) {
    let mut record = Record::default();
    let mut masked = Vec::new();
    for (index, column) in contract.columns.iter().enumerate() {
        let text = match cells.0.get(&column.name) {
            None | Some(KeptCell::Missing) => None,
            Some(KeptCell::Text(text)) => Some(text.clone()),
            Some(KeptCell::Masked { masked: text }) => {
                masked.push(index);
                Some(text.clone())
            }
            Some(KeptCell::List(values)) if column.logical_type == LogicalType::Array => {
                record.rest = values.iter().map(|it| it.clone().into()).collect();
                values.first().cloned()
            }
            Some(KeptCell::List(values)) => Some(values.join("\n")),
        };
        record.cells.push(Cell::new(text.map(Into::into)));
    }
    if let (Some(column), Some(cell)) = (contract.columns.last(), record.cells.last())
        && column.logical_type == LogicalType::Array
        && record.rest.is_empty()
    {
        record.rest = cell.original.clone().into_iter().collect();
    }
    (record, masked)
}

/// Returns the columns whose values quarantine has hashed.
fn masked(record: &Record<'_>) -> Vec<usize> {
    let cells = record.cells.iter().enumerate();
    cells
        .filter(|(_, cell)| cell.original().and_then(hashed_fragment).is_some())
        .map(|(index, _)| index)
        .collect()
}
