//! Reads a file without a contract and surveys its columns, in bounded memory.

use std::borrow::Cow;
use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::columnar::Columnar;
use super::delimited::{Delimited, Record, Separator};
use super::input::{Compression, Input, decompressed};
use super::lines::{Line, Lines};
use super::sniff::{self, Form};
use super::{FileFault, Limits, Place, header};
use crate::domain::json::Json;
use crate::domain::profiling::{Survey, Table, TableShape};

/// Deepest fields of nested objects that are columns of their own.
const LEVELS_MAX: usize = 4;

/// Surveys a file; `read` counts the bytes read from the disk.
pub fn survey(
    place: impl Into<Place>,
    name: &str,
    limits: &Limits,
    read: Arc<AtomicU64>,
) -> Result<Survey, FileFault> {
    let place = &place.into();
    if is_parquet(place, name, limits)? {
        return columnar(place, name, limits, read);
    }
    let open = |read| Input::open(place, name, None, limits.inflation, read);
    let mut input = open(Arc::default())?;
    let (sample, whole) =
        sniff::sample(&mut input).map_err(|error| input.fault(name, 1, &error))?;
    if sample.is_empty() {
        return Err(FileFault::new(name, 0, 0, "the file is empty"));
    }
    let input = open(read)?;
    let shape = TableShape {
        compression: compression_name(input.compression()),
        ..TableShape::default()
    };
    match sniff::form(&sample, whole) {
        Form::Events => lines(
            input,
            name,
            limits,
            TableShape {
                format: "events",
                ..shape
            },
        ),
        Form::Lines => lines(
            input,
            name,
            limits,
            TableShape {
                format: "ndjson",
                ..shape
            },
        ),
        Form::Cells {
            separator,
            delimiter,
            header,
            ragged,
        } => {
            let shape = TableShape {
                format: "csv",
                delimiter: delimiter.to_owned(),
                header,
                ragged,
                ..shape
            };
            cells(input, name, limits, separator, shape)
        }
    }
}

fn compression_name(compression: Compression) -> &'static str {
    match compression {
        Compression::Plain => "",
        packed => packed.name(),
    }
}

fn is_parquet(place: &Place, name: &str, limits: &Limits) -> Result<bool, FileFault> {
    let (mut bytes, _) = decompressed(place, name, limits.inflation, Arc::default())?;
    // What cannot be unpacked is told when it is read.
    Ok(bytes
        .fill_buf()
        .is_ok_and(|start| start.starts_with(b"PAR1\x15")))
}

fn columnar(
    place: &Place,
    name: &str,
    limits: &Limits,
    read: Arc<AtomicU64>,
) -> Result<Survey, FileFault> {
    let compression = {
        let (_, compression) = decompressed(place, name, limits.inflation, Arc::default())?;
        compression_name(compression)
    };
    let mut reader = Columnar::open(place, name, limits, read)?;
    let mut table = Table::new(reader.names().to_vec(), limits.columns);
    while reader.next()? {
        table.add_row(&reader.cells());
    }
    Ok(table.survey(TableShape {
        format: "parquet",
        compression,
        encoding: "UTF-8",
        header: true,
        ..TableShape::default()
    }))
}

fn cells(
    input: Input,
    name: &str,
    limits: &Limits,
    separator: Separator,
    mut shape: TableShape,
) -> Result<Survey, FileFault> {
    let mut reader = Delimited::new(input, name.to_owned(), separator, limits.record_bytes);
    let mut record = Record::default();
    let mut table: Option<Table> = None;
    while reader.next(&mut record)? {
        let mut cells = record.cells(name)?;
        if shape.ragged {
            cells.truncate(1);
        }
        let Some(table) = &mut table else {
            header::check_width(cells.len(), limits.columns, name)?;
            let names = match shape.header {
                true => header::column_names(&cells),
                false => header::column_names(&vec![""; cells.len()]),
            };
            let mut new = Table::new(names, limits.columns);
            if !shape.header {
                new.add_row(&cells);
            }
            table = Some(new);
            continue;
        };
        table.add_row(&cells);
    }
    shape.encoding = reader.input.encoding();
    shape.name_encoding = shape.encoding != "UTF-8";
    let table = table.unwrap_or_else(|| Table::new(Vec::new(), limits.columns));
    Ok(table.survey(shape))
}

fn lines(
    input: Input,
    name: &str,
    limits: &Limits,
    mut shape: TableShape,
) -> Result<Survey, FileFault> {
    let mut reader = Lines::new(input, name.to_owned(), limits.record_bytes);
    let mut table = Table::new(Vec::new(), limits.columns);
    while let Some((_, _, line)) = reader.next()? {
        match line {
            Line::Broken(_) => table.add_broken(),
            Line::Object(object) => {
                let mut fields: Vec<(String, Cow<'_, str>)> = Vec::new();
                flatten("", &object, 0, &mut fields, &mut table);
                table.add_named(fields.iter().map(|(name, value)| (name.as_str(), &**value)));
            }
        }
    }
    shape.encoding = reader.input.encoding();
    shape.name_encoding = shape.encoding != "UTF-8";
    Ok(table.survey(shape))
}

/// Gathers the fields of an object by their paths; lists are left out.
fn flatten<'j>(
    path: &str,
    value: &Json<'j>,
    level: usize,
    fields: &mut Vec<(String, Cow<'j, str>)>,
    table: &mut Table,
) {
    match value {
        Json::Object(inner) if level < LEVELS_MAX => {
            for (name, value) in inner {
                let path = match path {
                    "" => name.to_string(),
                    path => format!("{path}.{name}"),
                };
                flatten(&path, value, level + 1, fields, table);
            }
        }
        Json::List(_) => table.leave_out(path),
        value => fields.push((path.to_owned(), value.cell())),
    }
}
