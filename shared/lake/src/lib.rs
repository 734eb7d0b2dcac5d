//! The lake: Delta tables in a folder, appended to exactly once, read by any engine that knows Delta.
//!
//! Appending and replaying need no query engine; SQL is in the crate `lake-query`. Start at [`Lake`]; [`events`] and
//! [`identity`] are the tables, [`Lake::replay`] turns them back into the states of customers.

mod append;
mod durable;
mod error;
pub mod events;
pub mod identity;
mod properties;
mod replay;
mod set_back;
mod table;

pub use append::{Appended, Transaction};
pub use deltalake::arrow;
pub use deltalake::arrow::record_batch::RecordBatch;
pub use deltalake::parquet;
pub use error::LakeError;
pub use replay::{CustomerHistory, Replay, ReplayProgress, ReplayRequest};
pub use table::{Lake, Table};
