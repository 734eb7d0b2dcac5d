//! From a state to a row of features.

use crate::catalogue::{Definition, MadeOf, catalogue, position};
use crate::ladder::Windowed;
use crate::purchases::PurchaseDay;
use crate::state::{CustomerState, Moment, NEVER, column, money};

/// Moment as of which features are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// Day in the tenant's zone, as days since 1970-01-01; the whole day belongs to the past.
    pub day: i32,
}

impl AsOf {
    /// Returns the end of a day.
    pub fn day(day: i32) -> Self {
        Self { day }
    }

    /// Returns the day in a zone at an instant, `None` when `zone` is no IANA name.
    pub fn instant(at: chrono::DateTime<chrono::Utc>, zone: &str) -> Option<Self> {
        let zone: chrono_tz::Tz = zone.parse().ok()?;
        let date = at.with_timezone(&zone).date_naive();
        Some(Self {
            day: date.to_epoch_days(),
        })
    }
}

/// How a value came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Computed from what the customer did.
    Present,
    /// There was nothing to compute from, and the catalogue says what that means.
    Default,
    /// Nothing is known: there was nothing to compute from, or the part of the state is not complete for the window.
    Unknown,
}

/// A feature's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number in the unit of the definition.
    Number(f64),
    /// A label.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A day, as days since 1970-01-01 in the tenant's zone.
    Day(i32),
}

/// One computed feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The value; `None` when unknown.
    pub value: Option<Value>,
    /// How it came about.
    pub status: Status,
    /// Whether it was read from weeks or estimates because exact counts are no longer kept.
    pub approximate: bool,
    /// Whether amounts or answers in its window were filled or changed by cleaning. Where days are no longer kept apart, the
    /// window's ends are taken to the week or more.
    pub corrected: bool,
}

/// All features of one customer, in the order of [`catalogue`].
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    cells: Vec<Cell>,
}

impl Row {
    /// Returns a feature by name, `None` when the catalogue has no such name.
    pub fn get(&self, name: &str) -> Option<&Cell> {
        self.cells.get(position(name)?)
    }

    /// Returns a numeric feature by name: `None` when unknown, not a number, or not in the catalogue. Flags are 0 and 1.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)?.value {
            Some(Value::Number(number)) => Some(number),
            Some(Value::Flag(flag)) => Some(f64::from(u8::from(flag))),
            Some(Value::Day(day)) => Some(f64::from(day)),
            _ => None,
        }
    }

    /// Returns all features with their definitions.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Definition, &Cell)> {
        catalogue().iter().zip(&self.cells)
    }
}

impl CustomerState {
    /// Computes every feature of the catalogue as of the end of a day. What happened later is not seen: as of a day before
    /// the newest event, features from sums that keep no days are unknown.
    pub fn features(&self, as_of: AsOf) -> Row {
        let facts = Facts::new(self, as_of.day);
        Row {
            cells: catalogue()
                .iter()
                .map(|definition| cell(definition, &facts))
                .collect(),
        }
    }

    /// Computes one feature; `None` when the catalogue has no such name.
    pub fn feature(&self, name: &str, as_of: AsOf) -> Option<Cell> {
        let definition = &catalogue()[position(name)?];
        Some(cell(definition, &Facts::new(self, as_of.day)))
    }
}

fn cell(definition: &Definition, facts: &Facts<'_>) -> Cell {
    let window_start = match definition.window_days {
        0 => NEVER,
        days => facts.day - days as i32 + 1,
    };
    let incomplete = definition
        .accumulator
        .is_some_and(|it| window_start < facts.state.complete_since[it as usize]);
    // Sums without days hold what happened later, too.
    let late = definition.undated && facts.day < facts.state.newest_day;
    if incomplete || late {
        return Cell {
            value: None,
            status: Status::Unknown,
            approximate: false,
            corrected: false,
        };
    }
    let answer = (definition.compute)(facts);
    let (value, status) = match (answer.value, definition.default) {
        (Some(value), _) => (Some(value), Status::Present),
        (None, Some(default)) => (Some(Value::Number(default)), Status::Default),
        (None, None) => (None, Status::Unknown),
    };
    Cell {
        corrected: status == Status::Present && facts.is_corrected(definition),
        value,
        status,
        approximate: answer.approximate,
    }
}

/// What a feature's function answers: a value, or `None` when there is nothing to compute from.
pub(crate) struct Answer {
    pub(crate) value: Option<Value>,
    pub(crate) approximate: bool,
}

impl Answer {
    pub(crate) fn number(value: Option<f64>) -> Self {
        Self {
            value: value.map(Value::Number),
            approximate: false,
        }
    }

    pub(crate) fn count(count: u64) -> Self {
        Self::number(Some(count as f64))
    }

    pub(crate) fn text(value: Option<&str>) -> Self {
        Self {
            value: value.map(|it| Value::Text(it.to_owned())),
            approximate: false,
        }
    }

    pub(crate) fn day(value: Option<i32>) -> Self {
        Self {
            value: value.map(Value::Day),
            approximate: false,
        }
    }

    pub(crate) fn approximate(mut self, approximate: bool) -> Self {
        self.approximate |= approximate;
        self
    }
}

impl From<Windowed> for Answer {
    fn from(sum: Windowed) -> Self {
        Self {
            value: Some(Value::Number(sum.value as f64)),
            approximate: sum.approximate,
        }
    }
}

/// A state as of a day, with what many features need.
pub(crate) struct Facts<'a> {
    pub(crate) state: &'a CustomerState,
    pub(crate) day: i32,
    /// Purchase days until then, oldest first.
    pub(crate) purchases: Vec<PurchaseDay>,
}

impl<'a> Facts<'a> {
    fn new(state: &'a CustomerState, day: i32) -> Self {
        let purchases = state
            .purchase_days()
            .into_iter()
            .filter(|it| it.day <= day)
            .collect();
        Self {
            state,
            day,
            purchases,
        }
    }

    /// Sums a column of the activity over the last `days`.
    pub(crate) fn activity(&self, column: i32, days: i32) -> Windowed {
        self.state
            .activity
            .sum(column, self.day - days + 1, self.day)
    }

    /// Sums a column of the purchases over the last `days`.
    pub(crate) fn money(&self, column: i32, days: i32) -> Windowed {
        self.state
            .purchases
            .sum(column, self.day - days + 1, self.day)
    }

    /// Revenue less refunds over the last `days`, in minor units.
    pub(crate) fn net(&self, days: i32) -> Windowed {
        let (completed, refunded) = (
            self.money(money::COMPLETED, days),
            self.money(money::REFUNDED, days),
        );
        Windowed {
            value: completed.value.wrapping_add(refunded.value),
            approximate: completed.approximate || refunded.approximate,
        }
    }

    /// Sums a column of the purchases over the whole life until the day.
    pub(crate) fn money_for_life(&self, column: i32) -> i64 {
        self.state.purchases.sum(column, 0, self.day).value
    }

    /// Returns whether what a feature was computed from holds anything that cleaning filled or changed.
    fn is_corrected(&self, definition: &Definition) -> bool {
        match definition.made_of {
            MadeOf::Other => false,
            MadeOf::Amounts => 0 < self.corrected_amounts(definition.window_days as i32).value,
            MadeOf::Ratings => 0 < self.state.ratings.corrected,
            MadeOf::Recommendations => 0 < self.state.recommendations.corrected,
        }
    }

    /// Orders and refunds with corrected amounts among the last `days`; 0 means the whole life.
    pub(crate) fn corrected_amounts(&self, days: i32) -> Windowed {
        match days {
            0 => self
                .state
                .activity
                .sum(column::CORRECTED_AMOUNTS, 0, self.day),
            days => self.activity(column::CORRECTED_AMOUNTS, days),
        }
    }

    /// Purchase days among the last `days`.
    pub(crate) fn purchase_days(&self, days: i32) -> u64 {
        self.purchases
            .iter()
            .filter(|it| self.day - days < it.day)
            .count() as u64
    }

    /// Days since the last moment of a kind.
    pub(crate) fn since(&self, moment: Moment) -> Option<f64> {
        let last = self.state.last[moment as usize];
        (last != NEVER && last <= self.day).then(|| f64::from(self.day - last))
    }

    /// Days among the last `days` on which anything happened.
    pub(crate) fn active_days(&self, days: i32) -> Answer {
        let from = self.day - days + 1;
        let mut seen: Vec<i32> = Vec::new();
        let mut approximate = false;
        for (start, length, _, _) in self.state.activity.buckets() {
            if start.saturating_add(length - 1) < from || self.day < start {
                continue;
            }
            approximate |= length > 1;
            if from <= start && seen.last() != Some(&start) {
                seen.push(start);
            }
        }
        Answer::count(seen.len() as u64).approximate(approximate)
    }

    /// Days between consecutive purchase days.
    pub(crate) fn gaps(&self) -> Vec<i32> {
        self.purchases
            .windows(2)
            .map(|pair| pair[1].day - pair[0].day)
            .collect()
    }

    /// Mean gap in days.
    pub(crate) fn gap_mean(&self) -> Option<f64> {
        let (first, last) = (self.purchases.first()?, self.purchases.last()?);
        let gaps = self.purchases.len() - 1;
        (gaps > 0).then(|| f64::from(last.day - first.day) / gaps as f64)
    }
}

/// Returns `part / whole`, `None` when the whole is zero.
pub(crate) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole != 0.0).then(|| part / whole)
}
