//! `Score` of one customer against a bare tonic server that answers with a message of the same size, by the same client:
//! closed loop (every caller asks again as soon as it is answered), then open loop (calls start at a fixed rate, half of
//! what the closed loop reached, and are timed from when they should have started).
//!
//! With `CLIENTELE_TEST_REDIS` the states come from that Redis, otherwise from the cache inside the process.

#[path = "../tests/scoring/harness.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
mod harness;
#[path = "../tests/scoring/peer.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
mod peer;

use api::scoring::scoring_service_client::ScoringServiceClient;
use api::scoring::scoring_service_server::{ScoringService, ScoringServiceServer};
use api::scoring::*;
use harness::{Scoring, by_id, people};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const CALLERS: usize = 64;
const SECONDS: u64 = 5;
const CUSTOMERS: usize = 2_000;

/// Answers every call with the same message.
struct Echo(ScoreResponse);

#[tonic::async_trait]
impl ScoringService for Echo {
    async fn score(&self, _: Request<ScoreRequest>) -> Result<Response<ScoreResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn batch_score(
        &self,
        _: Request<BatchScoreRequest>,
    ) -> Result<Response<BatchScoreResponse>, Status> {
        Err(Status::unimplemented("an echo of Score alone"))
    }
}

struct Figures {
    refused: usize,
    per_second: f64,
    median: Duration,
    p99: Duration,
}

impl Figures {
    /// Of the times of calls that were answered; `None` stands for one that was refused.
    fn new(calls: Vec<Option<Duration>>, elapsed: Duration) -> Self {
        let refused = calls.iter().filter(|call| call.is_none()).count();
        let mut times: Vec<Duration> = calls.into_iter().flatten().collect();
        times.sort();
        let at = |share: f64| {
            times
                .get((share * times.len() as f64) as usize)
                .copied()
                .unwrap_or_default()
        };
        Self {
            refused,
            per_second: times.len() as f64 / elapsed.as_secs_f64(),
            median: at(0.5),
            p99: at(0.99),
        }
    }

    fn print(&self, name: &str) {
        let Self {
            refused,
            per_second,
            median,
            p99,
        } = self;
        println!("{name}: {per_second:.0}/s, median {median:?}, 99 % {p99:?}, refused {refused}");
    }
}

fn request(number: usize) -> ScoreRequest {
    ScoreRequest {
        customer: Some(by_id(uuid::Uuid::from_u128(
            0x1000_0000 + (number % CUSTOMERS) as u128,
        ))),
        options: None,
    }
}

/// Returns whether the call was answered; a server may shed load.
async fn call(mut client: ScoringServiceClient<Channel>, number: usize) -> bool {
    client.score(request(number)).await.is_ok()
}

async fn closed(client: &ScoringServiceClient<Channel>) -> Figures {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let end = started + Duration::from_secs(SECONDS);
    let callers = (0..CALLERS).map(|_| {
        let (client, next) = (client.clone(), next.clone());
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                let answered = call(client.clone(), next.fetch_add(7, Ordering::Relaxed)).await;
                times.push(answered.then(|| began.elapsed()));
            }
            times
        })
    });
    let mut times = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        times.extend(caller.await.expect("a caller"));
    }
    Figures::new(times, started.elapsed())
}

async fn open(client: &ScoringServiceClient<Channel>, per_second: f64) -> Figures {
    let started = Instant::now();
    let count = (per_second * SECONDS as f64) as usize;
    let mut calls = Vec::with_capacity(count);
    for number in 0..count {
        let due = started + Duration::from_secs_f64(number as f64 / per_second);
        if due > Instant::now() + Duration::from_millis(1) {
            tokio::time::sleep_until(due.into()).await;
        }
        let client = client.clone();
        calls.push(tokio::spawn(async move {
            let answered = call(client, number * 7).await;
            answered.then(|| due.elapsed())
        }));
    }
    let mut times = Vec::with_capacity(count);
    for call in calls {
        times.push(call.await.expect("a call"));
    }
    Figures::new(times, started.elapsed())
}

async fn echo(answer: ScoreResponse) -> ScoringServiceClient<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let server =
        tonic::transport::Server::builder().add_service(ScoringServiceServer::new(Echo(answer)));
    // As the service's own server does: without it answers wait for acknowledgements, and the comparison flatters us.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(server.serve_with_incoming(incoming));
    ScoringServiceClient::connect(address)
        .await
        .expect("a connection")
}

async fn compare() {
    let mut config = cache::CacheConfig::default();
    let place = match std::env::var("CLIENTELE_TEST_REDIS") {
        Ok(url) => {
            config.url = runtime::config::Secret::new(url);
            config.prefix = format!("bench-{}", uuid::Uuid::new_v4().simple());
            "Redis"
        }
        Err(_) => "the process (CLIENTELE_TEST_REDIS is not set)",
    };
    let cache = cache::open(&config).await.expect("a cache");
    let mut scoring = Scoring::start_with(None, cache).await;
    scoring.know(&people(CUSTOMERS, 1)).await;
    scoring.champion().await;
    for number in 0..CUSTOMERS {
        assert!(call(scoring.scores.clone(), number).await, "no answer");
    }
    // Every call now meets the cache; the watermark that profile would keep there is put by hand.
    let now = runtime::clock::now() + chrono::TimeDelta::minutes(5);
    scoring
        .cache
        .put_watermark(cache::Epoch(1), now.timestamp_millis())
        .await
        .expect("a watermark");
    let answer = scoring
        .scores
        .score(request(1))
        .await
        .expect("an answer")
        .into_inner();
    let bytes = prost::Message::encoded_len(&answer);
    let bare = echo(answer).await;
    println!(
        "Score with states from {place}; answers of {bytes} bytes; {CALLERS} callers, {SECONDS} s each"
    );

    closed(&bare).await;
    let (echoed, scored) = (closed(&bare).await, closed(&scoring.scores).await);
    echoed.print("closed loop, echo ");
    scored.print("closed loop, Score");
    println!(
        "closed loop, ratio: {:.2}",
        scored.per_second / echoed.per_second
    );
    let rate = 0.5 * scored.per_second;
    open(&bare, rate).await.print("open loop, echo   ");
    open(&scoring.scores, rate)
        .await
        .print("open loop, Score  ");
    scoring.stop().await;
}

fn main() {
    // `cargo test --benches` runs this too, and wants to know only that it can.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(compare());
}
