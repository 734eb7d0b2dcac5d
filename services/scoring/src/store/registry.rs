//! Versions of models: immutable once registered, with the alias champion, whose every move is recorded.

use api::scoring::{ModelArtefact, ModelVersion};
use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use store::{Store, StoreError, WriteTx, sql};
use uuid::Uuid;

/// Alias of the version that scores are answered with.
pub const CHAMPION: &str = "champion";

/// Name of a version, `models/{model}/versions/{number}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionName {
    /// Model, 1 to 40 characters of `[a-z0-9-]`.
    pub model: String,
    /// Which of its versions.
    pub which: Which,
}

/// Which version of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// The one with this number, from 1.
    Number(i64),
    /// The one that scores are answered with.
    Champion,
}

impl VersionName {
    /// Reads a name or the alias; `None` when it is none.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('/');
        let (Some("models"), Some(model), Some("versions"), Some(which), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return None;
        };
        let which = match which {
            CHAMPION => Which::Champion,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Which::Number(digits.parse().ok().filter(|number| *number > 0)?)
            }
            _ => return None,
        };
        is_model_name(model).then(|| Self {
            model: model.to_owned(),
            which,
        })
    }
}

/// Tells whether a text may name a model: 1 to 40 characters of `[a-z0-9-]`.
pub fn is_model_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(allowed)
}

/// Returns the name of a version.
pub fn version_name(model: &str, number: i64) -> String {
    format!("models/{model}/versions/{number}")
}

/// A registered version.
#[derive(Debug, Clone)]
pub struct Registered {
    /// Model.
    pub model: String,
    /// Number within the model, from 1.
    pub number: i64,
    /// When it was registered.
    pub created: DateTime<Utc>,
    /// Whether scores are answered with it.
    pub champion: bool,
    /// Everything that scoring needs.
    pub artefact: ModelArtefact,
}

impl Registered {
    /// Returns the version as callers see it.
    pub fn to_version(&self) -> ModelVersion {
        ModelVersion {
            name: version_name(&self.model, self.number),
            champion: self.champion,
            create_time: Some(runtime::time::to_proto(self.created)),
            ..self.artefact.version.clone().unwrap_or_default()
        }
    }
}

/// Where the list of versions goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListPosition {
    created_micros: i64,
    model: String,
    number: i64,
}

/// A version that is champion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChampionRow {
    /// Tenant.
    pub tenant: String,
    /// Model.
    pub model: String,
    /// Number of the version.
    pub number: i64,
}

/// What to register.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// Tenant.
    pub tenant: String,
    /// Model.
    pub model: String,
    /// Training that made it; a second registration by the same training changes nothing.
    pub operation: Uuid,
    /// What was made.
    pub artefact: ModelArtefact,
    /// Whether to make it the champion.
    pub promote: bool,
}

/// The registry of models. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    store: Store,
}

/// Versions read at a time by a list.
const LIST_STEP: u64 = 20;

/// The columns of [`read`].
const COLUMNS: &str = "v.model AS model, v.number AS number, v.artefact AS artefact, v.created_micros AS created_micros, \
     CASE WHEN a.number = v.number THEN 1 ELSE 0 END AS champion \
     FROM model_versions v LEFT JOIN model_aliases a \
     ON a.tenant = v.tenant AND a.model = v.model AND a.alias = 'champion'";

impl Registry {
    /// Opens the registry in a database whose tables are up to date.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Registers a version under the next number, or returns the one that the same training registered before.
    pub async fn register(&self, new: &NewVersion) -> Result<Registered, StoreError> {
        let tx = self.store.begin().await?;
        let (tenant, model) = (new.tenant.as_str(), new.model.as_str());
        let operation = new.operation.to_string();
        let find = "SELECT number FROM model_versions WHERE tenant = $1 AND operation = $2";
        let number =
            match sql::query_one(&*tx, find, [tenant.into(), operation.as_str().into()]).await? {
                // Registered and promoted before: whoever has been promoted since stays champion.
                Some(row) => sql::get(&row, "number")?,
                None => {
                    let number = insert(&tx, new, &operation).await?;
                    if new.promote {
                        point(&tx, tenant, model, number).await?;
                    }
                    number
                }
            };
        tx.commit().await?;
        let name = VersionName {
            model: new.model.clone(),
            which: Which::Number(number),
        };
        let registered = self.find(tenant, &name).await?;
        registered
            .ok_or_else(|| StoreError::Corrupt("a version vanished after its registration".into()))
    }

    /// Returns a version, or `None`.
    pub async fn find(
        &self,
        tenant: &str,
        name: &VersionName,
    ) -> Result<Option<Registered>, StoreError> {
        let db = self.store.reader();
        let row = match name.which {
            Which::Number(number) => {
                let find = format!(
                    "SELECT {COLUMNS} WHERE v.tenant = $1 AND v.model = $2 AND v.number = $3"
                );
                sql::query_one(
                    db,
                    &find,
                    [tenant.into(), name.model.as_str().into(), number.into()],
                )
                .await?
            }
            Which::Champion => {
                let find = format!(
                    "SELECT {COLUMNS} WHERE v.tenant = $1 AND v.model = $2 AND a.number = v.number"
                );
                sql::query_one(db, &find, [tenant.into(), name.model.as_str().into()]).await?
            }
        };
        row.as_ref().map(read).transpose()
    }

    /// Returns up to `limit` versions, newest first, after a position; `model` empty means all. Their artefacts hold the
    /// version alone: a thousand whole ones would fill the memory.
    pub async fn list(
        &self,
        tenant: &str,
        model: &str,
        after: Option<&ListPosition>,
        limit: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        let start = ListPosition {
            created_micros: i64::MAX,
            model: String::new(),
            number: i64::MAX,
        };
        let mut after = after.cloned().unwrap_or(start);
        let mut found: Vec<Registered> = Vec::new();
        loop {
            let wanted = limit.saturating_sub(found.len() as u64).min(LIST_STEP);
            let rows = self.list_step(tenant, model, &after, wanted).await?;
            for row in &rows {
                let mut one = read(row)?;
                one.artefact = ModelArtefact {
                    version: one.artefact.version.take(),
                    ..ModelArtefact::default()
                };
                found.push(one);
            }
            match found.last() {
                Some(last) if wanted > 0 && rows.len() as u64 == wanted => {
                    after = ListPosition::after(last)
                }
                _ => return Ok(found),
            }
        }
    }

    async fn list_step(
        &self,
        tenant: &str,
        model: &str,
        after: &ListPosition,
        limit: u64,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let find = format!(
            "SELECT {COLUMNS} WHERE v.tenant = $1 AND ($2 = '' OR v.model = $2) AND (v.created_micros < $3 \
             OR (v.created_micros = $3 AND (v.model > $4 OR (v.model = $4 AND v.number < $5)))) \
             ORDER BY v.created_micros DESC, v.model, v.number DESC LIMIT $6"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [
            tenant.into(),
            model.into(),
            after.created_micros.into(),
            after.model.as_str().into(),
            after.number.into(),
            limit.into(),
        ];
        sql::query_all(self.store.reader(), &find, values).await
    }

    /// Makes a version the champion and records the move. `None` when there is no such version. A repeated request
    /// changes nothing.
    pub async fn promote(
        &self,
        tenant: &str,
        model: &str,
        number: i64,
        request_id: Option<Uuid>,
    ) -> Result<Option<Registered>, StoreError> {
        const RPC: &str = "PromoteModel";
        let tx = self.store.begin().await?;
        let request = version_name(model, number).into_bytes();
        let name = VersionName {
            model: model.to_owned(),
            which: Which::Number(number),
        };
        let answered = match request_id {
            Some(id) => store::idempotency::replay_or_run(&*tx, tenant, id, RPC).await?,
            None => None,
        };
        if let Some(stored) = answered {
            tx.rollback().await?;
            if stored != request {
                return Err(StoreError::RequestReused);
            }
            return self.find(tenant, &name).await;
        }
        let exists =
            "SELECT number FROM model_versions WHERE tenant = $1 AND model = $2 AND number = $3";
        if sql::query_one(&*tx, exists, [tenant.into(), model.into(), number.into()])
            .await?
            .is_none()
        {
            tx.rollback().await?;
            return Ok(None);
        }
        point(&tx, tenant, model, number).await?;
        if let Some(id) = request_id {
            store::idempotency::remember(&*tx, tenant, id, RPC, &request).await?;
        }
        tx.commit().await?;
        self.find(tenant, &name).await
    }

    /// Returns the champions of all tenants, for the job that watches them. Not for answers to callers.
    pub async fn champions(&self) -> Result<Vec<ChampionRow>, StoreError> {
        let find = "SELECT tenant, model, number FROM model_aliases WHERE alias = $1 ORDER BY tenant, model";
        let rows = sql::query_all(self.store.reader(), find, [CHAMPION.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(ChampionRow {
                    tenant: sql::get(row, "tenant")?,
                    model: sql::get(row, "model")?,
                    number: sql::get(row, "number")?,
                })
            })
            .collect()
    }
}

impl ListPosition {
    /// Returns where the list goes on after a version.
    pub fn after(version: &Registered) -> Self {
        let created_micros = version.created.timestamp_micros();
        Self {
            created_micros,
            model: version.model.clone(),
            number: version.number,
        }
    }
}

async fn insert(tx: &WriteTx, new: &NewVersion, operation: &str) -> Result<i64, StoreError> {
    let (tenant, model) = (new.tenant.as_str(), new.model.as_str());
    let next = "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM model_versions WHERE tenant = $1 AND model = $2";
    let row = sql::query_one(&**tx, next, [tenant.into(), model.into()]).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt("no number".into()))?;
    let number: i64 = sql::get(&row, "number")?;
    let insert = "INSERT INTO model_versions (tenant, model, number, operation, content_hash, artefact, created_micros) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let hash = new
        .artefact
        .version
        .as_ref()
        .map(|version| version.content_hash.clone())
        .unwrap_or_default();
    let values = [
        tenant.into(),
        model.into(),
        number.into(),
        operation.into(),
        hash.into(),
        new.artefact.encode_to_vec().into(),
        runtime::clock::now().timestamp_micros().into(),
    ];
    sql::execute(&**tx, insert, values).await?;
    Ok(number)
}

/// Points the alias champion at a version, and records it where that is a change.
async fn point(tx: &WriteTx, tenant: &str, model: &str, number: i64) -> Result<(), StoreError> {
    let find = "SELECT number FROM model_aliases WHERE tenant = $1 AND model = $2 AND alias = $3";
    let row = sql::query_one(&**tx, find, [tenant.into(), model.into(), CHAMPION.into()]).await?;
    let before: Option<i64> = row.map(|row| sql::get(&row, "number")).transpose()?;
    if before == Some(number) {
        return Ok(());
    }
    let set = "INSERT INTO model_aliases (tenant, model, alias, number) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant, model, alias) DO UPDATE SET number = excluded.number";
    sql::execute(
        &**tx,
        set,
        [tenant.into(), model.into(), CHAMPION.into(), number.into()],
    )
    .await?;
    let record = "INSERT INTO model_promotions (tenant, model, alias, from_number, to_number, promoted_micros) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    let now = runtime::clock::now().timestamp_micros();
    let values = [
        tenant.into(),
        model.into(),
        CHAMPION.into(),
        before.into(),
        number.into(),
        now.into(),
    ];
    sql::execute(&**tx, record, values).await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Registered, StoreError> {
    let bytes: Vec<u8> = sql::get(row, "artefact")?;
    let artefact = ModelArtefact::decode(bytes.as_slice())
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let micros: i64 = sql::get(row, "created_micros")?;
    let champion: i32 = sql::get(row, "champion")?;
    Ok(Registered {
        model: sql::get(row, "model")?,
        number: sql::get(row, "number")?,
        created: DateTime::from_timestamp_micros(micros)
            .ok_or_else(|| StoreError::Corrupt("a time".into()))?,
        champion: champion == 1,
        artefact,
    })
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
