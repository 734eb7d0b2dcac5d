//! Checks what the pages of a Parquet file claim to take in memory, before they take it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use lake::parquet::basic::Compression as Codec;
use lake::parquet::file::metadata::ColumnChunkMetaData;

use super::input::Inflation;
use super::thrift;

/// Most bytes of one page in memory.
const PAGE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a page up to which no ratio is judged: a column of one value is no bomb.
const RATIO_GRACE_BYTES: u64 = 16 << 20;

/// Returns where the pages of a column lie.
pub(super) fn chunk_range(column: &ColumnChunkMetaData, size: u64) -> Result<Range<u64>, String> {
    let start = column
        .dictionary_page_offset()
        .filter(|offset| *offset > 0)
        .unwrap_or_else(|| column.data_page_offset());
    let range = u64::try_from(start).ok().and_then(|start| {
        let length = u64::try_from(column.compressed_size()).ok()?;
        Some(start..start.checked_add(length)?)
    });
    range
        .filter(|range| range.end <= size)
        .ok_or_else(|| "a column lies beyond the end of the file".to_owned())
}

/// Walks over the pages of a column and returns the bytes that they claim to take in memory.
pub(super) fn check_chunk(
    file: &File,
    column: &ColumnChunkMetaData,
    range: Range<u64>,
    bounds: Inflation,
) -> Result<u64, String> {
    let damaged = |error: std::io::Error| format!("the Parquet data are damaged: {error}");
    if let Codec::BROTLI(_) | Codec::LZ4 | Codec::LZO = column.compression() {
        return Err(format!(
            "the compression of column `{}` is not read: write it with snappy, zstd or gzip",
            column.column_path().string()
        ));
    }
    let mut reader = BufReader::with_capacity(512, file);
    let (mut at, mut bytes) = (range.start, 0_u64);
    while at < range.end {
        reader.seek(SeekFrom::Start(at)).map_err(damaged)?;
        let page = thrift::page_size(&mut reader, range.end - at).map_err(damaged)?;
        let fair = page.compressed.saturating_mul(bounds.ratio_max);
        if page.plain > PAGE_BYTES_MAX || page.plain > RATIO_GRACE_BYTES.max(fair) {
            return Err(format!(
                "a page of column `{}` claims {} bytes in memory for {} in the file",
                column.column_path().string(),
                page.plain,
                page.compressed
            ));
        }
        if let Codec::GZIP(_) = column.compression() {
            check_inflated(&mut reader, page).map_err(damaged)?;
        }
        bytes += page.plain;
        at = at.saturating_add(page.header + page.compressed);
        if page.header + page.compressed == 0 {
            break;
        }
    }
    match bytes > bounds.bytes_max {
        true => Err(format!(
            "more than {} bytes after decompression",
            bounds.bytes_max
        )),
        false => Ok(bytes),
    }
}

/// Unpacks a page into nothing: of this codec the library takes whatever comes out, not what the header claims.
fn check_inflated(reader: &mut impl Read, page: thrift::PageSize) -> std::io::Result<()> {
    let packed = reader.take(page.compressed);
    let mut plain = flate2::read::MultiGzDecoder::new(packed).take(page.plain + 1);
    let count = std::io::copy(&mut plain, &mut std::io::sink()).unwrap_or(0);
    match count > page.plain {
        true => Err(std::io::Error::other("a page is larger than it claims")),
        false => Ok(()),
    }
}
