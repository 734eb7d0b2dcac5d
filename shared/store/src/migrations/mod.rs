//! The tables that every service has.

use sea_orm_migration::MigrationTrait;

mod m0001_common;
mod m0002_operations;

pub(crate) fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0001_common::Migration),
        Box::new(m0002_operations::Migration),
    ]
}
