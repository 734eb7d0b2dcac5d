use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "ingestion_0005_quality"
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
        let drop = "DROP TABLE quality_baselines; DROP TABLE quality_alerts; DROP TABLE quality_held; \
            DROP TABLE quality_days; DROP TABLE quality_deltas";
        store::sql::ddl(manager.get_connection(), drop).await
    }
}

// `quality_deltas` holds what appends add, until it is folded into `quality_days`. `quality_held` holds what a record in
// quarantine added, so that it can be taken back, and which messages of one key with other content were counted. Days are
// counted from 1970-01-01 in the tenant's zone, times are microseconds since 1970.
const TABLES: &str = "
CREATE TABLE quality_deltas (
    id     {serial},
    tenant TEXT    NOT NULL,
    source TEXT    NOT NULL,
    body   {bytes} NOT NULL
);
CREATE INDEX quality_deltas_by_source ON quality_deltas (tenant, source);
CREATE TABLE quality_days (
    tenant     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    day        INTEGER NOT NULL,
    changed_us BIGINT  NOT NULL,
    last_us    BIGINT  NOT NULL,
    counts     {bytes} NOT NULL,
    sketches   {bytes} NOT NULL,
    PRIMARY KEY (tenant, source, day)
);
CREATE TABLE quality_held (
    id      {bytes} NOT NULL PRIMARY KEY,
    tenant  TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    day     INTEGER NOT NULL,
    counts  {bytes} NOT NULL,
    held_us BIGINT  NOT NULL
){inside};
CREATE TABLE quality_alerts (
    id           {serial},
    tenant       TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    field        TEXT   NOT NULL,
    metric       TEXT   NOT NULL,
    rule         TEXT   NOT NULL,
    day          INTEGER,
    value        DOUBLE PRECISION NOT NULL,
    expected_min DOUBLE PRECISION,
    expected_max DOUBLE PRECISION,
    description  TEXT   NOT NULL,
    raised_us    BIGINT NOT NULL,
    cleared_us   BIGINT
);
CREATE INDEX quality_alerts_by_source ON quality_alerts (tenant, source, id);
CREATE INDEX quality_alerts_open ON quality_alerts (tenant, source) WHERE cleared_us IS NULL;
CREATE TABLE quality_baselines (
    tenant     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    version    BIGINT  NOT NULL,
    body       {bytes} NOT NULL,
    created_us BIGINT  NOT NULL,
    PRIMARY KEY (tenant, source, version)
)";
