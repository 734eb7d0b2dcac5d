//! Gathers the records of a commit into what they add to the figures of their sources.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sketch::{Column, Lexicon, Values};

use super::counts::{DayCounts, FieldCounts};
use super::delta::{Day, Days};
use crate::domain::near;
use crate::domain::observe::{Observation, Seen, Watch};
use crate::domain::record::Action;

/// Different values of a field that are counted one by one.
const VALUES_MAX: u16 = 64;

/// Gathers records of one tenant.
#[derive(Default)]
pub struct Gathering {
    /// By name; few, so that looking through them is cheaper than any map.
    sources: Vec<(String, Source)>,
}

#[derive(Default)]
struct Source {
    /// Accepted records by what is observed of them and by day.
    accepted: HashMap<(usize, i32), Sum>,
    /// Everything else: counts alone.
    counted: Days,
}

/// How a record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With its values.
    Accepted,
    /// Without.
    Quarantined,
}

/// Sum of the records of a day.
struct Sum {
    watch: Arc<Watch>,
    counts: DayCounts,
    last_us: i64,
    fields: Vec<Field>,
    others: BTreeMap<String, Field>,
    lexicon: Lexicon,
}

/// Sum of the values of a field.
struct Field {
    counts: FieldCounts,
    column: Column,
}

impl Default for Field {
    fn default() -> Self {
        Self {
            counts: FieldCounts::default(),
            column: Column {
                values: Values::new(VALUES_MAX),
                ..Column::default()
            },
        }
    }
}

impl Gathering {
    /// Adds an accepted record. `near` tells that another record came near to it, where that is looked for.
    pub fn accepted(&mut self, source: &str, seen: &Observation, near: bool) {
        let key = (Arc::as_ptr(&seen.watch) as usize, seen.day);
        self.source(source)
            .accepted
            .entry(key)
            .or_insert_with(|| Sum::new(seen.watch.clone()))
            .add(seen, Kind::Accepted, near);
    }

    /// Adds counts of a day `times` times; -1 takes them back.
    pub fn count(&mut self, source: &str, day: i32, counts: &DayCounts, times: i64) {
        self.source(source).counted.count(day, counts, times);
    }

    /// Returns what was gathered, by source.
    pub fn finish(self) -> BTreeMap<String, Days> {
        let days = |source: Source| {
            let mut days = source.counted;
            for ((_, day), sum) in source.accepted {
                days.0.entry(day).or_default().merge(&sum.finish());
            }
            days
        };
        self.sources
            .into_iter()
            .map(|(name, source)| (name, days(source)))
            .filter(|(_, days)| !days.0.is_empty())
            .collect()
    }

    fn source(&mut self, name: &str) -> &mut Source {
        let known = self.sources.iter().position(|(it, _)| it == name);
        let index = known.unwrap_or_else(|| {
            self.sources.push((name.to_owned(), Source::default()));
            self.sources.len() - 1
        });
        &mut self.sources[index].1
    }
}

/// Returns the counts of a quarantined record.
pub fn quarantined(seen: &Observation) -> DayCounts {
    let near = seen
        .faults
        .iter()
        .any(|(reason, _)| *reason == near::REASON);
    let mut sum = Sum::new(seen.watch.clone());
    sum.add(seen, Kind::Quarantined, near);
    sum.finish().counts
}

/// Returns the counts of a message whose key was there before with other content.
pub fn conflict() -> DayCounts {
    let mut counts = DayCounts::default();
    counts.keys.check(false);
    counts
}

impl Sum {
    fn new(watch: Arc<Watch>) -> Self {
        Self {
            fields: watch.fields.iter().map(|_| Field::default()).collect(),
            watch,
            counts: DayCounts::default(),
            last_us: 0,
            others: BTreeMap::new(),
            lexicon: Lexicon::default(),
        }
    }

    fn add(&mut self, seen: &Observation, kind: Kind, near: bool) {
        self.counts.records += 1;
        self.counts.keys.check(!near);
        self.counts.untold += seen.untold;
        self.last_us = self.last_us.max(seen.time_us);
        if let Some(timely) = seen.timely {
            self.counts.timely.check(timely);
        }
        if kind == Kind::Accepted
            && let Some(learned) = &seen.learned
        {
            learned.add_to(&self.watch, &mut self.lexicon);
        }
        let name = seen.kind.as_ref().map_or("", |range| seen.text(range));
        let event = self.watch.open.then_some(name);
        if let Some(event) = event {
            bump(&mut self.counts.types, event);
        }
        for (index, value) in seen.values.iter().enumerate() {
            self.add_value(index, seen, value, event, kind);
        }
        for (name, value) in &seen.others {
            let name = seen.text(name);
            if !self.others.contains_key(name) {
                self.others.insert(name.to_owned(), Field::default());
            }
            if let Some(field) = self.others.get_mut(name) {
                field.add(seen, value, event, kind);
            }
        }
        for (index, what) in &seen.changes {
            bump(&mut self.fields[*index].counts.standardised, what);
        }
        for (index, action, method) in &seen.corrections {
            let counts = &mut self.fields[*index].counts;
            if *action != Action::Imputed {
                bump(&mut counts.outliers, method);
            }
            if *action != Action::Flagged {
                bump(&mut counts.cleaned, &format!("{}:{method}", action.name()));
            }
        }
        if kind == Kind::Quarantined {
            for (reason, field) in &seen.faults {
                bump(&mut self.counts.reasons, &format!("{reason}|{field}"));
            }
        }
    }

    fn add_value(
        &mut self,
        index: usize,
        seen: &Observation,
        value: &Seen,
        event: Option<&str>,
        kind: Kind,
    ) {
        let watched = &self.watch.fields[index];
        let field = &mut self.fields[index];
        // Of events without columns, a field that may be absent counts where events of its type have it.
        let open = event.filter(|_| !watched.expected);
        field.add(seen, value, open, kind);
        let outlier =
            |(at, action, _): &(usize, Action, &str)| *at == index && *action != Action::Imputed;
        let wrong = value.wrong || seen.corrections.iter().any(outlier);
        if value.present && (watched.judged || wrong) {
            field.counts.accurate.check(!wrong);
        }
        if watched.related || value.clashing {
            field.counts.consistent.check(!value.clashing);
        }
        if open.is_some() {
            return;
        }
        field.counts.records += 1;
        if watched.expected {
            field.counts.complete.check(value.present);
        }
        if kind == Kind::Accepted && !value.present {
            field.column.records += 1;
            field.column.missing += 1;
        }
    }

    fn finish(self) -> Day {
        let mut day = Day {
            counts: self.counts,
            columns: BTreeMap::new(),
            lexicon: self.lexicon,
            last_us: self.last_us,
        };
        let names = self.watch.fields.iter().map(|field| field.name.clone());
        for (name, field) in names.zip(self.fields).chain(self.others) {
            if field.counts == FieldCounts::default() {
                continue;
            }
            if field.column.records > 0 {
                day.columns.insert(name.clone(), field.column);
            }
            day.counts.fields.insert(name, field.counts);
        }
        for field in day.counts.bound() {
            day.columns.remove(&field);
        }
        day
    }
}

impl Field {
    /// Adds a value; `event` is the type of an event that need not have it.
    fn add(&mut self, seen: &Observation, value: &Seen, event: Option<&str>, kind: Kind) {
        if !value.present {
            return;
        }
        self.counts.present += 1;
        if let Some(event) = event {
            bump(&mut self.counts.by_type, event);
        }
        if kind == Kind::Quarantined {
            return;
        }
        self.column.records += 1;
        if let Some(number) = value.number {
            self.column.numbers.add(number);
        }
        if let Some(hash) = value.hash {
            self.column.distinct.add(hash);
            if let Some(text) = &value.text {
                self.column.values.add(hash, seen.text(text));
            }
        }
    }
}

/// Counts one more of a kind.
fn bump(counts: &mut BTreeMap<String, i64>, kind: &str) {
    match counts.get_mut(kind) {
        Some(count) => *count += 1,
        None => {
            counts.insert(kind.to_owned(), 1);
        }
    }
}
