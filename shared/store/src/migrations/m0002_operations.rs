use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "store_0002_operations"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::sql::ddl(manager.get_connection(), TABLE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::sql::ddl(manager.get_connection(), "DROP TABLE operations").await
    }
}

// `request`, `metadata` and `response` are encoded `google.protobuf.Any`, `error` an encoded `google.rpc.Status`.
const TABLE: &str = "
CREATE TABLE operations (
    id               {uuid}  NOT NULL PRIMARY KEY,
    tenant           TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    request_id       {uuid},
    request          {bytes} NOT NULL,
    metadata         {bytes},
    response         {bytes},
    error            {bytes},
    done             BOOLEAN NOT NULL,
    cancel_requested BOOLEAN NOT NULL,
    create_us        BIGINT  NOT NULL,
    update_ms        BIGINT  NOT NULL,
    holder           {uuid},
    fence            BIGINT  NOT NULL,
    expires_ms       BIGINT  NOT NULL,
    UNIQUE (tenant, kind, request_id)
);
CREATE INDEX operations_by_tenant ON operations (tenant, id);
CREATE INDEX operations_unfinished ON operations (id) WHERE NOT done
";
