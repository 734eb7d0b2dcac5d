use std::collections::HashMap;

use api::common::{Event, Identifier};
use api::ingestion::*;
use tonic::Code;

use crate::harness::{Ingestion, codes, for_tenant, on_each_database, order};

/// An event that nobody can be found for.
fn nameless(id: &str) -> Event {
    Event {
        identifiers: vec![],
        ..order(id, "x", 5)
    }
}

fn timeless(id: &str, customer: &str) -> Event {
    Event {
        event_time: None,
        ..order(id, customer, 7)
    }
}

fn of_source(source: &str) -> Option<QuarantineFilter> {
    Some(QuarantineFilter {
        source: source.into(),
        ..QuarantineFilter::default()
    })
}

async fn list(
    ingestion: &mut Ingestion,
    request: ListQuarantinedRequest,
) -> ListQuarantinedResponse {
    let answer = ingestion.quarantine.list_quarantined(request).await;
    answer.unwrap().into_inner()
}

async fn correct(
    ingestion: &mut Ingestion,
    name: &str,
    values: &[(&str, &str)],
) -> QuarantinedRecord {
    let request = CorrectQuarantinedRequest {
        name: name.into(),
        values: values
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
        request_id: String::new(),
    };
    let answer = ingestion.quarantine.correct_quarantined(request).await;
    answer.unwrap().into_inner()
}

async fn replay(
    ingestion: &mut Ingestion,
    filter: Option<QuarantineFilter>,
    validate_only: bool,
) -> ReceiptCounts {
    let request = ReplayQuarantinedRequest {
        filter,
        validate_only,
        ..ReplayQuarantinedRequest::default()
    };
    let started = ingestion.quarantine.replay_quarantined(request).await;
    let operation = started.unwrap().into_inner();
    let answer: ReplayQuarantinedResponse = ingestion.wait_for("default", operation).await.unwrap();
    answer.receipts.unwrap()
}

async fn discard(
    ingestion: &mut Ingestion,
    filter: Option<QuarantineFilter>,
) -> Result<i64, tonic::Status> {
    let request = DiscardQuarantinedRequest {
        filter,
        justification: "test data".into(),
        requested_by: "ticket 12".into(),
        request_id: String::new(),
    };
    let started = ingestion.quarantine.discard_quarantined(request).await?;
    let operation = started.into_inner();
    let answer: DiscardQuarantinedResponse =
        ingestion.wait_for("default", operation).await.unwrap();
    Ok(answer.discarded)
}

async fn counts(ingestion: &mut Ingestion) -> QuarantineCounts {
    let status = ingestion.status().await;
    let shop = status
        .sources
        .iter()
        .find(|it| it.source == "shop")
        .unwrap();
    shop.quarantine.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_record_is_committed_once_under_the_id_that_it_came_with() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let sent = vec![
            nameless("m1"),
            timeless("m2", "bob"),
            order("m3", "ann", 1),
            nameless("m1"),
        ];
        assert_eq!(codes(&ingestion.ingest(sent.clone()).await), "qqaq");
        let page = list(&mut ingestion, ListQuarantinedRequest::default()).await;
        assert_eq!((page.total_size, page.records.len()), (2, 2));
        let find = |id: &str| {
            let found = page.records.iter().find(|it| it.message_id == id);
            found.unwrap().clone()
        };
        let (m1, m2) = (find("m1"), find("m2"));
        assert_eq!(
            (m1.times, m1.violations[0].reason.as_str()),
            (2, "MISSING_IDENTIFIER")
        );
        assert!(m1.event.is_none());

        // Nothing passes yet.
        let judged = replay(&mut ingestion, of_source("shop"), true).await;
        assert_eq!(
            (judged.received, judged.accepted, judged.quarantined),
            (2, 0, 2)
        );

        let m1 = correct(
            &mut ingestion,
            &m1.name,
            &[("identifiers.customer_id", "ann")],
        )
        .await;
        assert_eq!(m1.corrected_fields, ["identifiers.customer_id"]);
        assert!(m1.violations.is_empty(), "{m1:?}");
        let kept = m1.event.unwrap();
        assert!(kept.identifiers[0].value.starts_with("hash:"));
        // The same content comes again: the correction stays.
        assert_eq!(codes(&ingestion.ingest(vec![nameless("m1")]).await), "q");
        let time = chrono::Utc::now() - chrono::TimeDelta::hours(2);
        let m2 = correct(
            &mut ingestion,
            &m2.name,
            &[("event_time", &time.to_rfc3339())],
        )
        .await;
        assert!(m2.violations.is_empty(), "{m2:?}");

        let replayed = replay(&mut ingestion, of_source("shop"), false).await;
        assert_eq!((replayed.received, replayed.accepted), (2, 2));
        let again = replay(&mut ingestion, of_source("shop"), false).await;
        assert_eq!(again.received, 0);

        // Replayed under the ids that they came with: deliveries of the same messages are repeats.
        assert_eq!(codes(&ingestion.ingest(sent).await), "dddd");
        let other = Event {
            identifiers: order("m1", "zoe", 5).identifiers,
            ..nameless("m1")
        };
        assert_eq!(codes(&ingestion.ingest(vec![other]).await), "c");
        let status = ingestion.settled().await;
        assert_eq!(
            (status.accepted, status.applied, status.archived),
            (3, 3, 3)
        );
        let it = counts(&mut ingestion).await;
        assert_eq!(
            (it.entered, it.held, it.replayed, it.held_bytes),
            (2, 0, 2, 0)
        );
        {
            // Hashes went back to the fragments that clear identifiers have.
            let record = ingestion.peer.record.lock().unwrap();
            let fragment = |value: i64| {
                let found = record
                    .events
                    .iter()
                    .find(|it| it.value.as_ref().unwrap().minor_units == value);
                found.unwrap().fragments[0].fragment_id.clone()
            };
            assert_eq!(fragment(5), fragment(1));
            assert_ne!(fragment(7), fragment(1));
            assert!(record.applied.values().all(|times| *times == 1));
        }
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_stable_and_filters_hold() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        for round in 0..5 {
            let mut events: Vec<Event> =
                (0..5).map(|n| nameless(&format!("n{round}-{n}"))).collect();
            events.push(Event {
                source: "other".into(),
                ..timeless(&format!("t{round}"), "bob")
            });
            ingestion.ingest(events).await;
        }
        let mut seen = Vec::new();
        let mut request = ListQuarantinedRequest {
            page_size: 7,
            ..Default::default()
        };
        loop {
            let page = list(&mut ingestion, request.clone()).await;
            assert!(page.total_size >= 30);
            seen.extend(page.records.into_iter().map(|it| it.message_id));
            // What comes between two pages is on neither.
            ingestion
                .ingest(vec![nameless(&format!("late{}", seen.len()))])
                .await;
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen.len(), 30);
        assert_eq!(
            seen.iter().collect::<std::collections::HashSet<_>>().len(),
            30
        );
        assert!(seen[0].starts_with("n4") || seen[0].starts_with("t4"));

        let size = |filter: QuarantineFilter| ListQuarantinedRequest {
            filter: Some(filter),
            ..Default::default()
        };
        for (filter, expected) in [
            (
                QuarantineFilter {
                    source: "other".into(),
                    ..Default::default()
                },
                5,
            ),
            (
                QuarantineFilter {
                    reason: "MISSING_TIME".into(),
                    ..Default::default()
                },
                5,
            ),
            (
                QuarantineFilter {
                    reason: "MISSING_TIM".into(),
                    ..Default::default()
                },
                0,
            ),
            (
                QuarantineFilter {
                    field: "event_time".into(),
                    source: "shop".into(),
                    ..Default::default()
                },
                0,
            ),
            (
                QuarantineFilter {
                    field: "a\" OR 1=1".into(),
                    ..Default::default()
                },
                0,
            ),
            (
                QuarantineFilter {
                    to_time: Some(prost_types::Timestamp {
                        seconds: 5,
                        nanos: 0,
                    }),
                    ..Default::default()
                },
                0,
            ),
        ] {
            let page = list(&mut ingestion, size(filter.clone())).await;
            assert_eq!(page.total_size, expected, "{filter:?}");
        }
        // Another tenant sees none of it.
        let request = for_tenant("usd-shop", ListQuarantinedRequest::default());
        let theirs = ingestion
            .quarantine
            .list_quarantined(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(theirs.total_size, 0);
        let name = list(&mut ingestion, ListQuarantinedRequest::default())
            .await
            .records[0]
            .name
            .clone();
        let request = for_tenant("usd-shop", GetQuarantinedRequest { name });
        let refused = ingestion
            .quarantine
            .get_quarantined(request)
            .await
            .unwrap_err();
        assert_eq!(
            runtime::fault::reason(&refused).as_deref(),
            Some("RECORD_NOT_FOUND")
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discarded_records_are_counted_and_noted() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let many: Vec<Event> = (0..700).map(|n| nameless(&format!("m{n}"))).collect();
        ingestion.ingest(many).await;
        ingestion.ingest(vec![timeless("keep", "ann")]).await;
        let refused = discard(&mut ingestion, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);

        let filter = QuarantineFilter {
            reason: "MISSING_IDENTIFIER".into(),
            ..Default::default()
        };
        assert_eq!(discard(&mut ingestion, Some(filter)).await.unwrap(), 700);

        let it = counts(&mut ingestion).await;
        assert_eq!((it.entered, it.held, it.discarded), (701, 1, 700));
        let store = store::Store::open(&ingestion.config.database)
            .await
            .unwrap();
        let select =
            "SELECT actor, why, SUM(records) AS records FROM quarantine_ledger GROUP BY actor, why";
        let select = select.replace("SUM(records)", "CAST(SUM(records) AS BIGINT)");
        let rows = store::sql::query_all(store.reader(), &select, [])
            .await
            .unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(store::sql::get::<i64>(&rows[0], "records").unwrap(), 700);
        assert_eq!(
            store::sql::get::<String>(&rows[0], "actor").unwrap(),
            "ticket 12"
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quarantine_refuses_calls_whole_and_says_so() {
    on_each_database(|database| async move {
        let small = |config: &mut ingestion::Config| config.quarantine.source_records_max = 3;
        let mut ingestion = Ingestion::start_with(database, small).await;
        let fill: Vec<Event> = (0..3).map(|n| nameless(&format!("m{n}"))).collect();
        assert_eq!(codes(&ingestion.ingest(fill.clone()).await), "qqq");

        let request = BatchIngestEventsRequest {
            events: vec![order("good", "ann", 1), nameless("m9")],
            contract: String::new(),
        };
        let refused = ingestion
            .events
            .batch_ingest_events(request)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(
            runtime::fault::reason(&refused).as_deref(),
            Some("QUARANTINE_FULL")
        );
        assert!(runtime::fault::retry_delay(&refused).is_some());

        // What is there already takes no more room, other sources and good events are taken.
        assert_eq!(codes(&ingestion.ingest(fill).await), "qqq");
        let other = Event {
            source: "other".into(),
            ..nameless("m9")
        };
        assert_eq!(
            codes(&ingestion.ingest(vec![other, order("good", "ann", 1)]).await),
            "qa"
        );
        assert_eq!(discard(&mut ingestion, of_source("shop")).await.unwrap(), 3);
        assert_eq!(codes(&ingestion.ingest(vec![nameless("m9")]).await), "q");
        let it = counts(&mut ingestion).await;
        assert_eq!((it.entered, it.held, it.discarded), (4, 1, 3));
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_overtaken_leaves_and_personal_values_stay_hidden() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let fields = [("email", "ann@example.org"), ("note", "fine")].map(|(name, text)| {
            let kind = Some(prost_types::value::Kind::StringValue(text.into()));
            (name.to_owned(), prost_types::Value { kind })
        });
        let event = Event {
            identifiers: vec![Identifier {
                namespace: "phone".into(),
                value: "+44 7700 900123".into(),
            }],
            properties: Some(prost_types::Struct {
                fields: fields.into(),
            }),
            ..timeless("m1", "x")
        };
        ingestion
            .ingest(vec![event.clone(), timeless("m2", "bob")])
            .await;
        let page = list(&mut ingestion, ListQuarantinedRequest::default()).await;
        let m1 = page
            .records
            .iter()
            .find(|it| it.message_id == "m1")
            .unwrap()
            .clone();
        let m2 = page
            .records
            .iter()
            .find(|it| it.message_id == "m2")
            .unwrap()
            .clone();
        let found = ingestion
            .quarantine
            .get_quarantined(GetQuarantinedRequest {
                name: m1.name.clone(),
            })
            .await;
        let text = format!("{:?}", found.unwrap().into_inner());
        assert!(
            text.contains("fine") && !text.contains("ann@") && !text.contains("7700"),
            "{text}"
        );

        // A correction names a personal property too; it is masked like any other.
        let now = chrono::Utc::now().to_rfc3339();
        let m1 = correct(
            &mut ingestion,
            &m1.name,
            &[
                ("properties.email", "zoe@example.org"),
                ("event_time", &now),
            ],
        )
        .await;
        let text = format!("{m1:?}");
        assert!(!text.contains("zoe@") && m1.violations.is_empty(), "{text}");
        let good = Event {
            event_time: order("m2", "bob", 7).event_time,
            ..timeless("m2", "bob")
        };
        assert_eq!(codes(&ingestion.ingest(vec![good]).await), "a");
        correct(&mut ingestion, &m2.name, &[("event_time", &now)]).await;

        let receipts = replay(&mut ingestion, of_source("shop"), false).await;
        assert_eq!(
            (receipts.received, receipts.accepted, receipts.conflict),
            (2, 1, 1)
        );
        let it = counts(&mut ingestion).await;
        assert_eq!(
            (it.entered, it.held, it.replayed, it.superseded),
            (2, 0, 1, 1)
        );
        let status = ingestion.settled().await;
        assert_eq!(status.accepted, 2);
        let values: HashMap<String, String> = [("nonsense".to_owned(), "x".to_owned())].into();
        let request = CorrectQuarantinedRequest {
            name: m1.name,
            values,
            request_id: String::new(),
        };
        let refused = ingestion
            .quarantine
            .correct_quarantined(request)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        ingestion.stop().await;
    })
    .await;
}

const RECORDS: &str = r#"
apiVersion: v3.1.0
kind: DataContract
id: orders
version: "1"
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: day, logicalType: string, required: true}
      - {name: customer, logicalType: string, classification: personal}
      - {name: phone, logicalType: string, classification: personal/phone}
      - {name: amount, logicalType: number, required: true}
customProperties:
  - property: clientele
    value:
      file: {format: ndjson}
      time: {column: day, formats: ["%Y-%m-%d"], zone: Europe/London}
      currency: GBP
      identifiers: {customer_id: customer, phone: phone}
      key: [id]
      types: [{type: Order Completed}]
      value: amount
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_columns_is_corrected_by_column_and_judged_by_the_present_contract() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let source = Source {
            contract_yaml: RECORDS.into(),
            kind: Some(source::Kind::Push(PushSource {})),
            ..Source::default()
        };
        let request = CreateSourceRequest {
            source_id: "shop".into(),
            source: Some(source),
            ..CreateSourceRequest::default()
        };
        ingestion.sources.create_source(request).await.unwrap();
        let day = (chrono::Utc::now() - chrono::TimeDelta::days(3))
            .format("%Y-%m-%d")
            .to_string();
        let sent = |id: &str, amount: &str, customer: &str| {
            let text = |text: &str| prost_types::Value {
                kind: Some(prost_types::value::Kind::StringValue(text.into())),
            };
            let fields = [
                ("id", id),
                ("day", day.as_str()),
                ("customer", customer),
                ("phone", "0044 7700 900123"),
                ("amount", amount),
            ];
            Event {
                message_id: id.into(),
                source: "shop".into(),
                properties: Some(prost_types::Struct {
                    fields: fields.map(|(name, it)| (name.to_owned(), text(it))).into(),
                }),
                ..Event::default()
            }
        };
        let receipts = ingestion
            .ingest(vec![sent("o1", "12.50", "ann"), sent("o2", "a lot", "ann")])
            .await;
        assert_eq!(codes(&receipts), "aq", "{receipts:?}");

        let page = list(&mut ingestion, ListQuarantinedRequest::default()).await;
        let name = page.records[0].name.clone();
        let record = ingestion
            .quarantine
            .get_quarantined(GetQuarantinedRequest { name: name.clone() })
            .await;
        let record = record.unwrap().into_inner();
        let text = format!("{record:?}");
        assert!(!text.contains("ann") && !text.contains("900123"), "{text}");
        let cells = &record.cells.unwrap().fields;
        assert_eq!(
            cells["amount"].kind,
            Some(prost_types::value::Kind::StringValue("a lot".into()))
        );

        let values = [("nothing".to_owned(), "x".to_owned())].into();
        let request = CorrectQuarantinedRequest {
            name: name.clone(),
            values,
            ..Default::default()
        };
        let refused = ingestion
            .quarantine
            .correct_quarantined(request)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let record = correct(&mut ingestion, &name, &[("amount", "7.25")]).await;
        assert!(record.violations.is_empty(), "{record:?}");
        assert_eq!(record.corrected_fields, ["amount"]);
        assert_eq!(
            replay(&mut ingestion, of_source("shop"), false)
                .await
                .accepted,
            1
        );

        ingestion.settled().await;
        assert_eq!(
            codes(&ingestion.ingest(vec![sent("o2", "a lot", "ann")]).await),
            "d"
        );
        {
            let record = ingestion.peer.record.lock().unwrap();
            let fragments: Vec<_> = record
                .events
                .iter()
                .map(|it| it.fragments.clone())
                .collect();
            assert_eq!(fragments.len(), 2);
            assert_eq!(fragments[0], fragments[1]);
            let mut values: Vec<_> = record
                .events
                .iter()
                .map(|it| it.value.clone().unwrap().minor_units)
                .collect();
            values.sort_unstable();
            assert_eq!(values, [725, 1250]);
        }
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_whose_ids_are_personal_stay_apart() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let ids = ["ann@example.org", "bob@example.org"];
        ingestion
            .ingest(vec![timeless(ids[0], "ann"), timeless(ids[1], "bob")])
            .await;
        let page = list(&mut ingestion, ListQuarantinedRequest::default()).await;
        let now = chrono::Utc::now().to_rfc3339();
        for record in &page.records {
            assert!(!record.message_id.contains("example"), "{record:?}");
            correct(&mut ingestion, &record.name, &[("event_time", &now)]).await;
        }
        let receipts = replay(&mut ingestion, of_source("shop"), false).await;
        assert_eq!((receipts.received, receipts.accepted), (2, 2));
        ingestion.settled().await;
        let applied = ingestion.peer.record.lock().unwrap().applied.clone();
        assert_eq!(applied.len(), 2, "each has an id of its own");
        assert!(applied.values().all(|times| *times == 1));
        ingestion.stop().await;
    })
    .await;
}
