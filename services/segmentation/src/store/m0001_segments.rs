use async_trait::async_trait;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "segmentation_0001_segments"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), TABLES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), "DROP TABLE segments").await
    }
}

// `description` is an encoded `clientele.segmentation.v1.Segment`, `ordinals` a roaring bitmap, `customer_ids` 16 bytes
// per member in the order of the ordinals. All segments of one computation carry its id.
const TABLES: &str = "
CREATE TABLE segments (
    tenant       TEXT    NOT NULL,
    segment_id   TEXT    NOT NULL,
    computation  {uuid}  NOT NULL,
    as_of        TEXT    NOT NULL,
    members      BIGINT  NOT NULL,
    description  {bytes} NOT NULL,
    ordinals     {bytes} NOT NULL,
    customer_ids {bytes} NOT NULL,
    PRIMARY KEY (tenant, segment_id)
)";
