use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "ingestion_0008_quarantine"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), CHANGES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), UNDO).await
    }
}

// `cells` is JSON by column, absent for events; `history_us` how long after an event of history it could be known, absent
// for live ones; `corrected` a JSON list of fields; `bytes` those of event and cells; `version` grows with every change.
// Of the totals, entered = held + replayed + discarded + superseded + expired.
const CHANGES: &str = "
ALTER TABLE quarantine ADD COLUMN cells TEXT;
ALTER TABLE quarantine ADD COLUMN history_us BIGINT;
ALTER TABLE quarantine ADD COLUMN corrected TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantine ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
UPDATE quarantine SET bytes = LENGTH(event);
CREATE INDEX quarantine_newest ON quarantine (tenant, first_us, event_id);
CREATE INDEX quarantine_last ON quarantine (last_us);
CREATE TABLE quarantine_totals (
    tenant     TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    held       BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    entered    BIGINT NOT NULL,
    replayed   BIGINT NOT NULL,
    discarded  BIGINT NOT NULL,
    superseded BIGINT NOT NULL,
    expired    BIGINT NOT NULL,
    PRIMARY KEY (tenant, source)
);
INSERT INTO quarantine_totals (tenant, source, held, bytes, entered, replayed, discarded, superseded, expired)
    SELECT tenant, source, COUNT(*), SUM(bytes), COUNT(*), 0, 0, 0, 0 FROM quarantine GROUP BY tenant, source;
CREATE TABLE quarantine_ledger (
    id        {serial},
    tenant    TEXT   NOT NULL,
    source    TEXT   NOT NULL,
    what      TEXT   NOT NULL,
    actor     TEXT   NOT NULL,
    why       TEXT   NOT NULL,
    operation TEXT   NOT NULL,
    records   BIGINT NOT NULL,
    at_us     BIGINT NOT NULL
);
CREATE INDEX quarantine_ledger_tenant ON quarantine_ledger (tenant, at_us);
CREATE TABLE quarantine_jobs (
    operation TEXT    NOT NULL PRIMARY KEY,
    tenant    TEXT    NOT NULL,
    steps     BIGINT  NOT NULL,
    first_us  BIGINT  NOT NULL,
    event_id  {bytes} NOT NULL,
    counts    TEXT    NOT NULL,
    begun_us  BIGINT  NOT NULL
)";

const UNDO: &str = "
DROP TABLE quarantine_jobs;
DROP TABLE quarantine_ledger;
DROP TABLE quarantine_totals;
DROP INDEX quarantine_last;
DROP INDEX quarantine_newest;
ALTER TABLE quarantine DROP COLUMN version;
ALTER TABLE quarantine DROP COLUMN bytes;
ALTER TABLE quarantine DROP COLUMN corrected;
ALTER TABLE quarantine DROP COLUMN history_us;
ALTER TABLE quarantine DROP COLUMN cells";
