//! Reads Apache Parquet row by row: every value as the text that it would have in CSV, without a digit lost.
//!
//! Row groups are read one after the other, some rows at a time. What a file says of its own sizes is checked before it
//! is believed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lake::arrow::array::RecordBatch;
use lake::arrow::datatypes::{DataType, Field, Schema};
use lake::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use lake::parquet::file::metadata::ParquetMetaData;

use super::cell::write_cell;
use super::input::{Compression, decompressed};
use super::pages::{check_chunk, chunk_range};
use super::{FileFault, Limits, Place, thrift};

/// First and last bytes of a file.
const MAGIC: &[u8] = b"PAR1";
/// Most bytes of a footer.
const FOOTER_BYTES_MAX: u64 = 64 << 20;
/// Bytes that the rows read at once may take, and how many rows that is at most.
const BATCH_BYTES: u64 = 4 << 20;
const BATCH_ROWS: u64 = 2048;

/// Reads the rows of a Parquet file.
pub(super) struct Columnar {
    name: String,
    file: File,
    read: Arc<AtomicU64>,
    limits: Limits,
    metadata: ArrowReaderMetadata,
    names: Vec<String>,
    /// Next row group, the rows of the one at work, and where among them.
    group: usize,
    batches: Option<ParquetRecordBatchReader>,
    batch: Option<RecordBatch>,
    at: usize,
    row: u64,
    text: String,
    ends: Vec<usize>,
}

impl Columnar {
    /// Opens a file, unpacking it beside the spilled rows when the whole of it is compressed once more. `read` counts
    /// the bytes read.
    ///
    /// Fails when it is no Parquet, or has a column that no cell can hold.
    pub(super) fn open(
        place: impl Into<Place>,
        name: &str,
        limits: &Limits,
        read: Arc<AtomicU64>,
    ) -> Result<Self, FileFault> {
        let fault = |problem: String| FileFault::new(name, 0, 0, problem);
        let file = unpacked(&place.into(), name, limits, &read)?;
        let metadata = guarded(|| read_metadata(&file)).map_err(fault)?;
        let names: Vec<String> = metadata
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        if names.len() > limits.columns {
            let problem = format!(
                "the file has {} columns; at most {} are read",
                names.len(),
                limits.columns
            );
            return Err(fault(problem));
        }
        Ok(Self {
            name: name.to_owned(),
            file,
            read,
            limits: limits.clone(),
            metadata,
            names,
            group: 0,
            batches: None,
            batch: None,
            at: 0,
            row: 0,
            text: String::new(),
            ends: Vec::new(),
        })
    }

    /// Returns the names of the columns.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of the row that was read last, from 1.
    pub(super) fn row(&self) -> u64 {
        self.row
    }

    /// Reads the next row. Returns false at the end.
    pub(super) fn next(&mut self) -> Result<bool, FileFault> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.at >= batch.num_rows())
        {
            self.at = 0;
            self.batch = None;
            if self.batches.is_none() && !self.open_group()? {
                return Ok(false);
            }
            let Some(batches) = &mut self.batches else {
                continue;
            };
            let next = guarded(|| batches.next().transpose().map_err(|error| told(&error)));
            match next.map_err(|problem| self.fault(problem))? {
                Some(batch) => self.batch = Some(batch),
                None => self.batches = None,
            }
        }
        self.row += 1;
        self.write_row()?;
        self.at += 1;
        Ok(true)
    }

    /// Returns the cells of the row that was read last; a missing value is an empty text.
    pub(super) fn cells(&self) -> Vec<&str> {
        let mut start = 0;
        let cell = |end: &usize| {
            let cell = &self.text[start..*end];
            start = *end;
            cell
        };
        self.ends.iter().map(cell).collect()
    }

    fn fault(&self, problem: String) -> FileFault {
        FileFault::new(&self.name, self.row + 1, 0, problem)
    }

    fn write_row(&mut self) -> Result<(), FileFault> {
        self.text.clear();
        self.ends.clear();
        let Some(batch) = &self.batch else {
            return Ok(());
        };
        for (index, column) in batch.columns().iter().enumerate() {
            let written = write_cell(column.as_ref(), self.at, &mut self.text);
            let problem = match written {
                Ok(()) if self.text.len() > self.limits.record_bytes => Some(format!(
                    "the record is longer than {} bytes",
                    self.limits.record_bytes
                )),
                Ok(()) => None,
                Err(problem) => Some(problem),
            };
            if let Some(problem) = problem {
                let column = index as u64 + 1;
                return Err(FileFault::new(&self.name, self.row, column, problem));
            }
            self.ends.push(self.text.len());
        }
        Ok(())
    }

    /// Opens the next row group. Returns false when there is none.
    fn open_group(&mut self) -> Result<bool, FileFault> {
        let metadata = self.metadata.metadata().clone();
        if self.group >= metadata.num_row_groups() {
            return Ok(false);
        }
        let group = self.group;
        let bytes = self
            .check_pages(&metadata, group)
            .map_err(|problem| self.fault(problem))?;
        let rows = u64::try_from(metadata.row_group(group).num_rows())
            .unwrap_or(1)
            .max(1);
        let row_bytes = (bytes / rows).max(1);
        let batch_rows = (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS) as usize;
        let opened = guarded(|| {
            let file = self.file.try_clone().map_err(|error| error.to_string())?;
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_batch_size(batch_rows)
                .build()
                .map_err(|error| told(&error))
        });
        self.batches = Some(opened.map_err(|problem| self.fault(problem))?);
        self.group += 1;
        Ok(true)
    }

    /// Checks the sizes that the pages of a row group claim, and returns how many bytes they take in memory.
    fn check_pages(&mut self, metadata: &ParquetMetaData, group: usize) -> Result<u64, String> {
        let size = self
            .file
            .metadata()
            .map_err(|error| error.to_string())?
            .len();
        let mut bytes = 0;
        for column in metadata.row_group(group).columns() {
            let range = chunk_range(column, size)?;
            self.read
                .fetch_add(range.end - range.start, Ordering::Relaxed);
            bytes += check_chunk(&self.file, column, range, self.limits.inflation)?;
        }
        Ok(bytes)
    }
}

/// Returns the file, or a nameless copy without the compression or the seal around the whole of it.
fn unpacked(
    place: &Place,
    name: &str,
    limits: &Limits,
    read: &Arc<AtomicU64>,
) -> Result<File, FileFault> {
    let fault = |problem: String| FileFault::new(name, 0, 0, problem);
    let outer = Arc::new(AtomicU64::new(0));
    let (mut bytes, compression) = decompressed(place, name, limits.inflation, outer)?;
    let mut file = match (compression, place.plain()) {
        (Compression::Plain, Some(file)) => {
            file.map_err(|error| fault(format!("cannot be read: {error}")))?
        }
        _ => {
            let mut copy = tempfile::tempfile_in(&limits.spill)
                .map_err(|error| fault(format!("there is no room to unpack it: {error}")))?;
            std::io::copy(&mut bytes, &mut copy).map_err(|error| fault(error.to_string()))?;
            copy
        }
    };
    let check = || -> std::io::Result<Result<(), &'static str>> {
        let size = file.seek(SeekFrom::End(0))?;
        if size == 0 {
            return Ok(Err("the file is empty"));
        }
        check_ends(&mut file, size)
    };
    let mut check = check;
    match check() {
        Ok(Ok(())) => {
            read.store(0, Ordering::Relaxed);
            Ok(file)
        }
        Ok(Err(problem)) => Err(fault(problem.to_owned())),
        Err(error) => Err(fault(format!("cannot be read: {error}"))),
    }
}

/// Checks both ends of a file and looks over its footer.
fn check_ends(file: &mut File, size: u64) -> std::io::Result<Result<(), &'static str>> {
    const NONE: &str = "this is no Parquet file";
    let mut ends = [0; 8];
    if size < 12 {
        return Ok(Err(NONE));
    }
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut ends[..4])?;
    if &ends[..4] != MAGIC {
        return Ok(Err(NONE));
    }
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut ends)?;
    if &ends[4..] != MAGIC {
        return Ok(Err("the Parquet file is cut off, or encrypted"));
    }
    let length = u64::from(u32::from_le_bytes([ends[0], ends[1], ends[2], ends[3]]));
    if length > size - 12 || length > FOOTER_BYTES_MAX {
        return Ok(Err("the Parquet file's footer is damaged"));
    }
    file.seek(SeekFrom::Start(size - 8 - length))?;
    let mut footer = vec![0; length as usize];
    file.read_exact(&mut footer)?;
    Ok(thrift::check_footer(&footer))
}

/// Reads the footer; texts are read as views, so that one of a dictionary is held once.
fn read_metadata(file: &File) -> Result<ArrowReaderMetadata, String> {
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let read = ArrowReaderMetadata::load(file, plain).map_err(|error| told(&error))?;
    let mut fields = Vec::new();
    for field in read.schema().fields() {
        let kind = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            other if other.is_nested() => {
                return Err(format!(
                    "the column `{}` is nested; only flat columns are read: flatten it, or use NDJSON",
                    field.name()
                ));
            }
            other => other.clone(),
        };
        fields.push(Field::new(field.name(), kind, field.is_nullable()));
    }
    let schema = Arc::new(Schema::new(fields));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(read.metadata().clone(), options).map_err(|error| told(&error))
}

fn told(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    format!("the Parquet data are damaged: {first}")
}

/// Calls the library; what it gives up on is damage too.
fn guarded<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err("the Parquet data are damaged".to_owned()))
}
