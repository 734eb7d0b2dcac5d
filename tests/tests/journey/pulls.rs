//! Ingestion dies at every step of a pull from every kind of source: each row is in the lake once, and counted once.

use crate::story::Story;
use api::ingestion::source::Kind;
use api::ingestion::source_service_client::SourceServiceClient;
use api::ingestion::{
    CreateSourceRequest, FileSource, GetSourceRequest, HttpSource, PageNumber, RunSourceRequest,
    Source, SourceRunState, SqlSource, http_source::Paging,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::path::Path;
use std::time::{Duration, Instant};
use tests::crash_points::PULL_POINTS;
use tests::suite::{Cluster, Services};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tonic::{Request, Status};
use uuid::Uuid;

/// Exit code of a process that died at a point.
const CRASHED: i32 = 134;
/// Rows of every source, and of one page.
const ROWS: usize = 120;
const PAGE: usize = 40;
/// How long a pull may take, deaths and restarts included.
const PATIENCE: Duration = Duration::from_secs(90);

const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true, primaryKey: true}
      - {name: day, logicalType: date, required: true}
      - {name: customer, logicalType: string, required: true}
customProperties:
  - property: clientele
    value:
      file: {format: ndjson}
      time: {column: day, formats: ["%Y-%m-%d"], zone: UTC}
      identifiers: {customer_id: customer}
      types: Product Viewed
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_survives_the_death_of_its_process_at_every_step() {
    let changes = [
        ("ingestion", "CLIENTELE_IMPORT__BATCH_ROWS", "40"),
        ("ingestion", "CLIENTELE_SOURCES__POLL", "50ms"),
        ("ingestion", "CLIENTELE_SOURCES__LEASE", "1500ms"),
        ("ingestion", "CLIENTELE_DISPATCH__LEASE", "1500ms"),
        ("ingestion", "CLIENTELE_ARCHIVE__INTERVAL", "200ms"),
        ("ingestion", "CLIENTELE_HTTP_PULL__ALLOW", "127.0.0.0/8"),
    ];
    let Some(mut cluster) = Cluster::start("pulls", &changes).unwrap() else {
        return;
    };
    let files = cluster.folder().join("orders");
    fill_folder(&files);
    fill_table(&cluster.postgres.url()).await;
    let endpoint = serve_pages().await;
    let database = cluster.postgres.url();
    cluster.set("ingestion", "CLIENTELE_CONNECTIONS__SHOP__URL", &database);
    let root = files.display().to_string();
    cluster.set("ingestion", "CLIENTELE_IMPORT__ROOTS", &root);

    for (kind, source) in [
        ("sql", sql()),
        ("http", http(&endpoint)),
        ("file", file(&files)),
    ] {
        for point in PULL_POINTS {
            let at = format!("{}:{}", point.name, point.hit);
            cluster.set("ingestion", "CLIENTELE_CRASH_AT", &at);
            cluster.restart("ingestion").unwrap();
            let tenant = format!("{kind}-{}-{}", point.name.replace('_', "-"), point.hit);
            let source = Source {
                contract_yaml: CONTRACT.into(),
                kind: Some(source.clone()),
                ..Source::default()
            };
            let died = pull(&mut cluster, &tenant, source).await;
            assert_eq!(died, 1, "{kind} at {at}: died {died} times");
            println!("CRASH POINT {at} of a pull from {kind}: died {died} times");
        }
    }
}

/// Pulls once, starting ingestion again when it dies, and checks what came of it. Returns how often it died.
async fn pull(cluster: &mut Cluster, tenant: &str, source: Source) -> u32 {
    let story = Story::new(&cluster.addresses(), tenant);
    story.create_tenant().await.unwrap();
    let client = SourceServiceClient::new(cluster.channel("ingestion"));
    let create = CreateSourceRequest {
        source_id: "orders".into(),
        source: Some(source),
        request_id: Uuid::new_v4().to_string(),
        ..Default::default()
    };
    let run = RunSourceRequest {
        name: "sources/orders".into(),
        request_id: Uuid::new_v4().to_string(),
    };
    let mut died = 0;
    let begin = Instant::now();
    let (mut created, mut planned) = (false, false);
    let ended = loop {
        assert!(begin.elapsed() < PATIENCE, "{tenant}: no end");
        if let Some(code) = cluster.ended("ingestion").unwrap() {
            assert_eq!(code, CRASHED, "{}", cluster.last_lines("ingestion"));
            died += 1;
            cluster.unset("ingestion", "CLIENTELE_CRASH_AT");
            tokio::task::block_in_place(|| cluster.restart("ingestion")).unwrap();
        }
        let mut client = client.clone();
        if !created {
            let answer = client.create_source(ask(tenant, create.clone())).await;
            created = answered(answer).is_some();
        } else if !planned {
            let answer = client.run_source(ask(tenant, run.clone())).await;
            planned = match answered(answer) {
                Some(answer) => {
                    assert_eq!(answer.run, 1, "{tenant}: planned once");
                    true
                }
                None => false,
            };
        } else {
            let name = "sources/orders".to_owned();
            let answer = client
                .get_source(ask(tenant, GetSourceRequest { name }))
                .await;
            let source = answered(answer).unwrap_or_default();
            let over = source
                .last_run
                .as_ref()
                .is_some_and(|it| it.end_time.is_some());
            // Having ended it, the process may be about to die.
            if over && (died > 0 || begin.elapsed() > PATIENCE / 3) {
                break source;
            }
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    };
    let last = ended.last_run.unwrap();
    assert_eq!(
        last.state(),
        SourceRunState::Succeeded,
        "{tenant}: {last:?}"
    );
    for receipts in [last.receipts.unwrap(), ended.receipts.unwrap()] {
        assert_eq!(receipts.received, ROWS as i64, "{tenant}: {receipts:?}");
        assert_eq!(receipts.accepted, ROWS as i64, "{tenant}: {receipts:?}");
    }
    story.settle().await.unwrap();
    let folder = cluster.folder().join("lake");
    let lake = lake_query::LakeQuery::open(&folder).await.unwrap();
    for sql in [
        "SELECT event_id FROM events",
        "SELECT DISTINCT event_id FROM events",
    ] {
        let answer = lake.sql(tenant, sql).await.unwrap();
        let rows: usize = answer.rows.iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(rows, ROWS, "{tenant}: {sql}");
    }
    died
}

fn ask<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(20));
    let metadata = request.metadata_mut();
    metadata.insert("x-clientele-tenant", tenant.parse().unwrap());
    request
}

/// Returns an answer; `None` when the process died or is not there yet.
fn answered<T>(answer: Result<tonic::Response<T>, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) => {
            let reason = status.message();
            let wrong = [
                tonic::Code::InvalidArgument,
                tonic::Code::NotFound,
                tonic::Code::FailedPrecondition,
            ];
            assert!(!wrong.contains(&status.code()), "{reason}");
            None
        }
    }
}

fn order(number: usize) -> String {
    format!(
        r#"{{"id": "o{number:04}", "day": "2026-01-0{}", "customer": "c{}"}}"#,
        1 + number * 9 / ROWS,
        number % 7
    )
}

fn fill_folder(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    // Three pages: two of the first file, one of the second.
    for (name, rows) in [("a.ndjson", 0..2 * PAGE), ("b.ndjson", 2 * PAGE..ROWS)] {
        let lines: Vec<String> = rows.map(order).collect();
        std::fs::write(folder.join(name), lines.join("\n")).unwrap();
    }
}

async fn fill_table(url: &str) {
    let rows: Vec<String> = (0..ROWS)
        .map(|number| {
            let day = 1 + number * 9 / ROWS;
            format!("('o{number:04}', '2026-01-0{day}', 'c{}')", number % 7)
        })
        .collect();
    let script = format!(
        "CREATE SCHEMA shop; CREATE TABLE shop.orders (id text PRIMARY KEY, day date, customer text); \
         INSERT INTO shop.orders VALUES {}",
        rows.join(",")
    );
    let mut database = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut database)
        .await
        .unwrap();
}

/// Serves the orders page by page and returns where.
async fn serve_pages() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/orders", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                let mut piece = [0; 1024];
                while !asked.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(count) if count > 0 => asked.extend_from_slice(&piece[..count]),
                        _ => return,
                    }
                }
                let asked = String::from_utf8_lossy(&asked).into_owned();
                let page = asked.split("page=").nth(1).unwrap_or_default();
                let page: usize = page
                    .split(' ')
                    .next()
                    .and_then(|it| it.parse().ok())
                    .unwrap_or(0);
                let first = (page * PAGE).min(ROWS);
                let orders: Vec<String> = (first..(first + PAGE).min(ROWS)).map(order).collect();
                let body = format!("[{}]", orders.join(","));
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // Whoever asked may be dead.
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            });
        }
    });
    endpoint
}

fn sql() -> Kind {
    Kind::Sql(SqlSource {
        connection: "shop".into(),
        table: "shop.orders".into(),
        watermark_column: "day".into(),
        key_column: "id".into(),
        batch_rows: PAGE as i32,
        overlap: None,
    })
}

fn http(endpoint: &str) -> Kind {
    let number = PageNumber {
        parameter: "page".into(),
        first: 0,
    };
    Kind::Http(HttpSource {
        url: endpoint.into(),
        paging: Some(Paging::PageNumber(number)),
        requests_per_second: 100.0,
        ..HttpSource::default()
    })
}

fn file(folder: &Path) -> Kind {
    Kind::File(FileSource {
        url: format!("file://{}/", folder.display()),
    })
}
