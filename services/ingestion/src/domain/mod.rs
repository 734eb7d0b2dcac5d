//! What ingestion decides, without any input or output of its own.
//!
//! Read in this order: [`contract`] says what a source's rows look like, [`mapping`] turns a row into a [`draft`] of an
//! event, [`judge`] standardises the draft and says what shall become of it. [`decimal`], [`instant`], [`mask`] and
//! [`keys`] are what they stand on.

pub mod contract;
pub mod counts;
pub mod decimal;
pub mod draft;
pub mod instant;
pub mod judge;
pub mod keys;
pub mod mapping;
pub mod mask;
pub mod schedule;
mod violation;

pub use violation::Violation;
