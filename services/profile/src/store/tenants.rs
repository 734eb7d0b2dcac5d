//! Tenants: create, get, list, change.

use sea_orm::{ConnectionTrait, QueryResult};
use store::{StoreError, WriteTx, sql};

use crate::error::Error;

const COLUMNS: &str = "tenant, display_name, time_zone, currency_code, state, create_ms, revision";

/// Whether a tenant is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TenantState {
    /// Served.
    Active,
    /// Known but refused.
    Suspended,
    /// Deleted; its id stays taken.
    Deleted,
}

impl TenantState {
    /// Number under which it is stored, which is the contract's.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Active => 1,
            Self::Suspended => 2,
            Self::Deleted => 3,
        }
    }

    /// Reads what [`TenantState::number`] wrote.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Active),
            2 => Some(Self::Suspended),
            3 => Some(Self::Deleted),
            _ => None,
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    /// Its id.
    pub(crate) id: String,
    /// Name for people.
    pub(crate) display_name: String,
    /// Zone in which its days begin.
    pub(crate) time_zone: chrono_tz::Tz,
    /// ISO 4217 code of its sums.
    pub(crate) currency_code: String,
    /// Whether it is served.
    pub(crate) state: TenantState,
    /// When it was created, in milliseconds since 1970.
    pub(crate) create_ms: i64,
    /// Grows with every change; the etag.
    pub(crate) revision: i64,
}

fn tenant(row: &QueryResult) -> Result<Tenant, StoreError> {
    let zone: String = sql::get(row, "time_zone")?;
    Ok(Tenant {
        id: sql::get(row, "tenant")?,
        display_name: sql::get(row, "display_name")?,
        time_zone: zone
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("no time zone {zone:?}")))?,
        currency_code: sql::get(row, "currency_code")?,
        state: TenantState::from_number(sql::get(row, "state")?)
            .ok_or_else(|| StoreError::Corrupt("a tenant's state is not known".into()))?,
        create_ms: sql::get(row, "create_ms")?,
        revision: sql::get(row, "revision")?,
    })
}

/// Finds a tenant in whatever state.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<Tenant>, StoreError> {
    let text = format!("SELECT {COLUMNS} FROM tenants WHERE tenant = $1");
    sql::query_one(connection, &text, [id.into()])
        .await?
        .map(|row| tenant(&row))
        .transpose()
}

/// Finds a tenant that is served.
///
/// # Errors
/// When it is not known, deleted, or suspended.
pub(crate) async fn serve(connection: &impl ConnectionTrait, id: &str) -> Result<Tenant, Error> {
    let tenant = existing(connection, id).await?;
    match tenant.state {
        TenantState::Active => Ok(tenant),
        TenantState::Suspended => Err(Error::TenantSuspended(id.to_owned())),
        TenantState::Deleted => Err(Error::TenantNotFound(id.to_owned())),
    }
}

/// Finds a tenant that is not deleted.
///
/// # Errors
/// When it is not known or deleted.
pub(crate) async fn existing(connection: &impl ConnectionTrait, id: &str) -> Result<Tenant, Error> {
    let tenant = find(connection, id)
        .await?
        .filter(|it| it.state != TenantState::Deleted);
    tenant.ok_or_else(|| Error::TenantNotFound(id.to_owned()))
}

/// Finds a tenant that is not deleted and locks it until the transaction ends.
pub(crate) async fn lock(tx: &WriteTx, id: &str) -> Result<Tenant, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM tenants WHERE tenant = $1{}",
        super::for_update(tx, "tenants")
    );
    let row = sql::query_one(tx, &text, [id.into()]).await?;
    let tenant = row
        .map(|row| tenant(&row))
        .transpose()?
        .filter(|it| it.state != TenantState::Deleted);
    tenant.ok_or_else(|| Error::TenantNotFound(id.to_owned()))
}

/// Adds a tenant with its counters.
///
/// # Errors
/// When the id is taken.
pub(crate) async fn insert(tx: &WriteTx, tenant: &Tenant) -> Result<(), Error> {
    let text = format!(
        "INSERT INTO tenants ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
    );
    let values = [
        tenant.id.clone().into(),
        tenant.display_name.clone().into(),
        tenant.time_zone.name().into(),
        tenant.currency_code.clone().into(),
        tenant.state.number().into(),
        tenant.create_ms.into(),
        tenant.revision.into(),
    ];
    if sql::execute(tx, &text, values).await? == 0 {
        return Err(Error::TenantExists(tenant.id.clone()));
    }
    let counters = "INSERT INTO tenant_counters (tenant, next_ordinal, customers_live, position, feed_floor) \
                    VALUES ($1, 1, 0, 0, 0)";
    sql::execute(tx, counters, [tenant.id.clone().into()]).await?;
    Ok(())
}

/// Writes what may change of a tenant, and its revision.
pub(crate) async fn update(tx: &WriteTx, tenant: &Tenant) -> Result<(), Error> {
    let text = "UPDATE tenants SET display_name = $2, state = $3, revision = $4 WHERE tenant = $1";
    let values = [
        tenant.id.clone().into(),
        tenant.display_name.clone().into(),
        tenant.state.number().into(),
        tenant.revision.into(),
    ];
    sql::execute(tx, text, values).await?;
    Ok(())
}

/// Lists up to `limit` tenants by id, after `after`; deleted ones are left out.
pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: u64,
) -> Result<Vec<Tenant>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM tenants WHERE tenant > $1 AND state <> 3 ORDER BY tenant LIMIT $2"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sql::query_all(connection, &text, [after.into(), limit.into()]).await?;
    Ok(rows.iter().map(tenant).collect::<Result<_, _>>()?)
}

/// Counters of a tenant.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Customers, merged-away ones not counted.
    pub(crate) customers_live: i64,
    /// Oldest position after which the feed is whole.
    pub(crate) feed_floor: i64,
    /// Newest event time, in milliseconds since 1970.
    pub(crate) newest_event_ms: Option<i64>,
    /// Newest local day of an event.
    pub(crate) newest_event_day: Option<i32>,
}

/// Reads a tenant's counters.
pub(crate) async fn counters(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Counters, Error> {
    let text = "SELECT customers_live, feed_floor, newest_event_ms, newest_event_day \
                FROM tenant_counters WHERE tenant = $1";
    let Some(row) = sql::query_one(connection, text, [id.into()]).await? else {
        return Ok(Counters::default());
    };
    Ok(Counters {
        customers_live: sql::get(&row, "customers_live")?,
        feed_floor: sql::get(&row, "feed_floor")?,
        newest_event_ms: sql::get(&row, "newest_event_ms")?,
        newest_event_day: sql::get(&row, "newest_event_day")?,
    })
}
