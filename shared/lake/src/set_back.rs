//! Setting a table back to an earlier version, and what belongs to a version.
//!
//! A table is set back by a commit that takes out the files that came later: its log only ever grows, and readers at an
//! older version see what they saw. The marks of writers' appends stay in the log for ever, so a writer must go on under
//! another id after its table was set back; the same commit says how far the new id has come.

use std::collections::BTreeSet;

use deltalake::kernel::Transaction as DeltaTransaction;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableBuilder, ensure_table_uri};
use futures::TryStreamExt;

use crate::{Lake, LakeError, Table, Transaction, durable};

impl Lake {
    /// Returns the newest version of a table at which none of these writers had appended beyond its bound; `None` when even
    /// the oldest version that can be read is beyond.
    ///
    /// Reads a number of versions that grows with the logarithm of how far that is back.
    pub async fn newest_within(
        &self,
        table: Table,
        bounds: &[Transaction],
    ) -> Result<Option<u64>, LakeError> {
        let latest = self.version(table).await?;
        if self.is_within(table, latest, bounds).await? {
            return Ok(Some(latest));
        }
        // Ever longer steps back until a version fits, then halves between it and the last that did not.
        let (mut beyond, mut step) = (latest, 1);
        let mut within = loop {
            let candidate = beyond.saturating_sub(step);
            match self.is_within(table, candidate, bounds).await {
                Ok(true) => break candidate,
                Ok(false) if candidate == 0 => return Ok(None),
                // Logs of long ago are cleaned up.
                Err(_) if candidate < beyond && step > 1 => {
                    step /= 2;
                    continue;
                }
                Err(error) if step > 1 => return Err(error),
                Err(_) => return Ok(None),
                Ok(false) => {}
            }
            beyond = candidate;
            step *= 2;
        };
        while beyond - within > 1 {
            let middle = within + (beyond - within) / 2;
            if self.is_within(table, middle, bounds).await? {
                within = middle;
            } else {
                beyond = middle;
            }
        }
        Ok(Some(within))
    }

    async fn is_within(
        &self,
        table: Table,
        version: u64,
        bounds: &[Transaction],
    ) -> Result<bool, LakeError> {
        for (bound, appended) in bounds
            .iter()
            .zip(self.appended_at(table, version, bounds).await?)
        {
            if appended > bound.version {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns how far each of these writers had come at a version of a table, 0 before its first append.
    pub async fn appended_at(
        &self,
        table: Table,
        version: u64,
        writers: &[Transaction],
    ) -> Result<Vec<i64>, LakeError> {
        let snapshot = self.at(table, version).await?;
        let log = snapshot.log_store();
        let mut appended = Vec::with_capacity(writers.len());
        for writer in writers {
            let state = snapshot.snapshot()?;
            let found = state
                .transaction_version(log.as_ref(), &writer.app_id)
                .await?;
            appended.push(found.unwrap_or_default());
        }
        Ok(appended)
    }

    async fn at(&self, table: Table, version: u64) -> Result<DeltaTable, LakeError> {
        let folder = self.folder(table);
        let text = folder
            .to_str()
            .ok_or_else(|| LakeError::Unavailable("the lake's path is not UTF-8".to_owned()))?;
        let builder = DeltaTableBuilder::from_url(ensure_table_uri(text)?)?;
        Ok(builder.with_version(version).load().await?)
    }

    /// Sets a table back to a version, and says how far writers have come from there on. Returns the version of the commit,
    /// after it is on the disk.
    ///
    /// Nothing may append meanwhile. A repeat does the same again.
    pub async fn set_back(
        &self,
        table: Table,
        version: u64,
        writers: &[Transaction],
    ) -> Result<u64, LakeError> {
        let mut handle = self.handle(table).lock().await;
        handle.update_state().await?;
        let writers = writers
            .iter()
            .map(|writer| DeltaTransaction::new(&writer.app_id, writer.version));
        let properties =
            CommitProperties::default().with_application_transactions(writers.collect());
        let committed = if handle.version() == Some(version) {
            let operation = DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: Some(vec!["tenant".to_owned()]),
                predicate: None,
            };
            let commit = CommitBuilder::from(properties)
                .build(Some(handle.snapshot()?), handle.log_store(), operation)
                .await?;
            commit.version()
        } else {
            let restored = handle
                .clone()
                .restore()
                .with_version_to_restore(version)
                .with_commit_properties(properties)
                .await?
                .0;
            restored.version().unwrap_or_default()
        };
        let folder = self.folder(table);
        durable::sync(&folder, vec![format!("_delta_log/{committed:020}.json")]).await?;
        handle.update_state().await?;
        Ok(committed)
    }

    /// Returns the files that a version of a table consists of, relative to its folder: its log up to there, with the
    /// checkpoints that are still of it, and the files with its rows. None of them ever changes.
    pub async fn files_at(&self, table: Table, version: u64) -> Result<Vec<String>, LakeError> {
        let snapshot = self.at(table, version).await?;
        let log = snapshot.log_store();
        let state = snapshot.snapshot()?;
        let views = state.snapshot().file_views(log.as_ref(), None);
        let mut files: BTreeSet<String> = views
            .map_ok(|view| view.path().into_owned())
            .try_collect()
            .await?;
        let mut entries = tokio::fs::read_dir(self.folder(table).join("_delta_log")).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits = name.get(..20).and_then(|digits| digits.parse::<u64>().ok());
            let kept = name.ends_with(".json") || name.ends_with(".parquet");
            if kept && digits.is_some_and(|number| number <= version) {
                files.insert(format!("_delta_log/{name}"));
            }
        }
        Ok(files.into_iter().collect())
    }
}
