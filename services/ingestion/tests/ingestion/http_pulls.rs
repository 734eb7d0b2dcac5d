//! Pulls over HTTP and from folders: pages, politeness, and servers that mean no good.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::ingestion::http_source::Paging;
use api::ingestion::source::Kind;
use api::ingestion::*;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::any;
use ingestion::Config;
use ingestion::config::SecretConfig;
use runtime::config::Secret;
use tokio::net::TcpListener;

use crate::harness::{Ingestion, on_each_database};
use crate::pulls::quick;
use crate::sources::CONTRACT;

/// A server, with what it was asked.
#[derive(Clone, Default)]
struct Shop {
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    counts: Arc<Mutex<HashMap<String, usize>>>,
    /// Where redirects to elsewhere go.
    elsewhere: Arc<Mutex<String>>,
}

fn orders(range: std::ops::Range<usize>) -> String {
    let order = |number| {
        format!(
            r#"{{"id": "o{number}", "bought_at": "2026-01-01 10:00:00", "customer": "c{}", "amount": {number}.10}}"#,
            number % 3
        )
    };
    range.map(order).collect::<Vec<_>>().join(",")
}

fn answer(body: impl Into<Body>) -> Response<Body> {
    Response::new(body.into())
}

fn redirect(target: &str) -> Response<Body> {
    let response = Response::builder().status(StatusCode::FOUND);
    response
        .header("location", target)
        .body(Body::empty())
        .unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn serve(State(shop): State<Shop>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    shop.asked
        .lock()
        .unwrap()
        .push((request.uri().to_string(), headers.clone()));
    let count = {
        let mut counts = shop.counts.lock().unwrap();
        let count = counts.entry(path.clone()).or_default();
        *count += 1;
        *count
    };
    match path.as_str() {
        "/linked" => {
            let page: usize = query.trim_start_matches("p=").parse().unwrap_or(0);
            let next = match page {
                2 => "null".to_owned(),
                page => format!("\"/linked?p={}\"", page + 1),
            };
            let orders = orders(page * 5..page * 5 + 5);
            answer(format!("{{\"data\": [{orders}], \"next\": {next}}}"))
        }
        "/numbered" => match query.as_str() {
            "page=1" | "page=2" => {
                let first = if query == "page=1" { 0 } else { 4 };
                answer(format!("[{}]", orders(first..first + 4)))
            }
            _ => answer("[]"),
        },
        "/tagged"
            if headers
                .get("if-none-match")
                .is_some_and(|it| it == "\"v1\"") =>
        {
            let response = Response::builder().status(StatusCode::NOT_MODIFIED);
            response.body(Body::empty()).unwrap()
        }
        "/tagged" => {
            let response = Response::builder()
                .header("etag", "\"v1\"")
                .header("content-encoding", "gzip");
            let body = gzip(format!("[{}]", orders(0..3)).as_bytes());
            response.body(Body::from(body)).unwrap()
        }
        "/busy" if count == 1 => {
            let response = Response::builder().status(StatusCode::TOO_MANY_REQUESTS);
            response
                .header("retry-after", "1")
                .body(Body::empty())
                .unwrap()
        }
        "/busy" | "/moved-here" => answer(format!("[{}]", orders(0..2))),
        "/circle" => redirect("/circle-2"),
        "/circle-2" => redirect("/circle"),
        "/elsewhere" => redirect(&shop.elsewhere.lock().unwrap().clone()),
        "/metadata" => redirect("http://169.254.169.254/latest/meta-data/"),
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            answer("[]")
        }
        "/dripping" => {
            let drops = futures::stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Ok::<_, std::io::Error>("[ "), ()))
            });
            answer(Body::from_stream(drops))
        }
        "/endless" => {
            let piece = || Ok::<_, std::io::Error>(" ".repeat(1 << 16));
            answer(Body::from_stream(futures::stream::repeat_with(piece)))
        }
        "/bomb" => {
            let response = Response::builder().header("content-encoding", "gzip");
            response
                .body(Body::from(gzip(&vec![b' '; 20 << 20])))
                .unwrap()
        }
        "/deep" => answer("[".repeat(100_000)),
        "/twice" => answer(r#"[{"id": "a", "id": "b"}]"#),
        "/mixed" => answer(format!("[{}, 7, {{\"id\": \"x\"}}]", orders(0..1))),
        "/round" => answer(format!(
            "{{\"data\": [{}], \"next\": \"/round\"}}",
            orders(0..1)
        )),
        _ => {
            let response = Response::builder().status(StatusCode::NOT_FOUND);
            response.body(Body::empty()).unwrap()
        }
    }
}

impl Shop {
    async fn open(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(any(serve)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn headers_of(&self, path: &str) -> Vec<HeaderMap> {
        let asked = self.asked.lock().unwrap();
        let of_path = asked.iter().filter(|(asked, _)| asked == path);
        of_path.map(|(_, headers)| headers.clone()).collect()
    }
}

fn source(address: SocketAddr, path: &str) -> Source {
    let http = HttpSource {
        url: format!("http://{address}{path}"),
        requests_per_second: 100.0,
        ..HttpSource::default()
    };
    Source {
        contract_yaml: CONTRACT.into(),
        kind: Some(Kind::Http(http)),
        ..Source::default()
    }
}

fn with(mut source: Source, change: impl FnOnce(&mut HttpSource)) -> Source {
    if let Some(Kind::Http(http)) = &mut source.kind {
        change(http);
    }
    source
}

fn open_to_loopback(config: &mut Config) {
    quick(config);
    config.http_pull.allow = vec!["127.0.0.0/8".into()];
    config.http_pull.header_timeout = Duration::from_millis(700);
    config.http_pull.connect_timeout = Duration::from_millis(300);
    config.http_pull.body_timeout = Duration::from_millis(700);
    config.http_pull.body_bytes_max = 8 << 20;
    config.sources.patience = Duration::from_millis(100);
    let secret = SecretConfig {
        value: Secret::new("Bearer s3cret"),
        hosts: vec!["127.0.0.1".into()],
        tenants: Vec::new(),
    };
    config.secrets.insert("shop_token".into(), secret);
}

fn accepted(run: &SourceRun) -> (SourceRunState, i64) {
    (run.state(), run.receipts.unwrap().accepted)
}

#[tokio::test]
async fn pages_follow_links_numbers_and_validators() {
    on_each_database(async |database| {
        let shop = Shop::default();
        let address = shop.open().await;
        let mut service = Ingestion::start_with(database, open_to_loopback).await;
        let linked = with(source(address, "/linked"), |http| {
            http.records_path = "data".into();
            http.paging = Some(Paging::NextLink(NextLink {
                path: "next".into(),
            }));
            http.headers
                .insert("authorization".into(), "secret:shop_token".into());
        });
        service.create("linked", linked).await.unwrap();
        assert_eq!(
            accepted(&service.pull("linked").await),
            (SourceRunState::Succeeded, 15)
        );
        let again = service.pull("linked").await;
        assert_eq!(again.receipts.unwrap().duplicate, 15, "{again:?}");
        let told = &shop.headers_of("/linked?p=2")[0];
        assert_eq!(told["authorization"], "Bearer s3cret");
        let shown = format!("{:?}", service.source("linked").await.unwrap());
        assert!(!shown.contains("s3cret"));

        let numbered = with(source(address, "/numbered"), |http| {
            let number = PageNumber {
                parameter: "page".into(),
                first: 1,
            };
            http.paging = Some(Paging::PageNumber(number));
        });
        service.create("numbered", numbered).await.unwrap();
        assert_eq!(
            accepted(&service.pull("numbered").await),
            (SourceRunState::Succeeded, 8)
        );

        service
            .create("tagged", source(address, "/tagged"))
            .await
            .unwrap();
        assert_eq!(
            accepted(&service.pull("tagged").await),
            (SourceRunState::Succeeded, 3)
        );
        assert_eq!(service.source("tagged").await.unwrap().position, "\"v1\"");
        assert_eq!(
            accepted(&service.pull("tagged").await),
            (SourceRunState::Unchanged, 0)
        );
        assert_eq!(
            accepted(&service.pull("tagged").await),
            (SourceRunState::Unchanged, 0)
        );

        service
            .create("busy", source(address, "/busy"))
            .await
            .unwrap();
        let began = Instant::now();
        assert_eq!(
            accepted(&service.pull("busy").await),
            (SourceRunState::Succeeded, 2)
        );
        assert!(
            began.elapsed() >= Duration::from_secs(1),
            "it was asked to wait"
        );

        service
            .create("mixed", source(address, "/mixed"))
            .await
            .unwrap();
        let mixed = service.pull("mixed").await.receipts.unwrap();
        assert_eq!((mixed.accepted, mixed.quarantined), (1, 2));
        let trial = CheckSourceRequest {
            name: "sources/mixed".into(),
            ..CheckSourceRequest::default()
        };
        let trial = service
            .sources
            .check_source(trial)
            .await
            .unwrap()
            .into_inner();
        assert_eq!((trial.records, trial.receipts.unwrap().quarantined), (3, 2));
        assert!(
            trial
                .violations
                .iter()
                .any(|it| it.reason == "INVALID_JSON"),
            "{trial:?}"
        );
        service.settled().await;
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn servers_that_mean_no_good_do_no_harm() {
    on_each_database(async |database| {
        let (shop, other) = (Shop::default(), Shop::default());
        let (address, elsewhere) = (shop.open().await, other.open().await);
        *shop.elsewhere.lock().unwrap() = format!("http://{elsewhere}/moved-here");
        let mut service = Ingestion::start_with(database, open_to_loopback).await;
        for (path, problem) in [
            ("/circle", "circle"),
            ("/metadata", "not allowed"),
            ("/slow", "too long"),
            ("/dripping", "too long"),
            ("/endless", "more than 8388608 bytes"),
            ("/bomb", "when it is unpacked"),
            ("/deep", "no JSON"),
            ("/twice", "no JSON"),
            ("/missing", "answers 404"),
        ] {
            let id = path.trim_start_matches('/');
            service.create(id, source(address, path)).await.unwrap();
            let run = service.pull(id).await;
            assert_eq!(accepted(&run), (SourceRunState::Failed, 0), "{path}");
            assert!(run.error.contains(problem), "{path}: {}", run.error);
        }
        let round = with(source(address, "/round"), |http| {
            http.records_path = "data".into();
            http.paging = Some(Paging::NextLink(NextLink {
                path: "next".into(),
            }));
        });
        service.create("round", round).await.unwrap();
        let run = service.pull("round").await;
        assert_eq!(accepted(&run), (SourceRunState::Failed, 1));
        assert!(run.error.contains("circle"), "{}", run.error);

        // A redirect to another server takes no secret along.
        let moved = with(source(address, "/elsewhere"), |http| {
            http.headers
                .insert("authorization".into(), "secret:shop_token".into());
        });
        service.create("moved", moved).await.unwrap();
        assert_eq!(
            accepted(&service.pull("moved").await),
            (SourceRunState::Succeeded, 2)
        );
        let here = shop.headers_of("/elsewhere");
        assert!(
            here.iter()
                .all(|headers| headers.contains_key("authorization"))
        );
        let there = other.headers_of("/moved-here");
        assert!(!there.is_empty() && there.iter().all(|it| !it.contains_key("authorization")));

        // A name is not an address that was allowed: the secret is meant for another host.
        let named = with(source(address, "/tagged"), |http| {
            http.url = format!("http://localhost:{}/tagged", address.port());
            http.headers
                .insert("authorization".into(), "secret:shop_token".into());
        });
        service.create("named", named).await.unwrap();
        let run = service.pull("named").await;
        assert!(
            run.error.contains("not meant for `localhost`"),
            "{}",
            run.error
        );
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_private_is_reached_unless_allowed() {
    on_each_database(async |database| {
        let shop = Shop::default();
        let address = shop.open().await;
        let mut service = Ingestion::start_with(database, quick).await;
        for url in [
            format!("http://{address}/tagged"),
            format!("https://{address}/tagged"),
            format!("https://localhost:{}/tagged", address.port()),
            format!("https://[::ffff:127.0.0.1]:{}/tagged", address.port()),
            "https://169.254.169.254/".to_owned(),
        ] {
            let source = with(source(address, "/"), |http| http.url = url.clone());
            let request = CheckSourceRequest {
                source: Some(source),
                ..CheckSourceRequest::default()
            };
            let trial = service
                .sources
                .check_source(request)
                .await
                .unwrap()
                .into_inner();
            assert!(
                !trial.reachable && trial.problem.contains("not allowed"),
                "{url}: {trial:?}"
            );
        }
        assert!(shop.asked.lock().unwrap().is_empty());
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn files_of_a_folder_are_taken_once_each() {
    on_each_database(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut service = Ingestion::start_with(database, |config| {
            quick(config);
            config.import.roots = vec![root.display().to_string()];
            config.import.batch_rows = 4;
        })
        .await;
        let lines = |range: std::ops::Range<usize>| orders(range).replace("},{", "}\n{");
        let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
        write("a.ndjson", &lines(0..10));
        write("b.ndjson", &lines(10..15));
        let source = Source {
            contract_yaml: CONTRACT.into(),
            kind: Some(Kind::File(FileSource {
                url: format!("file://{}/", root.display()),
            })),
            ..Source::default()
        };
        service.create("files", source).await.unwrap();
        assert_eq!(
            accepted(&service.pull("files").await),
            (SourceRunState::Succeeded, 15)
        );
        assert_eq!(
            accepted(&service.pull("files").await),
            (SourceRunState::Unchanged, 0)
        );
        // Touched, it is the same file; grown, it is another one, whose old rows are known.
        write("a.ndjson", &lines(0..10));
        let touched = service.pull("files").await;
        assert_eq!(touched.receipts.unwrap().received, 0, "{touched:?}");
        write("b.ndjson", &lines(10..18));
        write("c.ndjson", "\u{0}\u{1}");
        write("d.ndjson", &lines(18..20));
        let run = service.pull("files").await;
        let receipts = run.receipts.unwrap();
        assert_eq!((receipts.accepted, receipts.duplicate), (5, 5), "{run:?}");
        let outside = FileSource {
            url: "file:///etc/".into(),
        };
        let outside = Source {
            contract_yaml: CONTRACT.into(),
            kind: Some(Kind::File(outside)),
            ..Source::default()
        };
        service.create("outside", outside).await.unwrap();
        let refused = service.pull("outside").await;
        assert!(
            refused.error.contains("operator allows"),
            "{}",
            refused.error
        );
        service.settled().await;
        service.stop().await;
    })
    .await;
}
