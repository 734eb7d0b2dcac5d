//! Durable events per second with full validation, and with a contract that types, bounds and standardises every column,
//! against the raw insert of the same rows: same unique index, same durability, same size of transaction. On SQLite the raw
//! insert is a prepared statement of many rows; on PostgreSQL, where `CLIENTELE_TEST_POSTGRES` is set, it is COPY.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use api::common::{Event, Identifier, Item, Money};
use chrono::TimeDelta;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingestion::domain::contract;
use ingestion::domain::draft::Draft;
use ingestion::domain::judge::{Judge, Judged, Tenant, Tolerance, Verdict};
use ingestion::domain::keys::Keys;
use ingestion::domain::mapping::Mapper;
use ingestion::domain::tag::Taxonomies;
use ingestion::domain::terms::Terms;
use ingestion::store::{
    Append, DatabaseLog, EventLog, LogLimits, Migrator, Outcome, QuarantineLimits,
};
use prost_types::value::Kind::StringValue;
use prost_types::{Struct, Value};
use runtime::identity::IdentityKey;
use sqlx::{Connection, PgConnection};
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

/// Records of a contract: what a shop would send of an order as columns.
const CONTRACT: &str = r#"
apiVersion: v3.1.0
kind: DataContract
id: orders
version: "1"
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: at, logicalType: string, required: true}
      - {name: customer, logicalType: string, required: true, classification: personal}
      - {name: email, logicalType: string, classification: personal/email}
      - {name: phone, logicalType: string, classification: personal/phone}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0, maximum: 100000}}
      - {name: sku, logicalType: string, required: true, logicalTypeOptions: {maxLength: 40}}
      - {name: quantity, logicalType: integer, required: true, logicalTypeOptions: {minimum: 1}}
customProperties:
  - property: clientele
    value:
      file: {format: ndjson}
      time: {column: at, formats: [rfc3339], zone: Europe/London}
      currency: GBP
      identifiers: {customer_id: customer, email: email, phone: phone}
      key: [id]
      types: [{type: Order Completed}]
      value: amount
      items: {product_id: sku, quantity: quantity}
      standardise: {email: email, phone: {as: phone, region: GB}}
"#;

fn records(round: u64) -> Vec<Event> {
    let at = (chrono::Utc::now() - TimeDelta::hours(1)).to_rfc3339();
    let text = |text: String| Value {
        kind: Some(StringValue(text)),
    };
    let record = |n: usize| {
        let id = format!("{round}-{n}-{}", Uuid::new_v4().simple());
        let customer = n * 7919 % 5000;
        let fields = [
            ("id", id.clone()),
            ("at", at.clone()),
            ("customer", format!("c{customer}")),
            ("email", format!(" C{customer}@Example.org ")),
            ("phone", format!("0044 7700 {:06}", 900_000 + customer)),
            ("amount", format!("{}.{:02}", n, n % 100)),
            ("sku", format!("P{}", n % 300)),
            ("quantity", "6".to_owned()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), text(value)));
        Event {
            message_id: id,
            source: "shop".into(),
            properties: Some(Struct {
                fields: fields.into(),
            }),
            ..Event::default()
        }
    };
    (0..EVENTS).map(record).collect()
}

struct Bench {
    url: String,
    schema: Option<String>,
    contract: Terms,
    log: DatabaseLog,
    store: Store,
    keys: Keys,
    tenant: Tenant,
    plain: Terms,
    taxonomies: Taxonomies,
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
            plain: Terms::default(),
            contract: Terms::of(contract::parse(CONTRACT).unwrap()),
            url: config.url.clone(),
            schema: config.schema.clone(),
            taxonomies: Taxonomies::default(),
        }
    }

    fn judge<'a>(&'a self, terms: &'a Terms) -> Judge<'a> {
        let tolerance = Tolerance {
            future: TimeDelta::days(1),
            age: TimeDelta::days(400),
        };
        let now = runtime::clock::now();
        Judge {
            keys: &self.keys,
            tenant: &self.tenant,
            tolerance,
            terms,
            taxonomies: &self.taxonomies,
            now,
        }
    }

    /// Brings events, or records of the contract, through all stages.
    fn judged(&self, events: Vec<Event>, terms: &Terms) -> Vec<Judged> {
        let judge = self.judge(terms);
        let draft = |event: Event| match terms.contract.as_deref() {
            Some(contract) => Mapper::of_sent(contract, "shop", &self.keys).take(event),
            None => Draft::from_event(event, &self.keys),
        };
        events
            .into_iter()
            .map(|event| judge.judge(draft(event)))
            .collect()
    }

    /// Validates, standardises and commits, several callers at once.
    async fn validated(&self, rounds: u64, terms: &Terms) -> Duration {
        let mut took = Duration::ZERO;
        for round in 0..rounds {
            let make = match terms.contract {
                Some(_) => records,
                None => events,
            };
            let inputs: Vec<_> = (0..CALLERS).map(|_| make(round)).collect();
            let started = Instant::now();
            let calls = inputs.into_iter().map(|events| async {
                let events = self.judged(events, terms).into();
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
    async fn raw(&self, rounds: u64, terms: &Terms) -> Duration {
        let mut took = Duration::ZERO;
        for round in 0..rounds {
            let make = match terms.contract {
                Some(_) => records,
                None => events,
            };
            let input = (0..CALLERS).flat_map(|_| make(round)).collect();
            let judged = self.judged(input, terms);
            let first = PLACES.fetch_add((EVENTS * CALLERS) as i64, Ordering::Relaxed);
            let rows: Vec<(i64, &Judged, &[u8])> = (first..)
                .zip(&judged)
                .map(|(place, it)| match &it.verdict {
                    Verdict::Accept(standard) => (place, it, standard.payload.as_slice()),
                    other => unreachable!("all are good: {other:?}"),
                })
                .collect();
            took += match self.url.starts_with("postgres") {
                true => self.copy(&rows).await,
                false => self.insert(&rows).await,
            };
        }
        took
    }

    async fn insert(&self, rows: &[(i64, &Judged, &[u8])]) -> Duration {
        let started = Instant::now();
        let tx = self.store.begin().await.unwrap();
        let mut table = Rows::new([
            ("place", Kind::BigInt),
            ("event_id", Kind::Bytes),
            ("tenant", Kind::Text),
            ("payload", Kind::Bytes),
        ]);
        for (place, judged, payload) in rows {
            table.push([
                (*place).into(),
                judged.event_id.to_vec().into(),
                "default".into(),
                payload.to_vec().into(),
            ]);
        }
        let insert = "INSERT INTO raw_events (place, event_id, tenant, payload) \
            SELECT rows.place, rows.event_id, rows.tenant, rows.payload FROM {rows}";
        bulk::execute(&tx, insert, [], table).await.unwrap();
        tx.commit().await.unwrap();
        started.elapsed()
    }

    /// Copies rows in PostgreSQL's binary form over a connection of its own.
    async fn copy(&self, rows: &[(i64, &Judged, &[u8])]) -> Duration {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let table = match &self.schema {
            Some(schema) => format!("\"{schema}\".raw_events"),
            None => "raw_events".to_owned(),
        };
        let started = Instant::now();
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend([0; 8]);
        for (place, judged, payload) in rows {
            bytes.extend(4_i16.to_be_bytes());
            for field in [
                place.to_be_bytes().as_slice(),
                &judged.event_id,
                b"default",
                payload,
            ] {
                bytes.extend((field.len() as i32).to_be_bytes());
                bytes.extend(field);
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        let copy = format!(
            "COPY {table} (place, event_id, tenant, payload) FROM STDIN WITH (FORMAT binary)"
        );
        let mut stream = connection.copy_in_raw(&copy).await.unwrap();
        stream.send(bytes).await.unwrap();
        stream.finish().await.unwrap();
        let took = started.elapsed();
        connection.close().await.unwrap();
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
    for (kind, terms) in [("events", &bench.plain), ("contract", &bench.contract)] {
        let (raw, validated) = (format!("{kind}/raw"), format!("{kind}/validated"));
        group.bench_function(&raw, |it| {
            it.to_async(runtime).iter_custom(|rounds| {
                let (bench, raw) = (&bench, &raw);
                async move { note(raw, rounds, bench.raw(rounds, terms).await) }
            });
        });
        group.bench_function(&validated, |it| {
            it.to_async(runtime).iter_custom(|rounds| {
                let (bench, validated) = (&bench, &validated);
                async move { note(validated, rounds, bench.validated(rounds, terms).await) }
            });
        });
    }
    group.finish();
    let rates = RATES.lock().unwrap();
    for kind in ["events", "contract"] {
        let rate = |what: &str| rates[&format!("{name}/{kind}/{what}")];
        let how = match name {
            "postgres" => "COPY",
            _ => "prepared insert",
        };
        println!(
            "{name}, {kind}: {:.0} validated durable events/s, raw {how} {:.0}/s, ratio {:.2}",
            rate("validated"),
            rate("raw"),
            rate("validated") / rate("raw")
        );
    }
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
