//! Mergeable sketches of columns: counts, quantiles, distinct values, frequent values, and what stands out of them.
//!
//! A [`Column`] is a pure function of the multiset of values that it was given: neither their order nor how they were cut
//! into parts that were merged changes one bit of it. What is decided from it is therefore the same for a stream, for
//! batches and for a file. Read in this order: [`Column`] takes the values, [`Figures`] are what is read off its numbers,
//! [`fence`] judges a value by them, [`series`] judges a day by the days before.

mod column;
mod distinct;
mod exact;
pub mod fence;
mod figures;
mod lexicon;
mod numbers;
pub mod series;
mod values;
mod wire;

pub use column::{Column, Keep, Salt, Texts};
pub use distinct::Distinct;
pub use figures::{Figures, LogFigures, MAD_TO_DEVIATION};
pub use lexicon::{Lexicon, Pairs};
pub use numbers::{Numbers, RELATIVE_ERROR};
pub use values::{Frequent, Values};
pub use wire::Malformed;
