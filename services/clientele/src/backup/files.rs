//! Files that are copied, flushed and compared.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Copied {
    /// Path relative to the backup's folder, and to the data folder.
    pub(crate) path: String,
    /// Bytes.
    pub(crate) bytes: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub(crate) blake3: String,
}

/// Copies a file to the same path below another folder, flushes it, and returns it with its checksum.
pub(crate) fn copy(path: &str, from: &Path, to: &Path) -> anyhow::Result<Copied> {
    let target = to.join(path);
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    }
    let mut source = File::open(from.join(path)).with_context(|| format!("read {path}"))?;
    let mut copy = File::create(&target).with_context(|| format!("write {}", target.display()))?;
    let (bytes, blake3) = pass_on(&mut source, |chunk| copy.write_all(chunk))
        .with_context(|| format!("copy {path}"))?;
    copy.sync_all().with_context(|| format!("flush {path}"))?;
    Ok(Copied {
        path: path.to_owned(),
        bytes,
        blake3,
    })
}

/// Returns the length and the checksum of a file.
pub(crate) fn hash_of(path: &Path) -> std::io::Result<(u64, String)> {
    pass_on(&mut File::open(path)?, |_| Ok(()))
}

fn pass_on(
    source: &mut File,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<(u64, String)> {
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            return Ok((bytes, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&buffer[..count]);
        take(&buffer[..count])?;
        bytes += count as u64;
    }
}

/// Writes a small file and flushes it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    written().with_context(|| format!("write {}", path.display()))
}

/// Returns the paths of all files below a folder, relative to `root`, in order. A folder that is absent has none.
pub(crate) fn files_below(folder: &Path, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("list {}", folder.display())),
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let relative = path
                    .strip_prefix(root)
                    .context("a path outside of its folder")?;
                found.push(relative.to_str().context("a path is not UTF-8")?.to_owned());
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Flushes the names in a folder.
pub(crate) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("flush {}", folder.display()))
}

/// Flushes the names in a folder and in all folders below it.
pub(crate) fn sync_folders(folder: &Path) -> anyhow::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        sync_folder(&folder)?;
    }
    Ok(())
}

/// Creates a folder for something new, or takes an empty one.
pub(crate) fn claim_empty(folder: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    if std::fs::read_dir(folder)?.next().is_some() {
        bail!("the folder {} is not empty", folder.display());
    }
    Ok(std::fs::canonicalize(folder)?)
}

/// Copies every key to another folder, readable for its owner alone.
pub(crate) fn copy_keys(from: &Path, to: &Path) -> anyhow::Result<()> {
    for path in files_below(from, from)? {
        let target = to.join(&path);
        let bytes = std::fs::read(from.join(&path)).with_context(|| format!("read {path}"))?;
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
            restrict(parent, 0o700)?;
        }
        write(&target, &[])?;
        restrict(&target, 0o600)?;
        write(&target, &bytes)?;
    }
    sync_folders(to)
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions)
        .with_context(|| format!("protect {}", path.display()))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> anyhow::Result<()> {
    Ok(())
}
