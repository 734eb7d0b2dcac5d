//! A record of a contract's columns on its way through the stages, whichever door it came through.

use std::borrow::Cow;

use api::common::CorrectionAction;
use chrono::{DateTime, Utc};

use super::Violation;
use super::contract::Contract;
use super::decimal::Decimal;

/// A record while it is worked on.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    /// Line of the file that it begins on, from 1; 0 when it is not of a file.
    pub line: u64,
    /// Where each column stands in the file; empty when that says nothing.
    pub positions: &'a [usize],
    /// Values in the order of the contract's columns.
    pub cells: Vec<Cell<'a>>,
    /// All values of the array column, the first of which is in its cell too.
    pub rest: Vec<Cow<'a, str>>,
    /// What was found wrong so far.
    pub violations: Vec<Violation>,
    /// Names set by the contract's rules.
    pub marks: Vec<String>,
    /// What cleaning did.
    pub corrections: Vec<Correction>,
    /// What standardising did.
    pub changes: Vec<Change>,
}

/// One value of a record.
#[derive(Clone, Debug, Default)]
pub struct Cell<'a> {
    /// As the source wrote it, without the blanks around it where the contract trims them; `None` when it is missing.
    pub original: Option<Cow<'a, str>>,
    /// After the stages so far.
    pub text: Option<Cow<'a, str>>,
    /// Number that the text is, for columns of numbers.
    pub number: Option<Decimal>,
    /// Moment that the text is, for columns of days and times.
    pub time: Option<DateTime<Utc>>,
    /// Whether the text has no standard form, which has been told already.
    pub unreadable: bool,
}

/// Something that standardising did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index of the column.
    pub column: usize,
    /// What was done, for example `phone` or `width`.
    pub what: &'static str,
}

/// Something that cleaning did to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Index of the column.
    pub column: usize,
    /// What was done.
    pub action: Action,
    /// By which method, for example `median` or `box_plot`.
    pub method: &'static str,
    /// Value before; `None` when there was none.
    pub original: Option<String>,
}

/// What cleaning did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// There was none; one was filled in.
    Imputed,
    /// It was replaced by what it must have been.
    Corrected,
    /// It was limited to the nearest value that is not an outlier.
    Winsorised,
    /// It stands out and was left as it is.
    Flagged,
    /// It stood out and was taken out.
    Dropped,
}

impl Action {
    /// Returns the action's name in counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imputed => "imputed",
            Self::Corrected => "corrected",
            Self::Winsorised => "winsorised",
            Self::Flagged => "flagged",
            Self::Dropped => "dropped",
        }
    }

    /// Returns the action as messages name it.
    pub fn to_proto(self) -> CorrectionAction {
        match self {
            Self::Imputed => CorrectionAction::Imputed,
            Self::Corrected => CorrectionAction::Corrected,
            Self::Winsorised => CorrectionAction::Winsorised,
            Self::Flagged => CorrectionAction::Flagged,
            Self::Dropped => CorrectionAction::Dropped,
        }
    }
}

impl<'a> Cell<'a> {
    /// A value as it was read; `None` when it is missing.
    pub fn new(original: Option<Cow<'a, str>>) -> Self {
        Self {
            text: original.clone(),
            original,
            number: None,
            time: None,
            unreadable: false,
        }
    }

    /// Returns the text after the stages so far.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Returns the text as it was read.
    pub fn original(&self) -> Option<&str> {
        self.original.as_deref()
    }
}

impl Record<'_> {
    /// Returns the text of a column before cleaning, in standard form, with the number that it is. What is learned of the
    /// source is learned of this, so that cleaning never learns of itself.
    pub fn uncleaned(&self, index: usize) -> (Option<&str>, Option<Decimal>) {
        let first = self.corrections.iter().find(|it| it.column == index);
        match first {
            None => (self.cells[index].text(), self.cells[index].number),
            Some(first) => {
                let text = first.original.as_deref();
                (text, text.and_then(Decimal::parse))
            }
        }
    }

    /// Notes what is wrong with a value, naming line and column, and the value itself unless it is personal.
    pub fn fail(&mut self, contract: &Contract, index: usize, reason: &'static str, problem: &str) {
        let column = &contract.columns[index];
        let value = match self.cells[index].original() {
            Some(value) if !column.personal && column.mask.is_none() => {
                format!("`{}` ", shown(value))
            }
            Some(_) => "the value ".to_owned(),
            None => String::new(),
        };
        let text = match (self.line, self.positions.get(index)) {
            (0, _) => format!("{}: {value}{problem}", column.name),
            (line, Some(position)) => format!(
                "line {line}, column {} ({}): {value}{problem}",
                position + 1,
                column.name
            ),
            (line, None) => format!("line {line}, {}: {value}{problem}", column.name),
        };
        self.violations
            .push(Violation::new(column.name.clone(), reason, text));
    }

    /// Notes what is wrong with the record as a whole or with a part of the event that it makes.
    pub fn fail_part(&mut self, field: &str, reason: &'static str, problem: &str) {
        let text = match self.line {
            0 => problem.to_owned(),
            line => format!("line {line}: {problem}"),
        };
        self.violations.push(Violation::new(field, reason, text));
    }
}

/// Returns the beginning of a value without the personal data in it, for a message.
fn shown(value: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    // Searched before it is cut, for half of a number would not be found.
    let hidden = text::hide(&value[..value.floor_char_boundary(1024)]);
    let mut all = hidden.chars();
    let mut begin: String = all.by_ref().take(CHARACTERS_MAX).collect();
    if all.next().is_some() {
        let end =
            begin.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c));
        begin.truncate(end.len());
        begin.push('…');
    }
    begin
}
