//! Tells how a file is written that no contract describes.

use std::io;

use super::delimited::{Delimited, Record, Separator};
use super::input::Input;
use crate::domain::decimal::Decimal;
use crate::domain::json::{self, Json};

/// Bytes at the start of a file that are looked at.
const SAMPLE_BYTES: usize = 256 * 1024;
/// Records of them.
const SAMPLE_RECORDS: usize = 500;
/// Delimiters, the likelier first, each as a contract writes it.
const DELIMITERS: [(u8, &str); 4] = [(b',', ","), (b';', ";"), (b'\t', "tab"), (b'|', "|")];
/// Share of records, in percent, that have the same number of cells where a delimiter is the right one.
const SAME_PERCENT: usize = 90;

/// How a file of text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Events of the event model.
    Events,
    /// JSON objects.
    Lines,
    /// Cells; `ragged` when every record has as many as it likes.
    Cells {
        separator: Separator,
        delimiter: &'static str,
        header: bool,
        ragged: bool,
    },
}

/// Reads the start of a text; true with all of it.
pub(super) fn sample(input: &mut Input) -> io::Result<(Vec<u8>, bool)> {
    let mut sample = Vec::new();
    while sample.len() < SAMPLE_BYTES {
        let bytes = input.fill()?;
        if bytes.is_empty() {
            return Ok((sample, true));
        }
        let count = bytes.len().min(SAMPLE_BYTES - sample.len());
        sample.extend_from_slice(&bytes[..count]);
        input.consume(count);
    }
    Ok((sample, false))
}

/// Tells the form of a file by its start; `whole` when that is all of it.
pub(super) fn form(sample: &[u8], whole: bool) -> Form {
    if let Some(form) = json_form(sample) {
        return form;
    }
    let widths: Vec<Candidate> = DELIMITERS
        .iter()
        .map(|(byte, name)| Candidate::of(Separator::Byte(*byte), name, sample, whole))
        .collect();
    let fitting = widths
        .iter()
        .filter(|it| it.width > 1 && it.is_regular())
        .max_by_key(|it| it.width);
    let blanks = || {
        let blanks = Candidate::of(Separator::Blanks, "blanks", sample, whole);
        (blanks.width > 1 && blanks.is_regular() && blanks.is_numeric()).then_some(blanks)
    };
    let chosen = fitting.cloned().or_else(blanks);
    let ragged = chosen.is_none() && widths[0].records.iter().any(|it| it.len() > 1);
    let Some(chosen) = chosen.or_else(|| widths.into_iter().next()) else {
        return Form::Lines;
    };
    Form::Cells {
        separator: chosen.separator,
        delimiter: chosen.name,
        header: !ragged && has_header(&chosen.records),
        ragged,
    }
}

fn json_form(sample: &[u8]) -> Option<Form> {
    let text = String::from_utf8_lossy(sample);
    let first = text.lines().find(|line| !line.trim().is_empty())?.trim();
    if !first.starts_with('{') {
        return None;
    }
    let is_event = |object: &Json<'_>| {
        let has = |names: [&str; 2]| names.iter().any(|name| object.get(name).is_some());
        has(["event_time", "eventTime"])
            && has(["type", "type"])
            && has(["identifiers", "message_id"])
    };
    match json::parse(first) {
        Ok(object) if is_event(&object) => Some(Form::Events),
        // A broken first line is told by its row; the form is clear.
        _ => Some(Form::Lines),
    }
}

/// A delimiter that is tried.
#[derive(Clone)]
struct Candidate {
    separator: Separator,
    name: &'static str,
    records: Vec<Vec<String>>,
    /// Number of cells that most records have, and how many do.
    width: usize,
    same: usize,
}

impl Candidate {
    fn of(separator: Separator, name: &'static str, sample: &[u8], whole: bool) -> Self {
        let input = Input::of_bytes(sample.to_vec());
        let mut reader = Delimited::new(input, String::new(), separator, SAMPLE_BYTES);
        let mut record = Record::default();
        let mut records = Vec::new();
        while records.len() < SAMPLE_RECORDS {
            match reader.next(&mut record) {
                Ok(true) => {}
                // A quotation mark that is open at the end of the sample may be closed later.
                Ok(false) | Err(_) => break,
            }
            let cells = record.cells("").unwrap_or_default();
            records.push(cells.into_iter().map(str::to_owned).collect::<Vec<_>>());
        }
        if !whole && records.len() > 1 && records.len() < SAMPLE_RECORDS {
            records.pop();
        }
        let count = |width: usize| records.iter().filter(|it| it.len() == width).count();
        let width = records
            .iter()
            .map(Vec::len)
            .max_by_key(|width| count(*width));
        let width = width.unwrap_or_default();
        Self {
            separator,
            name,
            same: count(width),
            width,
            records,
        }
    }

    fn is_regular(&self) -> bool {
        self.same * 100 >= self.records.len() * SAME_PERCENT
    }

    fn is_numeric(&self) -> bool {
        let cells = || self.records.iter().flatten();
        let numbers = cells()
            .filter(|cell| Decimal::parse(cell).is_some())
            .count();
        numbers * 2 >= cells().count()
    }
}

/// Tells whether the first record names the columns: it is unlike the others.
fn has_header(records: &[Vec<String>]) -> bool {
    let Some((first, rest)) = records.split_first() else {
        return true;
    };
    if rest.is_empty() {
        return true;
    }
    let is_number = |cell: &String| Decimal::parse(cell.trim()).is_some();
    if first.iter().any(is_number) {
        return false;
    }
    let column = |index: usize| rest.iter().filter_map(move |record| record.get(index));
    let numeric = (0..first.len()).any(|index| {
        let cells = column(index).filter(|cell| !cell.trim().is_empty());
        let numbers = cells.clone().filter(|cell| is_number(cell)).count();
        numbers > 0 && numbers * 10 >= cells.count() * 8
    });
    let repeated = (0..first.len())
        .filter(|index| {
            !first[*index].trim().is_empty() && column(*index).any(|cell| *cell == first[*index])
        })
        .count();
    numeric || repeated * 3 < first.len().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, delimiter: &str, header: bool, ragged: bool) {
        match form(text.as_bytes(), true) {
            Form::Cells {
                delimiter: found,
                header: headed,
                ragged: free,
                ..
            } => assert_eq!((found, headed, free), (delimiter, header, ragged), "{text}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tells_how_a_file_is_written() {
        check("a,b\n1,2\n3,4\n", ",", true, false);
        check("a;b\n\"1,5\";2\n\"3,5\";4\n", ";", true, false);
        check("name\tcity\nann\tParis\n", "tab", true, false);
        check("1|x\n2|y\n", "|", false, false);
        check(
            " 00004 0001 19970101  2   29.33\n 00021 0002 19970101  3   63.34\n",
            "blanks",
            false,
            false,
        );
        check(
            "milk,bread\nmilk\nbeer,crisps,milk\nbread\n",
            ",",
            false,
            true,
        );
        check("订单日期,客户\n2017-04-27,曾惠\n", ",", true, false);
        assert_eq!(form(b"{\"a\":1}\n", true), Form::Lines);
        let event = br#"{"message_id":"m","type":"x","event_time":"2024-01-01T00:00:00Z","identifiers":[]}"#;
        assert_eq!(form(event, true), Form::Events);
    }
}
