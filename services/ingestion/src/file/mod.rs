//! Reads files record by record in bounded memory, plain or gzip, and says where one is broken.

mod delimited;
mod events;
mod fault;
mod input;
mod lines;
mod rows;

pub use fault::FileFault;
pub use rows::{Limits, Rows};
