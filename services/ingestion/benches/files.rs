//! Imports a file into an event log on SQLite, against reading the same file with the same parser, and tells the most
//! memory that it took.
//!
//! `CLIENTELE_BENCH_ROWS` sets the rows (default 1,000,000; ten million for the bound on memory). The file has no key
//! columns, so every row's content is counted.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use ingestion::domain::contract;
use ingestion::domain::judge::{Judge, Judged, Tenant, Tolerance};
use ingestion::domain::keys::Keys;
use ingestion::domain::tag::Taxonomies;
use ingestion::domain::terms::Terms;
use ingestion::file::{Limits, Rows};
use ingestion::store::{
    Append, DatabaseLog, EventLog, LogLimits, Migrator, Outcome, QuarantineLimits,
};
use runtime::identity::IdentityKey;
use store::{DatabaseConfig, Store};

/// Rows of one commit, as in production.
const BATCH: usize = 4000;
/// Rows by default.
const ROWS: u64 = 1_000_000;
/// Most memory of an import, in MiB.
const MEMORY_MAX: u64 = 512;

const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: order, logicalType: string, required: true}
      - {name: product, logicalType: string, required: true}
      - {name: title, logicalType: string}
      - {name: pieces, logicalType: integer, required: true}
      - {name: day, logicalType: timestamp, required: true}
      - {name: price, logicalType: number, required: true}
      - {name: customer, logicalType: string, classification: personal}
customProperties:
  - property: clientele
    value:
      file: {format: csv}
      time: {column: day, formats: ["%Y-%m-%d %H:%M:%S"], zone: Europe/London, delay: 0s}
      currency: GBP
      identifiers: {customer_id: customer}
      key: content_and_occurrence
      types: Order Completed
      value: pieces * price
      items: {productId: product, name: title, quantity: pieces, unitPrice: price}
      properties: {order_id: order}
"#;

/// Writes orders; every fiftieth row repeats an earlier one.
fn write(path: &Path, rows: u64) -> u64 {
    let mut file = BufWriter::with_capacity(1 << 20, std::fs::File::create(path).unwrap());
    writeln!(file, "order,product,title,pieces,day,price,customer").unwrap();
    for row in 0..rows {
        let n = if row % 50 == 49 { row / 2 } else { row };
        let (day, hour, second) = (n / 86_400 % 28 + 1, n / 3600 % 24, n % 60);
        writeln!(
            file,
            "{n},P{},WHITE HANGING HEART T-LIGHT HOLDER,{},2024-01-{day:02} {hour:02}:30:{second:02},{}.{:02},c{}",
            n % 3000,
            n % 12 + 1,
            n % 40,
            n % 100,
            n * 7919 % 200_000
        )
        .unwrap();
    }
    file.flush().unwrap();
    std::fs::metadata(path).unwrap().len()
}

struct Bench {
    path: std::path::PathBuf,
    terms: Terms,
    keys: Keys,
    tenant: Tenant,
}

impl Bench {
    fn rows<'b>(&'b self, spill: &Path) -> Rows<'b> {
        let contract = self.terms.contract.as_deref().unwrap();
        let limits = Limits {
            spill: spill.to_owned(),
            ..Limits::default()
        };
        let what = (contract, "shop", &self.keys);
        Rows::open(&self.path, "orders.csv", what, limits, Arc::default()).unwrap()
    }

    /// Reads every record and does nothing with it.
    fn parse(&self, spill: &Path) -> (u64, Duration) {
        let started = Instant::now();
        let mut rows = self.rows(spill);
        let mut count = 0;
        while rows.skip_row().unwrap() {
            count += 1;
        }
        (count, started.elapsed())
    }

    /// Reads, judges and commits, reading ahead of the commits.
    async fn import(self: Arc<Self>, spill: &Path, log: &DatabaseLog) -> (u64, Duration) {
        let started = Instant::now();
        let (sender, mut batches) = tokio::sync::mpsc::channel::<Vec<Judged>>(2);
        let (bench, spill) = (self.clone(), spill.to_owned());
        let reading = tokio::task::spawn_blocking(move || {
            let judge = Judge {
                keys: &bench.keys,
                tenant: &bench.tenant,
                tolerance: Tolerance {
                    future: TimeDelta::days(1),
                    age: TimeDelta::days(400),
                },
                terms: &bench.terms,
                taxonomies: &Taxonomies::default(),
                now: runtime::clock::now(),
            };
            let mut rows = bench.rows(&spill);
            let mut batch = Vec::new();
            while let Some((_, draft)) = rows.read_row().unwrap() {
                batch.push(judge.judge(draft));
                if batch.len() == BATCH {
                    sender.blocking_send(std::mem::take(&mut batch)).unwrap();
                }
            }
            sender.blocking_send(batch).unwrap();
        });
        let mut count = 0;
        while let Some(events) = batches.recv().await {
            let append = Append {
                tenant: "default".into(),
                events: events.into(),
                step: None,
            };
            let outcomes = log.append(append).await.unwrap();
            assert!(outcomes.iter().all(|it| *it == Outcome::Accepted));
            count += outcomes.len() as u64;
        }
        reading.await.unwrap();
        (count, started.elapsed())
    }
}

/// Returns the most memory that this process has held, in MiB; `None` where the system does not tell.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

#[tokio::main]
async fn main() {
    let rows = std::env::var("CLIENTELE_BENCH_ROWS").ok();
    let rows = rows.and_then(|it| it.parse().ok()).unwrap_or(ROWS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    let bytes = write(&path, rows) as f64 / 1e6;
    let bench = Arc::new(Bench {
        path,
        terms: Terms::of(contract::parse(CONTRACT).unwrap()),
        keys: Keys::new(IdentityKey::from_bytes([7; 32])),
        tenant: Tenant {
            id: "default".into(),
            zone: chrono_tz::Europe::London,
            currency: "GBP".into(),
        },
    });
    let (parsed, parsing) = bench.parse(folder.path());
    assert_eq!(parsed, rows);
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("bench.db").display()
    );
    let store = Store::open(&DatabaseConfig {
        url,
        ..DatabaseConfig::default()
    })
    .await
    .unwrap();
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
    let log = DatabaseLog::open(store, limits).await.unwrap();
    let (imported, importing) = bench.import(folder.path(), &log).await;
    assert_eq!(imported, rows);
    let rate = |took: Duration| bytes / took.as_secs_f64();
    println!(
        "import of {rows} rows, {bytes:.0} MB: {:.1} MB/s; reading it with the same parser {:.1} MB/s; ratio {:.3}",
        rate(importing),
        rate(parsing),
        rate(importing) / rate(parsing)
    );
    match memory() {
        Some(most) => {
            println!("most memory {most} MiB, bound {MEMORY_MAX} MiB");
            assert!(most < MEMORY_MAX, "the import took too much memory");
        }
        None => println!("NOT MEASURED: memory"),
    }
}
