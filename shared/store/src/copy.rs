//! Whole copies of a database file.

use std::path::Path;

use crate::{Backend, Store, StoreError, sql};

impl Store {
    /// Copies an SQLite database, as it is at one moment, into a file that must not be there yet; readers and writers of
    /// every process go on meanwhile. The copy is one file, whole by itself and on the disk when this returns.
    ///
    /// Fails with [`StoreError::Misconfigured`] on PostgreSQL, whose own tools copy it.
    pub async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        if self.backend() != Backend::Sqlite {
            let text = "only a database that is a file can be copied into one";
            return Err(StoreError::Misconfigured(text.into()));
        }
        let path = file
            .to_str()
            .ok_or_else(|| StoreError::Misconfigured("the path of the copy is not UTF-8".into()))?;
        sql::execute(self.writer(), "VACUUM INTO $1", [path.into()]).await?;
        let file = file.to_owned();
        let flush = move || std::fs::File::open(&file)?.sync_all();
        tokio::task::spawn_blocking(flush)
            .await
            .map_err(|error| StoreError::Failed(error.to_string()))?
            .map_err(|error| StoreError::Failed(format!("flush the copy: {error}")))
    }
}
