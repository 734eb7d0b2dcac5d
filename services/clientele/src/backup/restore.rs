//! `clientele admin restore`.

use super::RESTORING;
use super::create::fingerprint;
use super::files;
use super::manifest::Manifest;
use super::places::{IDENTITY_KEY, KEYS, Places};
use super::realign::{Realigned, put_together};
use crate::cli::{Output, Restore};
use crate::output;
use crate::settings::Embedded;
use crate::suite::lock;
use anyhow::{Context, bail};
use runtime::identity::IdentityKey;
use std::path::Path;

/// What a data folder may hold before a restore: the keys, put there by whoever keeps them, and an earlier process's lock.
const MAY_BE_THERE: [&str; 2] = [KEYS, "lock"];

/// Restores a backup into a data folder that holds nothing.
pub(crate) async fn restore(
    command: Restore,
    config: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let settings = Embedded::load(config)?;
    let manifest = Manifest::read(&command.from)?;
    let folder = command.data_dir.as_path();
    check_target(folder)?;
    let own_keys = folder.join(KEYS);
    let keys = command.keys_from.as_deref().unwrap_or(&own_keys);
    check_key(keys, &manifest)?;
    manifest.verify(&command.from)?;

    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let _lock = lock(folder)?;
    // Somebody may have begun to use it since it was looked at.
    check_target(folder)?;
    files::write(&folder.join(RESTORING), manifest.id.as_bytes())?;
    files::sync_folder(folder)?;
    clear(folder)?;
    if command.keys_from.is_some() {
        files::copy_keys(keys, &own_keys)?;
    }
    for file in &manifest.files {
        let copied = files::copy(&file.path, &command.from, folder)?;
        if copied != *file {
            bail!("{} changed while it was restored", file.path);
        }
    }
    for name in ["lake", "uploads"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    let places = Places::of(folder, &settings)?;
    let realigned = put_together(&places.ingestion, &places.profile).await?;
    files::sync_folders(folder)?;
    std::fs::remove_file(folder.join(RESTORING)).context("end the restoration")?;
    files::sync_folder(folder)?;
    tell(&manifest, &realigned, output)
}

fn tell(manifest: &Manifest, realigned: &Realigned, output: Output) -> anyhow::Result<()> {
    if output == Output::Json {
        let told = serde_json::json!({
            "id": manifest.id, "time": manifest.time, "files": manifest.files.len(), "bytes": manifest.bytes(),
            "lanes": realigned.lanes,
        });
        return output::json(&told);
    }
    output::text(&output::pairs(&[
        ("backup", manifest.id.clone()),
        ("as of", manifest.time.clone()),
        (
            "files",
            format!("{} of {} bytes", manifest.files.len(), manifest.bytes()),
        ),
        ("lanes", realigned.lanes.join(", ")),
    ]))
}

/// Fails unless the folder is absent, holds nothing but what may be there, or is one whose restoration was interrupted.
fn check_target(folder: &Path) -> anyhow::Result<()> {
    if folder.join(RESTORING).exists() || !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !MAY_BE_THERE.iter().any(|known| name == *known) {
            bail!(
                "the folder {} is not empty: a backup is never restored over data; move it away, or name another folder with --data-dir",
                folder.display()
            );
        }
    }
    Ok(())
}

fn check_key(keys: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let name = Path::new(IDENTITY_KEY).file_name().unwrap_or_default();
    let path = keys.join(name);
    let key = IdentityKey::load(&path).with_context(|| {
        format!(
            "a backup holds no keys: name the folder that they were written to with --keys-from ({})",
            path.display()
        )
    })?;
    if fingerprint(&key) != manifest.key {
        bail!("{} is not the key of this backup", path.display());
    }
    Ok(())
}

/// Removes what an interrupted restoration left. The folder held nothing else when that one began.
fn clear(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == RESTORING || MAY_BE_THERE.iter().any(|known| name == *known) {
            continue;
        }
        let removed = match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path()),
            false => std::fs::remove_file(entry.path()),
        };
        removed.with_context(|| format!("remove {}", entry.path().display()))?;
    }
    Ok(())
}
