//! Writes the contract that a survey suggests.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Surroundings;
use super::mapping::{Mapping, guess};
use super::survey::{ColumnSurvey, Key, Kind, Survey};
use super::yaml::{comment, list, scalar};

/// Most values of an enumeration that a comment repeats.
const CHOICES_TOLD: usize = 12;

/// Writes a contract as YAML. Whatever it guesses is followed by a comment that begins with `guess`.
pub fn propose(survey: &Survey, around: &Surroundings) -> String {
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = match survey.shape.format {
        "events" => events(&mut out, survey, around),
        _ => rows(&mut out, survey, around),
    };
    out
}

fn head(out: &mut String, survey: &Survey, around: &Surroundings) -> std::fmt::Result {
    let rows = survey.rows;
    writeln!(
        out,
        "# Proposed from {}: {rows} rows. Look at every line with a comment, then use it.",
        comment(&around.file_name)
    )?;
    writeln!(out, "apiVersion: v3.0.2")?;
    writeln!(out, "kind: DataContract")?;
    writeln!(out, "id: {}", scalar(&around.source))?;
    writeln!(out, "name: {}", scalar(&around.source))?;
    writeln!(out, "version: 1.0.0")?;
    writeln!(out, "status: draft")
}

fn events(out: &mut String, survey: &Survey, around: &Surroundings) -> std::fmt::Result {
    head(out, survey, around)?;
    writeln!(
        out,
        "customProperties:\n  - property: clientele\n    value:"
    )?;
    writeln!(out, "      file: {}", file(survey, &[]))?;
    match &around.currency {
        Some(code) => writeln!(out, "      currency: {code}"),
        None => writeln!(out, "      currency: EUR # guess"),
    }
}

fn rows(out: &mut String, survey: &Survey, around: &Surroundings) -> std::fmt::Result {
    let mapping = guess(survey, around);
    head(out, survey, around)?;
    writeln!(
        out,
        "schema:\n  - name: rows\n    logicalType: object\n    properties:"
    )?;
    for (index, column) in survey.columns.iter().enumerate() {
        self::column(out, survey, &mapping, index, column)?;
    }
    writeln!(
        out,
        "customProperties:\n  - property: clientele\n    value:"
    )?;
    let words: BTreeSet<&str> = survey
        .columns
        .iter()
        .flat_map(|column| column.missing_words.iter().map(String::as_str))
        .collect();
    let words: Vec<&str> = words.into_iter().collect();
    let guessed = if words.is_empty() {
        ""
    } else {
        " # guess: the words for a missing value"
    };
    writeln!(out, "      file: {}{guessed}", file(survey, &words))?;
    time(out, survey, around, &mapping)?;
    if let Some((code, guessed)) = &mapping.currency {
        let guessed = if *guessed { " # guess" } else { "" };
        writeln!(out, "      currency: {code}{guessed}")?;
    }
    identifiers(out, survey, &mapping)?;
    if survey.key == Key::Content {
        writeln!(
            out,
            "      key: content_and_occurrence # no columns tell a row from every other"
        )?;
    }
    writeln!(out, "      types: {} # guess", scalar(mapping.kind))?;
    if let Some(value) = &mapping.value {
        writeln!(out, "      value: {} # guess", scalar(value))?;
    }
    items(out, survey, &mapping)?;
    properties(out, survey, &mapping)
}

/// Returns the part that says how the file is written.
fn file(survey: &Survey, words: &[&str]) -> String {
    let shape = &survey.shape;
    let mut parts = vec![format!("format: {}", shape.format)];
    if shape.format == "csv" {
        if shape.delimiter != "," {
            parts.push(format!("delimiter: {}", scalar(&shape.delimiter)));
        }
        if !shape.header {
            parts.push("header: false".to_owned());
        }
    }
    if shape.name_encoding {
        parts.push(format!("encoding: {}", shape.encoding));
    }
    if !words.is_empty() {
        parts.push(format!("missing: {}", list(words.iter().copied())));
    }
    format!("{{{}}}", parts.join(", "))
}

fn column(
    out: &mut String,
    survey: &Survey,
    mapping: &Mapping,
    index: usize,
    column: &ColumnSurvey,
) -> std::fmt::Result {
    let ragged = survey.shape.ragged && index + 1 == survey.columns.len();
    let logical_type = match (&column.kind, ragged) {
        (_, true) => "array",
        (kind, _) => kind.logical_type(),
    };
    let mut parts = vec![
        format!("name: {}", scalar(&column.name)),
        format!("logicalType: {logical_type}"),
    ];
    let key = matches!(&survey.key, Key::Columns(columns) if columns.contains(&index));
    if key || mapping.time == Some(index) && column.missing == 0 {
        parts.push("required: true".to_owned());
    }
    if key {
        parts.push("primaryKey: true".to_owned());
    }
    let identifier = mapping.identifiers.iter().any(|(_, known)| *known == index);
    match column.personal {
        Some(class) => parts.push(format!("classification: personal/{class}")),
        None if identifier => parts.push("classification: personal".to_owned()),
        None => {}
    }
    let mut notes = Vec::new();
    if let Kind::Time { pattern, other, .. } = &column.kind {
        let iso = pattern.starts_with("%Y-%m-%d") || pattern == "rfc3339";
        if !iso && mapping.time != Some(index) {
            parts.push(format!(
                "logicalTypeOptions: {{format: {}}}",
                scalar(pattern)
            ));
        }
        if let Some(other) = other {
            notes.push(format!("guess: could be {other} as well"));
        }
    }
    notes.extend(self::notes(survey, mapping, index, column));
    let notes = match notes.is_empty() {
        true => String::new(),
        false => format!(" # {}", comment(&notes.join("; "))),
    };
    writeln!(out, "      - {{{}}}{notes}", parts.join(", "))
}

/// Says what a person should know of a column.
fn notes(survey: &Survey, mapping: &Mapping, index: usize, column: &ColumnSurvey) -> Vec<String> {
    let mut notes = Vec::new();
    if mapping.left_out.contains(&index) {
        notes.push("guess: personal, so no property takes it".to_owned());
    }
    if column.unique
        && column.unsure
        && matches!(&survey.key, Key::Columns(key) if key.contains(&index))
    {
        notes.push("guess: a sample had no repeats".to_owned());
    }
    if column.missing > 0 && survey.rows > 0 {
        let percent = column.missing as f64 * 100.0 / survey.rows as f64;
        notes.push(format!("{percent:.1} % missing"));
    }
    if column.wrong > 0 {
        notes.push(format!("{} values do not fit the type", column.wrong));
    }
    if column.dressed > 0 {
        notes.push(format!("{} values are numbers with signs", column.dressed));
    }
    if !column.range.0.is_empty() {
        notes.push(format!("{} to {}", column.range.0, column.range.1));
    }
    if !column.choices.is_empty() {
        let shown: Vec<&str> = column
            .choices
            .iter()
            .take(CHOICES_TOLD)
            .map(String::as_str)
            .collect();
        let more = if column.choices.len() > CHOICES_TOLD {
            ", ..."
        } else {
            ""
        };
        notes.push(format!("one of {}{more}", shown.join(", ")));
    }
    notes
}

fn time(
    out: &mut String,
    survey: &Survey,
    around: &Surroundings,
    mapping: &Mapping,
) -> std::fmt::Result {
    let zone = &mapping.zone;
    let Some(index) = mapping.time else {
        let today = around.today;
        return writeln!(
            out,
            "      time: {{fixed: \"{today}\", zone: {zone}, delay: 0s}} # guess: no column tells the time"
        );
    };
    let column = &survey.columns[index];
    let pattern = match &column.kind {
        Kind::Time { pattern, .. } => pattern.as_str(),
        _ => "%Y-%m-%d",
    };
    let absolute = ["unix", "unix_ms", "rfc3339"].contains(&pattern) || pattern.contains("%:z");
    let guessed = match mapping.zone_guessed && !absolute {
        true => " # guess: the zone of its local times",
        false => "",
    };
    let name = scalar(&column.name);
    writeln!(
        out,
        "      time: {{column: {name}, formats: [{}], zone: {zone}, delay: 0s}}{guessed}",
        scalar(pattern)
    )
}

fn identifiers(out: &mut String, survey: &Survey, mapping: &Mapping) -> std::fmt::Result {
    if mapping.identifiers.is_empty() {
        return writeln!(
            out,
            "      identifiers: {{row: $row}} # guess: no column names a customer, so every row is one"
        );
    }
    let name = |(namespace, index): &(&str, usize)| {
        format!("{namespace}: {}", scalar(&survey.columns[*index].name))
    };
    let all: Vec<String> = mapping.identifiers.iter().map(name).collect();
    writeln!(out, "      identifiers: {{{}}} # guess", all.join(", "))
}

fn items(out: &mut String, survey: &Survey, mapping: &Mapping) -> std::fmt::Result {
    let name = |index: usize| scalar(&survey.columns[index].name);
    if survey.shape.ragged && !survey.columns.is_empty() {
        let last = survey.columns.len() - 1;
        return writeln!(out, "      items: {{productId: {}}} # guess", name(last));
    }
    let Some(product) = mapping.product else {
        return Ok(());
    };
    let mut parts = vec![format!("productId: {}", name(product))];
    if let Some(index) = mapping.product_name {
        parts.push(format!("name: {}", name(index)));
    }
    if !mapping.category.is_empty() {
        let all: Vec<&str> = mapping
            .category
            .iter()
            .map(|it| survey.columns[*it].name.as_str())
            .collect();
        parts.push(format!("category: {}", list(all)));
    }
    if let Some(index) = mapping.quantity {
        parts.push(format!("quantity: {}", name(index)));
    }
    if let Some(index) = mapping.unit_price {
        parts.push(format!("unitPrice: {}", name(index)));
    }
    writeln!(out, "      items: {{{}}}", parts.join(", "))
}

fn properties(out: &mut String, survey: &Survey, mapping: &Mapping) -> std::fmt::Result {
    let ragged = survey.shape.ragged;
    let kept = mapping
        .properties
        .iter()
        .filter(|(_, index)| !ragged || *index + 1 < survey.columns.len());
    let kept: Vec<&(String, usize)> = kept.collect();
    if kept.is_empty() {
        return Ok(());
    }
    writeln!(out, "      properties:")?;
    for (name, index) in kept {
        writeln!(
            out,
            "        {}: {}",
            scalar(name),
            scalar(&survey.columns[*index].name)
        )?;
    }
    Ok(())
}
