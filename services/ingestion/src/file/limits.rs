//! Bounds on what reading a file may take.

use std::path::PathBuf;

use super::input::Inflation;

/// Bounds on what reading a file may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one record.
    pub record_bytes: usize,
    /// Most columns.
    pub columns: usize,
    /// Most distinct rows of a file; their hashes are kept to count repeats.
    pub distinct_rows: usize,
    /// Most of these hashes in memory; the others are on the disk.
    pub held_rows: usize,
    /// Folder for what does not fit in memory.
    pub spill: PathBuf,
    /// Bounds on decompression.
    pub inflation: Inflation,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 1 << 20,
            columns: 2000,
            distinct_rows: 50_000_000,
            held_rows: 1_000_000,
            spill: std::env::temp_dir(),
            inflation: Inflation {
                bytes_max: 1 << 38,
                ratio_max: 300,
            },
        }
    }
}
