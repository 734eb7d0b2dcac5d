use std::io::Read;

use api::ingestion::ImportFileResponse;
use ingestion::domain::contract;
use ingestion::domain::keys::Keys;
use ingestion::file::{Limits, Rows};
use runtime::identity::IdentityKey;

use crate::harness::{Ingestion, contract as contract_text, data, on_each_database};

fn mark(response: &ImportFileResponse, name: &str) -> i64 {
    response
        .marks
        .iter()
        .find(|it| it.mark == name)
        .map_or(0, |it| it.rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn online_retail_adds_up_and_a_re_sorted_second_import_adds_nothing() {
    let Some(data) = data() else { return };
    let packed = std::fs::read(data.join("online_retail/online_retail_h1.csv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.sort_unstable_by(|a, b| b.cmp(a));
    let sorted = format!("{header}\n{}\n", rows.join("\n"));
    on_each_database(|database| {
        let (packed, sorted) = (packed.clone(), sorted.clone());
        async move {
            let mut ingestion = Ingestion::start(database).await;
            let contract = contract_text("online_retail");
            let started = std::time::Instant::now();
            let first = ingestion
                .import("default", ("online_retail_h1.csv.gz", &packed), &contract)
                .await
                .unwrap();
            println!("import of 209,029 rows: {:?}", started.elapsed());
            let receipts = first.receipts.unwrap();
            assert_eq!((receipts.received, receipts.quarantined), (209_029, 59_976));
            assert_eq!(receipts.accepted, 209_029 - 59_976);
            assert_eq!(mark(&first, "cancellation"), 3783);
            assert_eq!(mark(&first, "missing_identifier"), 59_976);
            assert_eq!(mark(&first, "repeat"), 1747);
            assert_eq!(
                (first.reasons[0].reason.as_str(), first.reasons[0].rows),
                ("MISSING_IDENTIFIER", 59_976)
            );
            assert_eq!(first.reasons.len(), 1);

            let second = ingestion
                .import("default", ("sorted.csv", sorted.as_bytes()), &contract)
                .await
                .unwrap();
            let receipts = second.receipts.unwrap();
            assert_eq!(
                (receipts.received, receipts.accepted, receipts.conflict),
                (209_029, 0, 0)
            );
            assert_eq!(
                (receipts.duplicate, receipts.quarantined),
                (149_053, 59_976)
            );
            assert_eq!(mark(&second, "repeat"), 1747);

            let status = ingestion.settled().await;
            assert_eq!((status.applied, status.archived), (149_053, 149_053));
            ingestion.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cdnow_is_imported_whole() {
    let Some(data) = data() else { return };
    let file = std::fs::read(data.join("cdnow/CDNOW_sample.txt")).unwrap();
    on_each_database(|database| {
        let file = file.clone();
        async move {
            let mut ingestion = Ingestion::start(database).await;
            let response = ingestion
                .import(
                    "usd-shop",
                    ("CDNOW_sample.txt", &file),
                    &contract_text("cdnow"),
                )
                .await
                .unwrap();
            let receipts = response.receipts.unwrap();
            assert_eq!((receipts.received, receipts.accepted), (6919, 6919));
            assert_eq!(response.first_event_time, "1997-01-01T00:00:00Z");
            ingestion.stop().await;
        }
    })
    .await;
}

/// Rows of each public file, and how many of them are at fault as they stand.
const FILES: &[(&str, usize, usize)] = &[
    ("attribution_pathdata", 10_000, 0),
    ("cdnow", 6919, 0),
    ("dq_hospital", 1000, 92),
    ("er_febrl", 5000, 0),
    ("groceries", 9835, 0),
    ("hillstrom", 32_000, 0),
    ("marketing_campaign_ifood", 2240, 0),
    ("mmm_pymc", 179, 0),
    ("mmm_robyn", 208, 0),
    ("movielens_100k", 100_000, 0),
    ("nps_restaurant_fr", 13_954, 342),
    ("online_retail", 209_029, 0),
    ("online_shoppers", 12_330, 0),
    ("open_bandit", 10_000, 0),
    ("sentiment_en", 10_908, 0),
    ("sentiment_zh", 11_987, 0),
    ("spmf", 10_000, 0),
    ("superstore_zh", 10_000, 0),
    ("taobao_userbehavior", 84_475, 0),
    ("telco_churn", 7043, 0),
];

#[test]
fn every_public_file_reads_by_its_contract() {
    let Some(data) = data() else { return };
    let keys = Keys::new(IdentityKey::from_bytes([7; 32]));
    for (name, expected_rows, expected_faults) in FILES {
        let text = contract_text(name);
        let contract =
            contract::parse(&text).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
        let path = text
            .split("path: ")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap();
        let limits = Limits::default();
        let mut rows = Rows::open(
            &data.join(path),
            path,
            (&contract, "shop", &keys),
            limits,
            Default::default(),
        )
        .unwrap();
        let (mut count, mut faults, mut first) = (0, 0, None);
        while let Some((_, draft)) = rows.read_row().unwrap() {
            count += 1;
            if !draft.violations.is_empty() {
                faults += 1;
                first.get_or_insert(draft.violations);
            }
        }
        assert_eq!(
            (count, faults),
            (*expected_rows, *expected_faults),
            "{name}: {first:?}"
        );
    }
}
