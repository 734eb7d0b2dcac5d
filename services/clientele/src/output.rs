//! Prints answers, as tables for people or as one JSON document for programs.

use crate::cli::Output;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::io::Write;

/// Writes an answer to standard output: as JSON by protobuf's mapping, or as the text that `table` makes of it.
pub(crate) fn message<M: prost::Message + prost::Name>(
    output: Output,
    message: &M,
    table: impl FnOnce(&M) -> String,
) -> anyhow::Result<()> {
    match output {
        Output::Json => json(&api::json::to_value(message)),
        Output::Table => text(&table(message)),
    }
}

/// Writes one JSON document to standard output.
pub(crate) fn json<T: serde::Serialize>(document: &T) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, document)?;
    writeln!(out)?;
    Ok(())
}

/// Writes text to standard output.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", text.trim_end())?;
    Ok(())
}

/// Characters of a line of a table, for wide terminals; longer texts are wrapped.
const TABLE_WIDTH: u16 = 150;

/// Returns an empty table in the house's style; columns named in `numbers` are set to the right.
pub(crate) fn table(header: &[&str], numbers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_width(TABLE_WIDTH);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    for (index, name) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(index)
            && numbers.contains(name)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Returns a table of names and values.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

/// Returns a time for people, to the second; empty when absent.
pub(crate) fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(|it| chrono::DateTime::from_timestamp(it.seconds, it.nanos.max(0) as u32))
        .map(|it| it.format("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

/// Returns one line on freshness when there is something to tell; empty otherwise.
pub(crate) fn freshness(freshness: Option<&api::common::Freshness>) -> String {
    match freshness {
        Some(it) if it.degraded => format!("degraded: {}\n", it.degraded_reasons.join(", ")),
        _ => String::new(),
    }
}
