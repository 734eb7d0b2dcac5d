//! A question reaches its tenant's rows and no others.

#![allow(clippy::unwrap_used)]

use api::common::{FragmentRef, Money, StandardEvent};
use lake::events::{LakeRow, to_batch};
use lake::{Table, Transaction};
use lake_query::{LakeQuery, QueryError, RecordBatch};
use prost_types::Timestamp;
use runtime::fault::Fault;

fn order(tenant: &str, number: u8, day: i32, minor_units: i64) -> StandardEvent {
    let time = Some(Timestamp {
        seconds: i64::from(day) * 86_400,
        nanos: 0,
    });
    StandardEvent {
        event_id: vec![number; 16],
        tenant: tenant.to_owned(),
        source: "shop".to_owned(),
        r#type: "Order Completed".to_owned(),
        event_time: time,
        known_time: time,
        fragments: vec![FragmentRef {
            fragment_id: vec![number; 16],
            ..FragmentRef::default()
        }],
        value: Some(Money {
            currency_code: "GBP".to_owned(),
            minor_units,
        }),
        local_day: day,
        ..StandardEvent::default()
    }
}

async fn two_tenants(folder: &std::path::Path) -> LakeQuery {
    let query = LakeQuery::open(folder).await.unwrap();
    let events = [
        order("ours", 1, 100, 500),
        order("ours", 2, 101, 700),
        order("theirs", 3, 100, 9_000),
    ];
    let rows: Vec<LakeRow> = (0..)
        .zip(events)
        .map(|(position, event)| LakeRow {
            lane: "l".into(),
            batch: 1,
            position,
            event,
        })
        .collect();
    let transaction = Transaction {
        app_id: "l".to_owned(),
        version: 1,
    };
    query
        .lake()
        .append(Table::Events, &[to_batch(&rows).unwrap()], &transaction)
        .await
        .unwrap();
    query
}

async fn number(query: &LakeQuery, tenant: &str, sql: &str) -> i64 {
    let answer = query.sql(tenant, sql).await.unwrap();
    let column: &RecordBatch = &answer.rows[0];
    use lake::arrow::array::AsArray;
    column
        .column(0)
        .as_primitive::<lake::arrow::datatypes::Int64Type>()
        .value(0)
}

#[tokio::test]
async fn sums_are_of_ones_own_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let query = two_tenants(folder.path()).await;

    assert_eq!(
        number(&query, "ours", "SELECT sum(value_minor) FROM events").await,
        1_200
    );
    assert_eq!(
        number(&query, "theirs", "SELECT sum(value_minor) FROM events").await,
        9_000
    );
    let day = "SELECT count(*) FROM events WHERE event_day = DATE '1970-04-11' AND type = 'Order Completed'";
    assert_eq!(number(&query, "ours", day).await, 1);
    assert_eq!(
        number(
            &query,
            "ours",
            "SELECT count(*) FROM events WHERE tenant = 'theirs' OR true"
        )
        .await,
        2
    );
    assert_eq!(
        number(&query, "ours", "SELECT count(*) FROM identity").await,
        0
    );
}

#[track_caller]
fn assert_refused(refused: Result<lake_query::Answer, QueryError>, sql: &str) {
    let error = refused.expect_err(sql);
    assert_eq!(error.reason(), "QUERY_REFUSED", "{sql}: {error}");
}

#[tokio::test]
async fn nothing_else_can_be_reached_or_changed() {
    let folder = tempfile::tempdir().unwrap();
    let query = two_tenants(folder.path()).await;
    let file = format!(
        "SELECT * FROM '{}/events/tenant=theirs'",
        folder.path().display()
    );
    for sql in [
        file.as_str(),
        "SELECT * FROM other",
        "SELECT payload FROM events",
        "SELECT * FROM information_schema.tables",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/'",
        "CREATE VIEW v AS SELECT 1",
        "DROP VIEW events",
        "INSERT INTO events SELECT * FROM events",
        "COPY events TO '/tmp/stolen.parquet'",
        "SET datafusion.catalog.information_schema = true",
        "no sql at all",
    ] {
        assert_refused(query.sql("ours", sql).await, sql);
    }
    assert_eq!(
        number(&query, "theirs", "SELECT count(*) FROM events").await,
        1
    );
}

#[tokio::test]
async fn an_answer_beyond_its_limits_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = two_tenants(folder.path()).await;
    let limits = lake_query::SqlLimits {
        rows_max: 1,
        ..Default::default()
    };
    let query = LakeQuery::new(open.lake().clone(), limits);

    let error = query
        .sql("ours", "SELECT * FROM events")
        .await
        .expect_err("two rows");
    assert_eq!(error.reason(), "QUERY_TOO_LARGE");
}
