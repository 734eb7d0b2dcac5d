//! Latency of a stream from send to receipt at half of what the service can take, open loop: messages are sent when they
//! are due, whether or not earlier ones were answered, and their latency counts from when they were due. On SQLite, and on
//! PostgreSQL where `CLIENTELE_TEST_POSTGRES` is set.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

#[path = "../tests/ingestion/harness.rs"]
mod harness;
#[path = "../tests/ingestion/peer.rs"]
mod peer;

use std::time::{Duration, Instant};

use api::ingestion::IngestEventsRequest;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use harness::{Ingestion, on_each_database, order};

/// Events of one message.
const EVENTS: i64 = 100;
/// How long the capacity is measured, and how long the latency.
const CAPACITY_TIME: Duration = Duration::from_secs(5);
const LATENCY_TIME: Duration = Duration::from_secs(20);
/// Messages that may wait between the clock and the stream.
const WAITING_MAX: usize = 10_000;

fn message(sequence: i64) -> IngestEventsRequest {
    let event = |n: i64| {
        let mut event = order(
            &format!("{sequence}-{n}-{}", uuid::Uuid::new_v4().simple()),
            &format!("c{}", n * 7919 % 5000),
            n,
        );
        event.source = "bench".into();
        event
    };
    IngestEventsRequest {
        sequence,
        events: (0..EVENTS).map(event).collect(),
    }
}

/// Returns messages per second when the next one is always ready.
async fn capacity(ingestion: &mut Ingestion) -> f64 {
    let messages = futures::stream::iter((0..).map(message));
    let begin = Instant::now();
    let answers = ingestion.events.ingest_events(messages).await.unwrap();
    let mut answers = answers.into_inner();
    let mut answered = 0;
    while begin.elapsed() < CAPACITY_TIME && answers.next().await.is_some() {
        answered += 1;
    }
    f64::from(answered) / begin.elapsed().as_secs_f64()
}

/// Returns the latencies of messages that are due at a steady rate, in order of size.
async fn latencies(ingestion: &mut Ingestion, rate: f64) -> Vec<Duration> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let begin = Instant::now() + Duration::from_millis(100);
    let due = move |sequence: i64| begin + Duration::from_secs_f64(sequence as f64 / rate);
    tokio::spawn(async move {
        for sequence in 0.. {
            let at = due(sequence);
            if at > begin + LATENCY_TIME {
                return;
            }
            let ready = message(sequence);
            tokio::time::sleep_until(at.into()).await;
            if sender.send(ready).await.is_err() {
                return;
            }
        }
    });
    let messages = ReceiverStream::new(receiver);
    let answers = ingestion.events.ingest_events(messages).await.unwrap();
    let mut answers = answers.into_inner();
    let mut took = Vec::new();
    while let Some(answer) = answers.next().await {
        let sequence = answer.unwrap().sequence;
        took.push(due(sequence).elapsed());
    }
    took.sort_unstable();
    took
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(on_each_database(|database| async move {
        let name = match database.url.starts_with("sqlite") {
            true => "sqlite",
            false => "postgres",
        };
        // The limits are not what is measured.
        let unlimited = |config: &mut ingestion::Config| {
            config.limits.source_events_per_second = 0;
            config.limits.tenant_events_per_second = 0;
        };
        let mut ingestion = Ingestion::start_with(database, unlimited).await;
        let capacity = capacity(&mut ingestion).await;
        ingestion.settled().await;
        let rate = capacity / 2.0;
        let took = latencies(&mut ingestion, rate).await;
        let at = |share: f64| {
            let index = ((took.len() - 1) as f64 * share) as usize;
            took[index].as_secs_f64() * 1000.0
        };
        println!(
            "{name}: capacity {:.0} events/s; at {:.0} events/s in messages of {EVENTS}, open loop, {} messages: \
             p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, most {:.1} ms",
            capacity * EVENTS as f64,
            rate * EVENTS as f64,
            took.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
        ingestion.stop().await;
    }));
}
