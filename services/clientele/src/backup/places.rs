//! Where the embedded suite keeps what.

use crate::cli::ServiceName;
use crate::settings::Embedded;
use crate::suite::Defaults;
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use store::DatabaseConfig;

/// Folder of the keys, below the data folder.
pub(crate) const KEYS: &str = "keys";
/// File of the identity key, below the data folder.
pub(crate) const IDENTITY_KEY: &str = "keys/identity.key";

/// The settings of the services that keep something, for one data folder.
pub(crate) struct Places {
    /// Absolute path of the data folder.
    pub(crate) folder: PathBuf,
    /// Settings of ingestion.
    pub(crate) ingestion: ingestion::Config,
    /// Settings of profile.
    pub(crate) profile: profile::Config,
    /// Settings of the databases that stand for themselves.
    pub(crate) others: Vec<(ServiceName, DatabaseConfig)>,
}

impl Places {
    /// Reads the settings for a data folder. Fails when one of them keeps something outside of it.
    pub(crate) fn of(folder: &Path, settings: &Embedded) -> anyhow::Result<Self> {
        let folder = std::fs::canonicalize(folder)
            .with_context(|| format!("there is no folder {}", folder.display()))?;
        let defaults = Defaults::new(folder.clone(), HashMap::new(), settings);
        let scoring: scoring::Config = defaults.of(ServiceName::Scoring, scoring::DEFAULTS)?;
        let segmentation: segmentation::Config =
            defaults.of(ServiceName::Segmentation, segmentation::DEFAULTS)?;
        let places = Self {
            ingestion: defaults.of(ServiceName::Ingestion, ingestion::DEFAULTS)?,
            profile: defaults.of(ServiceName::Profile, profile::DEFAULTS)?,
            others: vec![
                // Whoever follows another's feed is copied before it, so that no position is ahead of its feed.
                (ServiceName::Segmentation, segmentation.database),
                (ServiceName::Scoring, scoring.database),
            ],
            folder,
        };
        for file in places.databases()? {
            places.relative(&file)?;
        }
        places.relative(&places.ingestion.lake.path)?;
        places.relative(&places.ingestion.uploads.path)?;
        Ok(places)
    }

    /// Returns the files of all databases.
    pub(crate) fn databases(&self) -> anyhow::Result<Vec<PathBuf>> {
        let own = [&self.ingestion.database, &self.profile.database];
        let all = own.into_iter().chain(self.others.iter().map(|(_, it)| it));
        all.map(file_of).collect()
    }

    /// Returns a path below the data folder, relative to it.
    pub(crate) fn relative(&self, path: &Path) -> anyhow::Result<String> {
        let relative = path.strip_prefix(&self.folder).with_context(|| {
            format!(
                "{} is outside of the data folder: back it up by its own means",
                path.display()
            )
        })?;
        let text = relative.to_str().context("a path is not UTF-8")?;
        Ok(text.to_owned())
    }
}

/// Returns the file of an SQLite database.
pub(crate) fn file_of(database: &DatabaseConfig) -> anyhow::Result<PathBuf> {
    let Some(rest) = database.url.strip_prefix("sqlite:") else {
        bail!(
            "a database on a server is backed up by the server's own tools: see deploy/runbooks/backup.md"
        );
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    Ok(path.split('?').next().unwrap_or_default().into())
}
