//! Reads files record by record in bounded memory, and says where one is broken.
//!
//! [`Rows`] reads a file by its contract, [`survey()`] one that has none. Below it: decompression with bounds and characters of any encoding as UTF-8,
//! then one reader for each form: delimited text, JSON lines, Parquet.

mod cell;
mod columnar;
mod delimited;
mod encoding;
mod events;
mod fault;
mod header;
mod input;
mod limits;
mod lines;
mod pages;
mod place;
mod rows;
mod sniff;
mod spill;
mod survey;
mod thrift;

#[cfg(test)]
mod forms_tests;

pub use fault::FileFault;
pub use input::{Compression, Inflation};
pub use limits::Limits;
pub use place::Place;
pub use rows::Rows;
pub use survey::survey;
