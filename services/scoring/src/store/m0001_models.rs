use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "scoring_0001_models"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop =
            "DROP TABLE model_promotions; DROP TABLE model_aliases; DROP TABLE model_versions";
        store::sql::ddl(manager.get_connection(), drop).await
    }
}

// `operation` is the training that made a version: a training that is taken up again after a crash finds what it made.
// Times are microseconds since 1970.
const TABLES: &str = "
CREATE TABLE model_versions (
    tenant         TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    number         BIGINT  NOT NULL,
    operation      TEXT    NOT NULL,
    content_hash   TEXT    NOT NULL,
    artefact       {bytes} NOT NULL,
    created_micros BIGINT  NOT NULL,
    PRIMARY KEY (tenant, model, number)
);
CREATE UNIQUE INDEX model_versions_by_operation ON model_versions (tenant, operation);
CREATE INDEX model_versions_by_age ON model_versions (tenant, created_micros);
CREATE TABLE model_aliases (
    tenant TEXT   NOT NULL,
    model  TEXT   NOT NULL,
    alias  TEXT   NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tenant, model, alias)
);
CREATE TABLE model_promotions (
    id              {serial},
    tenant          TEXT   NOT NULL,
    model           TEXT   NOT NULL,
    alias           TEXT   NOT NULL,
    from_number     BIGINT,
    to_number       BIGINT NOT NULL,
    promoted_micros BIGINT NOT NULL
);
CREATE INDEX model_promotions_by_model ON model_promotions (tenant, model, id)";
