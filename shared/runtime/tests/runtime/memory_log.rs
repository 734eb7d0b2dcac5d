//! Operations kept in memory, with leases by the tokio clock.

use async_trait::async_trait;
use prost_types::Any;
use runtime::clock;
use runtime::context::TenantId;
use runtime::operations::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct MemoryLog(Mutex<BTreeMap<Uuid, Row>>);

struct Row {
    record: OperationRecord,
    fence: i64,
    held: Option<(Uuid, Instant)>,
}

impl MemoryLog {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Uuid, Row>> {
        self.0.lock().unwrap()
    }

    fn held<T>(&self, claim: &Claim, act: impl FnOnce(&mut Row) -> T) -> Result<T, LogError> {
        let mut rows = self.rows();
        let row = rows
            .get_mut(&claim.id)
            .filter(|it| it.fence == claim.fence && it.record.outcome.is_none());
        row.map(act).ok_or(LogError::Lost)
    }
}

#[async_trait]
impl OperationLog for MemoryLog {
    async fn create(&self, new: NewOperation) -> Result<Created, LogError> {
        let mut rows = self.rows();
        let same = |it: &&Row| {
            new.request_id.is_some()
                && (&it.record.tenant, &it.record.kind, it.record.request_id)
                    == (&new.tenant, &new.kind, new.request_id)
        };
        if let Some(row) = rows.values().find(same) {
            return Ok(Created {
                record: row.record.clone(),
                existed: true,
            });
        }
        let NewOperation {
            id,
            tenant,
            kind,
            request_id,
            request,
            create_time,
        } = new;
        let record = OperationRecord {
            id,
            tenant,
            kind,
            request_id,
            request,
            metadata: None,
            outcome: None,
            cancel_requested: false,
            create_time,
            update_time: create_time,
        };
        rows.insert(
            id,
            Row {
                record: record.clone(),
                fence: 0,
                held: None,
            },
        );
        Ok(Created {
            record,
            existed: false,
        })
    }

    async fn load(&self, tenant: &TenantId, id: Uuid) -> Result<Option<OperationRecord>, LogError> {
        Ok(self
            .rows()
            .get(&id)
            .map(|it| it.record.clone())
            .filter(|it| it.tenant == *tenant))
    }

    async fn list(
        &self,
        tenant: &TenantId,
        page: ListPage,
    ) -> Result<Vec<OperationRecord>, LogError> {
        let rows = self.rows();
        let wanted = rows.values().rev().map(|it| &it.record).filter(|it| {
            it.tenant == *tenant
                && page.before.is_none_or(|before| it.id < before)
                && page.done.is_none_or(|done| it.outcome.is_some() == done)
        });
        Ok(wanted.take(page.limit as usize).cloned().collect())
    }

    async fn unfinished(&self, limit: u64) -> Result<Vec<OperationRecord>, LogError> {
        let rows = self.rows();
        let free = |it: &&Row| it.held.is_none_or(|(_, until)| until <= Instant::now());
        let open = rows
            .values()
            .filter(|it| it.record.outcome.is_none())
            .filter(free);
        Ok(open
            .take(limit as usize)
            .map(|it| it.record.clone())
            .collect())
    }

    async fn claim(
        &self,
        id: Uuid,
        holder: Uuid,
        lease: Duration,
    ) -> Result<Option<Claim>, LogError> {
        let mut rows = self.rows();
        let free = |it: &&mut Row| {
            it.record.outcome.is_none()
                && it
                    .held
                    .is_none_or(|(by, until)| by == holder || until <= Instant::now())
        };
        Ok(rows.get_mut(&id).filter(free).map(|row| {
            row.fence += 1;
            row.held = Some((holder, Instant::now() + lease));
            Claim {
                id,
                holder,
                fence: row.fence,
            }
        }))
    }

    async fn renew(&self, claim: &Claim, lease: Duration) -> Result<Renewal, LogError> {
        self.held(claim, |row| {
            row.held = Some((claim.holder, Instant::now() + lease));
            Renewal {
                cancel_requested: row.record.cancel_requested,
            }
        })
    }

    async fn release(&self, claim: &Claim) -> Result<(), LogError> {
        let _ = self.held(claim, |row| row.held = None);
        Ok(())
    }

    async fn save_progress(&self, claim: &Claim, metadata: Any) -> Result<(), LogError> {
        self.held(claim, |row| {
            row.record.metadata = Some(metadata);
            row.record.update_time = clock::now();
        })
    }

    async fn finish(&self, claim: &Claim, outcome: Outcome) -> Result<(), LogError> {
        self.held(claim, |row| {
            row.record.outcome = Some(outcome);
            row.record.update_time = clock::now();
        })
    }

    async fn request_cancel(&self, tenant: &TenantId, id: Uuid) -> Result<bool, LogError> {
        let mut rows = self.rows();
        let row = rows.get_mut(&id).filter(|it| it.record.tenant == *tenant);
        Ok(row.map(|it| it.record.cancel_requested = true).is_some())
    }

    async fn delete(&self, tenant: &TenantId, id: Uuid) -> Result<bool, LogError> {
        let mut rows = self.rows();
        let known = rows.get(&id).is_some_and(|it| it.record.tenant == *tenant);
        Ok(known && rows.remove(&id).is_some())
    }
}
