use std::{path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
    sqlx::{
        self,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use crate::{DatabaseConfig, StoreError, WriteTx, error::out_of_time};

/// How long opening a connection, or waiting for a free one, may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a writer waits for its turn at an SQLite file.
const WRITE_TURN_LIMIT: Duration = Duration::from_secs(20);
/// How long SQLite waits for a lock that another process holds.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// Longest name of a schema, PostgreSQL's own limit.
const SCHEMA_BYTES_MAX: usize = 63;
/// What PostgreSQL is told per session: it ends what outlives its caller, so that no lock is held for ever.
const SESSION: &str = "SET statement_timeout = '60s'; SET lock_timeout = '30s'; \
                       SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = 'warning'";

/// The kinds of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file, one writer at a time.
    Sqlite,
    /// A server.
    Postgres,
}

/// An open database. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    backend: Backend,
}

impl Store {
    /// Connects, and creates what can be created: an SQLite file (when its URL says `mode=rwc`) with its folder, or a
    /// PostgreSQL schema. Tables are made by [`crate::migrate()`].
    ///
    /// Fails with [`StoreError::Unavailable`] when the database does not answer within seconds, and with
    /// [`StoreError::Misconfigured`] when the settings cannot be right.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, StoreError> {
        if config.connections_max == 0 {
            return Err(StoreError::Misconfigured(
                "database.connections_max must be at least 1".into(),
            ));
        }
        if config.url.starts_with("sqlite:") {
            open_sqlite(config).await
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            open_postgres(config).await
        } else {
            Err(StoreError::Misconfigured(
                "database.url must begin with sqlite: or postgres:".into(),
            ))
        }
    }

    /// Returns the connections for reads that stand alone. On SQLite they refuse to write.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Returns the connections that may write, for what cannot stand in a transaction.
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Tells the kind of database.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Begins a write transaction.
    ///
    /// On SQLite this waits for the file's one writer and takes the write lock at once (`BEGIN IMMEDIATE`), so nothing
    /// inside can fail for another writer's sake. On PostgreSQL it is `READ COMMITTED`: lock rows in the order of their
    /// ids. Fails with [`StoreError::Unavailable`] when no turn or connection comes free in time.
    pub async fn begin(&self) -> Result<WriteTx, StoreError> {
        let options = match self.backend {
            Backend::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            },
            Backend::Postgres => TransactionOptions::default(),
        };
        let limit = match self.backend {
            Backend::Sqlite => WRITE_TURN_LIMIT + BUSY_LIMIT,
            Backend::Postgres => CONNECT_LIMIT * 2,
        };
        let transaction = tokio::time::timeout(limit, self.writer.begin_with_options(options))
            .await
            .map_err(|_| out_of_time("begin"))??;
        Ok(WriteTx::new(transaction))
    }

    /// Asks the database for a sign of life, for a readiness check.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let asked = self.reader.execute_unprepared("SELECT 1");
        tokio::time::timeout(CONNECT_LIMIT, asked)
            .await
            .map_err(|_| out_of_time("ping"))??;
        Ok(())
    }

    /// Closes every connection, after letting the running statements finish. An SQLite file is then whole by itself.
    pub async fn close(self) -> Result<(), StoreError> {
        if self.backend == Backend::Sqlite {
            self.reader.close_by_ref().await?;
        }
        self.writer.close().await?;
        Ok(())
    }
}

async fn open_sqlite(config: &DatabaseConfig) -> Result<Store, StoreError> {
    let parsed: SqliteConnectOptions = config.url.parse().map_err(StoreError::bad_url)?;
    if config.url.contains(":memory:") || config.url.contains("mode=memory") {
        return Err(StoreError::Misconfigured(
            "database.url must name a file: memory does not survive a restart".into(),
        ));
    }
    if config.url.contains("mode=rwc") {
        create_folder_of(parsed.get_filename())?;
    }
    let mut writing = sqlite_options(config, 1, WRITE_TURN_LIMIT);
    writing.map_sqlx_sqlite_opts(|it| {
        it.journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_LIMIT)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .pragma("cache_size", "-16000")
            // 32 MiB: pages that several commits change are then copied from the log into the file once.
            .pragma("wal_autocheckpoint", "8000")
            .pragma("journal_size_limit", "67108864")
    });
    let writer = connect(writing).await?;
    let mut reading = sqlite_options(config, config.connections_max, CONNECT_LIMIT);
    reading.map_sqlx_sqlite_opts(|it| {
        it.create_if_missing(false)
            .busy_timeout(BUSY_LIMIT)
            .pragma("cache_size", "-4000")
            .pragma("query_only", "ON")
    });
    let reader = connect(reading).await?;
    Ok(Store {
        reader,
        writer,
        backend: Backend::Sqlite,
    })
}

fn create_folder_of(file: &Path) -> Result<(), StoreError> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).map_err(|it| {
                StoreError::Misconfigured(format!(
                    "cannot create folder {}: {it}",
                    folder.display()
                ))
            })
        }
        _ => Ok(()),
    }
}

fn sqlite_options(config: &DatabaseConfig, connections_max: u32, wait: Duration) -> ConnectOptions {
    let mut options = quiet_options(config);
    options
        .max_connections(connections_max)
        .acquire_timeout(wait)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false);
    options
}

fn quiet_options(config: &DatabaseConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.clone());
    options.sqlx_logging(false).record_stmt_in_spans(false);
    options
}

async fn open_postgres(config: &DatabaseConfig) -> Result<Store, StoreError> {
    let schema = config.schema.as_deref().unwrap_or("public");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if schema.is_empty() || schema.len() > SCHEMA_BYTES_MAX || !schema.chars().all(plain) {
        return Err(StoreError::Misconfigured(
            "database.schema must be 1 to 63 of a-z, 0-9 and _".into(),
        ));
    }
    config
        .url
        .parse::<sqlx::postgres::PgConnectOptions>()
        .map_err(StoreError::bad_url)?;
    create_schema(config, schema).await?;
    let session = format!("SET search_path = \"{schema}\"; {SESSION}");
    let mut options = quiet_options(config);
    options
        .max_connections(config.connections_max)
        .acquire_timeout(CONNECT_LIMIT)
        .test_before_acquire_if_idle_for(Duration::from_secs(1))
        .map_sqlx_postgres_pool_opts(move |pool| {
            let session = session.clone();
            pool.after_connect(move |connection, _| {
                let session = session.clone();
                Box::pin(async move {
                    sqlx::Executor::execute(connection, sqlx::AssertSqlSafe(session))
                        .await
                        .map(|_| ())
                })
            })
        });
    let connection = connect(options).await?;
    Ok(Store {
        reader: connection.clone(),
        writer: connection,
        backend: Backend::Postgres,
    })
}

async fn create_schema(config: &DatabaseConfig, schema: &str) -> Result<(), StoreError> {
    let mut options = quiet_options(config);
    options.max_connections(1).acquire_timeout(CONNECT_LIMIT);
    let connection = connect(options).await?;
    let found = crate::sql::query_one(
        &connection,
        "SELECT 1 AS found FROM pg_namespace WHERE nspname = $1",
        [schema.into()],
    )
    .await?;
    if found.is_none() {
        // Two processes may create it at once; the one that comes second meets the first one's row.
        match connection
            .execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""))
            .await
            .map_err(StoreError::from)
        {
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    connection.close().await?;
    Ok(())
}

async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, StoreError> {
    tokio::time::timeout(CONNECT_LIMIT * 2, Database::connect(options))
        .await
        .map_err(|_| out_of_time("connect"))?
        .map_err(StoreError::from)
}
