//! The tables of the service, one migration per change, forward only.

use sea_orm_migration::prelude::*;

mod m20261122_000001_profile;

/// All migrations of this service's database: those every service shares, then its own.
#[derive(Debug)]
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = store::common_migrations();
        migrations.push(Box::new(m20261122_000001_profile::Migration));
        migrations
    }
}
