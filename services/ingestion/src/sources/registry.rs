//! Changes to sources, each in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::ingestion::source::Kind;
use api::ingestion::{RunSourceResponse, Source, SourceRun, SourceRunState};
use chrono::{DateTime, Utc};
use prost::Message;
use runtime::context::TenantId;
use runtime::fault::{Invalid, Violations};
use store::{Store, StoreError, WriteTx, idempotency};
use uuid::Uuid;

use super::changes::Changes;
use super::check::{Checked, Facts, check};
use super::{SourceError, Sources, WriteKeys, make_write_key};
use crate::jobs::receipts;
use crate::store::runs::{self, RunRow, RunState};
use crate::store::sources::{self, SourceRow, SourceSight};
use crate::store::write_keys::{self, WriteKeyRow};

/// Most sources of a tenant.
const SOURCES_MAX: i64 = 1_000;
/// Most write keys of a source that work.
const KEYS_MAX: i64 = 100;
/// Bytes of the hash of a request in front of its kept answer.
const DIGEST_BYTES: usize = 32;

/// Changes the sources of tenants.
pub(crate) struct Registry {
    store: Store,
    sources: Arc<Sources>,
    keys: Arc<WriteKeys>,
    facts: Facts,
}

/// A request that was begun: its transaction, and where its answer is kept.
struct Begun<'a> {
    tx: WriteTx,
    tenant: &'a str,
    rpc: &'static str,
    request_id: Option<Uuid>,
    digest: [u8; DIGEST_BYTES],
}

impl Registry {
    /// Changes sources in `store`, telling the caches of this process.
    pub(crate) fn new(
        store: Store,
        sources: Arc<Sources>,
        keys: Arc<WriteKeys>,
        facts: Facts,
    ) -> Self {
        Self {
            store,
            sources,
            keys,
            facts,
        }
    }

    /// Returns the store that it is kept in.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Checks a source; everything that is wrong is added to `found`.
    pub(crate) fn check(
        &self,
        found: &mut Violations,
        tenant: &TenantId,
        source: &Source,
    ) -> Checked {
        check(found, tenant.as_str(), source, &self.facts)
    }

    /// Creates a source that was checked.
    pub(crate) async fn create(
        &self,
        tenant: &TenantId,
        id: &str,
        mut source: Source,
        checked: Checked,
        (request_id, validate_only): (Option<Uuid>, bool),
    ) -> Result<Source, SourceError> {
        let contract_yaml = std::mem::take(&mut source.contract_yaml);
        forget_output(&mut source);
        let asked = [id.as_bytes(), contract_yaml.as_bytes(), &identity(&source)];
        let begun = Begun::start(&self.store, tenant, "CreateSource", request_id, &asked).await?;
        let begun = match begun {
            Ok(begun) => begun,
            Err(answer) => return Ok(answer),
        };
        let tx = &begun.tx;
        let now = runtime::clock::now();
        if sources::count(tx, tenant.as_str()).await? >= SOURCES_MAX {
            let (what, most) = ("sources of a tenant", SOURCES_MAX);
            return Err(SourceError::TooMany { what, most });
        }
        let revision = match contract_yaml.is_empty() {
            true => 0,
            false => sources::add_revision(tx, tenant.as_str(), id, &contract_yaml, now).await?,
        };
        let row = SourceRow {
            tenant: tenant.to_string(),
            id: id.to_owned(),
            uid: Uuid::new_v4(),
            next_run: next_run(&checked, &source, now),
            definition: source,
            contract_yaml,
            revision,
            version: 1,
            position: String::new(),
            runs: 0,
            created: now,
            updated: now,
        };
        if !sources::insert(tx, &row).await? {
            return Err(SourceError::Exists(id.to_owned()));
        }
        let answer = self.seen(tx, tenant, id).await?;
        begun.end(&answer, validate_only).await?;
        self.sources.forget(tenant.as_str(), id);
        Ok(answer)
    }

    /// Changes a source and checks it as a whole.
    pub(crate) async fn update(
        &self,
        tenant: &TenantId,
        id: &str,
        changes: &Changes,
        (request_id, validate_only): (Option<Uuid>, bool),
    ) -> Result<Source, SourceError> {
        let asked = [id.as_bytes(), &changes.digest()];
        let begun = Begun::start(&self.store, tenant, "UpdateSource", request_id, &asked).await?;
        let begun = match begun {
            Ok(begun) => begun,
            Err(answer) => return Ok(answer),
        };
        let tx = &begun.tx;
        let Some(mut row) = sources::load(tx, tenant.as_str(), id, true).await? else {
            return Err(SourceError::NotFound(id.to_owned()));
        };
        if !changes.fits(&etag(&row)) {
            return Err(SourceError::EtagMismatch(id.to_owned()));
        }
        let now = runtime::clock::now();
        let mut source = row.definition.clone();
        source.contract_yaml = row.contract_yaml.clone();
        changes.apply(&mut source);
        let mut found = Violations::new();
        let checked = self.check(&mut found, tenant, &source);
        found.finish()?;
        let contract_yaml = std::mem::take(&mut source.contract_yaml);
        if contract_yaml != row.contract_yaml {
            row.revision =
                sources::add_revision(tx, tenant.as_str(), id, &contract_yaml, now).await?;
        }
        if changes.moves_position(&row.definition, &source) {
            row.position.clear();
            runs::abandon(tx, row.uid, "the source was changed", now).await?;
        }
        let rescheduled = source.schedule != row.definition.schedule
            || source.paused != row.definition.paused
            || contract_yaml != row.contract_yaml;
        if rescheduled {
            row.next_run = next_run(&checked, &source, now);
        }
        row.definition = source;
        row.version += 1;
        row.updated = now;
        sources::update(tx, &row).await?;
        let answer = self.seen(tx, tenant, id).await?;
        begun.end(&answer, validate_only).await?;
        self.sources.forget(tenant.as_str(), id);
        Ok(answer)
    }

    /// Deletes a source; does nothing when there is none.
    pub(crate) async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), SourceError> {
        let tx = self.store.begin().await?;
        let deleted = sources::delete(&tx, tenant.as_str(), id).await?;
        tx.commit().await?;
        if deleted {
            self.sources.forget(tenant.as_str(), id);
            self.keys.forget();
        }
        Ok(())
    }

    /// Plans a pull and returns its number.
    pub(crate) async fn run(
        &self,
        tenant: &TenantId,
        id: &str,
        request_id: Option<Uuid>,
    ) -> Result<i64, SourceError> {
        let asked = [id.as_bytes()];
        let begun = Begun::start(&self.store, tenant, "RunSource", request_id, &asked).await?;
        let begun = match begun {
            Ok(begun) => begun,
            Err(RunSourceResponse { run }) => return Ok(run),
        };
        let tx = &begun.tx;
        let Some(row) = sources::load(tx, tenant.as_str(), id, true).await? else {
            return Err(SourceError::NotFound(id.to_owned()));
        };
        if matches!(row.definition.kind, None | Some(Kind::Push(_))) {
            return Err(SourceError::NotPulled(id.to_owned()));
        }
        if row.definition.paused {
            return Err(SourceError::Paused(id.to_owned()));
        }
        let run = runs::plan(tx, row.uid, runtime::clock::now()).await?;
        let answer = RunSourceResponse { run };
        begun.end(&answer, false).await?;
        runtime::crash::point("pull_planned");
        Ok(run)
    }

    /// Makes a write key for a push source and returns it with its secret.
    pub(crate) async fn create_key(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<(WriteKeyRow, String), SourceError> {
        let tx = self.store.begin().await?;
        let Some(source) = sources::load(&tx, tenant.as_str(), id, true).await? else {
            return Err(SourceError::NotFound(id.to_owned()));
        };
        if write_keys::count(&tx, tenant.as_str(), id).await? >= KEYS_MAX {
            let (what, most) = ("write keys of a source", KEYS_MAX);
            return Err(SourceError::TooMany { what, most });
        }
        let (secret, hash, prefix) = make_write_key();
        let row = WriteKeyRow {
            id: Uuid::now_v7().simple().to_string(),
            tenant: source.tenant,
            source: source.id,
            prefix,
            created: runtime::clock::now(),
            revoked: None,
        };
        write_keys::insert(&tx, &row, &hash).await?;
        tx.commit().await?;
        Ok((row, secret))
    }

    /// Makes a write key void; once void it stays so.
    pub(crate) async fn revoke_key(
        &self,
        tenant: &TenantId,
        source: &str,
        key: &str,
    ) -> Result<(), SourceError> {
        let tx = self.store.begin().await?;
        let now = runtime::clock::now();
        let found = write_keys::revoke(&tx, (tenant.as_str(), source, key), now).await?;
        tx.commit().await?;
        self.keys.forget();
        match found {
            true => Ok(()),
            false => Err(SourceError::KeyNotFound(key.chars().take(64).collect())),
        }
    }

    async fn seen(&self, tx: &WriteTx, tenant: &TenantId, id: &str) -> Result<Source, SourceError> {
        let mut found = sources::sights(tx, tenant.as_str(), Some(id), "", 1).await?;
        found
            .pop()
            .map(sight)
            .ok_or_else(|| SourceError::NotFound(id.to_owned()))
    }
}

impl<'a> Begun<'a> {
    /// Begins the transaction of a request; `Err` holds the answer of a request that was answered before.
    async fn start<M: Message + Default>(
        store: &Store,
        tenant: &'a TenantId,
        rpc: &'static str,
        request_id: Option<Uuid>,
        asked: &[&[u8]],
    ) -> Result<Result<Self, M>, SourceError> {
        let mut hasher = blake3::Hasher::new();
        for part in asked {
            hasher
                .update(&(part.len() as u64).to_le_bytes())
                .update(part);
        }
        let digest = *hasher.finalize().as_bytes();
        let (tx, tenant) = (store.begin().await?, tenant.as_str());
        if let Some(id) = request_id
            && let Some(kept) = idempotency::replay_or_run(&tx, tenant, id, rpc).await?
        {
            let Some((before, answer)) = kept.split_at_checked(DIGEST_BYTES) else {
                return Err(StoreError::Corrupt("a kept answer is too short".into()).into());
            };
            if before != digest {
                return Err(StoreError::RequestReused.into());
            }
            let answer =
                M::decode(answer).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            return Ok(Err(answer));
        }
        Ok(Ok(Self {
            tx,
            tenant,
            rpc,
            request_id,
            digest,
        }))
    }

    /// Keeps the answer and commits; undoes everything when it was only to be checked.
    async fn end<M: Message>(self, answer: &M, validate_only: bool) -> Result<(), SourceError> {
        if validate_only {
            self.tx.rollback().await?;
            return Ok(());
        }
        if let Some(id) = self.request_id {
            let mut kept = self.digest.to_vec();
            kept.extend(answer.encode_to_vec());
            idempotency::remember(&self.tx, self.tenant, id, self.rpc, &kept).await?;
        }
        self.tx.commit().await?;
        Ok(())
    }
}

/// Returns bytes that are equal for equal sources, whatever order its headers have in memory.
pub(super) fn identity(source: &Source) -> Vec<u8> {
    let mut source = source.clone();
    let headers: BTreeMap<String, String> = match &mut source.kind {
        Some(Kind::Http(http)) => std::mem::take(&mut http.headers).into_iter().collect(),
        _ => BTreeMap::new(),
    };
    let mut bytes = source.encode_to_vec();
    for (name, value) in headers {
        bytes.extend(format!("\n{}:{name}={value}", name.len()).into_bytes());
    }
    bytes
}

fn next_run(checked: &Checked, source: &Source, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let schedule = checked.schedule.as_ref().filter(|_| !source.paused)?;
    schedule.after(now)
}

fn etag(row: &SourceRow) -> String {
    format!("{}-{}", &row.uid.simple().to_string()[..8], row.version)
}

/// Clears what only an answer tells.
fn forget_output(source: &mut Source) {
    source.name.clear();
    source.etag.clear();
    source.contract_revision = 0;
    source.create_time = None;
    source.update_time = None;
    source.last_run = None;
    source.next_run_time = None;
    source.receipts = None;
    source.position.clear();
}

/// Returns a source as its owner sees it.
pub(crate) fn sight(it: SourceSight) -> Source {
    let SourceSight {
        row,
        counts,
        last_run,
    } = it;
    Source {
        name: format!("sources/{}", row.id),
        etag: etag(&row),
        contract_revision: match row.contract_yaml.is_empty() {
            true => 0,
            false => row.revision,
        },
        create_time: Some(runtime::time::to_proto(row.created)),
        update_time: Some(runtime::time::to_proto(row.updated)),
        last_run: last_run.map(run_sight),
        next_run_time: row.next_run.map(runtime::time::to_proto),
        receipts: Some(receipts(&counts)),
        position: crate::pull::position_text(&row.position),
        contract_yaml: row.contract_yaml,
        ..row.definition
    }
}

fn run_sight(run: RunRow) -> SourceRun {
    let state = match run.state {
        RunState::Planned | RunState::Running => SourceRunState::Running,
        RunState::Succeeded => SourceRunState::Succeeded,
        RunState::Failed => SourceRunState::Failed,
        RunState::Unchanged => SourceRunState::Unchanged,
    };
    SourceRun {
        number: run.number,
        state: state.into(),
        start_time: run.started.map(runtime::time::to_proto),
        end_time: run.ended.map(runtime::time::to_proto),
        receipts: Some(receipts(&run.counts)),
        error: run.error,
    }
}

/// Fails with everything that was found.
pub(crate) fn finish(found: Violations) -> Result<(), tonic::Status> {
    found
        .finish()
        .map_err(|invalid: Invalid| tonic::Status::from(invalid))
}
