//! Pulls from databases: each row once, on schedule once over all replicas, on where the last one stopped.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::ingestion::source::Kind;
use api::ingestion::*;
use ingestion::Config;
use ingestion::config::ConnectionConfig;
use runtime::config::Secret;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::harness::{Ingestion, check_law, on_each_database};
use crate::sources::CONTRACT;

/// A database of somebody else.
pub struct Foreign {
    pub name: &'static str,
    pub url: String,
    table: String,
    _folder: Option<TempDir>,
}

impl Foreign {
    /// Every kind of database there is, each with an empty table of orders.
    pub async fn all() -> Vec<Self> {
        let mut all = vec![Self::sqlite().await];
        let name = format!("shop_{}", Uuid::new_v4().simple());
        for (kind, variable) in [
            ("postgres", "CLIENTELE_TEST_POSTGRES"),
            ("mysql", "CLIENTELE_TEST_MYSQL"),
        ] {
            let Ok(url) = std::env::var(variable) else {
                println!("NOT RUN: no {kind} ({variable} is not set)");
                continue;
            };
            let foreign = Self {
                name: kind,
                url,
                table: format!("{name}.orders"),
                _folder: None,
            };
            let space = if kind == "mysql" {
                "DATABASE"
            } else {
                "SCHEMA"
            };
            foreign.run(&format!("CREATE {space} {name}")).await;
            let time = if kind == "mysql" {
                "datetime(6)"
            } else {
                "timestamp"
            };
            foreign.create_table(time).await;
            all.push(foreign);
        }
        all
    }

    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("shop.db").display()
        );
        let foreign = Self {
            name: "sqlite",
            url,
            table: "orders".into(),
            _folder: Some(folder),
        };
        foreign.create_table("text").await;
        foreign
    }

    async fn create_table(&self, time: &str) {
        let table = &self.table;
        let columns = format!(
            "id varchar(20) PRIMARY KEY, bought_at {time}, customer varchar(20), amount decimal(12,2)"
        );
        self.run(&format!("CREATE TABLE {table} ({columns})")).await;
    }

    pub async fn run(&self, script: &str) {
        let sql = AssertSqlSafe(script.to_owned());
        let done = match self.name {
            "sqlite" => {
                let mut db = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut db).await.map(|_| ())
            }
            "postgres" => {
                let mut db = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut db).await.map(|_| ())
            }
            _ => {
                let mut db = MySqlConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut db).await.map(|_| ())
            }
        };
        done.unwrap();
    }

    /// Adds orders, three of each second.
    pub async fn sell(&self, numbers: std::ops::Range<i64>) {
        let rows: Vec<String> = numbers
            .map(|number| {
                let (minute, second) = (number / 3 / 60, number / 3 % 60);
                format!(
                    "('o{number:05}', '2026-01-01 10:{minute:02}:{second:02}', 'c{}', {number}.50)",
                    number % 7
                )
            })
            .collect();
        self.run(&format!(
            "INSERT INTO {} VALUES {}",
            self.table,
            rows.join(",")
        ))
        .await;
    }

    pub fn connect(&self, config: &mut Config) {
        let connection = ConnectionConfig {
            url: Secret::new(&self.url),
            tenants: Vec::new(),
        };
        config.connections.insert(self.name.into(), connection);
    }

    pub fn source(&self) -> Source {
        Source {
            contract_yaml: CONTRACT.replace("%S\"]", "%S\", \"%Y-%m-%d %H:%M:%S%.f\"]"),
            kind: Some(Kind::Sql(SqlSource {
                connection: self.name.into(),
                table: self.table.clone(),
                watermark_column: "bought_at".into(),
                key_column: "id".into(),
                batch_rows: 10,
                overlap: None,
            })),
            ..Source::default()
        }
    }
}

pub fn quick(config: &mut Config) {
    config.sources.poll = Duration::from_millis(30);
    config.sources.lease = Duration::from_secs(2);
    config.sources.patience = Duration::from_secs(1);
    config.sources.cache = Duration::from_millis(200);
}

impl Ingestion {
    pub async fn pull(&mut self, id: &str) -> SourceRun {
        let request = RunSourceRequest {
            name: format!("sources/{id}"),
            request_id: Uuid::new_v4().to_string(),
        };
        let planned = self.sources.run_source(request.clone()).await.unwrap();
        let again = self.sources.run_source(request).await.unwrap();
        assert_eq!(planned.get_ref(), again.get_ref());
        self.pulled(id, planned.into_inner().run).await
    }

    /// Waits for the end of a pull.
    pub async fn pulled(&mut self, id: &str, number: i64) -> SourceRun {
        for _ in 0..600 {
            let run = self.source(id).await.unwrap().last_run;
            if let Some(run) = run.filter(|run| run.number >= number && run.end_time.is_some()) {
                check_law(&run.receipts.unwrap());
                return run;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}", self.source(id).await);
    }
}

fn outcome(run: &SourceRun) -> (SourceRunState, i64, i64) {
    let receipts = run.receipts.unwrap();
    (run.state(), receipts.accepted, receipts.duplicate)
}

#[tokio::test]
async fn rows_are_pulled_once_from_every_database() {
    on_each_database(async |database| {
        let all = Foreign::all().await;
        let mut service = Ingestion::start_with(database, |config| {
            quick(config);
            all.iter().for_each(|foreign| foreign.connect(config));
        })
        .await;
        for foreign in &all {
            let name = foreign.name;
            foreign.sell(0..25).await;
            let source = foreign.source();
            let trial = CheckSourceRequest {
                source: Some(source.clone()),
                records_max: 7,
                ..CheckSourceRequest::default()
            };
            let trial = service
                .sources
                .check_source(trial)
                .await
                .unwrap()
                .into_inner();
            assert!(trial.reachable, "{name}: {}", trial.problem);
            assert_eq!(
                (trial.records, trial.violations.len()),
                (7, 0),
                "{name}: {trial:?}"
            );

            service.create(name, source).await.unwrap();
            let first = service.pull(name).await;
            assert_eq!(first.error, "", "{name}");
            assert_eq!(
                outcome(&first),
                (SourceRunState::Succeeded, 25, 0),
                "{name}"
            );
            assert_eq!(outcome(&service.pull(name).await).1, 0, "{name}");
            foreign.sell(25..30).await;
            let third = service.pull(name).await;
            assert_eq!((third.number, outcome(&third).1), (3, 5), "{name}");
            let position = service.source(name).await.unwrap().position;
            assert!(
                position.starts_with("2026-01-01 10:00:09"),
                "{name}: {position}"
            );

            // Rows that committed late lie behind the newest watermark.
            let Some(Kind::Sql(mut sql)) = foreign.source().kind else {
                panic!("no database")
            };
            sql.overlap = Some(prost_types::Duration {
                seconds: 5,
                nanos: 0,
            });
            let wider = Source {
                name: format!("sources/{name}"),
                kind: Some(Kind::Sql(sql)),
                ..Source::default()
            };
            service.change(wider, &["sql"]).await.unwrap();
            let (state, accepted, duplicate) = outcome(&service.pull(name).await);
            assert_eq!((state, accepted), (SourceRunState::Succeeded, 0), "{name}");
            assert_eq!(duplicate, 18, "{name}: six seconds of three rows");
        }
        service.settled().await;
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_due_pull_runs_once_over_all_replicas() {
    on_each_database(async |database| {
        let foreign = Foreign::sqlite().await;
        foreign.sell(0..5).await;
        let mut service = Ingestion::start_with(database.clone(), |config| {
            quick(config);
            foreign.connect(config);
        })
        .await;
        let beside = service.beside().await;
        let ids: Vec<String> = (0..8).map(|number| format!("shop-{number}")).collect();
        for id in &ids {
            let source = Source {
                schedule: "30 4 1 1 *".into(),
                ..foreign.source()
            };
            let created = service.create(id, source).await.unwrap();
            assert!(created.next_run_time.is_some() && created.last_run.is_none());
        }
        // Many of them were missed: nothing ran for three years.
        let store = store::Store::open(&database).await.unwrap();
        let tx = store.begin().await.unwrap();
        let late = "UPDATE sources SET next_run_us = next_run_us - 94608000000000";
        store::sql::execute(&tx, late, []).await.unwrap();
        tx.commit().await.unwrap();
        for id in &ids {
            let run = service.pulled(id, 1).await;
            assert_eq!(outcome(&run), (SourceRunState::Succeeded, 5, 0), "{id}");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        for id in &ids {
            let source = service.source(id).await.unwrap();
            assert_eq!(source.last_run.unwrap().number, 1, "{id}");
            let next = source.next_run_time.unwrap().seconds;
            assert!(next > chrono::Utc::now().timestamp(), "{id}");
            assert_eq!(source.receipts.unwrap().received, 5, "{id}");
        }
        beside.stop().await;
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_pull_that_cannot_go_on_says_so_and_goes_on_later() {
    on_each_database(async |database| {
        let foreign = Foreign::sqlite().await;
        foreign.sell(0..5).await;
        let mut service = Ingestion::start_with(database, |config| {
            quick(config);
            foreign.connect(config);
        })
        .await;
        service.create("shop", foreign.source()).await.unwrap();
        let file = foreign
            .url
            .trim_start_matches("sqlite://")
            .split('?')
            .next()
            .unwrap();
        let away = format!("{file}.away");
        std::fs::rename(file, &away).unwrap();
        let failed = service.pull("shop").await;
        assert_eq!(failed.state(), SourceRunState::Failed);
        assert!(
            failed.error.contains("cannot be opened"),
            "{}",
            failed.error
        );
        assert!(!failed.error.contains(&*Path::new(file).to_string_lossy()));
        std::fs::rename(&away, file).unwrap();
        assert_eq!(
            outcome(&service.pull("shop").await),
            (SourceRunState::Succeeded, 5, 0)
        );

        foreign
            .run("ALTER TABLE orders RENAME COLUMN amount TO total")
            .await;
        foreign
            .run("INSERT INTO orders VALUES ('x', '2026-02-01 10:00:00', 'c', 1)")
            .await;
        let failed = service.pull("shop").await;
        assert_eq!(failed.error, "the table `orders` has no column `amount`");
        foreign
            .run("ALTER TABLE orders RENAME COLUMN total TO amount")
            .await;

        // Profile is away: the pull waits for it.
        service.peer.down.store(true, Ordering::SeqCst);
        let request = RunSourceRequest {
            name: "sources/shop".into(),
            request_id: String::new(),
        };
        let run = service
            .sources
            .run_source(request)
            .await
            .unwrap()
            .into_inner()
            .run;
        tokio::time::sleep(Duration::from_millis(500)).await;
        service.peer.down.store(false, Ordering::SeqCst);
        assert_eq!(
            outcome(&service.pulled("shop", run).await),
            (SourceRunState::Succeeded, 1, 0)
        );

        let paused = Source {
            name: "sources/shop".into(),
            paused: true,
            ..Source::default()
        };
        service.change(paused, &["paused"]).await.unwrap();
        let request = RunSourceRequest {
            name: "sources/shop".into(),
            request_id: String::new(),
        };
        let refused = service.sources.run_source(request).await.unwrap_err();
        assert_eq!(
            runtime::fault::reason(&refused).as_deref(),
            Some("SOURCE_PAUSED")
        );
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_tenant_reaches_only_its_own_connections() {
    on_each_database(async |database| {
        let foreign = Foreign::sqlite().await;
        let mut service = Ingestion::start_with(database, |config| {
            foreign.connect(config);
            let connection = config.connections.get_mut("sqlite").unwrap();
            connection.tenants = vec!["another".into()];
        })
        .await;
        let refused = service.create("shop", foreign.source()).await.unwrap_err();
        let found = runtime::fault::violations(&refused);
        assert_eq!(found[0].reason, "CONNECTION_UNKNOWN");
        service.stop().await;
    })
    .await;
}
