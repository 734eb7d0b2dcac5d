use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "ingestion_0006_cleaning"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let inside = match db.get_database_backend() {
            DbBackend::Postgres => "",
            _ => " WITHOUT ROWID",
        };
        store::sql::ddl(db, &TABLES.replace("{inside}", inside)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = "DROP TABLE near_keys; DROP TABLE import_baselines";
        store::sql::ddl(manager.get_connection(), drop).await
    }
}

// The baseline that an import goes by, 0 for none, so that it stays the same after a restart. What was accepted of sources
// that look for near duplicates, by the hash of what makes records near, until nothing can come near to it any more. Times
// are microseconds since 1970.
const TABLES: &str = "
CREATE TABLE import_baselines (
    operation  TEXT   NOT NULL PRIMARY KEY,
    version    BIGINT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE TABLE near_keys (
    near     {bytes} NOT NULL,
    time_us  BIGINT  NOT NULL,
    event_id {bytes} NOT NULL,
    until_us BIGINT  NOT NULL,
    PRIMARY KEY (near, time_us, event_id)
){inside};
CREATE INDEX near_keys_by_until ON near_keys (until_us)";
