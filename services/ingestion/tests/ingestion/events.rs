use std::sync::atomic::Ordering;
use std::time::Duration;

use api::common::{Event, Identifier, Item, Money};
use api::ingestion::{BatchIngestEventsRequest, GetLogStatusRequest, IngestEventsRequest};
use futures::StreamExt;
use tonic::Code;

use crate::harness::{Ingestion, check_law, codes, for_tenant, on_each_database, order};

#[tokio::test(flavor = "multi_thread")]
async fn gives_every_event_its_receipt_and_applies_it_once() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let nameless = Event {
            identifiers: vec![],
            ..order("m4", "x", 5)
        };
        let foreign = Event {
            value: Some(Money {
                currency_code: "JPY".into(),
                minor_units: 1,
            }),
            event_time: None,
            ..order("m5", "x", 5)
        };
        let rejected = Event {
            source: "Not a source".into(),
            ..order("", "x", 5)
        };
        let sent = vec![
            order("m1", "ann", 100),
            order("m1", "ann", 100),
            order("m1", "ann", 101),
            order("m2", "bob", 200),
            nameless.clone(),
            foreign,
            rejected,
        ];

        let receipts = ingestion.ingest(sent.clone()).await;
        let again = ingestion.ingest(sent).await;

        assert_eq!(codes(&receipts), "adcaqqr");
        assert_eq!(codes(&again), "ddcdqqr");
        let reasons: Vec<_> = receipts[5]
            .violations
            .iter()
            .map(|it| it.reason.as_str())
            .collect();
        assert_eq!(reasons, ["MISSING_TIME", "NO_EXCHANGE_RATE"]);
        let reasons: Vec<_> = receipts[6]
            .violations
            .iter()
            .map(|it| it.reason.as_str())
            .collect();
        assert_eq!(reasons, ["MISSING_MESSAGE_ID", "INVALID_SOURCE"]);
        let status = ingestion.settled().await;
        assert_eq!(
            (status.accepted, status.applied, status.archived),
            (2, 2, 2)
        );
        let shop = status
            .sources
            .iter()
            .find(|it| it.source == "shop")
            .unwrap()
            .receipts
            .unwrap();
        check_law(&shop);
        assert_eq!(
            (
                shop.received,
                shop.duplicate,
                shop.conflict,
                shop.quarantined
            ),
            (12, 4, 2, 4)
        );
        {
            let record = ingestion.peer.record.lock().unwrap();
            assert!(record.applied.values().all(|times| *times == 1));
            assert_eq!(record.applied.len(), 2);
        }
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_a_stream_in_order_while_others_write() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let message = |sequence: i64| IngestEventsRequest {
            sequence,
            events: (0..50)
                .map(|n| order(&format!("s{sequence}-{n}"), &format!("c{n}"), n))
                .collect(),
        };
        let streams = (0..4).map(|stream| {
            let mut client = ingestion.events.clone();
            let messages: Vec<_> = (0..20).map(|n| message(stream * 100 + n)).collect();
            async move {
                let mut answers = client
                    .ingest_events(futures::stream::iter(messages))
                    .await
                    .unwrap()
                    .into_inner();
                let mut seen = Vec::new();
                while let Some(answer) = answers.next().await {
                    let answer = answer.unwrap();
                    assert_eq!(codes(&answer.receipts), "a".repeat(50));
                    seen.push(answer.sequence);
                }
                assert_eq!(seen, (stream * 100..stream * 100 + 20).collect::<Vec<_>>());
            }
        });

        let mut asking = ingestion.events.clone();
        let laws = async {
            for _ in 0..50 {
                let status = asking
                    .get_log_status(GetLogStatusRequest {})
                    .await
                    .unwrap()
                    .into_inner();
                assert_eq!(
                    status.accepted,
                    status.applied + status.parked + status.pending
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::join!(futures::future::join_all(streams), laws);

        let status = ingestion.settled().await;
        assert_eq!(status.accepted, 4000);
        assert_eq!(ingestion.peer.record.lock().unwrap().applied.len(), 4000);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parks_what_profile_refuses_and_goes_on() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let poison = |id: &str| Event {
            r#type: "Poison".into(),
            ..order(id, "ann", 1)
        };

        ingestion
            .ingest(vec![
                order("m1", "ann", 1),
                poison("m2"),
                order("m3", "ann", 1),
            ])
            .await;

        let status = ingestion.settled().await;
        assert_eq!((status.accepted, status.applied, status.parked), (3, 2, 1));
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_hears_of_every_lane_before_anything_else() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        ingestion.ingest(vec![order("m1", "ann", 1)]).await;

        ingestion.settled().await;

        let lanes = ingestion.config.log.lanes as usize;
        assert_eq!(
            ingestion.peer.record.lock().unwrap().lanes_told_first,
            Some(lanes)
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_event_is_parked_and_holds_up_neither_profile_nor_the_lake() {
    on_each_database(|database| async move {
        let slow = |config: &mut ingestion::Config| config.dispatch.poll = Duration::from_secs(1);
        let mut ingestion = Ingestion::start_with(database, slow).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        ingestion
            .ingest(vec![order("m1", "ann", 1), order("m2", "ann", 2)])
            .await;
        let store = store::Store::open(&ingestion.config.database)
            .await
            .unwrap();
        let tx = store.begin().await.unwrap();
        let damage = "UPDATE events SET payload = $1 WHERE place = (SELECT MIN(place) FROM events)";
        store::sql::execute(&tx, damage, [vec![0xff_u8; 9].into()])
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let status = ingestion.settled().await;

        assert_eq!((status.applied, status.parked, status.archived), (1, 1, 2));
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_later_leaves_quarantine() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let nameless = |id: &str| Event {
            identifiers: vec![],
            ..order(id, "x", 5)
        };
        assert_eq!(
            codes(&ingestion.ingest(vec![nameless("m1"), nameless("m2")]).await),
            "qq"
        );
        assert_eq!(
            codes(&ingestion.ingest(vec![order("m1", "ann", 5)]).await),
            "a"
        );

        let beside = ingestion.beside().await;

        let store = store::Store::open(&ingestion.config.database)
            .await
            .unwrap();
        let mut kept = Vec::new();
        for _ in 0..100 {
            let rows =
                store::sql::query_all(store.reader(), "SELECT message_id FROM quarantine", [])
                    .await
                    .unwrap();
            kept = rows
                .iter()
                .map(|row| store::sql::get::<String>(row, "message_id").unwrap())
                .collect();
            if kept.len() == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(kept, ["m2"]);
        beside.stop().await;
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_cannot_keep_harms_nobody_else() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let unwritable = Event {
            identifiers: vec![],
            ..order("m\0", "x", 5)
        };
        let mut priceless = order("m3", "x", i64::MAX);
        priceless.items = vec![Item {
            quantity_milli: i64::MIN,
            unit_price: Some(Money {
                currency_code: "GBP".into(),
                minor_units: i64::MIN,
            }),
            ..Item::default()
        }];

        let receipts = ingestion
            .ingest(vec![order("m1", "ann", 1), unwritable, priceless])
            .await;

        assert_eq!(codes(&receipts), "arq");
        assert_eq!(receipts[1].violations[0].reason, "INVALID_MESSAGE_ID");
        let fields: Vec<_> = receipts[2]
            .violations
            .iter()
            .map(|it| it.field.as_str())
            .collect();
        let item = |name: &str| format!("items[0].{name}");
        let (quantity, price) = (item("quantity_milli"), item("unit_price.minor_units"));
        assert_eq!(fields, ["value.minor_units", &quantity, &price, &quantity]);
        assert_eq!(ingestion.settled().await.accepted, 1);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loses_nothing_while_profile_is_down_or_its_answers_get_lost() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        ingestion.ingest(vec![order("m0", "ann", 1)]).await;
        ingestion.peer.down.store(true, Ordering::SeqCst);
        let receipts = ingestion
            .ingest(
                (1..100)
                    .map(|n| order(&format!("m{n}"), &format!("c{n}"), n))
                    .collect(),
            )
            .await;
        assert_eq!(codes(&receipts), "a".repeat(99));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_ne!(ingestion.status().await.pending, 0);
        // The lake does not wait for profile.
        while ingestion.status().await.archived < 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_ne!(ingestion.status().await.pending, 0);
        ingestion.peer.forgetful.store(true, Ordering::SeqCst);
        ingestion.peer.down.store(false, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        ingestion.peer.forgetful.store(false, Ordering::SeqCst);

        let status = ingestion.settled().await;

        assert_eq!((status.accepted, status.applied), (100, 100));
        assert!(
            ingestion
                .peer
                .record
                .lock()
                .unwrap()
                .applied
                .values()
                .all(|times| *times == 1)
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_log() {
    on_each_database(|database| async move {
        let mut first = Ingestion::start(database).await;
        let mut second = first.beside().await;
        let batch = |from: i64| {
            (from..from + 100)
                .map(|n| order(&format!("m{n}"), &format!("c{n}"), n))
                .collect()
        };
        for round in 0..5 {
            let (a, b) = (batch(round * 200), batch(round * 200 + 100));
            tokio::join!(first.ingest(a), second.ingest(b));
        }
        let again = second.ingest(batch(0)).await;
        assert_eq!(codes(&again), "d".repeat(100));

        first.stop().await;
        let status = second.settled().await;

        assert_eq!((status.accepted, status.applied), (1000, 1000));
        assert!(
            second
                .peer
                .record
                .lock()
                .unwrap()
                .applied
                .values()
                .all(|times| *times == 1)
        );
        second.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_profile_how_far_idle_lanes_are() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        ingestion.ingest(vec![order("m1", "ann", 1)]).await;
        ingestion.settled().await;
        let now = chrono::Utc::now().timestamp();

        for _ in 0..200 {
            let all = {
                let record = ingestion.peer.record.lock().unwrap();
                record
                    .watermarks
                    .values()
                    .filter(|it| it.complete_through.unwrap().seconds > now)
                    .count()
            };
            if all == 4 {
                ingestion.stop().await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the watermarks do not advance");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_malformed_batches_and_unknown_tenants() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let batch = |events| BatchIngestEventsRequest {
            events,
            contract: "x".into(),
        };

        let empty = ingestion
            .events
            .batch_ingest_events(batch(vec![]))
            .await
            .unwrap_err();
        let unknown = for_tenant(
            "nobody",
            BatchIngestEventsRequest {
                events: vec![order("m", "a", 1)],
                contract: String::new(),
            },
        );
        let unknown = ingestion
            .events
            .batch_ingest_events(unknown)
            .await
            .unwrap_err();

        assert_eq!(empty.code(), Code::InvalidArgument);
        let fields: Vec<_> = runtime::fault::violations(&empty)
            .into_iter()
            .map(|it| it.field)
            .collect();
        assert_eq!(fields, ["events"]);
        assert_eq!(unknown.code(), Code::NotFound);
        assert_eq!(
            runtime::fault::reason(&unknown).as_deref(),
            Some("TENANT_NOT_FOUND")
        );
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_events_only_when_the_log_is_full() {
    on_each_database(|database| async move {
        let mut ingestion =
            Ingestion::start_with(database, |config| config.log.bytes_max = 20_000).await;
        ingestion
            .ingest(
                (0..200)
                    .map(|n| order(&format!("m{n}"), "ann", n))
                    .collect(),
            )
            .await;

        let events = vec![order("one more", "ann", 1)];
        let full = ingestion
            .events
            .batch_ingest_events(BatchIngestEventsRequest {
                events,
                contract: String::new(),
            })
            .await;

        let full = full.unwrap_err();
        assert_eq!(full.code(), Code::ResourceExhausted);
        assert_eq!(runtime::fault::reason(&full).as_deref(), Some("LOG_FULL"));
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_no_personal_value_in_the_clear() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let text = |text: &str| prost_types::Value {
            kind: Some(prost_types::value::Kind::StringValue(text.into())),
        };
        let fields = [
            ("email".to_owned(), text("ann@secret.example")),
            ("name".to_owned(), text("Ann Secret")),
        ];
        let event = Event {
            identifiers: vec![Identifier {
                namespace: "email".into(),
                value: "Ann@secret.example".into(),
            }],
            properties: Some(prost_types::Struct {
                fields: fields.into(),
            }),
            ..order("m1", "x", 1)
        };
        let kept = Event {
            message_id: "m2".into(),
            r#type: String::new(),
            ..event.clone()
        };

        let receipts = ingestion.ingest(vec![event, kept]).await;
        assert_eq!(codes(&receipts), "aq");
        ingestion.settled().await;

        let written = format!("{:?}", ingestion.peer.record.lock().unwrap().events);
        assert!(!written.to_lowercase().contains("secret"), "{written}");
        ingestion.stop().await;
    })
    .await;
}
