//! The allocation problem: cells of segment and channel, what each returns, and the bounds on spend.

use super::curve::Curve;

/// Largest budget and largest bound, in minor units.
pub const SPEND_MAX: i64 = 1_000_000_000_000_000;

/// What to allocate, over what, within which bounds. Valid by construction of [`crate::rpc`]: names are unique, indices
/// in range, minima not above maxima, curves checked.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Budget in minor units, 0 to [`SPEND_MAX`].
    pub budget: i64,
    /// True when all of the budget must be spent.
    pub exactly: bool,
    /// Share of revenue that is margin, in (0, 1].
    pub margin: f64,
    /// Segments, with the bounds on their spend.
    pub segments: Vec<Slice>,
    /// Channels, with the bounds on their spend.
    pub channels: Vec<Slice>,
    /// Cells.
    pub cells: Vec<Cell>,
}

/// A channel or a segment.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Name.
    pub name: String,
    /// Bounds on the spend of all its cells.
    pub bounds: Bounds,
}

/// Bounds on a spend, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Least spend.
    pub min: i64,
    /// Most spend; `None` means the budget.
    pub max: Option<i64>,
}

impl Bounds {
    /// True when these bounds can hold anything back.
    pub fn restrict(&self) -> bool {
        self.min > 0 || self.max.is_some()
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Index into [`Problem::segments`].
    pub segment: usize,
    /// Index into [`Problem::channels`].
    pub channel: usize,
    /// Response of revenue to spend.
    pub curve: Curve,
    /// Bounds on its spend.
    pub bounds: Bounds,
}

/// One bound that a person set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Constraint {
    /// The budget.
    Total,
    /// Bound of a segment.
    Segment(usize, Side),
    /// Bound of a channel.
    Channel(usize, Side),
    /// Bound of a cell.
    Cell(usize, Side),
}

/// Which end of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The least spend.
    Minimum,
    /// The most spend.
    Maximum,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
        }
    }
}

impl Problem {
    /// Names a constraint, for example `channel email maximum`.
    pub fn name(&self, constraint: Constraint) -> String {
        match constraint {
            Constraint::Total => "total".to_owned(),
            Constraint::Segment(i, side) => {
                format!("segment {} {}", self.segments[i].name, side.word())
            }
            Constraint::Channel(i, side) => {
                format!("channel {} {}", self.channels[i].name, side.word())
            }
            Constraint::Cell(i, side) => {
                let cell = &self.cells[i];
                let (segment, channel) = (
                    &self.segments[cell.segment].name,
                    &self.channels[cell.channel].name,
                );
                format!("cell {segment} {channel} {}", side.word())
            }
        }
    }

    /// Tells what a constraint demands, for example `channel email maximum of 500`.
    pub fn describe(&self, constraint: Constraint) -> String {
        let (bounds, side) = match constraint {
            Constraint::Total if self.exactly => {
                return format!("total of exactly {}", self.budget);
            }
            Constraint::Total => return format!("total of at most {}", self.budget),
            Constraint::Segment(i, side) => (self.segments[i].bounds, side),
            Constraint::Channel(i, side) => (self.channels[i].bounds, side),
            Constraint::Cell(i, side) => (self.cells[i].bounds, side),
        };
        let limit = match side {
            Side::Minimum => bounds.min,
            Side::Maximum => bounds.max.unwrap_or(self.budget),
        };
        format!("{} of {limit}", self.name(constraint))
    }

    /// Returns the profit of a plan in minor units: margin times revenue, minus spend.
    pub fn profit(&self, spend: &[i64]) -> f64 {
        let cells = self.cells.iter().zip(spend);
        cells
            .map(|(cell, &s)| self.margin * cell.curve.value(s as f64) - s as f64)
            .sum()
    }
}
