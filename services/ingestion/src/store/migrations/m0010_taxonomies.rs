use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "ingestion_0010_taxonomies"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = "DROP TABLE active_taxonomies; DROP TABLE taxonomy_versions";
        store::sql::ddl(manager.get_connection(), drop).await
    }
}

// Times are microseconds since 1970.
const TABLES: &str = "
CREATE TABLE taxonomy_versions (
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    number       BIGINT  NOT NULL,
    yaml         TEXT    NOT NULL,
    tags         INTEGER NOT NULL,
    created_us   BIGINT  NOT NULL,
    activated_us BIGINT,
    PRIMARY KEY (tenant, id, number)
);
CREATE INDEX taxonomy_versions_by_age ON taxonomy_versions (tenant, created_us, id, number);
CREATE TABLE active_taxonomies (
    tenant TEXT   NOT NULL,
    id     TEXT   NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
)";
