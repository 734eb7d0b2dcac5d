//! Imports of other forms than plain CSV, and of files that are read where they are.

use std::sync::Arc;

use api::ingestion::ImportFileRequest;
use lake::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use lake::parquet::arrow::ArrowWriter;
use lake::parquet::file::properties::WriterProperties;
use uuid::Uuid;

use crate::harness::{Ingestion, check_law, contract, for_tenant, on_each_database};

const ROWS: i64 = 12_000;

fn csv() -> String {
    let header =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    let line = |n: i64| {
        format!(
            "{n},S{n},Thing,{},2011-01-04 10:00:00,2.55,{},France\n",
            n % 9 + 1,
            n % 50
        )
    };
    std::iter::once(header.to_owned())
        .chain((0..ROWS).map(line))
        .collect()
}

fn parquet() -> Vec<u8> {
    let texts = |text: fn(i64) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..ROWS).map(text)))
    };
    let prices = Decimal128Array::from_iter_values((0..ROWS).map(|_| 255));
    let columns: [(&str, ArrayRef); 8] = [
        ("InvoiceNo", Arc::new(Int64Array::from_iter_values(0..ROWS))),
        ("StockCode", texts(|n| format!("S{n}"))),
        ("Description", texts(|_| "Thing".into())),
        (
            "Quantity",
            Arc::new(Int64Array::from_iter_values((0..ROWS).map(|n| n % 9 + 1))),
        ),
        ("InvoiceDate", texts(|_| "2011-01-04 10:00:00".into())),
        (
            "UnitPrice",
            Arc::new(prices.with_precision_and_scale(12, 2).unwrap()),
        ),
        ("CustomerID", texts(|n| (n % 50).to_string())),
        ("Country", texts(|_| "France".into())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(5000))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_any_form_goes_on_after_a_restart() {
    on_each_database(|database| async move {
        let csv_contract = contract("online_retail");
        let parquet_contract = csv_contract.replace(
            "{format: csv, delimiter: \",\", header: true}",
            "{format: parquet}",
        );
        assert_ne!(csv_contract, parquet_contract);
        let forms = [
            (
                "orders.csv.zst",
                zstd::stream::encode_all(csv().as_bytes(), 1).unwrap(),
                &csv_contract,
            ),
            ("orders.parquet", parquet(), &parquet_contract),
        ];
        let mut current = Ingestion::start_with(database, |config| {
            config.import.batch_rows = 200;
            // Counts of rows are spilled from the first batches on.
            config.import.held_rows_max = 500;
        })
        .await;
        // The second form holds the same rows as the first.
        let mut known = 0;
        for (name, bytes, contract) in forms {
            let before = received(&mut current).await;
            let request = ImportFileRequest {
                upload: current.upload(name, &bytes).await,
                source: "shop".into(),
                contract_yaml: contract.clone(),
                request_id: Uuid::new_v4().to_string(),
                ..ImportFileRequest::default()
            };
            let started = current.imports.import_file(request).await;
            let operation = started.unwrap().into_inner();
            while received(&mut current).await == before {
                tokio::task::yield_now().await;
            }
            let mut next = current.beside().await;
            current.stop().await;

            let response = next.wait("default", operation).await.unwrap();

            let receipts = response.receipts.unwrap();
            check_law(&receipts);
            assert_eq!(receipts.received, ROWS, "{name}");
            assert_eq!(
                (receipts.accepted, receipts.duplicate),
                (ROWS - known, known),
                "{name}"
            );
            assert_eq!(response.encoding, "UTF-8");
            known = ROWS;
            next.settled().await;
            current = next;
        }
        current.stop().await;
    })
    .await;
}

async fn received(ingestion: &mut Ingestion) -> i64 {
    let status = ingestion.status().await;
    let counts = status.sources.iter().filter_map(|it| it.receipts.as_ref());
    counts.map(|it| it.received).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_a_file_where_it_is_only_below_the_roots() {
    on_each_database(|database| async move {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("default")).unwrap();
        std::fs::write(root.join("default/orders.csv"), csv()).unwrap();
        std::fs::write(root.join("secret.csv"), csv()).unwrap();
        let roots = vec![format!("{}/{{tenant}}", root.display())];
        let mut ingestion =
            Ingestion::start_with(database, |config| config.import.roots = roots.clone()).await;
        let ask = |path: &str| ImportFileRequest {
            upload: format!("file://{}/{path}", root.display()),
            source: "shop".into(),
            contract_yaml: contract("online_retail"),
            ..ImportFileRequest::default()
        };

        let started = ingestion
            .imports
            .import_file(ask("default/orders.csv"))
            .await
            .unwrap();
        let response = ingestion
            .wait("default", started.into_inner())
            .await
            .unwrap();

        assert_eq!(response.file_name, "orders.csv");
        assert_eq!(response.receipts.unwrap().accepted, ROWS);
        for (tenant, path, reason) in [
            ("default", "secret.csv", "PLACE_NOT_ALLOWED"),
            ("default", "default/../secret.csv", "PLACE_NOT_ALLOWED"),
            ("other", "default/orders.csv", "PLACE_NOT_ALLOWED"),
            ("default", "default/none.csv", "FILE_NOT_FOUND"),
        ] {
            let refused = ingestion
                .imports
                .import_file(for_tenant(tenant, ask(path)))
                .await;
            let status = refused.unwrap_err();
            assert_eq!(
                runtime::fault::reason(&status).as_deref(),
                Some(reason),
                "{path}"
            );
        }
        ingestion.stop().await;
    })
    .await;
}
