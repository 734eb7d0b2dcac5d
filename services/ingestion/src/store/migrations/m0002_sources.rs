use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "ingestion_0002_sources"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = "DROP TABLE write_keys; DROP TABLE source_files; DROP TABLE source_runs; \
            DROP TABLE contract_revisions; DROP TABLE sources";
        store::sql::ddl(manager.get_connection(), drop).await
    }
}

// Times are microseconds since 1970. `uid` tells a source from an earlier one of the same name. `definition` is an encoded
// `Source` without its contract and its output, `position` and `progress` are JSON. Contracts outlive their source, so that
// what they judged can be explained.
const TABLES: &str = "
CREATE TABLE sources (
    tenant      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    uid         {uuid}  NOT NULL UNIQUE,
    definition  {bytes} NOT NULL,
    revision    BIGINT  NOT NULL,
    version     BIGINT  NOT NULL,
    paused      BOOLEAN NOT NULL,
    runs        BIGINT  NOT NULL,
    position    TEXT    NOT NULL,
    next_run_us BIGINT,
    created_us  BIGINT  NOT NULL,
    updated_us  BIGINT  NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX sources_by_next_run ON sources (next_run_us);
CREATE TABLE contract_revisions (
    tenant        TEXT   NOT NULL,
    source        TEXT   NOT NULL,
    revision      BIGINT NOT NULL,
    contract_yaml TEXT   NOT NULL,
    created_us    BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, revision)
);
CREATE TABLE source_runs (
    uid        {uuid} NOT NULL,
    number     BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    planned_us BIGINT NOT NULL,
    start_us   BIGINT,
    end_us     BIGINT,
    pages      BIGINT NOT NULL,
    progress   TEXT   NOT NULL,
    counts     TEXT   NOT NULL,
    error      TEXT   NOT NULL,
    PRIMARY KEY (uid, number)
);
CREATE INDEX source_runs_unfinished ON source_runs (planned_us) WHERE end_us IS NULL;
CREATE TABLE source_files (
    uid         {uuid} NOT NULL,
    name        TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    taken_us    BIGINT NOT NULL,
    PRIMARY KEY (uid, name, fingerprint)
);
CREATE TABLE write_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    hash       {bytes} NOT NULL UNIQUE,
    prefix     TEXT    NOT NULL,
    created_us BIGINT  NOT NULL,
    revoked_us BIGINT
);
CREATE INDEX write_keys_by_source ON write_keys (tenant, source, id)";
