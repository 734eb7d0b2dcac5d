//! What ingestion decides, without any input or output of its own.
//!
//! Read in this order: [`contract`] says what a source's records look like, [`reading`] makes a [`record`] of a row, an
//! object or a sent event, [`stages`] brings it to standard forms, checks and cleans it, [`mapping`] turns it into a
//! [`draft`] of an event, [`judge`] says what shall become of that. [`decimal`], [`instant`], [`mask`] and [`keys`] are what
//! they stand on.

pub mod baseline;
pub mod cells;
pub mod clean;
pub mod constraints;
pub mod contract;
pub mod counts;
pub mod decimal;
pub mod draft;
pub mod instant;
pub mod json;
pub mod judge;
pub mod kept;
pub mod keys;
pub mod learned;
pub mod lesson;
pub mod mapping;
pub mod mask;
pub mod near;
pub mod observe;
pub mod occurrences;
mod paths;
pub mod profiling;
pub mod quality;
pub mod rates;
pub mod reading;
pub mod record;
pub mod rules;
pub mod schedule;
pub mod segment;
pub mod stages;
pub mod standardise;
pub mod tag;
pub mod terms;
mod violation;

pub use violation::Violation;
