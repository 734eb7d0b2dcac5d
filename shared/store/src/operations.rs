//! Keeps long-running operations in the service's own database.

use std::time::Duration;

use api::google::rpc;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use prost::Message;
use prost_types::Any;
use runtime::{
    context::TenantId,
    operations::{
        Claim, Created, ListPage, LogError, NewOperation, OperationLog, OperationRecord, Outcome,
        Renewal,
    },
};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use crate::{Store, StoreError, WriteTx, sql};

const COLUMNS: &str = "id, tenant, kind, request_id, request, metadata, response, error, done, cancel_requested, \
                       create_us, update_ms";

/// The table of operations.
#[derive(Clone, Debug)]
pub struct SeaOperationLog {
    store: Store,
}

impl SeaOperationLog {
    /// Keeps operations in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Changes one row by one statement, in which `{now}` is the database's clock. Returns the row of its `RETURNING`.
    async fn change(
        &self,
        statement: &str,
        values: Vec<Value>,
    ) -> Result<Option<QueryResult>, StoreError> {
        let tx = self.store.begin().await?;
        let statement = statement.replace("{now}", sql::now_ms(tx.get_database_backend()));
        let row = sql::query_one(&tx, &statement, values).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Changes what a claim holds; fails when the claim is lost.
    async fn change_held(
        &self,
        set: &str,
        claim: &Claim,
        more: Vec<Value>,
    ) -> Result<QueryResult, LogError> {
        let statement = format!(
            "UPDATE operations SET {set} WHERE id = $1 AND fence = $2 AND NOT done RETURNING cancel_requested"
        );
        let mut values = vec![claim.id.into(), claim.fence.into()];
        values.extend(more);
        self.change(&statement, values)
            .await
            .map_err(LogError::store)?
            .ok_or(LogError::Lost)
    }
}

#[async_trait]
impl OperationLog for SeaOperationLog {
    async fn create(&self, operation: NewOperation) -> Result<Created, LogError> {
        create(&self.store, &operation)
            .await
            .map_err(LogError::store)
    }

    async fn load(&self, tenant: &TenantId, id: Uuid) -> Result<Option<OperationRecord>, LogError> {
        let find = format!("SELECT {COLUMNS} FROM operations WHERE tenant = $1 AND id = $2");
        let values = [tenant.as_str().into(), id.into()];
        let row = sql::query_one(self.store.reader(), &find, values)
            .await
            .map_err(LogError::store)?;
        row.map(|row| read(&row))
            .transpose()
            .map_err(LogError::store)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        page: ListPage,
    ) -> Result<Vec<OperationRecord>, LogError> {
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![tenant.as_str().into(), limit.into()];
        let mut filter = String::new();
        if let Some(before) = page.before {
            values.push(before.into());
            filter.push_str(" AND id < $3");
        }
        match page.done {
            Some(true) => filter.push_str(" AND done"),
            Some(false) => filter.push_str(" AND NOT done"),
            None => {}
        }
        let find = format!(
            "SELECT {COLUMNS} FROM operations WHERE tenant = $1{filter} ORDER BY id DESC LIMIT $2"
        );
        let rows = sql::query_all(self.store.reader(), &find, values)
            .await
            .map_err(LogError::store)?;
        rows.iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(LogError::store)
    }

    async fn unfinished(&self, limit: u64) -> Result<Vec<OperationRecord>, LogError> {
        let reader = self.store.reader();
        let now = sql::now_ms(reader.get_database_backend());
        let find = format!(
            "SELECT {COLUMNS} FROM operations WHERE NOT done AND expires_ms <= {now} ORDER BY id LIMIT $1"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sql::query_all(reader, &find, [limit.into()])
            .await
            .map_err(LogError::store)?;
        rows.iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(LogError::store)
    }

    async fn claim(
        &self,
        id: Uuid,
        holder: Uuid,
        lease: Duration,
    ) -> Result<Option<Claim>, LogError> {
        let take = "UPDATE operations SET holder = $2, fence = fence + 1, expires_ms = {now} + $3 \
                    WHERE id = $1 AND NOT done AND (expires_ms <= {now} OR holder = $2) RETURNING fence";
        let values = vec![id.into(), holder.into(), millis(lease).into()];
        let row = self.change(take, values).await.map_err(LogError::store)?;
        row.map(|row| {
            Ok(Claim {
                id,
                holder,
                fence: sql::get(&row, "fence")?,
            })
        })
        .transpose()
        .map_err(|error: StoreError| LogError::store(error))
    }

    async fn renew(&self, claim: &Claim, lease: Duration) -> Result<Renewal, LogError> {
        let row = self
            .change_held("expires_ms = {now} + $3", claim, vec![millis(lease).into()])
            .await?;
        Ok(Renewal {
            cancel_requested: sql::get(&row, "cancel_requested").map_err(LogError::store)?,
        })
    }

    async fn release(&self, claim: &Claim) -> Result<(), LogError> {
        match self.change_held("expires_ms = 0", claim, vec![]).await {
            Ok(_) | Err(LogError::Lost) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn save_progress(&self, claim: &Claim, metadata: Any) -> Result<(), LogError> {
        let set = "metadata = $3, update_ms = {now}";
        self.change_held(set, claim, vec![metadata.encode_to_vec().into()])
            .await
            .map(|_| ())
    }

    async fn finish(&self, claim: &Claim, outcome: Outcome) -> Result<(), LogError> {
        let (column, bytes) = match outcome {
            Outcome::Response(response) => ("response", response.encode_to_vec()),
            Outcome::Error(error) => ("error", error.encode_to_vec()),
        };
        let set = format!("done = TRUE, {column} = $3, update_ms = {{now}}");
        self.change_held(&set, claim, vec![bytes.into()])
            .await
            .map(|_| ())
    }

    async fn request_cancel(&self, tenant: &TenantId, id: Uuid) -> Result<bool, LogError> {
        let cancel = "UPDATE operations SET \
                      cancel_requested = (cancel_requested OR NOT done), \
                      update_ms = CASE WHEN done THEN update_ms ELSE {now} END \
                      WHERE tenant = $1 AND id = $2 RETURNING id";
        let row = self
            .change(cancel, vec![tenant.as_str().into(), id.into()])
            .await;
        Ok(row.map_err(LogError::store)?.is_some())
    }

    async fn delete(&self, tenant: &TenantId, id: Uuid) -> Result<bool, LogError> {
        let delete = "DELETE FROM operations WHERE tenant = $1 AND id = $2 RETURNING id";
        let row = self
            .change(delete, vec![tenant.as_str().into(), id.into()])
            .await;
        Ok(row.map_err(LogError::store)?.is_some())
    }
}

async fn create(store: &Store, operation: &NewOperation) -> Result<Created, StoreError> {
    let tx = store.begin().await?;
    let created = insert(&tx, operation).await?;
    let record = find(&tx, operation).await?;
    tx.commit().await?;
    let record = record
        .ok_or_else(|| StoreError::Conflict("operation was deleted while being created".into()))?;
    Ok(Created {
        record,
        existed: !created,
    })
}

async fn insert(tx: &WriteTx, operation: &NewOperation) -> Result<bool, StoreError> {
    let now = sql::now_ms(tx.get_database_backend());
    let insert = format!(
        "INSERT INTO operations (id, tenant, kind, request_id, request, done, cancel_requested, create_us, update_ms, \
         fence, expires_ms) VALUES ($1, $2, $3, $4, $5, FALSE, FALSE, $6, {now}, 0, 0) ON CONFLICT DO NOTHING"
    );
    let values = [
        operation.id.into(),
        operation.tenant.as_str().into(),
        operation.kind.as_str().into(),
        operation.request_id.into(),
        operation.request.encode_to_vec().into(),
        operation.create_time.timestamp_micros().into(),
    ];
    Ok(sql::execute(tx, &insert, values).await? == 1)
}

async fn find(
    tx: &WriteTx,
    operation: &NewOperation,
) -> Result<Option<OperationRecord>, StoreError> {
    let find = format!(
        "SELECT {COLUMNS} FROM operations WHERE id = $1 OR (tenant = $2 AND kind = $3 AND request_id = $4)"
    );
    let values = [
        operation.id.into(),
        operation.tenant.as_str().into(),
        operation.kind.as_str().into(),
        operation.request_id.into(),
    ];
    sql::query_one(tx, &find, values)
        .await?
        .map(|row| read(&row))
        .transpose()
}

fn read(row: &QueryResult) -> Result<OperationRecord, StoreError> {
    let tenant: String = sql::get(row, "tenant")?;
    let request: Vec<u8> = sql::get(row, "request")?;
    Ok(OperationRecord {
        id: sql::get(row, "id")?,
        tenant: TenantId::parse(&tenant).map_err(damaged)?,
        kind: sql::get(row, "kind")?,
        request_id: sql::get(row, "request_id")?,
        request: Any::decode(&*request).map_err(damaged)?,
        metadata: message::<Any>(row, "metadata")?,
        outcome: outcome(row)?,
        cancel_requested: sql::get(row, "cancel_requested")?,
        create_time: time(sql::get(row, "create_us")?)?,
        update_time: time(sql::get::<i64>(row, "update_ms")?.saturating_mul(1000))?,
    })
}

fn outcome(row: &QueryResult) -> Result<Option<Outcome>, StoreError> {
    if !sql::get::<bool>(row, "done")? {
        return Ok(None);
    }
    let response = message::<Any>(row, "response")?.map(Outcome::Response);
    let error = message::<rpc::Status>(row, "error")?.map(Outcome::Error);
    response
        .or(error)
        .map(Some)
        .ok_or_else(|| damaged("an operation ended without an outcome"))
}

fn message<M: Message + Default>(row: &QueryResult, column: &str) -> Result<Option<M>, StoreError> {
    let bytes: Option<Vec<u8>> = sql::get(row, column)?;
    bytes.map(|it| M::decode(&*it).map_err(damaged)).transpose()
}

fn time(micros: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| damaged("time out of range"))
}

fn damaged(cause: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("operation: {cause}"))
}

fn millis(lease: Duration) -> i64 {
    i64::try_from(lease.as_millis()).unwrap_or(i64::MAX)
}
