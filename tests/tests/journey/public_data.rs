//! The main job on public data, by the command a user would type. Needs the data folder.

use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use tests::suite::{Embedded, Services, run_json};

fn contract(name: &str) -> String {
    tests::workspace_root()
        .join("tests/contracts")
        .join(format!("{name}.yaml"))
        .display()
        .to_string()
}

fn demo(orders: &Path, contract_name: &str, data: &Path, more: &[&str]) -> Value {
    let (orders, data) = (orders.display().to_string(), data.display().to_string());
    let contract = contract(contract_name);
    let mut args = vec![
        "demo",
        "--orders",
        &orders,
        "--contract",
        &contract,
        "--data-dir",
        &data,
        "--output",
        "json",
    ];
    args.extend(more);
    run_json(args).unwrap()
}

#[track_caller]
fn number(document: &Value, path: &str) -> i64 {
    document
        .pointer(path)
        .and_then(Value::as_i64)
        .unwrap_or_else(|| panic!("{path} in {document}"))
}

/// What every demo must hold.
#[track_caller]
fn check_document(document: &Value) {
    let receipts = [
        "accepted",
        "duplicate",
        "conflict",
        "quarantined",
        "rejected",
    ];
    let sum: i64 = receipts
        .iter()
        .map(|it| number(document, &format!("/receipts/{it}")))
        .sum();
    assert_eq!(
        number(document, "/receipts/received"),
        sum,
        "receipts add up"
    );
    let cells = document["allocation"]["cells"].as_array().unwrap();
    let spent: i64 = cells
        .iter()
        .map(|it| it["spend_minor"].as_i64().unwrap())
        .sum();
    assert_eq!(
        spent,
        number(document, "/allocation/budget_minor"),
        "the budget is spent exactly"
    );
    for key in [
        "segment",
        "channel",
        "expected_profit_minor",
        "marginal_return",
        "assumed",
    ] {
        assert!(
            cells.iter().all(|it| !it[key].is_null()),
            "every cell has {key}"
        );
    }
    for path in [
        "/customers",
        "/allocation/currency",
        "/allocation/shadow_price_total",
        "/allocation/gap",
        "/elapsed_ms/total",
        "/clv/bgnbd/log_likelihood",
    ] {
        assert!(
            document.pointer(path).is_some_and(|it| !it.is_null()),
            "{path}"
        );
    }
    let segments = document["segments"].as_array().unwrap();
    assert!(
        segments.iter().all(|it| it["name"].is_string()
            && it["customers"].is_i64()
            && it["clv_minor"].is_i64()),
        "{segments:?}"
    );
}

#[track_caller]
fn within(document: &Value, path: &str, expected: f64, relative: f64) {
    let value = document.pointer(path).and_then(Value::as_f64).unwrap();
    assert!(
        (value / expected - 1.0).abs() <= relative,
        "{path} is {value}, expected {expected}"
    );
}

#[test]
fn the_demo_runs_on_simulated_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let document = run_json([
        "demo",
        "--customers",
        "300",
        "--seed",
        "4",
        "--output",
        "json",
        "--data-dir",
        &data,
    ])
    .unwrap();

    check_document(&document);
    assert_eq!(document["files"].as_array().unwrap().len(), 5);
    assert!(
        number(&document, "/marks/cancellation") > 0,
        "returns are marked"
    );
    assert!(
        number(&document, "/reasons/MISSING_IDENTIFIER") > 0,
        "guests are told apart"
    );
}

#[test]
fn online_retail_adds_up_and_a_second_import_adds_nothing() {
    let Some(data) = tests::data_folder("online retail") else {
        return;
    };
    let orders = data.join("online_retail/online_retail_h1.csv.gz");
    let folder = tempfile::tempdir().unwrap();

    let document = demo(&orders, "online_retail", folder.path(), &[]);
    check_document(&document);
    assert_eq!(number(&document, "/receipts/received"), 209_029);
    assert_eq!(number(&document, "/marks/cancellation"), 3_783);
    assert_eq!(number(&document, "/marks/missing_identifier"), 59_976);
    assert_eq!(number(&document, "/marks/repeat"), 1_747);
    println!("online retail: {}", document["elapsed_ms"]);

    // The same lines in another order are the same events.
    let sorted = folder.path().join("resorted.csv");
    resort(&orders, &sorted);
    let again = demo(&sorted, "online_retail", folder.path(), &[]);
    check_document(&again);
    assert_eq!(number(&again, "/receipts/received"), 209_029);
    assert_eq!(number(&again, "/receipts/accepted"), 0, "nothing is new");
    assert_eq!(
        number(&again, "/marks/repeat"),
        1_747,
        "no repeat becomes a new one"
    );
    assert_eq!(again["customers"], document["customers"]);
    assert_eq!(
        again["clv"]["bgnbd"], document["clv"]["bgnbd"],
        "the model of the same history is the same"
    );
}

/// Writes the lines of a gzip file in reverse order, its header first.
fn resort(from: &Path, to: &Path) {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(from).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(to).unwrap());
    writeln!(file, "{header}").unwrap();
    for line in lines.lines().rev() {
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cdnow_gives_the_published_parameters_and_values() {
    let Some(data) = tests::data_folder("cdnow") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();

    let orders = data.join("cdnow/CDNOW_sample.txt");
    let data_dir = folder.path().join("data");
    let document = demo(&orders, "cdnow", &data_dir, &["--as-of", "1997-09-30"]);

    check_document(&document);
    for (name, expected) in [("r", 0.243), ("alpha", 4.414), ("a", 0.793), ("b", 2.426)] {
        within(&document, &format!("/clv/bgnbd/{name}"), expected, 0.005);
    }
    for (name, expected) in [("p", 6.25), ("q", 3.74), ("v", 15.44)] {
        within(
            &document,
            &format!("/clv/gamma_gamma/{name}"),
            expected,
            0.005,
        );
    }
    for (name, expected) in [
        ("r", 0.5248),
        ("alpha", 6.1830),
        ("a", 0.8914),
        ("b", 1.6140),
    ] {
        within(&document, &format!("/clv/mbgnbd/{name}"), expected, 0.005);
    }
    let likelihood = document["clv"]["bgnbd"]["log_likelihood"].as_f64().unwrap();
    assert!((likelihood + 9_582.43).abs() <= 0.05, "{likelihood}");

    let suite = Embedded::start(folder.path()).unwrap();
    compare_customers(&suite, &data.join("cdnow")).await;
    assert!(suite.stop().unwrap().success());
}

/// Compares every customer's values with the expected files, which come from rounded weeks: 0.005 purchases, 0.001
/// probability alive (of customers with repeat purchases: for others it is served from MBG/NBD), 2 % lifetime value.
async fn compare_customers(suite: &Embedded, folder: &Path) {
    use api::common::{CustomerRef, Identifier, customer_ref::Ref};
    use api::scoring::scoring_service_client::ScoringServiceClient;
    use api::scoring::{BatchScoreRequest, ScoreOptions};

    let mut predictions =
        csv::Reader::from_path(folder.join("expected_bgnbd_predictions.csv")).unwrap();
    let mut values = csv::Reader::from_path(folder.join("expected_gg_clv.csv")).unwrap();
    let rows: Vec<[f64; 5]> = predictions
        .records()
        .zip(values.records())
        .map(|(prediction, value)| {
            let (prediction, value) = (prediction.unwrap(), value.unwrap());
            let read =
                |record: &csv::StringRecord, index: usize| record[index].parse::<f64>().unwrap();
            [
                read(&prediction, 0),
                read(&prediction, 1),
                read(&prediction, 4),
                read(&prediction, 5),
                read(&value, 6),
            ]
        })
        .collect();
    assert_eq!(rows.len(), 2_357);

    let mut client = ScoringServiceClient::new(suite.channel("scoring"));
    let mut compared = 0;
    for page in rows.chunks(1_000) {
        let reference = |row: &[f64; 5]| {
            let identifier = Identifier {
                namespace: "customer_id".into(),
                value: format!("{:04}", row[0] as u32),
            };
            CustomerRef {
                r#ref: Some(Ref::Identifier(identifier)),
            }
        };
        let options = ScoreOptions {
            as_of: Some(prost_types::Timestamp {
                seconds: 875_663_999,
                nanos: 0,
            }),
            horizon_days: 39 * 7,
            ..Default::default()
        };
        let request = BatchScoreRequest {
            customers: page.iter().map(reference).collect(),
            options: Some(options),
        };
        let answer = client.batch_score(request).await.unwrap().into_inner();
        for (row, score) in page.iter().zip(&answer.scores) {
            let [id, repeats, alive, purchases, clv] = *row;
            let value = |name: &str| {
                score
                    .values
                    .iter()
                    .find(|it| it.name == name)
                    .map(|it| it.value)
            };
            let of =
                |name: &str| value(name).unwrap_or_else(|| panic!("{name} of {id}: {score:?}"));
            assert!(
                (of("expected_purchases") - purchases).abs() <= 0.005,
                "purchases of {id}: {} not {purchases}",
                of("expected_purchases")
            );
            if repeats > 0.0 {
                assert!(
                    (of("p_alive") - alive).abs() <= 0.001,
                    "p(alive) of {id}: {} not {alive}",
                    of("p_alive")
                );
                let close = (of("clv_minor") - 100.0 * clv).abs() <= 0.02 * 100.0 * clv + 1.0;
                assert!(
                    close,
                    "lifetime value of {id}: {} not {clv}",
                    of("clv_minor") / 100.0
                );
            }
            compared += 1;
        }
    }
    println!("cdnow: {compared} customers agree with the expected files");
}
