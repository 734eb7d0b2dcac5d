//! The event log and all that ingestion keeps beside it.
//!
//! Start at [`EventLog`], what a log promises; [`DatabaseLog`] keeps it in SQLite or PostgreSQL. Events of a lane have
//! positions without gaps, given in the order of their commits: appends take turns at the lanes' heads. So a range of
//! positions is a list that cannot change, and a claim needs no more than its ends.

mod append;
mod archive;
mod claim;
pub mod imports;
mod log;
mod migrations;
mod near;
pub mod quality;
mod quarantine;
pub mod rates;
pub mod runs;
pub mod sources;
mod status;
pub mod taxonomies;
mod trim;
pub mod write_keys;

pub(crate) use append::count;
pub use append::{Append, ImportStep, Step};
pub use imports::ImportRow;
pub(crate) use log::micros;
pub use log::{
    AppliedBatch, ArchivePlan, Batch, DatabaseLog, EventLog, Fill, Lane, LogError, LogLimits,
    LoggedEvent, Outcome, Status,
};
pub use migrations::Migrator;
pub use quarantine::{
    Discard, Filter, Finding, Job, Judgement, Position, QuarantineLimits, Record, ReplayStep,
    Replayed, Totals,
};
pub use runs::PullStep;
