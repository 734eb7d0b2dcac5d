//! Loads what a batch touches, with its rows locked, and writes what came of it.
//!
//! Rows are locked in one order: the lane, fragments by id, customers by id, the tenant's counters, the identity counter.
//! A customer's lock guards its fragments: whoever changes a fragment holds its customer. Two merges may still meet
//! crosswise, which the database ends as a conflict; the caller begins again.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DatabaseBackend, QueryResult, Value};
use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx, sql};
use uuid::Uuid;

use super::for_update;
use super::row::{bytes, get_identifier, get_uuid, get_uuid_or_null, keys};
use crate::domain::batch::{
    Change, CustomerWrite, FragmentWrite, IdentityWrite, Outcome, StoredCustomer, StoredFragment,
};
use crate::domain::identity::{FragmentId, Identifier};
use crate::error::Error;

const FRAGMENT_COLUMNS: &str = "fragment_id, namespace, strength, customer_id, known_ms, state";
const FRAGMENT_ROWS: [(&str, Kind); 6] = [
    ("id", Kind::Bytes),
    ("namespace", Kind::Text),
    ("strength", Kind::Int),
    ("customer_id", Kind::Bytes),
    ("known_ms", Kind::BigInt),
    ("state", Kind::Bytes),
];
const CUSTOMER_ROWS: [(&str, Kind); 4] = [
    ("id", Kind::Bytes),
    ("ordinal", Kind::BigInt),
    ("version", Kind::BigInt),
    ("fragments", Kind::Int),
];
const CHANGE_ROWS: [(&str, Kind); 6] = [
    ("position", Kind::BigInt),
    ("id", Kind::Bytes),
    ("ordinal", Kind::BigInt),
    ("kind", Kind::Int),
    ("version", Kind::BigInt),
    ("merged_into", Kind::Bytes),
];
const IDENTITY_ROWS: [(&str, Kind); 6] = [
    ("change_seq", Kind::BigInt),
    ("tenant", Kind::Text),
    ("id", Kind::Bytes),
    ("customer_id", Kind::Bytes),
    ("ordinal", Kind::BigInt),
    ("known_ms", Kind::BigInt),
];

/// Everything stored that a batch touches in one tenant.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// All fragments of all customers below.
    pub(crate) fragments: Vec<StoredFragment>,
    /// Customers of the fragments that the batch names.
    pub(crate) customers: Vec<StoredCustomer>,
}

/// Numbers that a batch was given by the tenant's counters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    /// Ordinal of the first new customer.
    pub(crate) first_ordinal: i64,
    /// Position of the first change.
    pub(crate) first_position: i64,
}

/// Loads and locks what `identifiers` touch.
pub(crate) async fn load(
    tx: &WriteTx,
    tenant: &str,
    identifiers: &BTreeMap<FragmentId, Identifier>,
) -> Result<Loaded, Error> {
    claim_fragments(tx, tenant, identifiers).await?;
    let text = format!(
        "SELECT {FRAGMENT_COLUMNS} FROM fragments JOIN {{rows}} \
         ON fragments.tenant = $1 AND fragments.fragment_id = rows.id ORDER BY fragments.fragment_id{}",
        for_update(tx, "fragments")
    );
    let mut loaded = Loaded::default();
    for row in bulk::query(tx, &text, [tenant.into()], keys(identifiers.keys())).await? {
        loaded.fragments.extend(fragment(&row)?);
    }
    let more = lock_customers(tx, tenant, &mut loaded).await?;
    if !more.is_empty() {
        let known: BTreeSet<FragmentId> = loaded
            .fragments
            .iter()
            .map(|it| it.identifier.fragment)
            .collect();
        let text = format!(
            "SELECT {FRAGMENT_COLUMNS} FROM fragments JOIN {{rows}} \
             ON fragments.tenant = $1 AND fragments.customer_id = rows.id"
        );
        for row in bulk::query(
            tx,
            &text,
            [tenant.into()],
            keys(more.iter().map(Uuid::as_bytes)),
        )
        .await?
        {
            let fragment = fragment(&row)?.filter(|it| !known.contains(&it.identifier.fragment));
            loaded.fragments.extend(fragment);
        }
    }
    Ok(loaded)
}

/// Makes sure that every fragment has a row to lock. Needed only where transactions run side by side.
async fn claim_fragments(
    tx: &WriteTx,
    tenant: &str,
    identifiers: &BTreeMap<FragmentId, Identifier>,
) -> Result<(), Error> {
    if tx.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(());
    }
    let mut rows = Rows::new([
        ("id", Kind::Bytes),
        ("namespace", Kind::Text),
        ("strength", Kind::Int),
    ]);
    for it in identifiers.values() {
        rows.push([
            bytes(&it.fragment),
            it.namespace.clone().into(),
            it.strength.number().into(),
        ]);
    }
    let text = "INSERT INTO fragments (tenant, fragment_id, namespace, strength, known_ms) \
                SELECT $1, rows.id, rows.namespace, rows.strength, $2 FROM {rows} WHERE TRUE ORDER BY rows.id \
                ON CONFLICT (tenant, fragment_id) DO NOTHING";
    bulk::execute(tx, text, [tenant.into(), i64::MAX.into()], rows).await?;
    Ok(())
}

/// Locks the customers of the loaded fragments; returns those that have fragments beyond the loaded ones.
async fn lock_customers(
    tx: &WriteTx,
    tenant: &str,
    loaded: &mut Loaded,
) -> Result<Vec<Uuid>, Error> {
    let mut counts: BTreeMap<Uuid, i32> = BTreeMap::new();
    for fragment in &loaded.fragments {
        *counts.entry(fragment.customer).or_default() += 1;
    }
    let text = format!(
        "SELECT customer_id, ordinal, version, alias_of, fragment_count FROM customers JOIN {{rows}} \
         ON customers.tenant = $1 AND customers.customer_id = rows.id ORDER BY customers.customer_id{}",
        for_update(tx, "customers")
    );
    let mut more = Vec::new();
    for row in bulk::query(
        tx,
        &text,
        [tenant.into()],
        keys(counts.keys().map(Uuid::as_bytes)),
    )
    .await?
    {
        let id = get_uuid(&row, "customer_id")?;
        if sql::get::<Option<Vec<u8>>>(&row, "alias_of")?.is_some() {
            return Err(Error::Store(StoreError::Conflict(
                "a customer was merged meanwhile".into(),
            )));
        }
        if sql::get::<i32>(&row, "fragment_count")? > counts.get(&id).copied().unwrap_or_default() {
            more.push(id);
        }
        let (ordinal, version) = (sql::get(&row, "ordinal")?, sql::get(&row, "version")?);
        loaded.customers.push(StoredCustomer {
            id,
            ordinal,
            version,
        });
    }
    Ok(more)
}

fn fragment(row: &QueryResult) -> Result<Option<StoredFragment>, Error> {
    let Some(customer) = get_uuid_or_null(row, "customer_id")? else {
        return Ok(None);
    };
    let identifier = get_identifier(row)?;
    let known_ms = sql::get(row, "known_ms")?;
    let state = sql::get::<Option<Vec<u8>>>(row, "state")?.unwrap_or_default();
    Ok(Some(StoredFragment {
        identifier,
        customer,
        known_ms,
        state,
    }))
}

/// Writes fragments and their states.
pub(crate) async fn write_fragments(
    tx: &WriteTx,
    tenant: &str,
    fragments: &[FragmentWrite],
) -> Result<(), Error> {
    let mut placed = Rows::new(FRAGMENT_ROWS);
    let mut kept = Rows::new(FRAGMENT_ROWS);
    for it in fragments {
        let rows = if it.placed { &mut placed } else { &mut kept };
        rows.push([
            bytes(&it.identifier.fragment),
            it.identifier.namespace.clone().into(),
            it.identifier.strength.number().into(),
            bytes(it.customer.as_bytes()),
            it.known_ms.into(),
            it.state.clone().into(),
        ]);
    }
    let insert = format!(
        "INSERT INTO fragments (tenant, {FRAGMENT_COLUMNS}) \
         SELECT $1, rows.id, rows.namespace, rows.strength, rows.customer_id, rows.known_ms, rows.state FROM {{rows}} \
         WHERE TRUE ON CONFLICT (tenant, fragment_id) DO UPDATE SET state = excluded.state"
    );
    bulk::execute(tx, &insert, [tenant.into()], kept).await?;
    let placing =
        format!("{insert}, customer_id = excluded.customer_id, known_ms = excluded.known_ms");
    bulk::execute(tx, &placing, [tenant.into()], placed).await?;
    Ok(())
}

/// Writes customers and changes; the tenant's counters are locked from here to the commit, so that the order of positions
/// is the order of commits. Answers the ordinal of each customer.
pub(crate) async fn write_customers(
    tx: &WriteTx,
    tenant: &str,
    outcome: &Outcome,
    now_ms: i64,
) -> Result<BTreeMap<Uuid, i64>, Error> {
    let numbers = draw_numbers(tx, tenant, outcome).await?;
    let mut ordinals: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut next = numbers.first_ordinal;
    let mut rows = Rows::new(CUSTOMER_ROWS);
    for it in &outcome.customers {
        let ordinal = it.ordinal.unwrap_or(next);
        next += i64::from(it.ordinal.is_none());
        ordinals.insert(it.id, ordinal);
        rows.push([
            bytes(it.id.as_bytes()),
            ordinal.into(),
            it.version.into(),
            it.fragments.into(),
        ]);
    }
    let insert = "INSERT INTO customers \
                  (tenant, customer_id, ordinal, version, fragment_count, create_ms, update_ms) \
                  SELECT $1, rows.id, rows.ordinal, rows.version, rows.fragments, $2, $2 FROM {rows} WHERE TRUE \
                  ON CONFLICT (tenant, customer_id) DO UPDATE SET version = excluded.version, \
                  fragment_count = excluded.fragment_count, update_ms = excluded.update_ms";
    bulk::execute(tx, insert, [tenant.into(), now_ms.into()], rows).await?;
    write_aliases(tx, tenant, &outcome.customers).await?;
    write_changes(
        tx,
        tenant,
        &outcome.customers,
        &ordinals,
        numbers.first_position,
        now_ms,
    )
    .await?;
    Ok(ordinals)
}

async fn draw_numbers(tx: &WriteTx, tenant: &str, outcome: &Outcome) -> Result<Numbers, Error> {
    let changes = i64::try_from(outcome.customers.len()).unwrap_or(i64::MAX);
    let count = |wanted: fn(&CustomerWrite) -> bool| {
        i64::try_from(outcome.customers.iter().filter(|it| wanted(it)).count()).unwrap_or(i64::MAX)
    };
    let fresh = count(|it| it.ordinal.is_none());
    let merged = count(|it| matches!(it.change, Change::MergedInto(_)));
    let update = "UPDATE tenant_counters SET next_ordinal = next_ordinal + $2, position = position + $3, \
                  customers_live = customers_live + $4, \
                  newest_event_ms = CASE WHEN $5 > COALESCE(newest_event_ms, $5 - 1) THEN $5 ELSE newest_event_ms END, \
                  newest_event_day = CASE WHEN $6 > COALESCE(newest_event_day, $6 - 1) THEN $6 \
                  ELSE newest_event_day END \
                  WHERE tenant = $1 RETURNING next_ordinal, position";
    let values = [
        tenant.into(),
        fresh.into(),
        changes.into(),
        (fresh - merged).into(),
        outcome.newest_event_ms.into(),
        outcome.newest_event_day.into(),
    ];
    let row = sql::query_one(tx, update, values)
        .await?
        .ok_or_else(|| StoreError::Corrupt("a tenant has no counters".into()))?;
    let (next_ordinal, position): (i64, i64) =
        (sql::get(&row, "next_ordinal")?, sql::get(&row, "position")?);
    Ok(Numbers {
        first_ordinal: next_ordinal - fresh,
        first_position: position - changes + 1,
    })
}

async fn write_aliases(
    tx: &WriteTx,
    tenant: &str,
    customers: &[CustomerWrite],
) -> Result<(), Error> {
    for customer in customers {
        let Change::MergedInto(survivor) = customer.change else {
            continue;
        };
        let update = "UPDATE customers SET alias_of = $3 WHERE tenant = $1 AND (customer_id = $2 OR alias_of = $2)";
        let values = [
            tenant.into(),
            bytes(customer.id.as_bytes()),
            bytes(survivor.as_bytes()),
        ];
        sql::execute(tx, update, values).await?;
    }
    Ok(())
}

async fn write_changes(
    tx: &WriteTx,
    tenant: &str,
    customers: &[CustomerWrite],
    ordinals: &BTreeMap<Uuid, i64>,
    first_position: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let mut rows = Rows::new(CHANGE_ROWS);
    for (it, position) in customers.iter().zip(first_position..) {
        let (kind, merged_into) = match it.change {
            Change::Created => (1, None),
            Change::Updated => (2, None),
            Change::MergedInto(survivor) => (3, Some(survivor.as_bytes().to_vec())),
        };
        let ordinal = ordinals.get(&it.id).copied().unwrap_or_default();
        rows.push([
            position.into(),
            bytes(it.id.as_bytes()),
            ordinal.into(),
            kind.into(),
            it.version.into(),
            Value::Bytes(merged_into),
        ]);
    }
    let insert = "INSERT INTO changes \
                  (tenant, position, customer_id, ordinal, kind, version, merged_into, change_ms) \
                  SELECT $1, rows.position, rows.id, rows.ordinal, rows.kind, rows.version, rows.merged_into, $2 \
                  FROM {rows}";
    bulk::execute(tx, insert, [tenant.into(), now_ms.into()], rows).await?;
    Ok(())
}

/// An identity line with what the store adds to it.
#[derive(Debug, Clone)]
pub(crate) struct IdentityLine {
    /// Tenant of the fragment.
    pub(crate) tenant: String,
    /// The line.
    pub(crate) write: IdentityWrite,
    /// Ordinal of the line's customer.
    pub(crate) ordinal: i64,
}

/// Puts identity lines into the outbox, numbered over all tenants in the order of commits: nothing that takes a lock may
/// follow.
pub(crate) async fn write_identity(tx: &WriteTx, lines: &[IdentityLine]) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let draw = "INSERT INTO counters (name, value) VALUES ('identity', $1) \
                ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value";
    let row = sql::query_one(tx, draw, [count.into()]).await?;
    let last: i64 = sql::get(
        &row.ok_or_else(|| StoreError::Corrupt("the identity counter is gone".into()))?,
        "value",
    )?;
    let mut rows = Rows::new(IDENTITY_ROWS);
    for (it, change_seq) in lines.iter().zip(last - count + 1..) {
        rows.push([
            change_seq.into(),
            it.tenant.clone().into(),
            bytes(&it.write.fragment),
            bytes(it.write.customer.as_bytes()),
            it.ordinal.into(),
            it.write.known_ms.into(),
        ]);
    }
    let insert = "INSERT INTO identity_outbox (change_seq, tenant, fragment_id, customer_id, ordinal, known_ms) \
                  SELECT rows.change_seq, rows.tenant, rows.id, rows.customer_id, rows.ordinal, rows.known_ms \
                  FROM {rows}";
    bulk::execute(tx, insert, [], rows).await?;
    Ok(())
}
