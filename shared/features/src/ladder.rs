//! Sums by day that grow coarser with age: days, then weeks, then 28 days, then 196.
//!
//! The steps nest (1 divides 7 divides 28 divides 196), and a *floor* between two levels only ever rises: what is older
//! than the floor is kept in the coarser level. Floors are set by functions that do not fall when events are added (the
//! newest day, or how many buckets there are), so a ladder depends on which events came, never on their order or on how
//! they were split among ladders that are merged later.

/// Days per bucket, by level.
pub(crate) const LEVEL_DAYS: [i32; LEVELS] = [1, 7, 28, 196];
/// Number of levels.
pub(crate) const LEVELS: usize = 4;
/// A floor that nothing is older than.
pub(crate) const NO_FLOOR: i32 = i32::MIN;

/// One sum: its key is bucket index times columns, plus column.
pub(crate) type Entry = (i32, i64);

/// Floors between the levels: floor `i` is the first day kept in level `i`; a multiple of the next level's days.
pub(crate) type Floors = [i32; LEVELS - 1];

/// Sums of a few columns in buckets of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ladder<const COLUMNS: i32> {
    pub(crate) floors: Floors,
    /// Sorted by key; a column without anything in a bucket has no entry.
    pub(crate) levels: [Vec<Entry>; LEVELS],
}

/// A sum over a window of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Windowed {
    /// The sum.
    pub value: i64,
    /// Whether the window ended where days are no longer kept apart, so that the sum is by whole weeks or more.
    pub approximate: bool,
}

impl<const COLUMNS: i32> Default for Ladder<COLUMNS> {
    fn default() -> Self {
        Self {
            floors: [NO_FLOOR; LEVELS - 1],
            levels: Default::default(),
        }
    }
}

impl<const COLUMNS: i32> Ladder<COLUMNS> {
    /// Adds `amount` to a column on a day. Sums wrap, so that their order can not matter.
    pub(crate) fn add(&mut self, day: i32, column: i32, amount: i64) {
        let level = self.level_of(day);
        let key = day.div_euclid(LEVEL_DAYS[level]) * COLUMNS + column;
        add_entry(&mut self.levels[level], (key, amount));
    }

    /// Raises the floors to at least `floors`, moving what is older to the coarser level.
    pub(crate) fn raise(&mut self, floors: &Floors) {
        for level in 0..LEVELS - 1 {
            if floors[level] <= self.floors[level] {
                continue;
            }
            self.floors[level] = floors[level];
            let first_kept = floors[level].div_euclid(LEVEL_DAYS[level]) * COLUMNS;
            let split = self.levels[level].partition_point(|entry| entry.0 < first_kept);
            for (key, amount) in self.levels[level].drain(..split).collect::<Vec<_>>() {
                let (start, column) = Self::place(level, key);
                let key = start.div_euclid(LEVEL_DAYS[level + 1]) * COLUMNS + column;
                add_entry(&mut self.levels[level + 1], (key, amount));
            }
        }
    }

    /// Raises floors until no level has more buckets than `most` allows; the oldest go first.
    pub(crate) fn limit(&mut self, most: &[usize; LEVELS - 1]) {
        for level in 0..LEVELS - 1 {
            if self.levels[level].len() <= most[level] {
                continue;
            }
            let mut starts: Vec<i32> = self.levels[level]
                .iter()
                .map(|entry| Self::place(level, entry.0).0)
                .collect();
            starts.dedup();
            if let Some(excess) = starts.len().checked_sub(most[level] + 1) {
                let unit = LEVEL_DAYS[level + 1];
                let mut floors = self.floors;
                floors[level] = (starts[excess].div_euclid(unit) + 1) * unit;
                self.raise(&floors);
            }
        }
    }

    /// Adds everything in `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.raise(&other.floors);
        if other.floors == self.floors {
            self.absorb(other);
        } else {
            let mut other = other.clone();
            other.raise(&self.floors);
            self.absorb(&other);
        }
    }

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.levels.iter_mut().zip(&other.levels) {
            *mine = merged(mine, theirs);
        }
    }

    /// Sums a column over `from..=to`. A coarse bucket counts where its first day lies in the window.
    pub(crate) fn sum(&self, column: i32, from: i32, to: i32) -> Windowed {
        let mut sum = Windowed::default();
        for (start, days, found, amount) in self.buckets() {
            let last = start.saturating_add(days - 1);
            if found != column || to < start || last < from {
                continue;
            }
            sum.approximate |= start < from || to < last;
            if from <= start {
                sum.value = sum.value.wrapping_add(amount);
            }
        }
        sum
    }

    /// Returns (first day, days, column, sum) of every bucket, oldest first.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (i32, i32, i32, i64)> + '_ {
        (0..LEVELS).rev().flat_map(move |level| {
            self.levels[level].iter().map(move |(key, amount)| {
                let (start, column) = Self::place(level, *key);
                (start, LEVEL_DAYS[level], column, *amount)
            })
        })
    }

    /// Returns whether anything is kept by more than a day.
    pub(crate) fn is_coarse(&self) -> bool {
        self.levels[1..].iter().any(|level| !level.is_empty())
    }

    fn level_of(&self, day: i32) -> usize {
        self.floors
            .iter()
            .position(|floor| *floor <= day)
            .unwrap_or(LEVELS - 1)
    }

    fn place(level: usize, key: i32) -> (i32, i32) {
        (
            key.div_euclid(COLUMNS) * LEVEL_DAYS[level],
            key.rem_euclid(COLUMNS),
        )
    }
}

fn add_entry(entries: &mut Vec<Entry>, (key, amount): Entry) {
    // Events come in order of time, nearly always.
    let at = match entries.last() {
        Some(last) if last.0 < key => Err(entries.len()),
        _ => entries.binary_search_by_key(&key, |entry| entry.0),
    };
    match at {
        Ok(at) => entries[at].1 = entries[at].1.wrapping_add(amount),
        Err(at) => entries.insert(at, (key, amount)),
    }
}

fn merged(left: &[Entry], right: &[Entry]) -> Vec<Entry> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        match left[i].0.cmp(&right[j].0) {
            std::cmp::Ordering::Less => {
                all.push(left[i]);
                i += 1;
            }
            std::cmp::Ordering::Greater => {
                all.push(right[j]);
                j += 1;
            }
            std::cmp::Ordering::Equal => {
                all.push((left[i].0, left[i].1.wrapping_add(right[j].1)));
                i += 1;
                j += 1;
            }
        }
    }
    all.extend_from_slice(&left[i..]);
    all.extend_from_slice(&right[j..]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_within_the_days_is_exact_and_one_beyond_says_that_it_is_not() {
        let mut ladder = Ladder::<2>::default();
        for day in 0..70 {
            ladder.add(day, 1, 10);
        }
        ladder.raise(&[35, NO_FLOOR, NO_FLOOR]);

        assert_eq!(
            ladder.sum(1, 40, 69),
            Windowed {
                value: 300,
                approximate: false
            }
        );
        assert_eq!(
            ladder.sum(1, 28, 69),
            Windowed {
                value: 420,
                approximate: false
            }
        );
        assert_eq!(
            ladder.sum(1, 30, 69),
            Windowed {
                value: 350,
                approximate: true
            }
        );
        assert_eq!(ladder.sum(0, 0, 69), Windowed::default());
    }

    #[test]
    fn too_many_buckets_coarsen_the_oldest_only() {
        let mut ladder = Ladder::<1>::default();
        for day in 0..100 {
            ladder.add(day, 0, 1);
        }
        ladder.limit(&[30, 50, 50]);

        assert_eq!(ladder.floors[0], 70);
        assert_eq!(ladder.levels[0].len(), 30);
        assert_eq!(
            ladder.levels[1],
            (0..10).map(|week| (week, 7)).collect::<Vec<_>>()
        );
    }
}
