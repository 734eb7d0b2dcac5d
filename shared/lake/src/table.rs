//! The tables of a lake and how they are opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake::arrow::datatypes::SchemaRef;
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError, ensure_table_uri};
use tokio::sync::Mutex;

use crate::{LakeError, events, identity};

/// A table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Every accepted event, partitioned by tenant; see [`events`].
    Events,
    /// Which customer a fragment belonged to from when on; see [`identity`].
    Identity,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 2] = [Self::Events, Self::Identity];

    /// Returns its name, which is its folder's too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Identity => "identity",
        }
    }

    /// Returns its columns.
    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Events => events::schema(),
            Self::Identity => identity::schema(),
        }
    }
}

/// A lake in a folder. Clones share what they have read of the tables' logs.
#[derive(Clone)]
pub struct Lake {
    root: PathBuf,
    events: Arc<Mutex<DeltaTable>>,
    identity: Arc<Mutex<DeltaTable>>,
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Lake")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Lake {
    /// Opens the lake in a folder; creates the folder and the tables that are not there. Any number of processes may.
    pub async fn open(root: &Path) -> Result<Self, LakeError> {
        tokio::fs::create_dir_all(root).await?;
        let root = tokio::fs::canonicalize(root).await?;
        let events = open_or_create(&root, Table::Events).await?;
        let identity = open_or_create(&root, Table::Identity).await?;
        Ok(Self {
            root,
            events: Arc::new(Mutex::new(events)),
            identity: Arc::new(Mutex::new(identity)),
        })
    }

    /// Returns the folder of a table.
    pub fn folder(&self, table: Table) -> PathBuf {
        self.root.join(table.name())
    }

    /// Returns a table as its log is now.
    pub async fn snapshot(&self, table: Table) -> Result<DeltaTable, LakeError> {
        let mut handle = self.handle(table).lock().await;
        handle.update_state().await?;
        Ok(handle.clone())
    }

    /// Returns the version of a table's log now. Two reads at the same version see the same rows.
    pub async fn version(&self, table: Table) -> Result<u64, LakeError> {
        Ok(self.snapshot(table).await?.version().unwrap_or_default())
    }

    /// Returns the version that an application's last append carried, `None` when it never appended.
    pub async fn transaction_version(
        &self,
        table: Table,
        app_id: &str,
    ) -> Result<Option<i64>, LakeError> {
        let snapshot = self.snapshot(table).await?;
        let log = snapshot.log_store();
        Ok(snapshot
            .snapshot()?
            .transaction_version(log.as_ref(), app_id)
            .await?)
    }

    pub(crate) fn handle(&self, table: Table) -> &Mutex<DeltaTable> {
        match table {
            Table::Events => &self.events,
            Table::Identity => &self.identity,
        }
    }
}

async fn open_or_create(root: &Path, table: Table) -> Result<DeltaTable, LakeError> {
    let folder = root.join(table.name());
    tokio::fs::create_dir_all(&folder).await?;
    let text = folder
        .to_str()
        .ok_or_else(|| LakeError::Unavailable("the lake's path is not UTF-8".to_owned()))?;
    match load(text).await {
        Err(DeltaTableError::NotATable(_)) => {}
        found => return Ok(found?),
    }
    let columns: StructType = table.schema().as_ref().try_into_kernel()?;
    let created = CreateBuilder::new()
        .with_location(text)
        .with_table_name(table.name())
        .with_columns(columns.fields().cloned())
        .with_partition_columns(["tenant"])
        .with_configuration([
            ("delta.appendOnly", Some("false")),
            ("delta.checkpointInterval", Some("100")),
            (
                "delta.dataSkippingStatsColumns",
                Some("event_day,event_time,known_time").filter(|_| table == Table::Events),
            ),
        ])
        .with_save_mode(SaveMode::ErrorIfExists)
        .await;
    match created {
        Ok(created) => Ok(created),
        // Another process was quicker: its table is as good.
        Err(_) => Ok(load(text).await?),
    }
}

async fn load(folder: &str) -> Result<DeltaTable, DeltaTableError> {
    DeltaTableBuilder::from_url(ensure_table_uri(folder)?)?
        .load()
        .await
}
