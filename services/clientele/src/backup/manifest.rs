//! What a backup says of itself.

use super::files::{Copied, hash_of};
use anyhow::{Context, bail};
use ingestion::backup::LanePosition;
use profile::backup::Position;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};

/// Version of the manifest's form.
const FORMAT: u32 = 1;
/// File of the manifest, and of its checksum.
const MANIFEST: &str = "manifest.json";
const CHECKSUM: &str = "manifest.b3";
/// Largest manifest that is read, in bytes.
const BYTES_MAX: u64 = 1 << 30;

/// A backup's files, and where every store stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of this form.
    format: u32,
    /// Version of the program that wrote it.
    pub(crate) program: String,
    /// Unique id of the backup.
    pub(crate) id: String,
    /// When the databases were as they are in it, RFC 3339.
    pub(crate) time: String,
    /// What tells the identity key that fits; it reveals nothing of it.
    pub(crate) key: String,
    /// Lanes of the event log.
    pub(crate) lanes: Vec<LanePosition>,
    /// How far profile had come.
    pub(crate) profile: Position,
    /// Version of each of the lake's tables.
    pub(crate) lake: Vec<(String, u64)>,
    /// Every file, with its checksum.
    pub(crate) files: Vec<Copied>,
}

impl Manifest {
    /// Describes a backup.
    pub(crate) fn new(
        key: String,
        time: String,
        lanes: Vec<LanePosition>,
        profile: Position,
        lake: Vec<(String, u64)>,
        files: Vec<Copied>,
    ) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            id: uuid::Uuid::new_v4().to_string(),
            time,
            key,
            lanes,
            profile,
            lake,
            files,
        }
    }

    /// Returns the bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it into a backup's folder, as the last of its files: a backup without it is not whole.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let checksum = blake3::hash(&text).to_hex();
        super::files::write(&folder.join(CHECKSUM), checksum.as_bytes())?;
        super::files::write(&folder.join(MANIFEST), &text)?;
        super::files::sync_folder(folder)
    }

    /// Reads the manifest of a backup's folder. Fails when it is absent, damaged, or of a form that is not known.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(MANIFEST);
        let length = std::fs::metadata(&path).with_context(|| {
            format!(
                "{} is no whole backup: it has no manifest",
                folder.display()
            )
        })?;
        if length.len() > BYTES_MAX {
            bail!("the manifest is too large to be one");
        }
        let text = std::fs::read(&path).context("read the manifest")?;
        let checksum = std::fs::read_to_string(folder.join(CHECKSUM))
            .context("read the manifest's checksum")?;
        if blake3::hash(&text).to_hex().as_str() != checksum.trim() {
            bail!("the manifest is damaged: its checksum does not fit");
        }
        let document: serde_json::Value =
            serde_json::from_slice(&text).context("the manifest is damaged")?;
        if document["format"] != FORMAT {
            bail!(
                "the backup is of form {}, this program reads form {FORMAT}",
                document["format"]
            );
        }
        let manifest: Self = serde_json::from_value(document).context("the manifest is damaged")?;
        match manifest.files.iter().find(|file| !is_below(&file.path)) {
            Some(file) => bail!(
                "the manifest names {:?}, which is no place in a backup",
                file.path
            ),
            None => Ok(manifest),
        }
    }

    /// Compares every file with its checksum. Fails with the first that does not fit.
    pub(crate) fn verify(&self, folder: &Path) -> anyhow::Result<()> {
        for file in &self.files {
            let found = hash_of(&folder.join(&file.path))
                .with_context(|| format!("the backup lacks {}", file.path))?;
            if found != (file.bytes, file.blake3.clone()) {
                bail!("{} is damaged: its checksum does not fit", file.path);
            }
        }
        Ok(())
    }
}

/// Returns true for a path that stays below its folder.
fn is_below(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str) -> Manifest {
        let position = Position {
            lanes: vec![("a-0".to_owned(), 3)],
            identity_writer: "w".to_owned(),
            identity_settled: 1,
            identity_claimed: 1,
        };
        let file = Copied {
            path: path.to_owned(),
            bytes: 5,
            blake3: blake3::hash(b"whole").to_hex().to_string(),
        };
        Manifest::new(
            "k".to_owned(),
            "t".to_owned(),
            Vec::new(),
            position,
            Vec::new(),
            vec![file],
        )
    }

    #[test]
    fn tells_whole_backups_from_damaged_ones() {
        let folder = tempfile::tempdir().unwrap();
        let written = manifest("a.db");
        std::fs::write(folder.path().join("a.db"), "whole").unwrap();
        assert!(Manifest::read(folder.path()).is_err());
        written.write(folder.path()).unwrap();

        let read = Manifest::read(folder.path()).unwrap();
        assert_eq!(read, written);
        read.verify(folder.path()).unwrap();
        std::fs::write(folder.path().join("a.db"), "other").unwrap();
        assert!(
            read.verify(folder.path())
                .unwrap_err()
                .to_string()
                .contains("a.db is damaged")
        );
        std::fs::remove_file(folder.path().join("a.db")).unwrap();
        assert!(
            read.verify(folder.path())
                .unwrap_err()
                .to_string()
                .contains("lacks a.db")
        );
        let text = std::fs::read_to_string(folder.path().join(MANIFEST)).unwrap();
        std::fs::write(folder.path().join(MANIFEST), text.replace("a.db", "b.db")).unwrap();
        assert!(
            Manifest::read(folder.path())
                .unwrap_err()
                .to_string()
                .contains("damaged")
        );
    }

    #[test]
    fn names_no_file_outside_of_the_backup() {
        for path in ["/etc/passwd", "../key", "a/../../key", ""] {
            let folder = tempfile::tempdir().unwrap();
            manifest(path).write(folder.path()).unwrap();
            assert!(Manifest::read(folder.path()).is_err(), "{path:?}");
        }
    }

    #[test]
    fn refuses_a_form_of_the_future() {
        let folder = tempfile::tempdir().unwrap();
        let future = Manifest {
            format: 2,
            ..manifest("a.db")
        };
        future.write(folder.path()).unwrap();
        assert!(
            Manifest::read(folder.path())
                .unwrap_err()
                .to_string()
                .contains("form 2")
        );
    }
}
