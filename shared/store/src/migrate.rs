use sea_orm::ConnectionTrait;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::{Backend, Store, StoreError, migrations, sql};

/// First key of the advisory lock that keeps two processes from migrating one schema at once.
const MIGRATION_LOCK: i32 = 0x436c_696d;

/// Returns the migrations of the tables that every service has: leases, operations, remembered requests, epochs. A
/// service's own come after them.
pub fn common_migrations() -> Vec<Box<dyn MigrationTrait>> {
    migrations::all()
}

/// Brings the tables up to date, in one transaction: either all pending migrations happen or none. Processes that start
/// together take turns, and the later ones find nothing to do.
pub async fn migrate<M: MigratorTrait>(store: &Store) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    if store.backend() == Backend::Postgres {
        // A migration may take longer than any request may.
        tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            .await?;
        let lock = "SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))";
        sql::query_one(&*tx, lock, [MIGRATION_LOCK.into()]).await?;
    }
    M::up(&*tx, None).await?;
    tx.commit().await
}

/// Returns how many migrations wait to be applied, without changing anything.
pub async fn pending_migrations<M: MigratorTrait>(store: &Store) -> Result<usize, StoreError> {
    Ok(M::get_pending_migrations_read_only(store.reader())
        .await?
        .len())
}
