//! The tables, one migration per change.

use async_trait::async_trait;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_log;
mod m0002_sources;
mod m0005_quality;
mod m0006_cleaning;
mod m0008_quarantine;
mod m0009_rates;
mod m0010_taxonomies;

/// Brings the tables up to date.
pub struct Migrator;

#[async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = store::common_migrations();
        all.push(Box::new(m0001_log::Migration));
        all.push(Box::new(m0002_sources::Migration));
        all.push(Box::new(m0005_quality::Migration));
        all.push(Box::new(m0006_cleaning::Migration));
        all.push(Box::new(m0008_quarantine::Migration));
        all.push(Box::new(m0009_rates::Migration));
        all.push(Box::new(m0010_taxonomies::Migration));
        all
    }
}
