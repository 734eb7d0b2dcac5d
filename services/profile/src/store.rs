//! What the service keeps: tenants, customers, fragments, lanes, the change feed and the identity outbox.
//!
//! Every statement on customers' data names the tenant. Start at [`batch`], the one writer of customers.

use sea_orm::{ConnectionTrait, DatabaseBackend};

pub(crate) mod batch;
pub(crate) mod changes;
pub(crate) mod customers;
pub(crate) mod lanes;
pub(crate) mod migrations;
pub(crate) mod outbox;
mod row;
pub(crate) mod tenants;

/// Locks the rows of `table` where transactions run side by side; SQLite has one writer and needs none.
fn for_update(connection: &impl ConnectionTrait, table: &str) -> String {
    match connection.get_database_backend() {
        DatabaseBackend::Postgres => format!(" FOR UPDATE OF {table}"),
        _ => String::new(),
    }
}
