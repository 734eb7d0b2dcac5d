//! Makes files survive a power cut before anybody counts on them.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::LakeError;

/// Flushes files, and the folders that name them, to the disk.
pub(crate) async fn sync(root: &Path, files: Vec<String>) -> Result<(), LakeError> {
    let root = root.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in files {
            let path = root.join(file);
            File::open(&path)?.sync_all()?;
            for folder in path
                .ancestors()
                .skip(1)
                .take_while(|it| it.starts_with(&root))
            {
                if !folders.iter().any(|known| known == folder) {
                    folders.push(folder.to_owned());
                }
            }
        }
        for folder in folders {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    })
    .await?
}
