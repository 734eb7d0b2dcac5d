use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "ingestion_0001_log"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        // SQLite keeps rows in the order of a key that is its own row number, and small tables inside their index.
        let (number, inside) = match db.get_database_backend() {
            DbBackend::Postgres => ("BIGINT NOT NULL PRIMARY KEY", ""),
            _ => ("INTEGER NOT NULL PRIMARY KEY", " WITHOUT ROWID"),
        };
        store::sql::ddl(
            db,
            &TABLES
                .replace("{number}", number)
                .replace("{inside}", inside),
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [
            "imports",
            "applied_counts",
            "receipt_counts",
            "parked",
            "quarantine",
            "message_keys",
            "events",
            "claims",
            "lane_cursors",
            "lane_heads",
        ];
        let drop: Vec<String> = tables
            .iter()
            .map(|table| format!("DROP TABLE {table}"))
            .collect();
        store::sql::ddl(manager.get_connection(), &drop.join(";")).await
    }
}

// Times are microseconds since 1970. `place` is a lane's number and a position in it, see `log::place`.
const TABLES: &str = "
CREATE TABLE lane_heads (
    lane     INTEGER NOT NULL PRIMARY KEY,
    position BIGINT  NOT NULL,
    time_us  BIGINT  NOT NULL,
    bytes    BIGINT  NOT NULL
);
CREATE TABLE lane_cursors (
    lane             INTEGER NOT NULL PRIMARY KEY,
    lane_id          TEXT    NOT NULL,
    claimed_batch    BIGINT  NOT NULL,
    claimed_position BIGINT  NOT NULL,
    applied_batch    BIGINT  NOT NULL,
    through_us       BIGINT  NOT NULL,
    archiving_batch  BIGINT  NOT NULL,
    archived_batch   BIGINT  NOT NULL,
    dropped_position BIGINT  NOT NULL,
    dropped_bytes    BIGINT  NOT NULL
);
CREATE TABLE claims (
    lane           INTEGER NOT NULL,
    number         BIGINT  NOT NULL,
    first_position BIGINT  NOT NULL,
    last_position  BIGINT  NOT NULL,
    through_us     BIGINT  NOT NULL,
    PRIMARY KEY (lane, number)
);
CREATE TABLE events (
    place       {number},
    tenant      TEXT    NOT NULL,
    accepted_us BIGINT  NOT NULL,
    payload     {bytes} NOT NULL
);
CREATE TABLE message_keys (
    event_id    {bytes} NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    content     {bytes} NOT NULL,
    accepted_us BIGINT  NOT NULL
){inside};
CREATE TABLE quarantine (
    event_id   {bytes} NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    content    {bytes} NOT NULL,
    violations TEXT    NOT NULL,
    marks      TEXT    NOT NULL,
    event      {bytes} NOT NULL,
    first_us   BIGINT  NOT NULL,
    last_us    BIGINT  NOT NULL,
    times      BIGINT  NOT NULL
);
CREATE TABLE parked (
    place     {number},
    tenant    TEXT    NOT NULL,
    lane      INTEGER NOT NULL,
    batch     BIGINT  NOT NULL,
    reason    TEXT    NOT NULL,
    payload   {bytes} NOT NULL,
    parked_us BIGINT  NOT NULL
);
CREATE TABLE receipt_counts (
    tenant      TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    received    BIGINT NOT NULL,
    accepted    BIGINT NOT NULL,
    duplicate   BIGINT NOT NULL,
    conflict    BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    rejected    BIGINT NOT NULL,
    PRIMARY KEY (tenant, source)
);
CREATE TABLE applied_counts (
    tenant   TEXT   NOT NULL PRIMARY KEY,
    applied  BIGINT NOT NULL,
    parked   BIGINT NOT NULL,
    archived BIGINT NOT NULL
);
CREATE TABLE imports (
    operation TEXT    NOT NULL PRIMARY KEY,
    tenant    TEXT    NOT NULL,
    rows_done BIGINT  NOT NULL,
    summary   TEXT    NOT NULL
)";
