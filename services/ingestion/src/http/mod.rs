//! The endpoint for client libraries that speak the Segment HTTP protocol.
//!
//! `POST /v1/track`, `identify`, `page`, `screen`, `group`, `alias` and `batch`, and their one-letter forms that browsers and
//! phones use. The write key is the user of basic authorisation, or stands in the body as `writeKey`; it names tenant and
//! source. An answer of success is given only after the commit. Answers by which libraries know what to do:
//!
//! | status | means | libraries |
//! |---|---|---|
//! | 200 | committed, or kept in quarantine | go on |
//! | 400 | some messages cannot be taken; the answer names their fields; the others are committed | give these up |
//! | 401 | the write key is unknown or void | give up |
//! | 413, 415, 408 | the body is too large, packed in an unknown way, too slow | give up |
//! | 429 | more than the source or tenant may send; `Retry-After` says when | try again |
//! | 503 | nothing was taken: the log is full, the store is away, the source is paused | try again |

mod answer;
mod body;

use std::sync::Arc;

use anyhow::Context;
use api::common::Event;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runtime::context::TenantId;
use runtime::server::{Shutdown, serve_http};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::HttpConfig;
use crate::domain::judge::{Tenant, Verdict};
use crate::domain::segment::{self, Call, Envelope};
use crate::intake::{Arrival, Intake};
use crate::limits::Pace;
use crate::metrics::Metrics;
use crate::sources::{KeyHolder, WriteKeys};
use answer::{Answer, Wrong};

/// Most messages of one batch.
const MESSAGES_MAX: usize = 1_000;
/// Message id of a message that cannot be read: no event may have it, so it is counted as rejected.
const UNREADABLE_ID: &str = "\0";

/// Serves client libraries.
pub(crate) struct HttpEndpoint {
    config: HttpConfig,
    intake: Arc<Intake>,
    keys: Arc<WriteKeys>,
    metrics: Metrics,
    places: Semaphore,
}

/// What an address takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    One(Call),
    Batch,
}

/// Addresses below `/v1/` and what they take.
const FORMS: [(&str, &str, Form); 7] = [
    ("track", "t", Form::One(Call::Track)),
    ("identify", "i", Form::One(Call::Identify)),
    ("page", "p", Form::One(Call::Page)),
    ("screen", "s", Form::One(Call::Screen)),
    ("group", "g", Form::One(Call::Group)),
    ("alias", "a", Form::One(Call::Alias)),
    ("batch", "b", Form::Batch),
];

impl HttpEndpoint {
    /// Takes events through `intake` from those whose write keys are known.
    pub(crate) fn new(
        config: HttpConfig,
        intake: Arc<Intake>,
        keys: Arc<WriteKeys>,
        metrics: Metrics,
    ) -> Self {
        Self {
            places: Semaphore::new(config.requests_max),
            config,
            intake,
            keys,
            metrics,
        }
    }

    /// Serves until shutdown. Fails when the address cannot be listened on, or may not be without TLS.
    pub(crate) async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        if !self.config.enabled {
            return Ok(());
        }
        let listen = self.config.listen;
        let listener = match &self.config.bound {
            Some(listener) => listener.clone(),
            None => Arc::new(TcpListener::bind(listen).await.with_context(|| {
                format!(
                    "cannot listen on {listen} for client libraries: stop what listens there, or change `http.listen`"
                )
            })?),
        };
        let settings = self.config.listener();
        let routes = routes(Arc::new(self));
        serve_http("ingestion", &settings, routes, &listener, shutdown).await
    }

    async fn take(&self, form: Form, headers: &HeaderMap, body: axum::body::Body) -> Answer {
        let Ok(_place) = self.places.try_acquire() else {
            return Answer::busy();
        };
        let body = match body::read(&self.config, headers, body).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let body: Value = match serde_json::from_slice(&body) {
            Ok(body @ Value::Object(_)) => body,
            Ok(_) => return Answer::malformed("", "the body is a JSON object"),
            Err(error) => {
                return Answer::malformed("", format!("the body is no JSON: {}", place(&error)));
            }
        };
        let holder = match self.holder(headers, &body).await {
            Ok(holder) => holder,
            Err(answer) => return answer,
        };
        let Ok(id) = TenantId::parse(&holder.tenant) else {
            return Answer::unauthorised();
        };
        let tenant = match self.intake.tenant(&id).await {
            Ok(tenant) => tenant,
            Err(fault) => return Answer::of_status(&runtime::fault::status(&fault)),
        };
        match read(form, &body, &tenant, &holder) {
            Ok(messages) => self.commit(&id, messages).await,
            Err(answer) => answer,
        }
    }

    /// Returns for whom the write key of a request speaks.
    async fn holder(&self, headers: &HeaderMap, body: &Value) -> Result<KeyHolder, Answer> {
        let in_body = || {
            let first = || body.pointer("/batch/0/writeKey");
            body.get("writeKey")
                .or_else(first)?
                .as_str()
                .map(str::to_owned)
        };
        let key = basic_user(headers).or_else(in_body);
        let Some(key) = key else {
            return Err(Answer::unauthorised());
        };
        match self.keys.find(&key).await {
            Ok(Some(holder)) => Ok(holder),
            Ok(None) => Err(Answer::unauthorised()),
            Err(error) => Err(Answer::of_status(&runtime::fault::status(&error))),
        }
    }

    async fn commit(&self, tenant: &TenantId, messages: Messages) -> Answer {
        let Messages {
            events,
            contents,
            mut wrong,
        } = messages;
        let keys = self.intake.keys();
        let contents = contents
            .iter()
            .map(|content| keys.content([content.as_bytes()]))
            .collect();
        let arrival = Arrival {
            revision: "",
            pace: Pace::Refuse,
            contents,
        };
        let judged = match self.intake.take(tenant, events, arrival).await {
            Ok((judged, _)) => judged,
            Err(status) => return Answer::of_status(&status),
        };
        for (index, judged) in judged.iter().enumerate() {
            if let Verdict::Reject(found) = &judged.verdict
                && wrong.iter().all(|it| it.index != index)
            {
                wrong.extend(found.iter().map(|it| Wrong::of(index, it)));
            }
        }
        match wrong.is_empty() {
            true => Answer::success(),
            false => Answer::wrong(wrong),
        }
    }
}

/// Messages of a request as events.
#[derive(Default)]
struct Messages {
    events: Vec<Event>,
    /// What each message says, without what changes when it is sent again.
    contents: Vec<String>,
    /// What is wrong with those that cannot be read.
    wrong: Vec<Wrong>,
}

/// Reads the messages of a body. Fails when it has none.
fn read(form: Form, body: &Value, tenant: &Tenant, holder: &KeyHolder) -> Result<Messages, Answer> {
    let one = std::slice::from_ref(body);
    let (messages, call, shared) = match form {
        Form::One(call) => (one, Some(call), None),
        Form::Batch => match body.get("batch") {
            Some(Value::Array(batch)) if batch.len() > MESSAGES_MAX => {
                let text = format!("a batch has at most {MESSAGES_MAX} messages");
                return Err(Answer::malformed("batch", text));
            }
            Some(Value::Array(batch)) if !batch.is_empty() => {
                (batch.as_slice(), None, body.get("context"))
            }
            _ => return Err(Answer::malformed("batch", "a batch is a list of messages")),
        },
    };
    let envelope = Envelope {
        call,
        source: &holder.source,
        currency: &tenant.currency,
        sent_at: body.get("sentAt").and_then(segment::time),
        context: shared,
        received_at: runtime::clock::now(),
    };
    let mut read = Messages::default();
    for (index, message) in messages.iter().enumerate() {
        read.contents.push(segment::content(message));
        match segment::event(message, &envelope) {
            Ok(event) => read.events.push(event),
            Err(found) => {
                read.wrong
                    .extend(found.iter().map(|it| Wrong::of(index, it)));
                read.events.push(Event {
                    message_id: UNREADABLE_ID.to_owned(),
                    source: holder.source.clone(),
                    ..Event::default()
                });
            }
        }
    }
    Ok(read)
}

/// Returns the user of basic authorisation.
fn basic_user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    (!user.is_empty()).then(|| user.to_owned())
}

/// Says where a JSON text is broken, and nothing of what it holds.
fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn routes(endpoint: Arc<HttpEndpoint>) -> Router {
    let mut router = Router::new();
    for (name, letter, form) in FORMS {
        let handler = move |State(endpoint): State<Arc<HttpEndpoint>>, request: Request| async move {
            let (parts, body) = request.into_parts();
            endpoint.take(form, &parts.headers, body).await.respond()
        };
        router = router
            .route(&format!("/v1/{name}"), post(handler))
            .route(&format!("/v1/{letter}"), post(handler));
    }
    router
        // Browser libraries report on themselves here; nothing of that is kept.
        .route("/v1/m", post(|| async { Answer::success().respond() }))
        .fallback(|| async { Answer::not_found().respond() })
        .layer(middleware::from_fn_with_state(endpoint.clone(), around))
        .with_state(endpoint)
}

/// Answers browsers that ask before they send, says on every answer who may read it, and counts.
async fn around(
    State(endpoint): State<Arc<HttpEndpoint>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| {
        let all = &endpoint.config.origins;
        all.iter()
            .any(|it| it == "*" || it.as_bytes() == origin.as_bytes())
    });
    let mut response = match *request.method() {
        Method::OPTIONS => Answer::nothing().respond(),
        _ => next.run(request).await,
    };
    if let Some(origin) = allowed {
        answer::allow(response.headers_mut(), origin);
    }
    endpoint.metrics.http(response.status().as_u16());
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::warn!("a request of a client library failed inside the service");
    }
    response
}
