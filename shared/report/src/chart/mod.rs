//! Charts as SVG. Colours and fonts come from the page's style sheet, so a chart follows light and dark.
//!
//! Every chart has a title for screen readers, and every point a tooltip that needs no script.

mod axis;
mod columns;
mod inline;
mod line;

pub use columns::{Columns, Stack};
pub use inline::{box_plot, spark};
pub use line::{Band, Line, LineChart};

use crate::format;

/// How the values of a chart are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// As numbers.
    #[default]
    Number,
    /// As per cent; values are shares from 0 to 1.
    Percent,
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Number => format::short(value),
            Self::Percent => format::percent(value),
        }
    }

    /// Writes the value of a grid line, which is round.
    fn write_tick(self, value: f64) -> String {
        match self {
            Self::Number => format::short(value),
            Self::Percent => format!("{} %", format::short(value * 100.0)),
        }
    }
}

/// Width of the large charts in their own units.
const WIDTH: f64 = 640.0;
/// Height of the large charts.
const HEIGHT: f64 = 220.0;
/// Room left of the drawing, for numbers.
const LEFT: f64 = 56.0;
/// Room right of it.
const RIGHT: f64 = 12.0;
/// Room above it, for the legend.
const TOP: f64 = 26.0;
/// Room below it, for labels.
const BOTTOM: f64 = 26.0;
