//! `clientele admin backup`.

use super::files::{self, Copied};
use super::manifest::Manifest;
use super::places::{IDENTITY_KEY, KEYS, Places, file_of};
use crate::cli::{Backup, Output};
use crate::output;
use crate::settings::Embedded;
use anyhow::{Context, bail};
use lake::{Lake, Table};
use profile::backup::Position;
use runtime::identity::IdentityKey;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{DatabaseConfig, Store};

/// How long the workers may take to stop: longer than the lease of one that has died.
const PAUSE_LIMIT: Duration = Duration::from_secs(45);
/// How a file begins that is still being uploaded.
const UNFINISHED: &str = "part-";

/// Backs a data folder up, of a suite that runs or not.
pub(crate) async fn backup(
    command: Backup,
    config: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let places = Places::of(&command.data_dir, &Embedded::load(config)?)?;
    for file in places.databases()? {
        if !file.is_file() {
            bail!(
                "there is nothing to back up: {} does not exist",
                file.display()
            );
        }
    }
    let to = claim(&command.to, &places)?;
    let keys_to = command.keys_to.as_deref();
    let keys_to = keys_to.map(|folder| claim(folder, &places)).transpose()?;
    if let Some(keys) = &keys_to {
        if keys.starts_with(&to) || to.starts_with(keys) {
            bail!("the keys belong in another place than the backup");
        }
        files::copy_keys(&places.folder.join(KEYS), keys)?;
    }
    let manifest = Backing { places, to }.run().await?;
    if output == Output::Json {
        let told = serde_json::json!({
            "id": manifest.id, "time": manifest.time, "files": manifest.files.len(), "bytes": manifest.bytes(),
            "lanes": manifest.lanes, "lake": manifest.lake,
        });
        return output::json(&told);
    }
    let lake = manifest
        .lake
        .iter()
        .map(|(table, version)| format!("{table} at version {version}"));
    let keys = match keys_to {
        Some(folder) => format!(
            "in {}: keep them in another place than the backup",
            folder.display()
        ),
        None => "not written; without them the backup is of no use (--keys-to)".to_owned(),
    };
    output::text(&output::pairs(&[
        ("backup", manifest.id.clone()),
        ("as of", manifest.time.clone()),
        (
            "files",
            format!("{} of {} bytes", manifest.files.len(), manifest.bytes()),
        ),
        ("lake", lake.collect::<Vec<_>>().join(", ")),
        ("keys", keys),
    ]))
}

/// Claims an empty folder that is no part of the data folder, and does not hold it.
fn claim(folder: &Path, places: &Places) -> anyhow::Result<PathBuf> {
    let folder = files::claim_empty(folder)?;
    if folder.starts_with(&places.folder) || places.folder.starts_with(&folder) {
        bail!("{} lies in the data folder, or holds it", folder.display());
    }
    Ok(folder)
}

/// A backup at work.
struct Backing {
    places: Places,
    to: PathBuf,
}

/// What is fixed while dispatching is paused.
struct Moment {
    time: String,
    lanes: Vec<ingestion::backup::LanePosition>,
    profile: Position,
    lake: Vec<(Table, u64)>,
}

impl Backing {
    async fn run(self) -> anyhow::Result<Manifest> {
        let places = &self.places;
        let key = IdentityKey::load(&places.folder.join(IDENTITY_KEY))?;
        let lake = Lake::open(&places.ingestion.lake.path).await?;
        // What an import needs is copied before its database and after it: whichever came first, the copy has both.
        let mut copied = BTreeMap::new();
        self.copy_uploads(&mut copied)?;
        let moment = self.moment(&lake).await?;
        self.copy_uploads(&mut copied)?;
        for file in places.databases()? {
            let path = places.relative(&file)?;
            let (bytes, blake3) = files::hash_of(&self.to.join(&path))?;
            copied.insert(
                path.clone(),
                Copied {
                    path,
                    bytes,
                    blake3,
                },
            );
        }
        for (table, version) in &moment.lake {
            let root = places.relative(&lake.folder(*table))?;
            for file in lake.files_at(*table, *version).await? {
                let path = format!("{root}/{file}");
                let file = files::copy(&path, &places.folder, &self.to)?;
                copied.insert(path, file);
            }
        }
        files::sync_folders(&self.to)?;
        let lake = moment
            .lake
            .iter()
            .map(|(table, version)| (table.name().to_owned(), *version));
        let manifest = Manifest::new(
            fingerprint(&key),
            moment.time,
            moment.lanes,
            moment.profile,
            lake.collect(),
            copied.into_values().collect(),
        );
        manifest.write(&self.to)?;
        Ok(manifest)
    }

    /// Copies the databases and notes the lake's versions while nothing moves between them.
    async fn moment(&self, lake: &Lake) -> anyhow::Result<Moment> {
        let log = ingestion::backup::Paused::begin(&self.places.ingestion, PAUSE_LIMIT).await?;
        let profiles = match profile::backup::Paused::begin(&self.places.profile, PAUSE_LIMIT).await
        {
            Ok(paused) => paused,
            Err(error) => {
                log.end().await;
                return Err(error);
            }
        };
        let moment = self.copy_databases(lake, &log, &profiles).await;
        log.end().await;
        profiles.end().await;
        moment
    }

    async fn copy_databases(
        &self,
        lake: &Lake,
        log: &ingestion::backup::Paused,
        profiles: &profile::backup::Paused,
    ) -> anyhow::Result<Moment> {
        for (service, database) in &self.places.others {
            let store = Store::open(database).await;
            let store =
                store.with_context(|| format!("open the database of {}", service.as_str()))?;
            store.copy_into(&self.target(database)?).await?;
            store.close().await?;
        }
        // The log before the profiles: whoever it has events of is known to them.
        log.copy_into(&self.target(&self.places.ingestion.database)?)
            .await?;
        let time = runtime::clock::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        profiles
            .copy_into(&self.target(&self.places.profile.database)?)
            .await?;
        let mut versions = Vec::new();
        for table in Table::ALL {
            versions.push((table, lake.version(table).await?));
        }
        let moment = Moment {
            time,
            lanes: log.lanes().await?,
            profile: profiles.position().await?,
            lake: versions,
        };
        log.confirm()
            .await
            .context("dispatching went on too soon; try again")?;
        profiles
            .confirm()
            .await
            .context("lines of identity went on too soon; try again")?;
        Ok(moment)
    }

    fn target(&self, database: &DatabaseConfig) -> anyhow::Result<PathBuf> {
        Ok(self.to.join(self.places.relative(&file_of(database)?)?))
    }

    /// Copies what was uploaded and is not copied yet; files that go meanwhile are not needed any more.
    fn copy_uploads(&self, copied: &mut BTreeMap<String, Copied>) -> anyhow::Result<()> {
        let folder = &self.places.ingestion.uploads.path;
        for path in files::files_below(folder, &self.places.folder)? {
            let name = path.rsplit('/').next().unwrap_or_default();
            if name.starts_with(UNFINISHED) || copied.contains_key(&path) {
                continue;
            }
            match files::copy(&path, &self.places.folder, &self.to) {
                Ok(file) => {
                    copied.insert(path, file);
                }
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    error.downcast_ref::<std::io::Error>().is_some_and(gone)
}

/// Returns what tells a key from others and reveals nothing of it: a hash under it.
pub(super) fn fingerprint(key: &IdentityKey) -> String {
    let hash = key.fragment_id("", "backup", "fingerprint");
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
