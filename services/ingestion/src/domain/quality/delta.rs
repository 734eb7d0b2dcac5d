//! What one commit adds to the figures of a source, and how figures are stored.

use std::collections::BTreeMap;

use prost::Message;
use sketch::{Column, Lexicon};

use super::counts::DayCounts;

/// Day of records whose time could not be read.
pub const NO_DAY: i32 = i32::MIN;

/// Figures of a day: counts of all its records, sketches of the values of the accepted ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// Counts.
    pub counts: DayCounts,
    /// Sketches by field.
    pub columns: BTreeMap<String, Column>,
    /// Words and pairs of accepted records from which rules learn what is usual.
    pub lexicon: Lexicon,
    /// Time of the newest accepted event, microseconds since 1970; 0 when there is none.
    pub last_us: i64,
}

/// Figures by day of event time, in days since 1970-01-01 in the tenant's zone; [`NO_DAY`] for those without a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Days(pub BTreeMap<i32, Day>);

/// Bytes that are no figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no quality figures")]
pub struct Malformed;

#[derive(Clone, PartialEq, prost::Message)]
struct StoredDays {
    #[prost(message, repeated, tag = "1")]
    days: Vec<StoredDay>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredDay {
    #[prost(sint32, tag = "1")]
    day: i32,
    #[prost(message, required, tag = "2")]
    counts: DayCounts,
    #[prost(btree_map = "string, bytes", tag = "3")]
    columns: BTreeMap<String, Vec<u8>>,
    #[prost(int64, tag = "4")]
    last_us: i64,
    #[prost(bytes = "vec", tag = "5")]
    lexicon: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredColumns {
    #[prost(btree_map = "string, bytes", tag = "1")]
    columns: BTreeMap<String, Vec<u8>>,
    #[prost(bytes = "vec", tag = "2")]
    lexicon: Vec<u8>,
}

impl Day {
    /// Adds the figures of another part of the same day.
    pub fn merge(&mut self, other: &Self) {
        let left_out = self.counts.add(&other.counts, 1);
        for (field, column) in &other.columns {
            match self.columns.get_mut(field) {
                Some(mine) => mine.merge(column),
                None => {
                    self.columns.insert(field.clone(), column.clone());
                }
            }
        }
        self.lexicon.merge(&other.lexicon);
        self.last_us = self.last_us.max(other.last_us);
        left_out
            .iter()
            .for_each(|field| drop(self.columns.remove(field)));
    }

    /// Adds counts `times` times; -1 takes them back. A field that is left out of the counts is not sketched either.
    pub fn count(&mut self, counts: &DayCounts, times: i64) {
        for field in self.counts.add(counts, times) {
            self.columns.remove(&field);
        }
    }

    /// Returns the stored forms of counts and sketches.
    pub fn to_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let sketches = StoredColumns {
            columns: stored(&self.columns),
            lexicon: stored_lexicon(&self.lexicon),
        };
        (self.counts.encode_to_vec(), sketches.encode_to_vec())
    }

    /// Reads the stored forms; the newest time is kept beside them.
    pub fn from_bytes(counts: &[u8], columns: &[u8]) -> Result<Self, Malformed> {
        let stored = StoredColumns::decode(columns).map_err(|_| Malformed)?;
        Ok(Self {
            counts: counts_from_bytes(counts)?,
            columns: read(stored.columns)?,
            lexicon: read_lexicon(&stored.lexicon)?,
            last_us: 0,
        })
    }
}

/// Reads the stored form of counts.
pub fn counts_from_bytes(bytes: &[u8]) -> Result<DayCounts, Malformed> {
    DayCounts::decode(bytes).map_err(|_| Malformed)
}

impl Days {
    /// Adds other figures of the same source.
    pub fn merge(&mut self, other: &Self) {
        for (day, figures) in &other.0 {
            self.0.entry(*day).or_default().merge(figures);
        }
    }

    /// Adds counts of a day `times` times; -1 takes them back.
    pub fn count(&mut self, day: i32, counts: &DayCounts, times: i64) {
        self.0.entry(day).or_default().count(counts, times);
    }

    /// Returns the stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let day = |(day, figures): (&i32, &Day)| StoredDay {
            day: *day,
            counts: figures.counts.clone(),
            columns: stored(&figures.columns),
            lexicon: stored_lexicon(&figures.lexicon),
            last_us: figures.last_us,
        };
        StoredDays {
            days: self.0.iter().map(day).collect(),
        }
        .encode_to_vec()
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let stored = StoredDays::decode(bytes).map_err(|_| Malformed)?;
        let mut days = BTreeMap::new();
        for StoredDay {
            day,
            counts,
            columns,
            lexicon,
            last_us,
        } in stored.days
        {
            let figures = Day {
                counts,
                columns: read(columns)?,
                lexicon: read_lexicon(&lexicon)?,
                last_us,
            };
            days.insert(day, figures);
        }
        Ok(Self(days))
    }
}

/// Returns the stored form of a lexicon: nothing for an empty one.
fn stored_lexicon(lexicon: &Lexicon) -> Vec<u8> {
    match lexicon.is_empty() {
        true => Vec::new(),
        false => lexicon.to_bytes(),
    }
}

fn read_lexicon(bytes: &[u8]) -> Result<Lexicon, Malformed> {
    match bytes {
        [] => Ok(Lexicon::default()),
        bytes => Lexicon::from_bytes(bytes).map_err(|_| Malformed),
    }
}

fn stored(columns: &BTreeMap<String, Column>) -> BTreeMap<String, Vec<u8>> {
    let column = |(field, column): (&String, &Column)| (field.clone(), column.to_bytes());
    columns.iter().map(column).collect()
}

fn read(stored: BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Column>, Malformed> {
    let column = |(field, bytes): (String, Vec<u8>)| {
        let column = Column::from_bytes(&bytes).map_err(|_| Malformed)?;
        Ok((field, column))
    };
    stored.into_iter().map(column).collect()
}
