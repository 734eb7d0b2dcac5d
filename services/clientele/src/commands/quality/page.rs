//! The quality of a source as one page.

use super::Told;
use super::tables::{changes, dimension, share};
use crate::output;
use api::ingestion::{FieldQuality, QualityDimension, QualityPoint};
use report::chart::{Columns, Line, LineChart, Stack, Unit, box_plot, spark};
use report::{Block, Cell, Fact, Heat, Page, Section, Table, Tone, format};

/// Most days of the table of colours.
const HEAT_DAYS: usize = 31;
/// Most alerts that are told at the top.
const ALERTS_MAX: usize = 20;

/// Makes the page.
pub(super) fn page(told: &Told) -> Page {
    let report = &told.report;
    let period = match report.from_day.is_empty() {
        true => "no records in this period".to_owned(),
        false => format!("{} to {}", report.from_day, report.to_day),
    };
    let sections = [
        overview(told),
        history(told),
        fields(told),
        heat(told),
        numbers(told),
        missing(told),
        changed(told),
        reasons(told),
    ];
    Page {
        title: format!(
            "Data quality of {}",
            report.source.trim_start_matches("sources/")
        ),
        subtitle: format!("{period} · tenant {}", told.tenant),
        sections: sections.into_iter().flatten().collect(),
        footer: format!(
            "Every record that was accepted or quarantined counts once. Computed {}.",
            output::time(report.as_of.as_ref())
        ),
    }
}

fn section(heading: &str, blocks: Vec<Block>) -> Option<Section> {
    (!blocks.is_empty()).then(|| Section {
        heading: heading.to_owned(),
        blocks,
    })
}

/// Says how good a share is.
fn tone(share: Option<f64>) -> Tone {
    match share {
        None => Tone::Plain,
        Some(share) if share >= 0.97 => Tone::Good,
        Some(share) if share >= 0.9 => Tone::Warn,
        Some(_) => Tone::Bad,
    }
}

fn bar(share: Option<f64>) -> Cell {
    let text = share.map_or("-".to_owned(), format::percent);
    Cell::Bar(share, text, tone(share))
}

fn number(value: i64) -> Cell {
    Cell::Number(format::group(value))
}

fn overview(told: &Told) -> Option<Section> {
    let report = &told.report;
    let of_score = report.score.map(|score| score / 100.0);
    let mut facts = vec![Fact {
        name: "Score".into(),
        value: report
            .score
            .map_or("-".into(), |score| format!("{score:.1}")),
        detail: "of 100".into(),
        tone: tone(of_score),
    }];
    for it in &report.dimensions {
        let name = dimension(it.dimension());
        let mut letters = name.chars();
        let first = letters.next().map(|it| it.to_ascii_uppercase());
        facts.push(Fact {
            name: first.into_iter().chain(letters).collect(),
            value: it.score.map_or("not checked".into(), format::percent),
            detail: match it.checked {
                0 => String::new(),
                _ => format!(
                    "{} of {}",
                    format::group(it.good),
                    format::group(it.checked)
                ),
            },
            tone: tone(it.score),
        });
    }
    facts.push(Fact {
        name: "Records".into(),
        value: format::group(report.records),
        detail: "accepted or quarantined".into(),
        tone: Tone::Plain,
    });
    let mut blocks = vec![
        Block::Facts(facts),
        Block::Code(format!("score = {}", report.formula)),
    ];
    for alert in told.alerts.iter().take(ALERTS_MAX) {
        blocks.push(Block::Note(
            Tone::Bad,
            format!("Alert: {}", alert.description),
        ));
    }
    if told.alerts.len() > ALERTS_MAX {
        let rest = told.alerts.len() - ALERTS_MAX;
        blocks.push(Block::Text(format!("and {rest} more alerts.")));
    }
    if report.values_untold > 0 {
        let text = format!(
            "{} values belong to fields beyond the first 64 and are not told apart; a contract names the fields that matter.",
            format::group(report.values_untold)
        );
        blocks.push(Block::Note(Tone::Warn, text));
    }
    section("", blocks)
}

fn days(points: &[QualityPoint]) -> Vec<String> {
    points.iter().map(|it| it.day.clone()).collect()
}

fn history(told: &Told) -> Option<Section> {
    if told.days.len() < 2 {
        return None;
    }
    let mark = |alert: &api::ingestion::QualityAlert| {
        let index = told.days.iter().position(|it| it.day == alert.day)?;
        Some((index, alert.description.clone()))
    };
    let marks: Vec<(usize, String)> = told.alerts.iter().filter_map(mark).collect();
    let marked = !marks.is_empty();
    let values: Vec<Option<f64>> = told.days.iter().map(|it| it.score).collect();
    let lowest = values.iter().flatten().copied().fold(100.0, f64::min);
    let chart = LineChart {
        title: "Score by day".into(),
        labels: days(&told.days),
        lines: vec![Line {
            name: "score".into(),
            values,
        }],
        marks,
        // The scale shows the whole when there is much to see, and its upper part otherwise.
        range: Some((if lowest < 60.0 { 0.0 } else { 50.0 }, 100.0)),
        unit: Unit::Number,
        band: None,
    };
    let records = Columns {
        title: "Records by day".into(),
        labels: days(&told.days),
        stacks: vec![Stack {
            name: "records".into(),
            values: told.days.iter().map(|it| it.records as f64).collect(),
            fault: false,
        }],
        unit: Unit::Number,
    };
    let mut caption = "Score of each day of event time.".to_owned();
    if marked {
        caption += " Circles mark days that an alert speaks of.";
    }
    if told.days.len() >= super::DAYS_MAX {
        caption += &format!(" The newest {} days are shown.", super::DAYS_MAX);
    }
    section(
        "Day by day",
        vec![
            Block::Chart(chart.draw(), caption),
            Block::Chart(
                records.draw(),
                "Records of each day, accepted or quarantined.".into(),
            ),
        ],
    )
}

fn fields(told: &Told) -> Option<Section> {
    use QualityDimension::{Accuracy, Completeness, Consistency};
    let row = |(index, it): (usize, &FieldQuality)| {
        let points = told
            .fields
            .get(index)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let scores: Vec<Option<f64>> = points.iter().map(|it| it.score).collect();
        let title = format!("score of {} by day", it.field);
        vec![
            Cell::Text(it.field.clone()),
            bar(it.score.map(|score| score / 100.0)),
            bar(share(&it.dimensions, Completeness)),
            bar(share(&it.dimensions, Accuracy)),
            bar(share(&it.dimensions, Consistency)),
            number(it.missing),
            number(it.distinct),
            match scores.len() > 1 {
                true => Cell::Drawing(spark(&title, &scores, Some((0.0, 100.0)))),
                false => Cell::Text(String::new()),
            },
        ]
    };
    let columns = [
        "Field",
        "Score",
        "Completeness",
        "Accuracy",
        "Consistency",
        "Missing",
        "Different",
        "Score by day",
    ];
    let table = Table {
        columns: columns.map(str::to_owned).into(),
        rows: told.report.fields.iter().enumerate().map(row).collect(),
        empty: "No fields were observed.".into(),
    };
    section("Fields", vec![Block::Table(table)])
}

fn heat(told: &Told) -> Option<Section> {
    let skipped = told.days.len().saturating_sub(HEAT_DAYS);
    let shown = days(&told.days[skipped..]);
    if shown.len() < 2 {
        return None;
    }
    let row = |(field, points): (&FieldQuality, &Vec<QualityPoint>)| {
        let share = |day: &String| {
            let point = points.iter().find(|it| it.day == *day);
            point.and_then(|it| it.score).map(|score| score / 100.0)
        };
        (field.field.clone(), shown.iter().map(share).collect())
    };
    let heat = Heat {
        columns: shown.clone(),
        rows: told
            .report
            .fields
            .iter()
            .zip(&told.fields)
            .map(row)
            .collect(),
        caption: format!(
            "Score of each field on the newest {} days, 0 to 100, rounded down.",
            shown.len()
        ),
    };
    section("Fields by day", vec![Block::Heat(heat)])
}

fn numbers(told: &Told) -> Option<Section> {
    let row = |it: &FieldQuality| {
        let numbers = it.numbers.as_ref()?;
        let five = [
            numbers.min,
            numbers.q1,
            numbers.median,
            numbers.q3,
            numbers.max,
        ];
        let values = [
            numbers.min,
            numbers.q1,
            numbers.median,
            numbers.mean,
            numbers.q3,
            numbers.max,
            numbers.deviation,
        ];
        let mut cells = vec![Cell::Text(it.field.clone()), number(numbers.count)];
        cells.extend(values.map(|value| Cell::Number(format::short(value))));
        cells.push(Cell::Drawing(box_plot(
            &format!("spread of {}", it.field),
            five,
        )));
        Some(cells)
    };
    let rows: Vec<Vec<Cell>> = told.report.fields.iter().filter_map(row).collect();
    if rows.is_empty() {
        return None;
    }
    let columns = [
        "Field",
        "Numbers",
        "Smallest",
        "First quartile",
        "Median",
        "Mean",
        "Third quartile",
        "Largest",
        "Deviation",
        "Spread",
    ];
    let table = Table {
        columns: columns.map(str::to_owned).into(),
        rows,
        empty: String::new(),
    };
    let text = "Numbers of accepted records as they came, before cleaning. Quartiles are within 1 % of their value.";
    section(
        "Numbers",
        vec![Block::Table(table), Block::Text(text.into())],
    )
}

fn missing(told: &Told) -> Option<Section> {
    let row = |field: &FieldQuality| {
        let name = field.field.clone();
        let told = field.missing_patterns.iter().map(move |it| {
            vec![
                Cell::Text(name.clone()),
                Cell::Text(it.day.clone()),
                number(it.records),
                number(it.missing),
                Cell::Number(format!("{:.1}", it.lift)),
            ]
        });
        told.collect::<Vec<_>>()
    };
    let rows: Vec<Vec<Cell>> = told.report.fields.iter().flat_map(row).collect();
    if rows.is_empty() {
        return None;
    }
    let columns = [
        "Field",
        "Day",
        "Records",
        "Missing",
        "Times the usual share",
    ];
    let table = Table {
        columns: columns.map(str::to_owned).into(),
        rows,
        empty: String::new(),
    };
    let text = "Of fields in which 5 % or more of the values are missing: the days on which most are missing beyond the field's usual share.";
    section(
        "Where values are missing",
        vec![Block::Text(text.into()), Block::Table(table)],
    )
}

fn changed(told: &Told) -> Option<Section> {
    let row = |it: &FieldQuality| {
        let lines = changes(it);
        (!lines.is_empty()).then(|| vec![Cell::Text(it.field.clone()), Cell::Lines(lines)])
    };
    let rows: Vec<Vec<Cell>> = told.report.fields.iter().filter_map(row).collect();
    if rows.is_empty() {
        return None;
    }
    let table = Table {
        columns: vec!["Field".into(), "What was done".into()],
        rows,
        empty: String::new(),
    };
    section(
        "Brought to standard form and cleaned",
        vec![Block::Table(table)],
    )
}

fn reasons(told: &Told) -> Option<Section> {
    let records = told.report.records.max(1) as f64;
    let row = |it: &api::ingestion::QualityReason| {
        let share = it.records as f64 / records;
        vec![
            Cell::Text(it.reason.clone()),
            Cell::Text(it.field.clone()),
            number(it.records),
            Cell::Bar(Some(share), format::percent(share), Tone::Bad),
        ]
    };
    let columns = ["Reason", "Field", "Records", "Of all records"];
    let table = Table {
        columns: columns.map(str::to_owned).into(),
        rows: told.report.reasons.iter().map(row).collect(),
        empty: "No record was quarantined.".into(),
    };
    section("Why records were quarantined", vec![Block::Table(table)])
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
