//! Where a service keeps what must survive: one SQLite file or one PostgreSQL schema, behind one set of calls.
//!
//! Start at [`Store`]: it opens the database, hands out readers, and begins the write transactions ([`WriteTx`]) in which
//! every effect happens. The rest stands on it: [`migrate()`] brings the tables up to date, [`sql`] and [`bulk`] are raw
//! statements that mean the same on both databases, [`lease`] elects one worker, [`pause`] makes workers stop for a while, [`idempotency`] answers a repeated
//! request as before, [`page`] makes page tokens, [`epoch`] numbers the generations of a cache, [`group`] lets concurrent
//! callers share one commit, and [`operations`] keeps long-running operations.

mod config;
mod connect;
mod copy;
mod error;
mod migrate;
mod migrations;
mod transaction;

pub mod bulk;
pub mod epoch;
pub mod group;
pub mod idempotency;
pub mod lease;
pub mod operations;
pub mod page;
pub mod pause;
pub mod sql;

pub use config::DatabaseConfig;
pub use connect::{Backend, Store};
pub use error::StoreError;
pub use migrate::{common_migrations, migrate, pending_migrations};
pub use transaction::WriteTx;
