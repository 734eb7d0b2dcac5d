//! Streams that send more than is taken: they are read more slowly, and memory does not grow with what they would send.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use api::ingestion::*;
use futures::StreamExt;

use crate::harness::{Ingestion, codes, on_each_database, order};

/// Messages that may be on their way between the sender and the commit: those worked on, and those in the windows and buffers
/// of the connection.
const ON_THEIR_WAY_MAX: i64 = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_committer_holds_the_sender_back() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let source = Source {
            kind: Some(source::Kind::Push(PushSource {})),
            limits: Some(SourceLimits {
                events_per_second: 500,
                ..Default::default()
            }),
            ..Source::default()
        };
        let request = CreateSourceRequest {
            source_id: "shop".into(),
            source: Some(source),
            ..CreateSourceRequest::default()
        };
        ingestion.sources.create_source(request).await.unwrap();

        // Every message weighs some 250 kB, so that windows hold few of them.
        let sent = Arc::new(AtomicI64::new(0));
        let note = "x".repeat(2_500);
        let counting = sent.clone();
        let messages = futures::stream::iter(0..400_i64).map(move |sequence| {
            counting.fetch_add(1, Ordering::SeqCst);
            let events = (0..100)
                .map(|n| {
                    let kind = Some(prost_types::value::Kind::StringValue(note.clone()));
                    let fields = [("note".to_owned(), prost_types::Value { kind })].into();
                    let mut event = order(&format!("s{sequence}-{n}"), "ann", n);
                    event.properties = Some(prost_types::Struct { fields });
                    event
                })
                .collect();
            IngestEventsRequest { sequence, events }
        });
        let begin = Instant::now();
        let mut answers = ingestion
            .events
            .ingest_events(messages)
            .await
            .unwrap()
            .into_inner();
        let (mut answered, mut most) = (0_i64, 0);
        while begin.elapsed() < Duration::from_secs(3) {
            let next = tokio::time::timeout(Duration::from_millis(200), answers.next()).await;
            if let Ok(Some(answer)) = next {
                let answer = answer.unwrap();
                assert_eq!(answer.sequence, answered);
                assert_eq!(codes(&answer.receipts), "a".repeat(100));
                answered += 1;
            }
            most = most.max(sent.load(Ordering::SeqCst) - answered);
        }

        // Ten seconds' worth at once, then 500 a second: at most 65 messages of a hundred, and fewer on a slow machine.
        assert!((3..=75).contains(&answered), "{answered}");
        assert!(
            most <= ON_THEIR_WAY_MAX,
            "{most} messages were taken from the sender before their turn"
        );
        drop(answers);
        ingestion.stop().await;
    })
    .await;
}
