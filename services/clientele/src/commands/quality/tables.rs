//! Tables of quality for the terminal.

use super::Told;
use crate::{money, output};
use api::ingestion::{
    Baseline, DimensionScore, FieldQuality, QualityAlert, QualityDimension, QualityPoint,
};
use report::{format, spark_text};

/// Days of a sparkline.
const SPARK_DAYS: usize = 30;

/// Returns the name of a dimension.
pub(super) fn dimension(dimension: QualityDimension) -> &'static str {
    match dimension {
        QualityDimension::Unspecified => "all",
        QualityDimension::Completeness => "completeness",
        QualityDimension::Accuracy => "accuracy",
        QualityDimension::Consistency => "consistency",
        QualityDimension::Timeliness => "timeliness",
    }
}

/// Returns a dimension out of several, where something was checked in it.
pub(super) fn share(dimensions: &[DimensionScore], wanted: QualityDimension) -> Option<f64> {
    let found = dimensions.iter().find(|it| it.dimension() == wanted);
    found.and_then(|it| it.score)
}

fn count(number: i64) -> String {
    money::group(number.max(0) as u64)
}

fn score(score: Option<f64>) -> String {
    score.map_or("-".into(), |score| format!("{score:.1}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), format::percent)
}

/// Draws the newest days of a history.
fn trend(points: &[QualityPoint]) -> String {
    let newest = &points[points.len().saturating_sub(SPARK_DAYS)..];
    let values: Vec<Option<f64>> = newest.iter().map(|it| it.score).collect();
    spark_text(&values, Some((0.0, 100.0)))
}

/// Returns a report as text.
pub(super) fn report(told: &Told) -> String {
    let report = &told.report;
    let period = match report.from_day.is_empty() {
        true => "no day".to_owned(),
        false => format!("{} to {}", report.from_day, report.to_day),
    };
    let mut pairs = vec![
        ("source", report.source.clone()),
        ("period", period),
        ("records", count(report.records)),
        (
            "score",
            format!("{}  {}", score(report.score), trend(&told.days)),
        ),
        ("formula", report.formula.clone()),
    ];
    for it in &report.dimensions {
        let text = format!(
            "{} ({} of {})",
            percent(it.score),
            count(it.good),
            count(it.checked)
        );
        pairs.push((dimension(it.dimension()), text));
    }
    if report.values_untold > 0 {
        let text = format!("{} values of too many fields", count(report.values_untold));
        pairs.push(("not told apart", text));
    }
    let mut text = output::pairs(&pairs) + "\n" + &fields(told) + "\n";
    text += &missing(&report.fields);
    if !report.reasons.is_empty() {
        let mut table = output::table(&["quarantined because", "field", "records"], &["records"]);
        for it in &report.reasons {
            table.add_row([&it.reason, &it.field, &count(it.records)]);
        }
        text += &format!("{table}\n");
    }
    if !told.alerts.is_empty() {
        text += &format!("{}\n", alerts(&told.alerts));
    }
    text
}

fn fields(told: &Told) -> String {
    use QualityDimension::{Accuracy, Completeness, Consistency};
    let numbers = [
        "score",
        "complete",
        "accurate",
        "consistent",
        "missing",
        "different",
        "median",
    ];
    let mut table = output::table(
        &[["field"].as_slice(), &numbers, &["score by day", "changed"]].concat(),
        &numbers,
    );
    for (index, it) in told.report.fields.iter().enumerate() {
        let days = told
            .fields
            .get(index)
            .map(Vec::as_slice)
            .unwrap_or_default();
        table.add_row([
            it.field.clone(),
            score(it.score),
            percent(share(&it.dimensions, Completeness)),
            percent(share(&it.dimensions, Accuracy)),
            percent(share(&it.dimensions, Consistency)),
            count(it.missing),
            count(it.distinct),
            it.numbers
                .map_or("-".into(), |numbers| format::short(numbers.median)),
            trend(days),
            changes(it).join(", "),
        ]);
    }
    table.to_string()
}

/// Lists what was changed in a field and how often.
pub(super) fn changes(field: &FieldQuality) -> Vec<String> {
    let kinds = [
        ("standardised", &field.standardised),
        ("cleaned", &field.cleaned),
        ("stood out", &field.outliers),
    ];
    let mut all = Vec::new();
    for (kind, counts) in kinds {
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort();
        let told = counts.into_iter().map(|(what, times)| {
            let what = what.replace(':', " by ");
            format!("{} {kind} ({what})", count(*times))
        });
        all.extend(told);
    }
    all
}

fn missing(fields: &[FieldQuality]) -> String {
    let told: Vec<&FieldQuality> = fields
        .iter()
        .filter(|it| !it.missing_patterns.is_empty())
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let numbers = ["records", "missing", "times the usual"];
    let mut table = output::table(
        &[["missing values of", "day"].as_slice(), &numbers].concat(),
        &numbers,
    );
    for field in told {
        for it in field.missing_patterns.iter().take(3) {
            table.add_row([
                field.field.clone(),
                it.day.clone(),
                count(it.records),
                count(it.missing),
                format!("{:.1}", it.lift),
            ]);
        }
    }
    format!("{table}\n")
}

/// Returns days as text.
pub(super) fn history(points: &[QualityPoint]) -> String {
    if points.is_empty() {
        return "No days yet.".into();
    }
    let mut table = output::table(&["day", "score", "records", ""], &["score", "records"]);
    for it in points {
        let blocks = it.score.map_or(0, |score| (score / 2.5).round() as usize);
        table.add_row([
            it.day.clone(),
            score(it.score),
            count(it.records),
            "█".repeat(blocks),
        ]);
    }
    format!("{}\n{table}", trend(points))
}

/// Returns alerts as text.
pub(super) fn alerts(alerts: &[QualityAlert]) -> String {
    if alerts.is_empty() {
        return "No alerts.".into();
    }
    let mut table = output::table(&["raised", "source", "alert", "rule", "over"], &[]);
    for it in alerts {
        table.add_row([
            output::time(it.raise_time.as_ref()),
            it.source.trim_start_matches("sources/").to_owned(),
            it.description.clone(),
            it.rule.clone(),
            match &it.clear_time {
                Some(time) => output::time(Some(time)),
                None => "stands".into(),
            },
        ]);
    }
    table.to_string()
}

/// Returns a baseline as text.
pub(super) fn baseline(found: &Baseline) -> String {
    let numbers = [
        "missing",
        "smallest",
        "first quartile",
        "median",
        "third quartile",
        "largest",
        "mean",
        "deviation",
    ];
    let mut table = output::table(
        &[["field"].as_slice(), &numbers, &["most frequent"]].concat(),
        &numbers,
    );
    for it in &found.fields {
        let number = |of: fn(&api::ingestion::NumberSummary) -> f64| {
            let numbers = it.numbers.as_ref();
            numbers.map_or("-".into(), |numbers| format::short(of(numbers)))
        };
        table.add_row([
            it.field.clone(),
            format::percent(it.missing_share),
            number(|it| it.min),
            number(|it| it.q1),
            number(|it| it.median),
            number(|it| it.q3),
            number(|it| it.max),
            number(|it| it.mean),
            number(|it| it.deviation),
            it.mode.clone().unwrap_or_default(),
        ]);
    }
    format!(
        "version {} of {} from {} to {}\n{table}",
        found.version, found.source, found.from_day, found.to_day
    )
}
