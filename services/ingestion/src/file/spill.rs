//! Counts of rows on the disk: sorted runs, each with a filter in memory that tells most contents that it lacks.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::domain::keys::Hash;
use crate::domain::occurrences::Past;

/// Bytes of an entry: a content and its count.
const ENTRY_BYTES: usize = 20;
/// Entries that are read at once.
const PAGE_ENTRIES: usize = 200;
/// Bits of the filter for each entry, and how many of them an entry sets: three contents in a thousand are looked up in
/// vain.
const FILTER_BITS: usize = 12;
const FILTER_PROBES: u64 = 8;

/// Counts in runs on the disk. The files have no name: whatever ends the process leaves none behind.
pub(super) struct Spill {
    folder: PathBuf,
    runs: Vec<Run>,
    fault: Option<String>,
}

struct Run {
    file: File,
    entries: usize,
    /// First content of every page.
    index: Vec<Hash>,
    filter: Vec<u64>,
}

impl Spill {
    /// Keeps runs in a folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            runs: Vec::new(),
            fault: None,
        }
    }
}

impl Past for Spill {
    fn count_of(&mut self, content: &Hash) -> u32 {
        // The newest run knows the highest count.
        for run in self.runs.iter_mut().rev() {
            match run.find(content) {
                Ok(None) => {}
                Ok(Some(count)) => return count,
                Err(error) => self.fault = Some(format!("counted rows cannot be read: {error}")),
            }
        }
        0
    }

    fn keep(&mut self, counts: &[(Hash, u32)]) {
        match Run::write(&self.folder, counts) {
            Ok(run) => self.runs.push(run),
            Err(error) => self.fault = Some(format!("counted rows cannot be kept: {error}")),
        }
    }

    fn fault(&self) -> Option<String> {
        self.fault.clone()
    }
}

impl Run {
    fn write(folder: &Path, counts: &[(Hash, u32)]) -> io::Result<Self> {
        let mut run = Self {
            file: tempfile::tempfile_in(folder)?,
            entries: counts.len(),
            index: Vec::with_capacity(counts.len() / PAGE_ENTRIES + 1),
            filter: vec![0; counts.len() * FILTER_BITS / 64 + 1],
        };
        let mut writer = BufWriter::with_capacity(1 << 16, &run.file);
        for (place, (content, count)) in counts.iter().enumerate() {
            writer.write_all(content)?;
            writer.write_all(&count.to_le_bytes())?;
            if place % PAGE_ENTRIES == 0 {
                run.index.push(*content);
            }
            for bit in bits(content, run.filter.len()) {
                run.filter[bit / 64] |= 1 << (bit % 64);
            }
        }
        writer.flush()?;
        drop(writer);
        Ok(run)
    }

    fn find(&mut self, content: &Hash) -> io::Result<Option<u32>> {
        let has = |bit: usize| self.filter[bit / 64] & (1 << (bit % 64)) != 0;
        if !bits(content, self.filter.len()).all(has) {
            return Ok(None);
        }
        let Some(page) = self
            .index
            .partition_point(|first| first <= content)
            .checked_sub(1)
        else {
            return Ok(None);
        };
        let start = page * PAGE_ENTRIES;
        let count = PAGE_ENTRIES.min(self.entries - start);
        let mut bytes = [0; PAGE_ENTRIES * ENTRY_BYTES];
        let bytes = &mut bytes[..count * ENTRY_BYTES];
        self.file
            .seek(SeekFrom::Start((start * ENTRY_BYTES) as u64))?;
        self.file.read_exact(bytes)?;
        let entry = |place: usize| &bytes[place * ENTRY_BYTES..(place + 1) * ENTRY_BYTES];
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = (low + high) / 2;
            match entry(middle)[..16].cmp(content) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let count = &entry(middle)[16..];
                    return Ok(Some(u32::from_le_bytes([
                        count[0], count[1], count[2], count[3],
                    ])));
                }
            }
        }
        Ok(None)
    }
}

/// Returns the places that a content sets in a filter of so many words. Contents are keyed hashes: their halves serve.
fn bits(content: &Hash, words: usize) -> impl Iterator<Item = usize> {
    let half = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (first, second) = (half(&content[..8]), half(&content[8..]) | 1);
    let most = words as u64 * 64;
    (0..FILTER_PROBES)
        .map(move |probe| (first.wrapping_add(probe.wrapping_mul(second)) % most) as usize)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::occurrences::Occurrences;

    #[test]
    fn counts_as_memory_does() {
        let folder = tempfile::tempdir().expect("folder");
        let mut counted = Occurrences::bounded(50, Box::new(Spill::new(folder.path())));
        let mut expected: HashMap<Hash, u32> = HashMap::new();
        for n in 0..5000_u64 {
            // Contents that come back at once, soon, and long after.
            let name = match n % 3 {
                0 => n / 30,
                1 => n % 400,
                _ => n,
            };
            let mut content = [0; 16];
            content.copy_from_slice(&blake3::hash(&name.to_le_bytes()).as_bytes()[..16]);
            let count = expected.entry(content).or_default();
            *count += 1;
            assert_eq!(counted.count(content), *count, "row {n}");
        }
        assert_eq!(counted.distinct(), expected.len());
        assert_eq!(counted.fault(), None);
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
    }

    #[test]
    fn tells_when_the_disk_fails() {
        let mut counted =
            Occurrences::bounded(1, Box::new(Spill::new(Path::new("no such folder"))));
        counted.count([1; 16]);
        counted.count([2; 16]);
        assert!(
            counted
                .fault()
                .is_some_and(|it| it.contains("cannot be kept"))
        );
    }
}
