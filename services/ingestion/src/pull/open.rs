use std::collections::BTreeMap;
use std::sync::Arc;

use api::ingestion::Source;
use api::ingestion::source::Kind;

use super::http::{Guard, HttpPlan, HttpPuller};
use super::sql::{SqlPlan, SqlPuller, Start};
use super::{Position, Progress, PullFault, Puller};
use crate::config::{Config, ConnectionConfig, HttpPullConfig, SecretConfig, SqlPullConfig};
use crate::domain::contract::Contract;

/// Opens sources, with what the operator's configuration offers to them.
pub(crate) struct Opener {
    connections: BTreeMap<String, ConnectionConfig>,
    secrets: BTreeMap<String, SecretConfig>,
    sql: SqlPullConfig,
    http: HttpPullConfig,
    guard: Arc<Guard>,
}

/// What to open, and how far it has come.
pub(crate) struct Opening<'a> {
    /// Tenant.
    pub(crate) tenant: &'a str,
    /// What the source's owner said of it.
    pub(crate) definition: &'a Source,
    /// Its contract.
    pub(crate) contract: &'a Arc<Contract>,
    /// How far the pull has come.
    pub(crate) progress: &'a Progress,
    /// Where the last one ended.
    pub(crate) position: Option<&'a Position>,
    /// Most rows of a read, where the source's own number is not to count.
    pub(crate) rows_max: Option<usize>,
}

impl Opener {
    /// Reads what a configuration offers. Fails with a sentence for the operator.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            connections: config.connections.clone(),
            secrets: config.secrets.clone(),
            sql: config.sql_pull.clone(),
            http: config.http_pull.clone(),
            guard: Arc::new(Guard::new(&config.http_pull.allow)?),
        })
    }

    /// Returns where a pull begins that has not begun yet.
    pub(crate) fn begin(&self, opening: &Opening<'_>) -> Result<Progress, PullFault> {
        match &opening.definition.kind {
            Some(Kind::Sql(sql)) => {
                Ok(Start::new(sql, &Progress::Start, opening.position)?.progress())
            }
            _ => Ok(Progress::Start),
        }
    }

    /// Prepares a pull; nothing is reached yet.
    pub(crate) fn open(&self, opening: &Opening<'_>) -> Result<Box<dyn Puller>, PullFault> {
        let Opening {
            tenant,
            contract,
            progress,
            position,
            ..
        } = opening;
        match &opening.definition.kind {
            Some(Kind::Sql(source)) => {
                let connection = self
                    .connections
                    .get(&source.connection)
                    .filter(|it| is_for(&it.tenants, tenant))
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
                let start = Start::new(source, progress, *position)?;
                Ok(Box::new(SqlPuller::new(&plan, start)?))
            }
            Some(Kind::Http(source)) => {
                let secrets = self
                    .secrets
                    .iter()
                    .filter(|(_, it)| is_for(&it.tenants, tenant))
                    .map(|(name, it)| (name.clone(), it.clone()))
                    .collect();
                let plan = HttpPlan {
                    source,
                    secrets: &secrets,
                    guard: self.guard.clone(),
                    limits: &self.http,
                };
                Ok(Box::new(HttpPuller::new(&plan, progress, *position)?))
            }
            Some(Kind::File(_)) => Err(PullFault::wrong("files are not pulled yet")),
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
