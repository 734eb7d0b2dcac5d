//! Reads of customers: who is meant, what is known of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, QueryResult};
use store::{StoreError, WriteTx, bulk, sql};
use uuid::Uuid;

use super::row::{bytes, get_fragment, get_identifier, get_uuid, keys};
use crate::domain::identity::{FragmentId, Identifier};
use crate::error::Error;

/// A customer asked for, by id or by fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Asked {
    /// By the suite's id.
    Id(Uuid),
    /// By the fragment of an identifier.
    Fragment(FragmentId),
}

/// Whom a question means today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Surviving id.
    pub(crate) id: Uuid,
    /// Its dense number.
    pub(crate) ordinal: i64,
    /// True when the id asked for was merged into `id`.
    pub(crate) alias: bool,
}

/// A fragment with its state.
#[derive(Debug, Clone)]
pub(crate) struct FragmentRow {
    /// The identifier.
    pub(crate) identifier: Identifier,
    /// `CustomerState` in wire form; may be empty.
    pub(crate) state: Vec<u8>,
}

/// A customer with its fragments, as of one moment.
#[derive(Debug, Clone)]
pub(crate) struct CustomerRow {
    /// Its id.
    pub(crate) id: Uuid,
    /// Its dense number.
    pub(crate) ordinal: i64,
    /// Its version.
    pub(crate) version: i64,
    /// When it was first seen, in milliseconds since 1970.
    pub(crate) create_ms: i64,
    /// When it last changed, in milliseconds since 1970.
    pub(crate) update_ms: i64,
    /// Its fragments by id.
    pub(crate) fragments: Vec<FragmentRow>,
}

/// Tells whom each question means; unknown ones are left out.
pub(crate) async fn resolve(
    connection: &impl ConnectionTrait,
    tenant: &str,
    asked: &[Asked],
) -> Result<HashMap<Asked, Resolved>, Error> {
    let ids: BTreeSet<Uuid> = asked
        .iter()
        .filter_map(|it| {
            if let Asked::Id(id) = it {
                Some(*id)
            } else {
                None
            }
        })
        .collect();
    let fragments: BTreeSet<FragmentId> = asked
        .iter()
        .filter_map(|it| {
            if let Asked::Fragment(id) = it {
                Some(*id)
            } else {
                None
            }
        })
        .collect();
    let mut resolved = HashMap::with_capacity(asked.len());
    let by_id = "SELECT c.customer_id AS asked, s.customer_id, s.ordinal FROM customers c \
                 JOIN {rows} ON c.tenant = $1 AND c.customer_id = rows.id \
                 JOIN customers s ON s.tenant = $1 AND s.customer_id = COALESCE(c.alias_of, c.customer_id)";
    for row in bulk::query(
        connection,
        by_id,
        [tenant.into()],
        keys(ids.iter().map(Uuid::as_bytes)),
    )
    .await?
    {
        let (asked, id) = (get_uuid(&row, "asked")?, get_uuid(&row, "customer_id")?);
        let ordinal = sql::get(&row, "ordinal")?;
        resolved.insert(
            Asked::Id(asked),
            Resolved {
                id,
                ordinal,
                alias: asked != id,
            },
        );
    }
    let by_fragment = "SELECT f.fragment_id, c.customer_id, c.ordinal FROM fragments f \
                       JOIN {rows} ON f.tenant = $1 AND f.fragment_id = rows.id \
                       JOIN customers c ON c.tenant = $1 AND c.customer_id = f.customer_id";
    for row in bulk::query(connection, by_fragment, [tenant.into()], keys(&fragments)).await? {
        let (id, ordinal) = (get_uuid(&row, "customer_id")?, sql::get(&row, "ordinal")?);
        resolved.insert(
            Asked::Fragment(get_fragment(&row)?),
            Resolved {
                id,
                ordinal,
                alias: false,
            },
        );
    }
    Ok(resolved)
}

/// Reads customers with their fragments in one statement, so that version and states belong together. Ids that are not
/// known, or merged away, are left out.
pub(crate) async fn read(
    connection: &impl ConnectionTrait,
    tenant: &str,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, CustomerRow>, Error> {
    let text = "SELECT c.customer_id, c.ordinal, c.version, c.create_ms, c.update_ms, \
                f.fragment_id, f.namespace, f.strength, f.state FROM customers c \
                JOIN {rows} ON c.tenant = $1 AND c.customer_id = rows.id AND c.alias_of IS NULL \
                JOIN fragments f ON f.tenant = $1 AND f.customer_id = c.customer_id";
    let mut customers: BTreeMap<Uuid, CustomerRow> = BTreeMap::new();
    for row in bulk::query(
        connection,
        text,
        [tenant.into()],
        keys(ids.iter().map(Uuid::as_bytes)),
    )
    .await?
    {
        let id = get_uuid(&row, "customer_id")?;
        let fragment = fragment(&row)?;
        match customers.get_mut(&id) {
            Some(customer) => customer.fragments.push(fragment),
            None => {
                customers.insert(id, customer(&row, id, fragment)?);
            }
        }
    }
    for customer in customers.values_mut() {
        customer.fragments.sort_by_key(|it| it.identifier.fragment);
    }
    Ok(customers)
}

fn fragment(row: &QueryResult) -> Result<FragmentRow, StoreError> {
    let state = sql::get::<Option<Vec<u8>>>(row, "state")?.unwrap_or_default();
    Ok(FragmentRow {
        identifier: get_identifier(row)?,
        state,
    })
}

fn customer(row: &QueryResult, id: Uuid, first: FragmentRow) -> Result<CustomerRow, StoreError> {
    Ok(CustomerRow {
        id,
        ordinal: sql::get(row, "ordinal")?,
        version: sql::get(row, "version")?,
        create_ms: sql::get(row, "create_ms")?,
        update_ms: sql::get(row, "update_ms")?,
        fragments: vec![first],
    })
}

/// Locks a customer's row until the transaction ends.
pub(crate) async fn lock(tx: &WriteTx, tenant: &str, id: Uuid) -> Result<(), Error> {
    let text = format!(
        "SELECT version FROM customers WHERE tenant = $1 AND customer_id = $2{}",
        super::for_update(tx, "customers")
    );
    sql::query_one(tx, &text, [tenant.into(), bytes(id.as_bytes())]).await?;
    Ok(())
}

/// Ids that were merged into each customer, by age.
pub(crate) async fn aliases(
    connection: &impl ConnectionTrait,
    tenant: &str,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Uuid>>, Error> {
    let text = "SELECT customers.customer_id, customers.alias_of, customers.ordinal FROM customers \
                JOIN {rows} ON customers.tenant = $1 AND customers.alias_of = rows.id";
    let mut aliases: HashMap<Uuid, Vec<(i64, Uuid)>> = HashMap::new();
    for row in bulk::query(
        connection,
        text,
        [tenant.into()],
        keys(ids.iter().map(Uuid::as_bytes)),
    )
    .await?
    {
        let alias = (sql::get(&row, "ordinal")?, get_uuid(&row, "customer_id")?);
        aliases
            .entry(get_uuid(&row, "alias_of")?)
            .or_default()
            .push(alias);
    }
    let by_age = |mut aliases: Vec<(i64, Uuid)>| {
        aliases.sort_unstable();
        aliases.into_iter().map(|it| it.1).collect()
    };
    Ok(aliases
        .into_iter()
        .map(|(id, aliases)| (id, by_age(aliases)))
        .collect())
}

/// Lists up to `limit` identifiers by fragment, after `after`.
pub(crate) async fn fragments(
    connection: &impl ConnectionTrait,
    tenant: &str,
    after: &[u8],
    limit: i64,
) -> Result<Vec<Identifier>, Error> {
    let text = "SELECT fragment_id, namespace, strength FROM fragments \
                WHERE tenant = $1 AND fragment_id > $2 AND customer_id IS NOT NULL ORDER BY fragment_id LIMIT $3";
    let rows = sql::query_all(
        connection,
        text,
        [tenant.into(), after.to_vec().into(), limit.into()],
    )
    .await?;
    Ok(rows.iter().map(get_identifier).collect::<Result<_, _>>()?)
}

/// A customer in a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    /// Its id.
    pub(crate) id: Uuid,
    /// Its dense number.
    pub(crate) ordinal: i64,
    /// Its version.
    pub(crate) version: i64,
}

/// Lists up to `limit` customers by ordinal, after `after`; merged-away ones are left out.
pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    tenant: &str,
    after: i64,
    limit: u64,
) -> Result<Vec<Summary>, Error> {
    let text = "SELECT customer_id, ordinal, version FROM customers \
                WHERE tenant = $1 AND ordinal > $2 AND alias_of IS NULL ORDER BY ordinal LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sql::query_all(
        connection,
        text,
        [tenant.into(), after.into(), limit.into()],
    )
    .await?;
    let summary = |row: &QueryResult| {
        Ok(Summary {
            id: get_uuid(row, "customer_id")?,
            ordinal: sql::get(row, "ordinal")?,
            version: sql::get(row, "version")?,
        })
    };
    rows.iter().map(summary).collect()
}
