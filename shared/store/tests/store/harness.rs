//! A fresh database per test.

use sea_orm_migration::{MigrationTrait, MigratorTrait};
use store::{DatabaseConfig, Store};
use tempfile::TempDir;
use uuid::Uuid;

/// A migrated database of its own, gone when dropped.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) config: DatabaseConfig,
    _folder: Option<TempDir>,
}

impl Fixture {
    /// Opens the same database once more, as another process would.
    pub(crate) async fn reopen(&self) -> Store {
        Store::open(&self.config).await.unwrap()
    }

    async fn open(config: DatabaseConfig, folder: Option<TempDir>) -> Self {
        let store = Store::open(&config).await.unwrap();
        store::migrate::<Migrator>(&store).await.unwrap();
        Self {
            store,
            config,
            _folder: folder,
        }
    }
}

/// The common tables and one to play with.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        store::common_migrations()
            .into_iter()
            .chain([Box::new(Notes) as Box<dyn MigrationTrait>])
            .collect()
    }
}

struct Notes;

impl sea_orm_migration::MigrationName for Notes {
    fn name(&self) -> &str {
        "notes_0001"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Notes {
    async fn up(&self, manager: &sea_orm_migration::SchemaManager) -> Result<(), sea_orm::DbErr> {
        let tables = "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, body TEXT, raw {bytes}, share DOUBLE PRECISION, \
                      flag BOOLEAN, owner {uuid}, size INTEGER); \
                      CREATE TABLE counted (id {serial}, body TEXT NOT NULL)";
        store::sql::ddl(manager.get_connection(), tables).await
    }
}

/// A database in a folder of its own.
pub(crate) async fn sqlite() -> Option<Fixture> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/deep/test.db?mode=rwc", folder.path().display());
    let config = DatabaseConfig {
        url,
        connections_max: 4,
        schema: None,
    };
    Some(Fixture::open(config, Some(folder)).await)
}

/// A schema of its own, or nothing when no server is given.
pub(crate) async fn postgres() -> Option<Fixture> {
    let Ok(url) = std::env::var("CLIENTELE_TEST_POSTGRES") else {
        eprintln!("NOT RUN: no PostgreSQL (CLIENTELE_TEST_POSTGRES is not set)");
        return None;
    };
    let schema = format!("test_{}", Uuid::new_v4().simple());
    let config = DatabaseConfig {
        url,
        connections_max: 4,
        schema: Some(schema),
    };
    Some(Fixture::open(config, None).await)
}

/// Makes each function a test on either database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    if let Some(fixture) = crate::store::harness::sqlite().await {
                        super::$name(fixture).await;
                    }
                }
            )+
        }
        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    if let Some(fixture) = crate::store::harness::postgres().await {
                        super::$name(fixture).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_both;
