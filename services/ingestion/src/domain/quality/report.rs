//! The report of a source over a period.

use api::ingestion::{
    DimensionScore, FieldQuality, MissingPattern, NumberSummary, QualityDimension, QualityPoint,
    QualityReason, QualityReport,
};
use chrono::{Duration, NaiveDate};
use sketch::{Column, Figures};

use super::counts::{DayCounts, Dimension, FieldCounts, Tally};
use super::delta::{Day, Days, NO_DAY};
use super::score::{Weights, dimensions, field_dimensions};

/// Share of missing values from which on it is told where they are missing.
const MISSING_TOLD: f64 = 0.05;
/// Most days that are told for a field.
const PATTERNS_MAX: usize = 10;
/// Most reasons that are told.
const REASONS_MAX: usize = 100;

/// What a report is asked for.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    /// Source, `sources/{id}`.
    pub source: &'a str,
    /// Fields to tell of; empty means all.
    pub fields: &'a [String],
    /// Fields in the order of the contract.
    pub order: &'a [String],
    /// Weights of the score.
    pub weights: Weights,
}

/// Writes the report over the days of a period; those that no period may hold are in [`NO_DAY`].
pub fn report(question: &Question<'_>, days: &Days) -> QualityReport {
    let mut sum = Day::default();
    days.0.values().for_each(|day| sum.merge(day));
    let counts = &sum.counts;
    let known = |day: &&i32| **day != NO_DAY;
    let with_records = days.0.iter().filter(|(_, it)| it.counts.records > 0);
    let told: Vec<i32> = with_records.map(|(day, _)| *day).collect();
    let over_all = dimensions(counts);
    let mut fields: Vec<(&String, &FieldCounts)> = counts
        .fields
        .iter()
        .filter(|(name, _)| question.fields.is_empty() || question.fields.contains(name))
        .collect();
    let place = |name: &String| question.order.iter().position(|it| it == name);
    fields.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    let field = |(name, field): (&String, &FieldCounts)| {
        let column = sum.columns.get(name);
        field_quality(question, days, counts, name, field, column)
    };
    QualityReport {
        source: question.source.to_owned(),
        from_day: told
            .iter()
            .find(known)
            .map(|day| date(*day))
            .unwrap_or_default(),
        to_day: told
            .iter()
            .rfind(known)
            .map(|day| date(*day))
            .unwrap_or_default(),
        records: counts.records,
        score: question.weights.score(&over_all),
        formula: question.weights.formula(&over_all),
        dimensions: over_all.iter().map(dimension_score).collect(),
        fields: fields.into_iter().map(field).collect(),
        reasons: reasons(counts),
        as_of: None,
        values_untold: counts.untold,
    }
}

fn field_quality(
    question: &Question<'_>,
    days: &Days,
    counts: &DayCounts,
    name: &str,
    field: &FieldCounts,
    column: Option<&Column>,
) -> FieldQuality {
    let records = counts.records_of(field);
    let missing = (records - field.present).max(0);
    let dimensions = field_dimensions(field);
    let map = |counts: &std::collections::BTreeMap<String, i64>| {
        counts
            .iter()
            .map(|(kind, count)| (kind.clone(), *count))
            .collect()
    };
    FieldQuality {
        field: name.to_owned(),
        score: question.weights.score(&dimensions),
        dimensions: dimensions.iter().map(dimension_score).collect(),
        records,
        missing,
        distinct: column.map_or(0, |column| column.distinct.count() as i64),
        numbers: column.and_then(Column::figures).as_ref().map(numbers),
        standardised: map(&field.standardised),
        cleaned: map(&field.cleaned),
        outliers: map(&field.outliers),
        missing_patterns: missing_patterns(days, name, records, missing),
    }
}

/// Returns a summary of numbers as a message.
pub fn numbers(figures: &Figures) -> NumberSummary {
    NumberSummary {
        count: figures.count as i64,
        min: figures.min,
        max: figures.max,
        mean: figures.mean,
        deviation: figures.deviation,
        q1: figures.q1,
        median: figures.median,
        q3: figures.q3,
    }
}

fn dimension_score((dimension, tally): &(Dimension, Tally)) -> DimensionScore {
    DimensionScore {
        dimension: to_proto(*dimension).into(),
        score: tally.share(),
        good: tally.good,
        checked: tally.checked,
    }
}

/// Returns a dimension as messages name it.
pub fn to_proto(dimension: Dimension) -> QualityDimension {
    match dimension {
        Dimension::Completeness => QualityDimension::Completeness,
        Dimension::Accuracy => QualityDimension::Accuracy,
        Dimension::Consistency => QualityDimension::Consistency,
        Dimension::Timeliness => QualityDimension::Timeliness,
    }
}

/// Finds the days on which more values are missing than their share of the records would let expect, those with the most
/// missing beyond that first.
fn missing_patterns(days: &Days, name: &str, records: i64, missing: i64) -> Vec<MissingPattern> {
    if records == 0 || (missing as f64) < MISSING_TOLD * records as f64 {
        return Vec::new();
    }
    let overall = missing as f64 / records as f64;
    let mut found = Vec::new();
    for (day, figures) in days.0.iter().filter(|(day, _)| **day != NO_DAY) {
        let Some(field) = figures.counts.fields.get(name) else {
            continue;
        };
        let records = figures.counts.records_of(field);
        let missing = records - field.present;
        let beyond = missing as f64 - overall * records as f64;
        if records > 0 && beyond > 0.0 {
            let pattern = MissingPattern {
                day: date(*day),
                records,
                missing,
                lift: missing as f64 / records as f64 / overall,
            };
            found.push((beyond, pattern));
        }
    }
    found.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.day.cmp(&right.day)));
    let patterns = found.into_iter().map(|(_, pattern)| pattern);
    patterns.take(PATTERNS_MAX).collect()
}

fn reasons(counts: &DayCounts) -> Vec<QualityReason> {
    let reason = |(key, records): (&String, &i64)| {
        let (reason, field) = key.split_once('|').unwrap_or((key, ""));
        QualityReason {
            reason: reason.to_owned(),
            field: field.to_owned(),
            records: *records,
        }
    };
    let mut reasons: Vec<_> = counts.reasons.iter().map(reason).collect();
    reasons.sort_by_key(|it| std::cmp::Reverse(it.records));
    reasons.truncate(REASONS_MAX);
    reasons
}

/// Returns the quality of a day: of the source or of one field, over all dimensions or in one; the score is 0 to 100.
pub fn point(
    day: i32,
    counts: &DayCounts,
    field: Option<&str>,
    dimension: Option<Dimension>,
    weights: &Weights,
) -> QualityPoint {
    let (records, tallies) = match field {
        None => (counts.records, dimensions(counts).to_vec()),
        Some(name) => match counts.fields.get(name) {
            Some(field) => (counts.records_of(field), field_dimensions(field).to_vec()),
            None => (0, Vec::new()),
        },
    };
    let one = |dimension| {
        let tally = tallies.iter().find(|(it, _)| *it == dimension);
        tally.and_then(|(_, tally)| Some(tally.share()? * 100.0))
    };
    QualityPoint {
        day: date(day),
        score: dimension.map_or_else(|| weights.score(&tallies), one),
        records,
    }
}

/// Returns a day as `YYYY-MM-DD`.
pub fn date(day: i32) -> String {
    let date = NaiveDate::default().checked_add_signed(Duration::days(day.into()));
    date.map(|date| date.to_string()).unwrap_or_default()
}

/// Reads a day written as `YYYY-MM-DD`.
pub fn day_of(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}
