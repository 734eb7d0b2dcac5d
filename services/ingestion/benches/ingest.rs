//! Durable events per second with full validation, against the raw insert of the same rows: same unique index, same
//! durability, same size of transaction. On SQLite, and on PostgreSQL where `CLIENTELE_TEST_POSTGRES` is set.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use api::common::{Event, Identifier, Item, Money};
use chrono::TimeDelta;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingestion::domain::draft::Draft;
use ingestion::domain::judge::{Judge, Tenant, Tolerance, Verdict};
use ingestion::domain::keys::Keys;
use ingestion::domain::terms::Terms;
use ingestion::store::{Append, DatabaseLog, EventLog, LogLimits, Migrator, Outcome, QuarantineLimits};
use runtime::identity::IdentityKey;
use store::bulk::{self, Kind, Rows};
use store::{DatabaseConfig, Store};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Events of one call, and calls at once.
const EVENTS: usize = 1000;
const CALLERS: usize = 4;

/// Next place of the raw table.
static PLACES: AtomicI64 = AtomicI64::new(1);
static RATES: Mutex<BTreeMap<String, f64>> = Mutex::new(BTreeMap::new());

fn events(round: u64) -> Vec<Event> {
    let now = chrono::Utc::now().timestamp();
    let event = |n: usize| Event {
        message_id: format!("{round}-{n}-{}", Uuid::new_v4().simple()),
        source: "shop".into(),
        r#type: "Order Completed".into(),
        event_time: Some(prost_types::Timestamp {
            seconds: now - n as i64,
            nanos: 0,
        }),
        identifiers: vec![
            Identifier {
                namespace: "customer_id".into(),
                value: format!("c{}", n * 7919 % 5000),
            },
            Identifier {
                namespace: "email".into(),
                value: format!("c{}@example.org", n * 7919 % 5000),
            },
        ],
        value: Some(Money {
            currency_code: "GBP".into(),
            minor_units: n as i64,
        }),
        items: vec![Item {
            product_id: format!("P{}", n % 300),
            name: "WHITE HANGING HEART T-LIGHT HOLDER".into(),
            quantity_milli: 6000,
            unit_price: Some(Money {
                currency_code: "GBP".into(),
                minor_units: 255,
            }),
            ..Item::default()
        }],
        ..Event::default()
    };
    (0..EVENTS).map(event).collect()
}

struct Bench {
    log: DatabaseLog,
    store: Store,
    keys: Keys,
    tenant: Tenant,
    terms: Terms,
}

impl Bench {
    async fn open(config: &DatabaseConfig) -> Self {
        let store = Store::open(config).await.unwrap();
        store::migrate::<Migrator>(&store).await.unwrap();
        let limits = LogLimits {
            lanes: 4,
            bytes_max: i64::MAX,
            batch_events: 5000,
            batch_bytes: 3 << 20,
            archive_events: 100_000,
            quarantine: QuarantineLimits {
                source_records: i64::MAX,
                source_bytes: i64::MAX,
                tenant_records: i64::MAX,
                tenant_bytes: i64::MAX,
            },
        };
        let log = DatabaseLog::open(store.clone(), limits).await.unwrap();
        let raw = "CREATE TABLE raw_events (place BIGINT NOT NULL PRIMARY KEY, event_id {bytes} NOT NULL UNIQUE, \
            tenant TEXT NOT NULL, payload {bytes} NOT NULL)";
        let tx = store.begin().await.unwrap();
        store::sql::ddl(&tx, raw).await.unwrap();
        tx.commit().await.unwrap();
        let keys = Keys::new(IdentityKey::from_bytes([7; 32]));
        let tenant = Tenant {
            id: "default".into(),
            zone: chrono_tz::Europe::London,
            currency: "GBP".into(),
        };
        Self {
            log,
            store,
            keys,
            tenant,
            terms: Terms::default(),
        }
    }

    fn judge(&self) -> Judge<'_> {
        let tolerance = Tolerance {
            future: TimeDelta::days(1),
            age: TimeDelta::days(400),
        };
        let now = runtime::clock::now();
        Judge {
            keys: &self.keys,
            tenant: &self.tenant,
            tolerance,
            terms: &self.terms,
            now,
        }
    }

    /// Validates and commits, several callers at once.
    async fn validated(&self, rounds: u64) -> Duration {
        let mut took = Duration::ZERO;
        for round in 0..rounds {
            let inputs: Vec<_> = (0..CALLERS).map(|_| events(round)).collect();
            let started = Instant::now();
            let calls = inputs.into_iter().map(|events| async {
                let judge = self.judge();
                let events = events
                    .into_iter()
                    .map(|it| judge.judge(Draft::from_event(it, &self.keys)))
                    .collect();
                self.log
                    .append(Append {
                        tenant: "default".into(),
                        events,
                        step: None,
                    })
                    .await
                    .unwrap()
            });
            let outcomes = futures::future::join_all(calls).await;
            took += started.elapsed();
            assert!(outcomes.iter().flatten().all(|it| *it == Outcome::Accepted));
        }
        took
    }

    /// Inserts the same rows without a thought.
    async fn raw(&self, rounds: u64) -> Duration {
        let mut took = Duration::ZERO;
        for round in 0..rounds {
            let judge = self.judge();
            let inputs = (0..CALLERS).flat_map(|_| events(round));
            let judged: Vec<_> = inputs
                .map(|it| judge.judge(Draft::from_event(it, &self.keys)))
                .collect();
            let first = PLACES.fetch_add((EVENTS * CALLERS) as i64, Ordering::Relaxed);
            let started = Instant::now();
            let tx = self.store.begin().await.unwrap();
            let columns = [
                ("place", Kind::BigInt),
                ("event_id", Kind::Bytes),
                ("tenant", Kind::Text),
                ("payload", Kind::Bytes),
            ];
            let mut rows = Rows::new(columns);
            for (place, it) in (first..).zip(&judged) {
                let Verdict::Accept(standard) = &it.verdict else {
                    unreachable!("all are good")
                };
                let values = [
                    place.into(),
                    it.event_id.to_vec().into(),
                    "default".into(),
                    standard.payload.clone().into(),
                ];
                rows.push(values);
            }
            let insert = "INSERT INTO raw_events (place, event_id, tenant, payload) \
                SELECT rows.place, rows.event_id, rows.tenant, rows.payload FROM {rows}";
            bulk::execute(&tx, insert, [], rows).await.unwrap();
            tx.commit().await.unwrap();
            took += started.elapsed();
        }
        took
    }
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, name: &str, config: DatabaseConfig) {
    let bench = runtime.block_on(Bench::open(&config));
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements((EVENTS * CALLERS) as u64));
    group.sample_size(10);
    let note = |what: &str, rounds: u64, took: Duration| {
        let rate = (rounds * (EVENTS * CALLERS) as u64) as f64 / took.as_secs_f64();
        RATES.lock().unwrap().insert(format!("{name}/{what}"), rate);
        took
    };
    group.bench_function("raw", |it| {
        it.to_async(runtime).iter_custom(|rounds| {
            let bench = &bench;
            async move { note("raw", rounds, bench.raw(rounds).await) }
        });
    });
    group.bench_function("validated", |it| {
        it.to_async(runtime).iter_custom(|rounds| {
            let bench = &bench;
            async move { note("validated", rounds, bench.validated(rounds).await) }
        });
    });
    group.finish();
    let rates = RATES.lock().unwrap();
    let (raw, validated) = (
        rates[&format!("{name}/raw")],
        rates[&format!("{name}/validated")],
    );
    println!(
        "{name}: {validated:.0} validated durable events/s, raw insert {raw:.0}/s, ratio {:.2}",
        validated / raw
    );
}

fn ingest(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("bench.db").display()
    );
    measure(
        criterion,
        &runtime,
        "sqlite",
        DatabaseConfig {
            url,
            ..DatabaseConfig::default()
        },
    );
    match std::env::var("CLIENTELE_TEST_POSTGRES") {
        Ok(url) => {
            let schema = Some(format!("bench_{}", Uuid::new_v4().simple()));
            measure(
                criterion,
                &runtime,
                "postgres",
                DatabaseConfig {
                    url,
                    connections_max: 8,
                    schema,
                },
            );
        }
        Err(_) => println!("NOT RUN: no PostgreSQL (CLIENTELE_TEST_POSTGRES is not set)"),
    }
}

criterion_group!(benches, ingest);
criterion_main!(benches);
