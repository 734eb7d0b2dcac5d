//! Appending exactly once, whoever repeats and whoever writes beside.

use std::time::Duration;

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, Transaction as DeltaTransaction};
use deltalake::parquet::basic::Compression;
use deltalake::parquet::file::properties::{EnabledStatistics, WriterProperties};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableError};

use crate::{Lake, LakeError, RecordBatch, Table, durable, events};

/// Most times that an append is tried against other writers.
const ATTEMPTS_MAX: u32 = 20;
/// Pause before the second try; grows with each.
const PAUSE: Duration = Duration::from_millis(5);

/// What makes an append happen once: its writer and a number that grows with each append of that writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The writer, for example a lane.
    pub app_id: String,
    /// Number of the append, for example the last batch in it.
    pub version: i64,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The rows are in the table and on the disk.
    Committed,
    /// They were there: this writer has appended this version or a later one before.
    AlreadyThere,
}

impl Lake {
    /// Appends rows under a transaction, exactly once.
    ///
    /// Rows and transaction become visible together, after they are on the disk. A repeat changes nothing. Rows of
    /// [`Table::Events`] that an earlier append of the same lane has (their batch is at or below its version) are left
    /// out, so that a successor may join batches differently from its predecessor. Fails with [`LakeError::Busy`] when
    /// other writers keep winning, after which a repeat is safe; so it is after any failure.
    pub async fn append(
        &self,
        table: Table,
        rows: &[RecordBatch],
        transaction: &Transaction,
    ) -> Result<Appended, LakeError> {
        let mut handle = self.handle(table).lock().await;
        let folder = self.folder(table);
        let mut staged: Option<(Option<i64>, Vec<Add>)> = None;
        for attempt in 0..ATTEMPTS_MAX {
            handle.update_state().await?;
            let stored = stored_version(&handle, &transaction.app_id).await?;
            if stored.is_some_and(|stored| transaction.version <= stored) {
                return Ok(Appended::AlreadyThere);
            }
            let adds = match staged.take() {
                Some((seen, adds)) if seen == stored => adds,
                _ => stage(&handle, &folder, table, rows, &transaction.app_id, stored).await?,
            };
            match commit(&handle, adds.clone(), transaction).await {
                Ok(version) => {
                    durable::sync(&folder, vec![format!("_delta_log/{version:020}.json")]).await?;
                    handle.update_state().await?;
                    return Ok(Appended::Committed);
                }
                Err(error) if is_conflict(&error) => {
                    tracing::debug!(table = table.name(), attempt, %error, "another writer was quicker");
                    staged = Some((stored, adds));
                    tokio::time::sleep(PAUSE * (attempt + 1)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(LakeError::Busy(table.name()))
    }
}

async fn stored_version(table: &DeltaTable, app_id: &str) -> Result<Option<i64>, LakeError> {
    let log = table.log_store();
    Ok(table
        .snapshot()?
        .transaction_version(log.as_ref(), app_id)
        .await?)
}

/// Writes the rows to files that no commit names yet.
async fn stage(
    handle: &DeltaTable,
    folder: &std::path::Path,
    table: Table,
    rows: &[RecordBatch],
    app_id: &str,
    stored: Option<i64>,
) -> Result<Vec<Add>, LakeError> {
    let mut writer =
        RecordBatchWriter::for_table(handle)?.with_writer_properties(file_properties());
    for batch in rows {
        let batch = match (table, stored) {
            (Table::Events, Some(stored)) => events::after_batch(batch, app_id, stored)?,
            _ => batch.clone(),
        };
        if batch.num_rows() > 0 {
            writer.write(batch).await?;
        }
    }
    let adds = writer.flush().await?;
    durable::sync(folder, adds.iter().map(|add| add.path.clone()).collect()).await?;
    Ok(adds)
}

/// Columns whose values do not repeat need no dictionary, and nobody looks for the least payload.
fn file_properties() -> WriterProperties {
    let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    for column in ["payload", "event_id"] {
        properties = properties
            .set_column_dictionary_enabled(column.into(), false)
            .set_column_statistics_enabled(column.into(), EnabledStatistics::None);
    }
    properties.build()
}

async fn commit(
    table: &DeltaTable,
    adds: Vec<Add>,
    transaction: &Transaction,
) -> Result<u64, DeltaTableError> {
    let properties = CommitProperties::default().with_application_transaction(
        DeltaTransaction::new(&transaction.app_id, transaction.version),
    );
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: Some(vec!["tenant".to_owned()]),
        predicate: None,
    };
    let committed = CommitBuilder::from(properties)
        .with_actions(adds.into_iter().map(Action::Add).collect())
        .build(Some(table.snapshot()?), table.log_store(), operation)
        .await?;
    Ok(committed.version())
}

fn is_conflict(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::CommitConflict(_)
                    | TransactionError::MaxCommitAttempts(_)
            }
    )
}
