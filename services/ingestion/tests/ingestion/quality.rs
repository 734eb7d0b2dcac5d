//! Quality figures against exact counts, through every door, over commits and folds.

use std::time::Duration;

use api::common::Event;
use api::ingestion::source::Kind as SourceKind;
use api::ingestion::*;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use store::lease::Leases;
use store::{Store, StoreError};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{Ingestion, codes, for_tenant, on_each_database, order};

/// Visits with a number that has bounds, a text that may be missing and a personal column.
pub const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: visits
version: 1.0.0
schema:
  - name: visits
    properties:
      - {name: id, logicalType: string, required: true, primaryKey: true}
      - {name: day, logicalType: timestamp, required: true}
      - {name: customer, logicalType: string, required: true, classification: personal}
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 1000}}
      - {name: city, logicalType: string}
      - {name: note, logicalType: string}
customProperties:
  - property: clientele
    value:
      file: {format: csv}
      time: {column: day, formats: ["%Y-%m-%d"], zone: Europe/London}
      identifiers: {customer_id: customer}
      types: [{type: Visit Ended}]
      properties: {city: city, amount: amount}
      weights: {completeness: 2, mayBeMissing: [note]}
"#;

/// Visits of 20 days: every third amount of the last five days is missing, every tenth is out of bounds.
pub fn visits(count: usize) -> Vec<[String; 6]> {
    let visit = |n: usize| {
        let day = n % 20;
        let amount = match n {
            _ if day >= 15 && n % 3 == 0 => String::new(),
            _ if n % 10 == 7 => "5000".to_owned(),
            _ => format!("{}", n % 9 * 10),
        };
        [
            format!("v{n}"),
            format!("2011-03-{:02}", day + 1),
            format!("c{}", n % 50),
            amount,
            ["London", "Paris", "上海"][n % 3].to_owned(),
            String::new(),
        ]
    };
    (0..count).map(visit).collect()
}

pub fn csv(visits: &[[String; 6]]) -> String {
    let lines = visits.iter().map(|visit| visit.join(",") + "\n");
    std::iter::once("id,day,customer,amount,city,note\n".to_owned())
        .chain(lines)
        .collect()
}

/// Returns visits as records that are sent.
fn records(visits: &[[String; 6]], source: &str) -> Vec<Event> {
    let names = ["id", "day", "customer", "amount", "city", "note"];
    let record = |visit: &[String; 6]| {
        let field = |(name, text): (&str, &String)| {
            let kind = Some(Kind::StringValue(text.clone()));
            (name.to_owned(), Value { kind })
        };
        Event {
            source: source.into(),
            properties: Some(Struct {
                fields: names.into_iter().zip(visit).map(field).collect(),
            }),
            ..Event::default()
        }
    };
    visits.iter().map(record).collect()
}

impl Ingestion {
    pub async fn report(&mut self, source: &str) -> Result<QualityReport, Status> {
        let request = GetQualityReportRequest {
            source: format!("sources/{source}"),
            ..GetQualityReportRequest::default()
        };
        Ok(self.quality.get_quality_report(request).await?.into_inner())
    }

    pub async fn register(&mut self, id: &str, contract: &str) {
        let source = Source {
            contract_yaml: contract.into(),
            kind: Some(SourceKind::Push(PushSource {})),
            ..Source::default()
        };
        let request = CreateSourceRequest {
            source_id: id.into(),
            source: Some(source),
            ..CreateSourceRequest::default()
        };
        self.sources.create_source(request).await.unwrap();
    }
}

fn field<'a>(report: &'a QualityReport, name: &str) -> &'a FieldQuality {
    report.fields.iter().find(|it| it.field == name).unwrap()
}

fn tally(dimensions: &[DimensionScore], dimension: QualityDimension) -> (i64, i64) {
    let it = dimensions
        .iter()
        .find(|it| it.dimension() == dimension)
        .unwrap();
    (it.good, it.checked)
}

/// Takes out what differs by design: when it was computed, and under which name.
fn comparable(mut report: QualityReport) -> QualityReport {
    report.as_of = None;
    report.source.clear();
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_exact_counts() {
    use QualityDimension::{Accuracy, Completeness};
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        ingestion.register("shop", CONTRACT).await;
        let missing_source = ingestion.report("shop").await.unwrap_err();
        assert_eq!(missing_source.code(), Code::NotFound);
        assert_eq!(
            runtime::fault::reason(&missing_source).as_deref(),
            Some("SOURCE_NOT_FOUND")
        );
        let visits = visits(1000);
        let file = csv(&visits);
        let imported = ingestion
            .import("default", ("visits.csv", file.as_bytes()), CONTRACT)
            .await
            .unwrap();
        let quarantined = imported.receipts.unwrap().quarantined;

        let report = ingestion.report("shop").await.unwrap();

        let missing = visits.iter().filter(|it| it[3].is_empty()).count() as i64;
        let wrong = visits.iter().filter(|it| it[3] == "5000").count() as i64;
        assert!(missing > 50 && wrong > 80, "{missing} {wrong}");
        assert_eq!(quarantined, wrong);
        assert_eq!(report.records, 1000);
        assert_eq!(
            (report.from_day.as_str(), report.to_day.as_str()),
            ("2011-03-01", "2011-03-20")
        );
        let names: Vec<_> = report.fields.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(names, ["id", "day", "customer", "amount", "city", "note"]);
        let amount = field(&report, "amount");
        assert_eq!((amount.records, amount.missing), (1000, missing));
        assert_eq!(
            tally(&amount.dimensions, Completeness),
            (1000 - missing, 1000)
        );
        assert_eq!(
            tally(&amount.dimensions, Accuracy),
            (1000 - missing - wrong, 1000 - missing)
        );
        let numbers = amount.numbers.unwrap();
        let accepted: Vec<f64> = visits
            .iter()
            .filter(|it| it[3] != "5000")
            .filter_map(|it| it[3].parse().ok())
            .collect();
        assert_eq!(numbers.count, accepted.len() as i64);
        assert_eq!((numbers.min, numbers.max), (0.0, 80.0));
        assert!((numbers.mean - accepted.iter().sum::<f64>() / accepted.len() as f64).abs() < 1e-9);
        // The gaps are on the last five days, and lie there more often than elsewhere.
        assert_eq!(amount.missing_patterns.len(), 5);
        for pattern in &amount.missing_patterns {
            assert!(
                pattern.day.as_str() >= "2011-03-16" && pattern.lift > 2.0,
                "{pattern:?}"
            );
        }
        // What may be missing does not count against completeness, and is told nevertheless.
        let note = field(&report, "note");
        assert_eq!(
            (note.missing, tally(&note.dimensions, Completeness)),
            (1000, (0, 0))
        );
        assert_eq!(field(&report, "city").distinct, 3);
        // Values of a personal column are counted and nothing else.
        let customer = field(&report, "customer");
        assert_eq!((customer.distinct, customer.numbers), (50, None));
        let complete = tally(&report.dimensions, Completeness);
        let accurate = tally(&report.dimensions, Accuracy);
        assert_eq!(complete, (5000 - missing, 5000));
        let share = |(good, checked): (i64, i64)| good as f64 / checked as f64;
        let expected = 100.0 * (2.0 * share(complete) + share(accurate) + 1.0) / 4.0;
        assert!(
            (report.score.unwrap() - expected).abs() < 1e-9,
            "{report:?}"
        );
        assert!(
            report
                .formula
                .contains(&format!("2 * {}/5000 completeness", complete.0)),
            "{}",
            report.formula
        );
        assert_eq!(report.reasons.len(), 1);
        assert_eq!(
            (report.reasons[0].field.as_str(), report.reasons[0].records),
            ("amount", wrong)
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_the_same_through_every_door_and_in_every_cut() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start_with(database, |config| {
            config.import.batch_rows = 37;
            config.quality.fold = Duration::from_millis(20);
        })
        .await;
        for source in ["shop", "batch", "single"] {
            ingestion.register(source, CONTRACT).await;
        }
        // Days that may still be sent.
        let mut visits = visits(300);
        for visit in &mut visits {
            let day: chrono::NaiveDate = visit[1].parse().unwrap();
            let first: chrono::NaiveDate = "2011-03-01".parse().unwrap();
            let moved = chrono::Utc::now().date_naive() - chrono::Days::new(40) + (day - first);
            visit[1] = moved.to_string();
        }
        let file = csv(&visits);
        let imported = ingestion
            .import("default", ("visits.csv", file.as_bytes()), CONTRACT)
            .await;
        imported.unwrap();
        visits.reverse();
        ingestion.ingest(records(&visits, "batch")).await;
        for part in records(&visits, "single").chunks(7) {
            ingestion.ingest(part.to_vec()).await;
            // Sent again: nothing counts twice.
            ingestion.ingest(part.to_vec()).await;
        }

        let reports = [
            ingestion.report("shop").await.unwrap(),
            ingestion.report("batch").await.unwrap(),
            ingestion.report("single").await.unwrap(),
        ]
        .map(comparable);

        assert_eq!(reports[0].records, 300);
        assert_eq!(reports[0], reports[1]);
        assert_eq!(reports[0], reports[2]);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_counts_once_and_moves_when_it_is_accepted() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let good = order("m1", "anna", 500);
        let mut bad = order("m2", "ben", 700);
        bad.identifiers.clear();
        assert_eq!(
            codes(&ingestion.ingest(vec![good.clone(), bad.clone()]).await),
            "aq"
        );
        let once = ingestion.report("shop").await.unwrap();
        assert_eq!(once.records, 2);
        assert_eq!(once.reasons.len(), 1);
        assert_eq!(once.reasons[0].reason, "MISSING_IDENTIFIER");
        assert_eq!(field(&once, "identifiers").missing, 1);

        // Duplicates of both, and a conflict that comes three times.
        let mut other = good.clone();
        other.value.as_mut().unwrap().minor_units = 501;
        for _ in 0..3 {
            let receipts = ingestion
                .ingest(vec![good.clone(), bad.clone(), other.clone()])
                .await;
            assert_eq!(codes(&receipts), "dqc");
        }
        let again = ingestion.report("shop").await.unwrap();
        assert_eq!(again.records, 2);
        assert_eq!(again.reasons, once.reasons);
        assert_eq!(
            tally(&again.dimensions, QualityDimension::Consistency),
            (2, 3)
        );

        // Mended, it moves from quarantine to the accepted ones.
        let mended = order("m2", "ben", 700);
        assert_eq!(codes(&ingestion.ingest(vec![mended]).await), "a");
        let moved = ingestion.report("shop").await.unwrap();
        assert_eq!((moved.records, moved.reasons.len()), (2, 0));
        assert_eq!(field(&moved, "identifiers").missing, 0);
        assert_eq!(field(&moved, "identifiers.customer_id").distinct, 2);
        assert_eq!(field(&moved, "value").numbers.unwrap().max, 7.0);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folding_changes_no_figure_and_only_the_newest_holder_folds() {
    on_each_database(|database| async move {
        // The service itself does not fold here.
        let mut ingestion = Ingestion::start_with(database, |config| {
            config.quality.fold = Duration::from_secs(3600);
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for part in 0..5 {
            let events = (0..20).map(|n| order(&format!("m{part}-{n}"), &format!("c{n}"), n * 10));
            ingestion.ingest(events.collect()).await;
        }
        let before = ingestion.report("shop").await.unwrap();
        assert_eq!(before.records, 100);

        let store = Store::open(&ingestion.config.database).await.unwrap();
        let leases = Leases::new(store.clone());
        let ttl = Duration::from_secs(30);
        let holder = Uuid::new_v4();
        let old = leases
            .try_acquire("fold", holder, ttl)
            .await
            .unwrap()
            .unwrap();
        let new = leases
            .try_acquire("fold", holder, ttl)
            .await
            .unwrap()
            .unwrap();
        let fenced = ingestion::store::quality::fold(&store, &old)
            .await
            .unwrap_err();
        assert!(matches!(fenced, StoreError::Fenced(_)), "{fenced:?}");
        assert_eq!(
            comparable(ingestion.report("shop").await.unwrap()),
            comparable(before.clone())
        );

        while ingestion::store::quality::fold(&store, &new).await.unwrap() {}
        assert_eq!(
            comparable(ingestion.report("shop").await.unwrap()),
            comparable(before.clone())
        );
        let rest = store::sql::query_all(store.reader(), "SELECT id FROM quality_deltas", [])
            .await
            .unwrap();
        assert!(rest.is_empty());

        // What comes after joins what is folded.
        ingestion.ingest(vec![order("late", "c1", 5)]).await;
        assert_eq!(ingestion.report("shop").await.unwrap().records, 101);
        assert!(!ingestion::store::quality::fold(&store, &new).await.unwrap());
        assert_eq!(ingestion.report("shop").await.unwrap().records, 101);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_paged_and_alerts_are_raised_and_cleared() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start_with(database, |config| {
            config.quality.fold = Duration::from_millis(20);
            config.quality.judge = Duration::from_millis(50);
        })
        .await;
        let contract = CONTRACT.replace(
            "      weights:",
            "      alerts:\n        - {metric: missing, field: city, rule: threshold, max: 0.2, minRecords: 3}\n      weights:",
        );
        ingestion.register("shop", &contract).await;
        let mut visits = visits(100);
        for visit in visits.iter_mut().filter(|it| it[1] == "2011-03-20") {
            visit[4].clear();
        }
        let file = csv(&visits);
        ingestion.import("default", ("a.csv", file.as_bytes()), &contract).await.unwrap();

        let mut points = Vec::new();
        let mut request = ListQualityHistoryRequest {
            source: "sources/shop".into(),
            field: "city".into(),
            dimension: QualityDimension::Completeness.into(),
            page_size: 7,
            ..ListQualityHistoryRequest::default()
        };
        loop {
            let page = ingestion.quality.list_quality_history(request.clone()).await.unwrap().into_inner();
            points.extend(page.points);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(points.len(), 20);
        assert_eq!((points[0].day.as_str(), points[0].score, points[0].records), ("2011-03-01", Some(100.0), 5));
        assert_eq!((points[19].day.as_str(), points[19].score), ("2011-03-20", Some(0.0)));

        let alerts = ingestion.alerts_where(|alerts| !alerts.is_empty()).await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        let alert = &alerts[0];
        assert_eq!((alert.metric.as_str(), alert.rule.as_str(), alert.field.as_str()), ("missing", "threshold", "city"));
        assert_eq!((alert.day.as_str(), alert.value, alert.expected_max), ("2011-03-20", 1.0, Some(0.2)));
        assert!(alert.description.contains("missing values of `city`: 100.00 % on 2011-03-20"), "{}", alert.description);

        // Enough good records for that day, and it is over.
        let more: Vec<[String; 6]> = (0..40)
            .map(|n| [format!("w{n}"), "2011-03-20".into(), "c1".into(), "1".into(), "Rome".into(), String::new()])
            .collect();
        let file = csv(&more);
        ingestion.import("default", ("b.csv", file.as_bytes()), &contract).await.unwrap();
        let alerts = ingestion.alerts_where(|alerts| alerts.iter().all(|it| it.clear_time.is_some())).await;
        assert_eq!(alerts.len(), 1);
        let other = ListQualityAlertsRequest::default();
        let others = ingestion.quality.list_quality_alerts(for_tenant("elsewhere", other)).await.unwrap();
        assert!(others.into_inner().alerts.is_empty());
        ingestion.stop().await;
    })
    .await;
}

impl Ingestion {
    async fn alerts_where(&mut self, fits: impl Fn(&[QualityAlert]) -> bool) -> Vec<QualityAlert> {
        for _ in 0..200 {
            let request = ListQualityAlertsRequest {
                source: "sources/shop".into(),
                ..ListQualityAlertsRequest::default()
            };
            let answer = self.quality.list_quality_alerts(request).await.unwrap();
            let alerts = answer.into_inner().alerts;
            if fits(&alerts) {
                return alerts;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the alerts did not come to that");
    }
}
