use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "ingestion_0009_rates"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = "DROP TABLE exchange_rate_versions; DROP TABLE exchange_rates";
        store::sql::ddl(manager.get_connection(), drop).await
    }
}

// Days count from 1970-01-01; a rate is a decimal number as text. The version grows with every change, so that others notice.
const TABLES: &str = "
CREATE TABLE exchange_rates (
    tenant     TEXT    NOT NULL,
    currency   TEXT    NOT NULL,
    day        INTEGER NOT NULL,
    rate       TEXT    NOT NULL,
    updated_us BIGINT  NOT NULL,
    PRIMARY KEY (tenant, currency, day)
);
CREATE TABLE exchange_rate_versions (
    tenant  TEXT   NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
)";
