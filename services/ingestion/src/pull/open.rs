use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use api::ingestion::Source;
use api::ingestion::source::Kind;
use store::Store;
use uuid::Uuid;

use super::files::{self, FilePlan, FilePuller};
use super::http::{Guard, HttpPlan, HttpPuller};
use super::sql::{SqlPlan, SqlPuller, Start};
use super::{Position, Progress, PullFault, Puller};
use crate::config::{
    Config, ConnectionConfig, HttpPullConfig, ImportConfig, SecretConfig, SqlPullConfig,
};
use crate::domain::judge::Tenant;
use crate::domain::terms::Terms;
use crate::intake::Intake;
use crate::places::Places;

/// Opens sources, with what the operator's configuration offers to them.
pub(crate) struct Opener {
    connections: BTreeMap<String, ConnectionConfig>,
    secrets: BTreeMap<String, SecretConfig>,
    sql: SqlPullConfig,
    http: HttpPullConfig,
    guard: Arc<Guard>,
    files: ImportConfig,
    places: Places,
    spill: PathBuf,
    store: Store,
}

/// What to open, and how far it has come.
pub(crate) struct Opening<'a> {
    /// Judges the rows of files.
    pub(crate) intake: &'a Arc<Intake>,
    /// Tenant.
    pub(crate) tenant: &'a Tenant,
    /// Id of the source.
    pub(crate) id: &'a str,
    /// Tells it from an earlier source of the same id.
    pub(crate) uid: Uuid,
    /// What the source's owner said of it.
    pub(crate) definition: &'a Source,
    /// By what its records are judged.
    pub(crate) terms: &'a Terms,
    /// How far the pull has come.
    pub(crate) progress: &'a Progress,
    /// Where the last one ended.
    pub(crate) position: Option<&'a Position>,
    /// Most rows of a read, where the source's own number is not to count.
    pub(crate) rows_max: Option<usize>,
}

impl Opener {
    /// Reads what a configuration offers. Fails with a sentence for the operator.
    pub(crate) fn new(config: &Config, store: Store) -> Result<Self, String> {
        Ok(Self {
            connections: config.connections.clone(),
            secrets: config.secrets.clone(),
            sql: config.sql_pull.clone(),
            http: config.http_pull.clone(),
            guard: Arc::new(Guard::new(&config.http_pull.allow)?),
            files: config.import.clone(),
            places: Places::new(config.import.roots.clone()),
            spill: config.uploads.path.clone(),
            store,
        })
    }

    /// Returns where a pull begins that has not begun yet.
    pub(crate) fn begin(
        &self,
        definition: &Source,
        position: Option<&Position>,
    ) -> Result<Progress, PullFault> {
        match &definition.kind {
            Some(Kind::Sql(sql)) => Ok(Start::new(sql, &Progress::Start, position)?.progress()),
            _ => Ok(Progress::Start),
        }
    }

    /// Prepares a pull; nothing is reached yet.
    pub(crate) fn open(&self, opening: &Opening<'_>) -> Result<Box<dyn Puller>, PullFault> {
        let Some(contract) = &opening.terms.contract else {
            return Err(PullFault::wrong("the source has no contract"));
        };
        let (progress, position) = (opening.progress, opening.position);
        match &opening.definition.kind {
            Some(Kind::Sql(source)) => {
                let connection = self
                    .connections
                    .get(&source.connection)
                    .filter(|it| is_for(&it.tenants, &opening.tenant.id))
                    .ok_or_else(|| {
                        PullFault::wrong("the operator's configuration has no such connection")
                    })?;
                let plan = SqlPlan {
                    source,
                    contract,
                    connection,
                    limits: &self.sql,
                    rows_max: opening.rows_max,
                };
                let start = Start::new(source, progress, position)?;
                Ok(Box::new(SqlPuller::new(&plan, start)?))
            }
            Some(Kind::Http(source)) => {
                let secrets = self
                    .secrets
                    .iter()
                    .filter(|(_, it)| is_for(&it.tenants, &opening.tenant.id))
                    .map(|(name, it)| (name.clone(), it.clone()))
                    .collect();
                let plan = HttpPlan {
                    source,
                    secrets: &secrets,
                    guard: self.guard.clone(),
                    limits: &self.http,
                };
                Ok(Box::new(HttpPuller::new(&plan, progress, position)?))
            }
            Some(Kind::File(source)) => {
                let plan = FilePlan {
                    url: source.url.clone(),
                    uid: opening.uid,
                    places: self.places.clone(),
                    store: self.store.clone(),
                    intake: opening.intake.clone(),
                    reading: files::reading(
                        &self.files,
                        &self.spill,
                        (opening.id, opening.tenant.clone()),
                        opening.terms.clone(),
                        opening.rows_max,
                    ),
                };
                Ok(Box::new(FilePuller::new(plan, progress)))
            }
            Some(Kind::Push(_)) | None => {
                Err(PullFault::wrong("what is sent to us cannot be pulled"))
            }
        }
    }
}

/// Tells whether something of the operator's is for a tenant; an empty list means all.
pub(crate) fn is_for(tenants: &[String], tenant: &str) -> bool {
    tenants.is_empty() || tenants.iter().any(|it| it == tenant)
}
