use std::{future::Future, ops::Deref, time::Duration};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement, sqlx,
};

use crate::{StoreError, error::out_of_time};

/// Longest wait for the answer to one statement; beyond it the server is taken for gone. Above the server's own limit,
/// so that a server that is merely slow speaks first.
const ANSWER_LIMIT: Duration = Duration::from_secs(75);
/// Longest wait for the answer to a commit.
const COMMIT_LIMIT: Duration = Duration::from_secs(30);

/// A write transaction. Nothing of it is seen until [`WriteTx::commit`]; dropping it undoes it.
///
/// It is a [`ConnectionTrait`], so `&tx` runs SeaORM's queries, each with a limit of time.
#[derive(Debug)]
pub struct WriteTx {
    inner: DatabaseTransaction,
}

impl WriteTx {
    pub(crate) fn new(inner: DatabaseTransaction) -> Self {
        Self { inner }
    }

    /// Makes the transaction durable.
    ///
    /// After [`StoreError::Unavailable`] it is not known whether the commit happened: repeat the work in a way that
    /// finds out, by its request id or batch number.
    pub async fn commit(self) -> Result<(), StoreError> {
        tokio::time::timeout(COMMIT_LIMIT, self.inner.commit())
            .await
            .map_err(|_| out_of_time("commit"))??;
        Ok(())
    }

    /// Undoes the transaction and waits until that is done. Dropping does the same, later.
    pub async fn rollback(self) -> Result<(), StoreError> {
        tokio::time::timeout(COMMIT_LIMIT, self.inner.rollback())
            .await
            .map_err(|_| out_of_time("rollback"))??;
        Ok(())
    }
}

impl Deref for WriteTx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

#[async_trait]
impl ConnectionTrait for WriteTx {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        in_time(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        in_time(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        in_time(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        in_time(self.inner.query_all_raw(statement)).await
    }
}

async fn in_time<T>(asked: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    tokio::time::timeout(ANSWER_LIMIT, asked)
        .await
        .unwrap_or_else(|_| {
            let error =
                std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer from the database");
            Err(DbErr::Conn(RuntimeErr::SqlxError(
                sqlx::Error::Io(error).into(),
            )))
        })
}
