//! Tenants, customers, fragments, lanes, the change feed and the identity outbox.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        store::sql::ddl(manager.get_connection(), TABLES).await
    }
}

/// A tenant's counters stand apart from `tenants`, because every batch that is applied locks them. Numbers and times are
/// milliseconds since 1970 where their names end in `_ms`; customers' ids are the 16 bytes of a UUID.
const TABLES: &str = "
CREATE TABLE tenants (
    tenant TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    currency_code TEXT NOT NULL,
    state INTEGER NOT NULL,
    create_ms BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE TABLE tenant_counters (
    tenant TEXT PRIMARY KEY,
    next_ordinal BIGINT NOT NULL,
    customers_live BIGINT NOT NULL,
    position BIGINT NOT NULL,
    feed_floor BIGINT NOT NULL,
    newest_event_ms BIGINT,
    newest_event_day INTEGER
);
CREATE TABLE customers (
    tenant TEXT NOT NULL,
    customer_id {bytes} NOT NULL,
    ordinal BIGINT NOT NULL,
    alias_of {bytes},
    version BIGINT NOT NULL,
    fragment_count INTEGER NOT NULL,
    create_ms BIGINT NOT NULL,
    update_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, customer_id)
);
CREATE UNIQUE INDEX customers_ordinal ON customers (tenant, ordinal);
CREATE INDEX customers_alias_of ON customers (tenant, alias_of) WHERE alias_of IS NOT NULL;
CREATE TABLE fragments (
    tenant TEXT NOT NULL,
    fragment_id {bytes} NOT NULL,
    namespace TEXT NOT NULL,
    strength INTEGER NOT NULL,
    customer_id {bytes},
    known_ms BIGINT NOT NULL,
    state {bytes},
    PRIMARY KEY (tenant, fragment_id)
);
CREATE INDEX fragments_customer ON fragments (tenant, customer_id);
CREATE TABLE lanes (
    lane TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    complete_through_ms BIGINT
);
CREATE TABLE lane_batches (
    lane TEXT NOT NULL,
    number BIGINT NOT NULL,
    events INTEGER NOT NULL,
    parked TEXT,
    PRIMARY KEY (lane, number)
);
CREATE TABLE changes (
    tenant TEXT NOT NULL,
    position BIGINT NOT NULL,
    customer_id {bytes} NOT NULL,
    ordinal BIGINT NOT NULL,
    kind INTEGER NOT NULL,
    version BIGINT NOT NULL,
    merged_into {bytes},
    change_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, position)
);
CREATE TABLE identity_outbox (
    change_seq BIGINT PRIMARY KEY,
    tenant TEXT NOT NULL,
    fragment_id {bytes} NOT NULL,
    customer_id {bytes} NOT NULL,
    ordinal BIGINT NOT NULL,
    known_ms BIGINT NOT NULL
);
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
";
