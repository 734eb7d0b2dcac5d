//! Values of a record as the source wrote them, kept beside its event in one piece of memory.

use super::record::Record;

/// Original values in the order of the contract's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    text: String,
    /// End of each value in the text; the highest bit tells that it is missing.
    ends: Vec<u32>,
}

const MISSING: u32 = 1 << 31;

impl Cells {
    /// Copies the values of a record as they were read; those of an array column, separated by line ends.
    pub fn of(record: &Record<'_>) -> Self {
        let bytes: usize = record
            .cells
            .iter()
            .filter_map(|cell| cell.original().map(str::len))
            .sum();
        let mut all = Self {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(record.cells.len()),
        };
        let last = record.cells.len().saturating_sub(1);
        for (index, cell) in record.cells.iter().enumerate() {
            let missing = match cell.original() {
                Some(_) if index == last && record.rest.len() > 1 => {
                    for (number, value) in record.rest.iter().enumerate() {
                        if number > 0 {
                            all.text.push('\n');
                        }
                        all.text.push_str(value);
                    }
                    0
                }
                Some(value) => {
                    all.text.push_str(value);
                    0
                }
                None => MISSING,
            };
            all.ends.push(all.text.len() as u32 | missing);
        }
        all
    }

    /// Returns the values, `None` where one is missing.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let stop = (end & !MISSING) as usize;
            let value = &self.text[start..stop];
            start = stop;
            (end & MISSING == 0).then_some(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Cell;

    #[test]
    fn keeps_values_and_gaps() {
        let record = Record {
            cells: [Some("a"), None, Some(""), Some("价格")]
                .map(|text| Cell::new(text.map(Into::into)))
                .into(),
            ..Record::default()
        };
        let cells = Cells::of(&record);
        let read: Vec<_> = cells.iter().collect();
        assert_eq!(read, [Some("a"), None, Some(""), Some("价格")]);
    }

    #[test]
    fn keeps_every_value_of_a_list() {
        let record = Record {
            cells: vec![Cell::new(Some("a".into()))],
            rest: vec!["a".into(), "b".into()],
            ..Record::default()
        };
        assert_eq!(Cells::of(&record).iter().next(), Some(Some("a\nb")));
    }
}
