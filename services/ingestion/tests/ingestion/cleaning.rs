//! Gaps filled and outliers treated by a baseline, through every door and into the features; near duplicates.

use api::common::{CorrectionAction, Event, StandardEvent};
use api::ingestion::source::Kind as SourceKind;
use api::ingestion::*;
use features::{AsOf, CustomerState};
use lake::Lake;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::harness::{Ingestion, check_law, codes, for_tenant, on_each_database};

const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: tills
version: 1.0.0
schema:
  - name: sales
    properties:
      - {name: id, logicalType: string, required: true, primaryKey: true}
      - {name: at, logicalType: timestamp, required: true}
      - {name: customer, logicalType: string, required: true}
      - {name: price, logicalType: number, required: true}
      - {name: city, logicalType: string}
      - {name: till, logicalType: string}
customProperties:
  - property: clientele
    value:
      file: {format: csv}
      time: {column: at, formats: ["%Y-%m-%d %H:%M:%S"]}
      currency: GBP
      identifiers: {customer_id: customer}
      types: [{type: Order Completed}]
      value: price
      properties: {city: city}
"#;

const CLEAN: &str = r#"
      clean:
        price:
          missing: median
          outliers:
            - {method: decimal_shift, action: correct}
            - {method: box_plot, k: 3, action: winsorise}
        city: {missing: auto, spelling: {distance: 0.2, action: correct}}
      dependencies: [{from: till, to: city, action: quarantine}]
"#;

const NAMES: [&str; 6] = ["id", "at", "customer", "price", "city", "till"];

/// A sale: id, time, customer, price, city, till.
type Sale = [String; 6];

/// Sales of 40 days in two cities at prices from 20.00 to 29.90, and then some that are not so.
fn sales() -> Vec<Sale> {
    let ordinary = |n: usize| {
        let price = format!("{}.{}0", 20 + n % 10, n % 7);
        let (city, till) = [("London", "l1"), ("Leeds", "e1"), ("London", "l2")][n % 3];
        let day = chrono::Utc::now().date_naive() - chrono::TimeDelta::days(60 - n as i64 % 40);
        [
            format!("s{n}"),
            format!("{day} {:02}:00:00", n % 24),
            format!("c{}", n % 30),
            price,
            city.to_owned(),
            till.to_owned(),
        ]
    };
    let mut sales: Vec<Sale> = (0..600).map(ordinary).collect();
    sales[10][3] = String::new();
    sales[20][3] = "2500".into();
    sales[30][3] = "90".into();
    sales[40][4] = String::new();
    sales[50][4] = "Lxndon".into();
    sales[61][4] = "London".into();
    sales
}

fn csv(sales: &[Sale]) -> String {
    let lines = sales.iter().map(|sale| sale.join(",") + "\n");
    std::iter::once(NAMES.join(",") + "\n")
        .chain(lines)
        .collect()
}

fn record(sale: &Sale, source: &str) -> Event {
    let field = |(name, text): (&&str, &String)| {
        let kind = Some(Kind::StringValue(text.clone()));
        ((*name).to_owned(), Value { kind })
    };
    Event {
        source: source.into(),
        properties: Some(Struct {
            fields: NAMES.iter().zip(sale).map(field).collect(),
        }),
        ..Event::default()
    }
}

impl Ingestion {
    async fn import_fitted(
        &mut self,
        source: &str,
        file: &str,
        contract: &str,
        fit_baseline: bool,
    ) -> ImportFileResponse {
        let upload = self.upload("sales.csv", file.as_bytes()).await;
        let request = ImportFileRequest {
            upload,
            source: source.into(),
            contract_yaml: contract.into(),
            fit_baseline,
            ..ImportFileRequest::default()
        };
        let started = self.imports.import_file(request).await.unwrap();
        self.wait("default", started.into_inner()).await.unwrap()
    }

    async fn register_till(&mut self, id: &str, contract: &str) {
        let source = Source {
            kind: Some(SourceKind::Push(PushSource {})),
            contract_yaml: contract.into(),
            ..Source::default()
        };
        let request = CreateSourceRequest {
            source_id: id.into(),
            source: Some(source),
            ..CreateSourceRequest::default()
        };
        self.sources.create_source(request).await.unwrap();
    }

    async fn baseline(&mut self, source: &str, version: i64) -> Baseline {
        let request = GetBaselineRequest {
            source: format!("sources/{source}"),
            version,
        };
        let answer = self.quality.get_baseline(for_tenant("default", request));
        answer.await.unwrap().into_inner()
    }

    fn applied(&self) -> Vec<StandardEvent> {
        self.peer.record.lock().unwrap().events.clone()
    }
}

fn corrections(event: &StandardEvent) -> Vec<(&str, CorrectionAction, &str, &str)> {
    let told = event.corrections.iter();
    told.map(|it| {
        (
            it.field.as_str(),
            it.action(),
            it.method.as_str(),
            it.original.as_str(),
        )
    })
    .collect()
}

fn value(event: &StandardEvent) -> i64 {
    event.value.as_ref().unwrap().minor_units
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cleaning_did_is_known_from_the_lake_to_the_features() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let contract = format!("{CONTRACT}{CLEAN}");
        let sales = sales();
        let imported = ingestion
            .import_fitted("tills", &csv(&sales), &contract, true)
            .await;

        let receipts = imported.receipts.unwrap();
        check_law(&receipts);
        assert_eq!((receipts.accepted, receipts.quarantined), (599, 1));
        let reasons: Vec<_> = imported
            .reasons
            .iter()
            .map(|it| (it.field.as_str(), it.reason.as_str()))
            .collect();
        assert_eq!(reasons, [("city", "DEPENDENCY_BROKEN")]);
        let changes: i64 = imported.changes.iter().map(|it| it.values).sum();
        assert_eq!(changes, 5, "{:?}", imported.changes);
        ingestion.settled().await;

        let baseline = ingestion.baseline("tills", 0).await;
        let price = baseline
            .fields
            .iter()
            .find(|it| it.field == "price")
            .unwrap();
        let median = price.numbers.unwrap().median;
        let events = ingestion.applied();
        let corrected: Vec<&StandardEvent> = events
            .iter()
            .filter(|it| !it.corrections.is_empty())
            .collect();
        assert_eq!(corrected.len(), 5);
        for event in corrected {
            assert_eq!(event.baseline_version, 1);
            match corrections(event)[..] {
                [("price", CorrectionAction::Imputed, "median", "")] => {
                    assert_eq!(value(event), (median * 100.0).round() as i64);
                    assert_eq!(event.corrections[0].targets, ["value"]);
                }
                [("price", CorrectionAction::Corrected, "decimal_shift", "2500")] => {
                    assert_eq!(value(event), 2_500)
                }
                [("price", CorrectionAction::Winsorised, "box_plot", "90")] => {
                    assert!((3_000..6_000).contains(&value(event)), "{}", value(event));
                }
                [("city", CorrectionAction::Imputed, "mode", "")]
                | [("city", CorrectionAction::Corrected, "spelling", "Lxndon")] => {
                    assert_eq!(event.corrections[0].targets, ["properties.city"]);
                }
                ref other => panic!("{other:?}"),
            }
        }

        // The lake holds the same, and states made of it know how far they rest on it.
        let lake = Lake::open(&ingestion.config.lake.path).await.unwrap();
        let mut state = CustomerState::default();
        let request = lake::ReplayRequest {
            tenant: "default".into(),
            as_of_day: 30_000,
            known_by: chrono::Utc::now() + chrono::TimeDelta::days(9_000),
        };
        let go_on = |_| std::ops::ControlFlow::Continue(());
        let fragments = lake.replay_fragments(&request, go_on).await.unwrap();
        fragments
            .values()
            .for_each(|fragment| state.merge(fragment));
        let day = AsOf::day(state.newest_day().unwrap());
        assert_eq!(state.features(day).number("corrected_amounts"), Some(3.0));
        assert!(state.features(day).get("revenue").unwrap().corrected);

        // Nothing is counted twice by the baseline in force, and what is sent is cleaned by it like what is imported.
        let again = ingestion
            .import_fitted("tills", &csv(&sales), &contract, false)
            .await
            .receipts
            .unwrap();
        assert_eq!((again.duplicate, again.accepted), (599, 0));
        ingestion.register_till("tills", &contract).await;
        let mut sale = sales[10].clone();
        sale[0] = "sent".into();
        let receipts = ingestion.ingest(vec![record(&sale, "tills")]).await;
        assert_eq!(codes(&receipts), "a");
        ingestion.settled().await;
        let events = ingestion.applied();
        let sent = events.last().unwrap();
        assert_eq!(value(sent), (median * 100.0).round() as i64);
        assert_eq!(
            (sent.baseline_version, corrections(sent)[0].2),
            (1, "median")
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streaming_estimates_equal_the_batch_answer() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let contract = format!("{CONTRACT}{CLEAN}");
        ingestion.register_till("streamed", &contract).await;
        let sales: Vec<Sale> = sales()
            .into_iter()
            .filter(|sale| !sale[3].is_empty())
            .collect();
        for (number, some) in sales.chunks(77).enumerate() {
            let mut some: Vec<Event> = some.iter().map(|sale| record(sale, "streamed")).collect();
            if number % 2 == 0 {
                some.reverse();
            }
            let receipts = ingestion.ingest(some).await;
            assert!(!codes(&receipts).contains(['r', 'c']), "{receipts:?}");
        }
        let request = FitBaselineRequest {
            source: "sources/streamed".into(),
            ..FitBaselineRequest::default()
        };
        let answer = ingestion
            .quality
            .fit_baseline(for_tenant("default", request));
        let streamed = answer.await.unwrap().into_inner();
        ingestion
            .import_fitted("read", &csv(&sales), &contract, true)
            .await;
        let read = ingestion.baseline("read", 1).await;

        let price = |it: &Baseline| {
            it.fields
                .iter()
                .find(|it| it.field == "price")
                .cloned()
                .unwrap()
        };
        let (streamed, read) = (price(&streamed), price(&read));
        assert_eq!(streamed.numbers, read.numbers);
        assert_eq!(streamed.median_deviation, read.median_deviation);
        let mut exact: Vec<f64> = sales.iter().map(|sale| sale[3].parse().unwrap()).collect();
        exact.sort_by(f64::total_cmp);
        let median = (exact[exact.len() / 2] + exact[(exact.len() - 1) / 2]) / 2.0;
        let mean = exact.iter().sum::<f64>() / exact.len() as f64;
        let numbers = read.numbers.unwrap();
        assert!((numbers.median - median).abs() <= 0.01 * median);
        assert!((numbers.mean - mean).abs() <= 1e-9 * mean);
        assert_eq!(
            (numbers.min, numbers.max),
            (exact[0], exact[exact.len() - 1])
        );

        // What goes together was learned on the stream as well, and is in force at once.
        let mut broken = sales[100].clone();
        (broken[0], broken[4]) = ("broken".into(), "Leeds".into());
        broken[5] = "l1".into();
        let receipts = ingestion.ingest(vec![record(&broken, "streamed")]).await;
        assert_eq!(codes(&receipts), "q");
        assert_eq!(receipts[0].violations[0].reason, "DEPENDENCY_BROKEN");
        ingestion.stop().await;
    })
    .await;
}

fn sale(id: &str, customer: &str, time: &str) -> Sale {
    [
        id,
        &format!("2024-05-06 {time}"),
        customer,
        "5",
        "London",
        "l1",
    ]
    .map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn near_duplicates_are_found_whatever_way_they_come() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        for action in ["flag", "quarantine", "drop"] {
            let rule = format!(
                "      duplicates: {{key: [customer, price], within: 10m, action: {action}}}\n"
            );
            ingestion
                .register_till(action, &format!("{CONTRACT}{rule}"))
                .await;
        }
        let day = chrono::Utc::now().date_naive() - chrono::TimeDelta::days(1);
        let at = |id: &str, customer: &str, time: &str, source: &str| {
            let mut sale = sale(id, customer, "");
            sale[1] = format!("{day} {time}");
            record(&sale, source)
        };
        let batch = |source: &str| {
            vec![
                at("1", "anna", "10:00:00", source),
                at("2", "anna", "10:09:59", source),
                at("3", "anna", "10:10:01", source),
                at("4", "bob", "10:00:00", source),
                at("5", "anna", "09:50:00", source),
            ]
        };
        // What is left out does not count as a first one: the third is within ten minutes of the second alone.
        for (source, expected, again) in [
            ("flag", "aaaaa", "ddddd"),
            ("quarantine", "aqaaq", "dqddq"),
            ("drop", "adaad", "ddddd"),
        ] {
            assert_eq!(
                codes(&ingestion.ingest(batch(source)).await),
                expected,
                "{source}"
            );
            let repeated = ingestion.ingest(batch(source)).await;
            assert_eq!(codes(&repeated), again, "{source}");
        }
        let receipts = ingestion
            .ingest(vec![at("6", "bob", "10:05:00", "drop")])
            .await;
        assert_eq!(receipts[0].violations[0].reason, "NEAR_DUPLICATE");
        ingestion.settled().await;
        let marked = ingestion
            .applied()
            .into_iter()
            .filter(|it| it.marks.contains(&"near_duplicate".to_owned()));
        assert_eq!(marked.count(), 3);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_near_duplicates_that_come_at_once_one_is_taken_in() {
    on_each_database(|database| async move {
        let mut first = Ingestion::start(database).await;
        let rule = "      duplicates: {key: customer, within: 1h, action: drop}\n";
        first
            .register_till("tills", &format!("{CONTRACT}{rule}"))
            .await;
        let second = first.beside().await;
        let now = chrono::Utc::now() - chrono::TimeDelta::hours(1);
        let mut tasks = Vec::new();
        for task in 0..8 {
            let mut client = if task % 2 == 0 {
                first.events.clone()
            } else {
                second.events.clone()
            };
            let events: Vec<Event> = (0..50)
                .map(|number| {
                    let mut sale = sale(&format!("{task}-{number}"), &format!("c{number}"), "");
                    sale[1] = now.format("%Y-%m-%d %H:%M:%S").to_string();
                    record(&sale, "tills")
                })
                .collect();
            tasks.push(tokio::spawn(async move {
                let request = BatchIngestEventsRequest {
                    events,
                    contract: String::new(),
                };
                codes(
                    &client
                        .batch_ingest_events(request)
                        .await
                        .unwrap()
                        .into_inner()
                        .receipts,
                )
            }));
        }
        let mut accepted = [0; 50];
        for task in tasks {
            for (customer, code) in task.await.unwrap().chars().enumerate() {
                assert!(matches!(code, 'a' | 'd'));
                accepted[customer] += u32::from(code == 'a');
            }
        }
        assert_eq!(accepted, [1; 50]);
        second.stop().await;
        assert_eq!(first.settled().await.accepted, 50);
        first.stop().await;
    })
    .await;
}
