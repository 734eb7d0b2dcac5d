//! Segments in the database.

mod m0001_segments;
mod segments;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub(crate) use segments::{SegmentStore, StoredSegment};

/// This service's tables, after those that every service has.
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = store::common_migrations();
        all.push(Box::new(m0001_segments::Migration));
        all
    }
}
