use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "store_0001_common"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::sql::ddl(manager.get_connection(), TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = "DROP TABLE leases; DROP TABLE requests; DROP TABLE epochs";
        crate::sql::ddl(manager.get_connection(), drop).await
    }
}

// Times are milliseconds since 1970 by the database's clock.
const TABLES: &str = "
CREATE TABLE leases (
    name       TEXT   NOT NULL PRIMARY KEY,
    holder     {uuid} NOT NULL,
    fence      BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE TABLE requests (
    tenant     TEXT   NOT NULL,
    rpc        TEXT   NOT NULL,
    request_id {uuid} NOT NULL,
    response   {bytes},
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, rpc, request_id)
);
CREATE INDEX requests_by_age ON requests (created_ms);
CREATE TABLE epochs (
    name      TEXT   NOT NULL PRIMARY KEY,
    value     BIGINT NOT NULL,
    bumped_ms BIGINT NOT NULL
)";
