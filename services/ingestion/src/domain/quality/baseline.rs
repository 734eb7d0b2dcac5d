//! What values of a source usually look like, computed from its figures.

use std::collections::BTreeMap;

use api::ingestion::{Baseline as Message, FieldBaseline, NumberSummary};
use chrono::{DateTime, Utc};
use sketch::Column;

use super::delta::{Day, Days, NO_DAY};
use super::report::date;
use crate::domain::baseline::Baseline;

/// Computes a baseline from the accepted records of a period; `None` when there is none.
pub fn fit(days: &Days) -> Option<Baseline> {
    let mut sum = Day::default();
    days.0.values().for_each(|day| sum.merge(day));
    let columns: BTreeMap<String, Column> = sum.columns;
    if columns.is_empty() {
        return None;
    }
    let with_values = days.0.iter().filter(|(_, day)| !day.columns.is_empty());
    let mut told = with_values
        .map(|(day, _)| *day)
        .filter(|day| *day != NO_DAY);
    let first = told.next();
    let period = first.map(|first| (first, told.next_back().unwrap_or(first)));
    Some(Baseline::fit(&columns, &sum.lexicon, period))
}

/// Returns a baseline as a message.
pub fn message(source: &str, baseline: &Baseline, version: i64, created: DateTime<Utc>) -> Message {
    let fields = baseline.fields.iter().map(|(name, field)| {
        let figures = field.figures.as_ref();
        FieldBaseline {
            field: name.clone(),
            missing_share: field.missing_share(),
            numbers: figures.map(|it| NumberSummary {
                count: it.count as i64,
                min: it.min,
                max: it.max,
                mean: it.mean,
                deviation: it.deviation,
                q1: it.q1,
                median: it.median,
                q3: it.q3,
            }),
            median_deviation: figures.map(|it| it.mad),
            mode: field.mode.clone(),
        }
    });
    Message {
        source: source.to_owned(),
        version,
        from_day: baseline.from_day.map(date).unwrap_or_default(),
        to_day: baseline.to_day.map(date).unwrap_or_default(),
        fields: fields.collect(),
        create_time: Some(runtime::time::to_proto(created)),
    }
}
