//! What is kept: the registry of models.

pub mod artefact;
mod m0001_models;
pub mod registry;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All migrations of the service: the common tables, then its own.
pub struct Migrations;

#[async_trait::async_trait]
impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = store::common_migrations();
        all.push(Box::new(m0001_models::Migration));
        all
    }
}
