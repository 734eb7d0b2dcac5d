//! The endpoint for client libraries, over plain sockets.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::ingestion::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Ingestion, on_each_database};

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

async fn send(url: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    exchange(url, "POST", path, headers, body).await
}

async fn exchange(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))
        .await
        .unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may close before all is sent.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse().ok())
            .unwrap_or_default(),
        head: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

/// Registers the source `web` and returns a write key of it.
async fn write_key(ingestion: &mut Ingestion, limits: SourceLimits) -> String {
    let source = Source {
        kind: Some(source::Kind::Push(PushSource {})),
        limits: Some(limits),
        ..Source::default()
    };
    let request = CreateSourceRequest {
        source_id: "web".into(),
        source: Some(source),
        ..CreateSourceRequest::default()
    };
    ingestion.sources.create_source(request).await.unwrap();
    let request = CreateWriteKeyRequest {
        parent: "sources/web".into(),
    };
    let made = ingestion.sources.create_write_key(request).await.unwrap();
    made.into_inner().secret
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339()
}

fn track(id: &str) -> Value {
    json!({"type": "track", "event": "Order Completed", "messageId": id, "userId": "ann", "timestamp": now(),
        "properties": {"order_id": id, "revenue": 12.5, "products": [{"product_id": "p", "price": 6.25, "quantity": 2}]}})
}

async fn receipts(ingestion: &mut Ingestion) -> ReceiptCounts {
    let status = ingestion.status().await;
    let web = status.sources.iter().find(|it| it.source == "web");
    web.and_then(|it| it.receipts).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn libraries_are_answered_after_the_commit_and_repeats_count_once() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let key = write_key(&mut ingestion, SourceLimits::default()).await;
        let url = ingestion.http.clone();
        let authorised = [("Authorization", basic(&key))];
        let headers: Vec<_> = authorised.iter().map(|(name, value)| (*name, value.as_str())).collect();

        let message = track("m1");
        let batch = |sent: &str| {
            let page = json!({"type": "page", "messageId": "m2", "anonymousId": "a", "name": "Home", "timestamp": "2026-01-05T10:00:00Z"});
            json!({"sentAt": sent, "context": {"ip": "10.9.8.7", "library": {"name": "test"}}, "batch": [message.clone(), page]}).to_string()
        };
        let answer = send(&url, "/v1/batch", &headers, batch(&now()).as_bytes()).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({"success": true})));
        // Sent again, later and packed: the same messages.
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(batch("2026-01-01T00:00:00Z").as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let with_gzip = [headers[0], ("Content-Encoding", "gzip")];
        assert_eq!(send(&url, "/v1/b", &with_gzip, &packed).await.status, 200);
        // Browsers bring the key in the body.
        let mut identify = json!({"messageId": "m3", "userId": "ann", "writeKey": key, "traits": {"email": "ann@example.org"}});
        let origin = [("Origin", "https://shop.example")];
        let answer = send(&url, "/v1/i", &origin, identify.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("access-control-allow-origin: https://shop.example"));
        let asked = exchange(&url, "OPTIONS", "/v1/t", &origin, b"").await;
        assert!(asked.status == 204 && asked.head.contains("access-control-allow-headers"));
        // The same id with other content stays what it was.
        identify["userId"] = "bob".into();
        assert_eq!(send(&url, "/v1/identify", &[], identify.to_string().as_bytes()).await.status, 200);

        let it = receipts(&mut ingestion).await;
        assert_eq!((it.received, it.accepted, it.duplicate, it.conflict), (6, 3, 2, 1));
        let status = ingestion.settled().await;
        assert_eq!(status.applied, 3);
        {
            let record = ingestion.peer.record.lock().unwrap();
            let order = record.events.iter().find(|it| it.r#type == "Order Completed").unwrap();
            assert_eq!(order.value.as_ref().unwrap().minor_units, 1250);
            assert_eq!(order.items[0].quantity_milli, 2000);
            let identify = record.events.iter().find(|it| it.r#type == "Identify").unwrap();
            let namespaces: Vec<_> = identify.fragments.iter().map(|it| it.namespace.as_str()).collect();
            assert_eq!(namespaces, ["customer_id", "email"]);
            let all = format!("{:?}", record.events);
            assert!(!all.contains("10.9.8.7") && !all.contains("ann@example.org"));
        }
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_the_rest_is_taken() {
    on_each_database(|database| async move {
        let small = |config: &mut ingestion::Config| {
            config.http.body_bytes_max = 200_000;
            config.http.body_timeout = Duration::from_millis(400);
        };
        let mut ingestion = Ingestion::start_with(database, small).await;
        let key = write_key(&mut ingestion, SourceLimits { event_bytes_max: 5_000, ..Default::default() }).await;
        let url = ingestion.http.clone();
        let basic = basic(&key);
        let headers = [("Authorization", basic.as_str())];
        let post = async |path: &str, body: &[u8]| send(&url, path, &headers, body).await;

        let mut large = track("large");
        large["properties"]["note"] = "x".repeat(6_000).into();
        let batch = json!({"batch": [track("good"), {"type": "track", "event": "E"}, 7, large, {"type": "page", "messageId": "nobody"}]});
        let answer = post("/v1/batch", batch.to_string().as_bytes()).await;
        assert_eq!(answer.status, 400, "{:?}", answer.body);
        let told: Vec<_> = answer.body["errors"].as_array().unwrap().iter()
            .map(|it| (it["index"].as_u64().unwrap(), it["field"].as_str().unwrap(), it["reason"].as_str().unwrap()))
            .collect();
        assert_eq!(told, [(1, "messageId", "REQUIRED"), (2, "", "INVALID_MESSAGE"), (3, "", "TOO_LARGE")]);
        let it = receipts(&mut ingestion).await;
        assert_eq!((it.received, it.accepted, it.quarantined, it.rejected), (5, 1, 1, 3));

        for (body, status) in [
            (&b"{\"batch\": ["[..], 400),
            (b"[]", 400),
            (b"{}", 400),
            (b"{\"batch\": []}", 400),
            (b"{\"batch\": {}}", 400),
            ("[".repeat(100_000).as_bytes(), 400),
            (b"{\"batch\": [\"\\ud800\"]}", 400),
            (&[0xff; 20], 400),
            (&vec![b' '; 300_000], 413),
        ] {
            let answer = post("/v1/batch", body).await;
            assert_eq!(answer.status, status, "{:?}", &body[..body.len().min(20)]);
        }
        assert_eq!(send(&url, "/v1/track", &[], track("m").to_string().as_bytes()).await.status, 401);
        let unknown = [("Authorization", "Basic d2tfeDo=")];
        assert_eq!(send(&url, "/v1/track", &unknown, track("m").to_string().as_bytes()).await.status, 401);
        assert_eq!(post("/v2/track", b"{}").await.status, 404);
        assert_eq!(exchange(&url, "GET", "/v1/track", &headers, b"").await.status, 405);
        let brotli = [headers[0], ("Content-Encoding", "br")];
        assert_eq!(send(&url, "/v1/track", &brotli, b"x").await.status, 415);
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bomb.write_all(&vec![b' '; 50 << 20]).unwrap();
        let packed = [headers[0], ("Content-Encoding", "gzip")];
        assert_eq!(send(&url, "/v1/batch", &packed, &bomb.finish().unwrap()).await.status, 413);

        // A body that never ends does not keep its place.
        let mut slow = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        slow.write_all(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{").await.unwrap();
        let mut answer = vec![0; 12];
        tokio::time::timeout(Duration::from_secs(5), slow.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");

        // A void key is refused.
        let request = ListWriteKeysRequest { parent: "sources/web".into(), ..Default::default() };
        let keys = ingestion.sources.list_write_keys(request).await.unwrap().into_inner();
        let request = RevokeWriteKeyRequest { name: keys.write_keys[0].name.clone() };
        ingestion.sources.revoke_write_key(request).await.unwrap();
        assert_eq!(post("/v1/track", track("m").to_string().as_bytes()).await.status, 401);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn libraries_are_told_when_to_try_again() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let key = write_key(
            &mut ingestion,
            SourceLimits {
                events_per_second: 1,
                ..Default::default()
            },
        )
        .await;
        let url = ingestion.http.clone();
        let basic = basic(&key);
        let headers = [("Authorization", basic.as_str())];
        let batch = |round: i32| {
            let batch: Vec<_> = (0..600).map(|n| track(&format!("m{round}-{n}"))).collect();
            json!({ "batch": batch }).to_string()
        };
        assert_eq!(
            send(&url, "/v1/batch", &headers, batch(0).as_bytes())
                .await
                .status,
            200
        );
        let answer = send(&url, "/v1/batch", &headers, batch(1).as_bytes()).await;
        assert_eq!(answer.status, 429, "{:?}", answer.body);
        let seconds: u64 = answer
            .head
            .lines()
            .find_map(|it| it.strip_prefix("retry-after: "))
            .unwrap()
            .parse()
            .unwrap();
        assert!((100..=200).contains(&seconds), "{seconds}");
        // The same bound holds for calls over gRPC, and they are told when to come back.
        let event = |n: i32| api::common::Event {
            source: "web".into(),
            ..crate::harness::order(&format!("g{n}"), "ann", 1)
        };
        let request = BatchIngestEventsRequest {
            events: (0..600).map(event).collect(),
            contract: String::new(),
        };
        let refused = ingestion
            .events
            .batch_ingest_events(request)
            .await
            .unwrap_err();
        assert_eq!(
            runtime::fault::reason(&refused).as_deref(),
            Some("RATE_LIMITED")
        );
        assert!(runtime::fault::retry_delay(&refused).unwrap() > Duration::from_secs(60));
        assert_eq!(receipts(&mut ingestion).await.received, 600);

        // A paused source takes nothing; libraries keep what they have.
        let source = Source {
            name: "sources/web".into(),
            paused: true,
            ..Source::default()
        };
        let mask = prost_types::FieldMask {
            paths: vec!["paused".into()],
        };
        let request = UpdateSourceRequest {
            source: Some(source),
            update_mask: Some(mask),
            ..Default::default()
        };
        ingestion.sources.update_source(request).await.unwrap();
        let answer = send(
            &url,
            "/v1/track",
            &headers,
            track("later").to_string().as_bytes(),
        )
        .await;
        assert_eq!(answer.status, 503, "{:?}", answer.body);
        assert!(answer.head.contains("retry-after: "));
        ingestion.peer.down.store(true, Ordering::SeqCst);
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_is_told_to_libraries_and_in_the_status() {
    on_each_database(|database| async move {
        let tiny = |config: &mut ingestion::Config| {
            config.log.bytes_max = 1_000;
            config.quality.judge = Duration::from_millis(200);
        };
        let mut ingestion = Ingestion::start_with(database, tiny).await;
        ingestion.peer.down.store(false, Ordering::SeqCst);
        let key = write_key(&mut ingestion, SourceLimits::default()).await;
        let url = ingestion.http.clone();
        let basic = basic(&key);
        let headers = [("Authorization", basic.as_str())];
        let batch: Vec<_> = (0..20).map(|n| track(&format!("m{n}"))).collect();
        let batch = json!({ "batch": batch }).to_string();
        assert_eq!(
            send(&url, "/v1/batch", &headers, batch.as_bytes())
                .await
                .status,
            200
        );
        let answer = send(
            &url,
            "/v1/track",
            &headers,
            track("late").to_string().as_bytes(),
        )
        .await;
        assert_eq!(answer.status, 503, "{:?}", answer.body);
        assert!(answer.head.contains("retry-after: 5"));
        let status = ingestion.status().await;
        assert_eq!(status.log_bytes_max, 1_000);
        assert!(status.log_bytes > 1_000);
        let mut rules = Vec::new();
        for _ in 0..100 {
            let request = ListQualityAlertsRequest::default();
            let answer = ingestion.quality.list_quality_alerts(request).await;
            let alerts = answer.unwrap().into_inner().alerts;
            rules = alerts.into_iter().map(|it| it.rule).collect();
            if rules.iter().any(|it| it == "log_bound") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(rules.iter().any(|it| it == "log_bound"), "{rules:?}");
        ingestion.stop().await;
    })
    .await;
}
