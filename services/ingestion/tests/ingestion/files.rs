use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::common::Event;
use api::ingestion::ImportFileRequest;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use store::{DatabaseConfig, Store};
use tonic::Code;
use uuid::Uuid;

use crate::harness::{Ingestion, check_law, codes, contract, for_tenant, on_each_database, order};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

fn lines(count: usize) -> String {
    let line = |n: usize| {
        format!(
            "{n},S{n},Thing,{},2011-01-04 10:00:00,2.55,{},France\n",
            n % 9 + 1,
            n % 50
        )
    };
    std::iter::once(HEADER.to_owned())
        .chain((0..count).map(line))
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_in_one_message_what_is_wrong_with_a_file() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let contract =
            contract("online_retail").replace("{format: csv,", "{format: csv, encoding: utf-8,");
        let cases: [(&str, Vec<u8>, &str); 5] = [
            ("empty.csv", vec![], "empty.csv: the file is empty"),
            (
                "header.csv",
                HEADER.replace("UnitPrice", "Price").into_bytes(),
                "header.csv: line 1, column 6: the header does not fit the contract `online_retail`: missing \
                 `UnitPrice`, not expected `Price`",
            ),
            (
                "latin1.csv",
                [HEADER.as_bytes(), b"1,S,caf\xe9,1,2011-01-04 10:00:00,1,7,France\n"].concat(),
                "latin1.csv: line 2, column 3: the byte 0xe9 is not UTF-8; name the file's encoding in the contract, as \
                 in `file: {encoding: windows-1252}`",
            ),
            (
                "cut.csv.gz",
                gzip(HEADER.as_bytes())[..40].to_vec(),
                "cut.csv.gz: line 1: the gzip data end in the middle: the file was cut off",
            ),
            (
                "long.csv",
                [HEADER.as_bytes(), &vec![b'x'; 3 << 20]].concat(),
                "long.csv: line 2, column 1: the record is longer than 1048576 bytes",
            ),
        ];
        for (name, bytes, expected) in cases {
            let status = ingestion.import("default", (name, &bytes), &contract).await.unwrap_err();
            assert_eq!(status.message(), expected);
            assert_eq!(status.code(), Code::InvalidArgument);
            assert_eq!(runtime::fault::reason(&status).as_deref(), Some("FILE_MALFORMED"));
        }
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_the_rows_before_a_break_once_when_the_mended_file_comes() {
    on_each_database(|database| async move {
        let mut ingestion =
            Ingestion::start_with(database, |config| config.import.batch_rows = 500).await;
        let contract = contract("online_retail");
        let whole = lines(5000);
        let broken = [&whole.as_bytes()[..whole.len() / 2], b"\n\"never closed,"].concat();

        let status = ingestion
            .import("default", ("orders.csv", &broken), &contract)
            .await
            .unwrap_err();
        assert!(
            status.message().starts_with("orders.csv: line 2"),
            "{status}"
        );
        let half = ingestion.settled().await.accepted;
        assert!((2000..3000).contains(&half), "{half}");
        let mended = ingestion
            .import("default", ("orders.csv", whole.as_bytes()), &contract)
            .await
            .unwrap();

        let receipts = mended.receipts.unwrap();
        check_law(&receipts);
        assert_eq!(
            (receipts.received, receipts.accepted, receipts.duplicate),
            (5000, 5000 - half, half)
        );
        assert_eq!(ingestion.settled().await.applied, 5000);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_with_an_import_after_a_restart() {
    on_each_database(|database| async move {
        let mut first =
            Ingestion::start_with(database, |config| config.import.batch_rows = 100).await;
        let upload = first.upload("orders.csv", lines(20_000).as_bytes()).await;
        let request = ImportFileRequest {
            upload,
            source: "shop".into(),
            contract_yaml: contract("online_retail"),
            request_id: Uuid::new_v4().to_string(),
            validate_only: false,
            ..Default::default()
        };
        let operation = first
            .imports
            .import_file(request.clone())
            .await
            .unwrap()
            .into_inner();
        while first.status().await.accepted == 0 {
            tokio::task::yield_now().await;
        }
        let mut second = first.beside().await;
        first.stop().await;

        let same = second
            .imports
            .import_file(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(same.name, operation.name);
        let response = second.wait("default", operation).await.unwrap();

        let receipts = response.receipts.unwrap();
        check_law(&receipts);
        assert_eq!((receipts.received, receipts.accepted), (20_000, 20_000));
        assert_eq!(second.settled().await.applied, 20_000);
        second.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_every_mistake_of_a_contract_and_hides_uploads_of_others() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let upload = ingestion.upload("orders.csv", lines(3).as_bytes()).await;
        let wrong = contract("online_retail")
            .replace("currency: GBP", "currency: pounds")
            .replace("zone: Europe/London", "zone: Europe/Londinium")
            .replace("Quantity * UnitPrice", "Quantity * Price");
        let request = ImportFileRequest {
            upload: upload.clone(),
            contract_yaml: wrong,
            ..ImportFileRequest::default()
        };

        let status = ingestion.imports.import_file(request).await.unwrap_err();

        let fields: Vec<_> = runtime::fault::violations(&status)
            .into_iter()
            .map(|it| (it.field, it.reason))
            .collect();
        let path = |field: &str| format!("contract_yaml.customProperties[0].value.{field}");
        let expected = [
            ("source".to_owned(), "INVALID_SOURCE".to_owned()),
            (path("time.zone"), "INVALID_ZONE".into()),
            (path("currency"), "INVALID_CURRENCY".into()),
            (path("value"), "INVALID_EXPRESSION".into()),
        ];
        assert_eq!(fields, expected);
        let request = ImportFileRequest {
            upload,
            source: "shop".into(),
            contract_yaml: contract("online_retail"),
            ..ImportFileRequest::default()
        };
        let status = ingestion
            .imports
            .import_file(for_tenant("other", request))
            .await
            .unwrap_err();
        assert_eq!(
            runtime::fault::reason(&status).as_deref(),
            Some("UPLOAD_NOT_FOUND")
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_no_identifier_in_the_clear() {
    const PLANTED: &str = "ann.planted.4711";
    on_each_database(|database| async move {
        let sqlite = database
            .url
            .strip_prefix("sqlite://")
            .and_then(|it| it.split('?').next())
            .map(str::to_owned);
        let mut ingestion = Ingestion::start(database).await;
        let contract = contract("online_retail");
        let rows = [
            format!("1,S1,Thing,2,2011-01-04 10:00:00,2.55,{PLANTED},France"),
            format!("2,S1,Thing,2,no day,2.55,{PLANTED},France"),
            format!("3,S1,Thing,2,2011-01-04 10:00:00,2.55,{PLANTED},France,{PLANTED}"),
        ];
        let file = format!("{HEADER}{}\n", rows.join("\n"));
        let imported = ingestion
            .import("default", ("orders.csv", file.as_bytes()), &contract)
            .await
            .unwrap();
        assert!(!format!("{imported:?}").contains(PLANTED));
        let text = |text: &str| Value {
            kind: Some(Kind::StringValue(text.into())),
        };
        let email = Struct {
            fields: [("email".to_owned(), text(PLANTED))].into(),
        };
        let nested = (0..9).fold(email.clone(), |inner, _| {
            let inner = Value {
                kind: Some(Kind::StructValue(inner)),
            };
            Struct {
                fields: [
                    ("in".to_owned(), inner),
                    ("phone".to_owned(), text(PLANTED)),
                ]
                .into(),
            }
        });
        let good = Event {
            properties: Some(email),
            ..order("m1", PLANTED, 1)
        };
        let deep = Event {
            properties: Some(nested),
            ..order("m2", PLANTED, 1)
        };

        let receipts = ingestion.ingest(vec![good, deep]).await;

        assert_eq!(codes(&receipts), "aq");
        assert!(!format!("{receipts:?}").contains(PLANTED));
        ingestion.settled().await;
        let holds = |bytes: &[u8]| {
            bytes
                .windows(PLANTED.len())
                .any(|it| it == PLANTED.as_bytes())
        };
        let mut read = 0;
        for entry in walk(&ingestion.config.lake.path) {
            assert!(
                !holds(&std::fs::read(&entry).unwrap()),
                "{}",
                entry.display()
            );
            read += 1;
        }
        assert!(read > 1);
        for suffix in ["", "-wal"] {
            let Some(database) = &sqlite else { continue };
            assert!(
                !holds(&std::fs::read(format!("{database}{suffix}")).unwrap()),
                "database{suffix}"
            );
        }
        ingestion.stop().await;
    })
    .await;
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    entries
        .flat_map(|it| if it.is_dir() { walk(&it) } else { vec![it] })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_outlasts_a_database_that_goes_away() {
    let Ok(url) = std::env::var("CLIENTELE_TEST_POSTGRES") else {
        println!("NOT RUN: no PostgreSQL (CLIENTELE_TEST_POSTGRES is not set)");
        return;
    };
    // Told by its name, so that only this service loses its connections.
    let name = format!("cut_{}", Uuid::new_v4().simple());
    let separator = if url.contains('?') { '&' } else { '?' };
    let named = format!("{url}{separator}application_name={name}");
    let database = DatabaseConfig {
        url: named,
        connections_max: 4,
        schema: Some(name.clone()),
    };
    let operator = DatabaseConfig {
        url,
        connections_max: 1,
        schema: None,
    };
    let operator = Store::open(&operator).await.unwrap();
    let mut ingestion =
        Ingestion::start_with(database, |config| config.import.batch_rows = 200).await;
    // A service that cannot read its lanes at its start ends; this is about one that is at work.
    ingestion.ingest(vec![order("m1", "ann", 1)]).await;
    ingestion.settled().await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    let cutting = async {
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            store::sql::query_all(operator.reader(), cut, [name.as_str().into()])
                .await
                .unwrap();
        }
    };

    let lines = lines(20_000);
    let contract = contract("online_retail");
    let import = ingestion.import("default", ("orders.csv", lines.as_bytes()), &contract);
    let both = async { tokio::join!(import, cutting) };
    let (imported, ()) = tokio::time::timeout(Duration::from_secs(120), both)
        .await
        .expect("the import ends");

    let receipts = imported.unwrap().receipts.unwrap();
    check_law(&receipts);
    assert_eq!(
        (receipts.received, receipts.accepted, receipts.duplicate),
        (20_000, 20_000, 0)
    );
    let status = ingestion.settled().await;
    assert_eq!((status.accepted, status.applied), (20_001, 20_001));
    ingestion.stop().await;
}
