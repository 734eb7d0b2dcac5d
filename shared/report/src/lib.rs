//! Reports as one self-contained page: words, figures, tables and charts.
//!
//! Start at [`Page`]: a title and sections of [`Block`]s, rendered to one HTML text that needs nothing else. It holds no
//! script, refers to nothing outside itself, reads in light and dark, on narrow screens and on paper. Every text that is put
//! in is escaped, whoever wrote it. [`chart`] draws, [`format`] writes numbers, [`inspect`] finds what would make a page
//! reach out.

pub mod chart;
mod escape;
pub mod format;
pub mod inspect;
mod page;
mod spark;

pub use escape::{clean, escape};
pub use page::{Block, Cell, Fact, Heat, Page, Section, Table, Tone};
pub use spark::spark_text;

/// A drawing made here, safe to stand in a page as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg(pub(crate) String);

impl Svg {
    /// Returns the markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
