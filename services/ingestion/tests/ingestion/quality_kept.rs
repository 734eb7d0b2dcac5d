//! What quality keeps: baselines, and nothing personal.

use api::ingestion::*;
use store::{Store, sql};
use tonic::Code;
use uuid::Uuid;

use crate::harness::{Ingestion, on_each_database, order};
use crate::quality::{CONTRACT, csv, visits};

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_is_fitted_to_the_figures_and_kept_by_version() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        ingestion.register("shop", CONTRACT).await;
        let get = |version| GetBaselineRequest {
            source: "sources/shop".into(),
            version,
        };
        let none = ingestion.quality.get_baseline(get(0)).await.unwrap_err();
        assert_eq!(none.code(), Code::NotFound);
        assert_eq!(
            runtime::fault::reason(&none).as_deref(),
            Some("BASELINE_NOT_FOUND")
        );
        let visits = visits(1000);
        let file = csv(&visits);
        let imported = ingestion
            .import("default", ("a.csv", file.as_bytes()), CONTRACT)
            .await;
        imported.unwrap();

        let request = FitBaselineRequest {
            source: "sources/shop".into(),
            from_day: "2011-03-01".into(),
            to_day: "2011-03-15".into(),
            request_id: Uuid::new_v4().to_string(),
        };
        let fitted = ingestion.quality.fit_baseline(request.clone()).await;
        let fitted = fitted.unwrap().into_inner();
        let again = ingestion.quality.fit_baseline(request.clone()).await;
        assert_eq!(fitted, again.unwrap().into_inner());
        assert_eq!(fitted.version, 1);
        assert_eq!(
            (fitted.from_day.as_str(), fitted.to_day.as_str()),
            ("2011-03-01", "2011-03-15")
        );
        let amount = fitted
            .fields
            .iter()
            .find(|it| it.field == "amount")
            .unwrap();
        let mut amounts: Vec<f64> = visits
            .iter()
            .filter(|it| it[1].as_str() <= "2011-03-15" && it[3] != "5000")
            .map(|it| it[3].parse().unwrap())
            .collect();
        amounts.sort_by(f64::total_cmp);
        let numbers = amount.numbers.unwrap();
        assert_eq!(amount.missing_share, 0.0);
        assert_eq!(numbers.count, amounts.len() as i64);
        assert!((numbers.median - amounts[amounts.len() / 2]).abs() <= 10.0);
        let customer = fitted.fields.iter().find(|it| it.field == "customer");
        let customer = customer.unwrap();
        assert_eq!((customer.numbers, customer.mode.clone()), (None, None));

        // Another request is another version; the older one stays as it is.
        let second = FitBaselineRequest {
            to_day: String::new(),
            request_id: String::new(),
            ..request.clone()
        };
        let second = ingestion.quality.fit_baseline(second).await.unwrap();
        assert_eq!(second.get_ref().version, 2);
        let newest = ingestion.quality.get_baseline(get(0)).await.unwrap();
        assert_eq!(newest.get_ref(), second.get_ref());
        let first = ingestion.quality.get_baseline(get(1)).await.unwrap();
        assert_eq!(first.into_inner(), fitted);
        let empty = FitBaselineRequest {
            from_day: "2020-01-01".into(),
            to_day: String::new(),
            request_id: String::new(),
            ..request
        };
        let refused = ingestion.quality.fit_baseline(empty).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_kept_that_nothing_asks_for() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        ingestion.register("shop", CONTRACT).await;
        let mut visits = visits(60);
        for visit in &mut visits {
            visit[2] = format!("planted-{}", visit[2]);
            visit[5] = "call planted-13800138000".into();
        }
        let file = csv(&visits);
        let imported = ingestion
            .import("default", ("a.csv", file.as_bytes()), CONTRACT)
            .await;
        imported.unwrap();
        let mut event = order("m1", "planted-customer", 100);
        event.source = "plain".into();
        let mut bad = event.clone();
        bad.message_id = "m2".into();
        bad.r#type.clear();
        ingestion.ingest(vec![event, bad]).await;
        assert_eq!(ingestion.report("shop").await.unwrap().records, 60);
        assert_eq!(ingestion.report("plain").await.unwrap().records, 2);

        let store = Store::open(&ingestion.config.database).await.unwrap();
        let kept = [
            ("quality_deltas", "body"),
            ("quality_days", "counts"),
            ("quality_days", "sketches"),
            ("quality_held", "counts"),
        ];
        let mut bytes = 0;
        for (table, column) in kept {
            let select = format!("SELECT {column} AS kept FROM {table}");
            for row in sql::query_all(store.reader(), &select, []).await.unwrap() {
                let kept: Vec<u8> = sql::get(&row, "kept").unwrap();
                bytes += kept.len();
                let found = kept.windows(7).any(|window| window == b"planted");
                assert!(!found, "{table}.{column} holds a planted value");
            }
        }
        assert!(bytes > 500, "{bytes}");
        ingestion.stop().await;
    })
    .await;
}
