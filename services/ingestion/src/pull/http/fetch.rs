//! One request and its answer, within bounds of time, size and place.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::answer::Body;
use super::guard::Guard;
use crate::config::HttpPullConfig;
use crate::pull::PullFault;
use crate::pull::cursor::Validators;

/// Most redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// Sends requests, one at a time and politely.
pub(crate) struct Fetcher {
    guard: Arc<Guard>,
    config: HttpPullConfig,
    /// Where the headers belong; they go nowhere else.
    home: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    pause: Duration,
    sent: Option<Instant>,
    client: Option<(String, Vec<SocketAddr>, Client)>,
}

/// What came back.
pub(super) enum Fetched {
    /// The same as what the validators stand for.
    NotModified,
    /// An answer.
    Answer(Answer),
}

/// An answer.
pub(super) struct Answer {
    /// Where it came from, after redirects.
    pub(super) url: Url,
    /// Its validators.
    pub(super) validators: Validators,
    /// Its `Link` headers, joined.
    pub(super) link: String,
    /// Its bytes, unpacked.
    pub(super) body: Vec<u8>,
}

impl Fetcher {
    /// Sends requests with `headers` to the origin of `home`, at most `per_second` of them.
    pub(crate) fn new(
        guard: Arc<Guard>,
        config: HttpPullConfig,
        home: Url,
        headers: Vec<(HeaderName, HeaderValue)>,
        per_second: f64,
    ) -> Self {
        Self {
            guard,
            config,
            home,
            headers,
            pause: Duration::from_secs_f64(1.0 / per_second.clamp(0.001, 100.0)),
            sent: None,
            client: None,
        }
    }

    /// Fetches a URL, following redirects as far as the guard allows.
    pub(super) async fn fetch(
        &mut self,
        url: &Url,
        validators: Option<&Validators>,
    ) -> Result<Fetched, PullFault> {
        let mut url = url.clone();
        let mut visited = HashSet::new();
        loop {
            if !visited.insert(url.to_string()) {
                return Err(PullFault::wrong("the redirects lead in a circle"));
            }
            if visited.len() > REDIRECTS_MAX + 1 {
                let problem = format!("there are more than {REDIRECTS_MAX} redirects");
                return Err(PullFault::wrong(problem));
            }
            let response = self.send(&url, validators).await?;
            let status = response.status();
            if status == StatusCode::NOT_MODIFIED && validators.is_some() {
                return Ok(Fetched::NotModified);
            }
            if status.is_redirection() {
                url = redirected(&url, &response)?;
                continue;
            }
            if !status.is_success() {
                return Err(refusal(status, &response, self.config.retry_after_max));
            }
            return Ok(Fetched::Answer(self.answer(url, response).await?));
        }
    }

    async fn send(
        &mut self,
        url: &Url,
        validators: Option<&Validators>,
    ) -> Result<Response, PullFault> {
        let addresses = self.guard.addresses(url).await?;
        if let Some(sent) = self.sent {
            tokio::time::sleep(self.pause.saturating_sub(sent.elapsed())).await;
        }
        self.sent = Some(Instant::now());
        let client = self.client(url, addresses)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(Validators {
            etag,
            last_modified,
        }) = validators
        {
            for (name, text) in [
                (header::IF_NONE_MATCH, etag),
                (header::IF_MODIFIED_SINCE, last_modified),
            ] {
                if let Ok(value) = HeaderValue::from_str(text)
                    && !text.is_empty()
                {
                    headers.insert(name, value);
                }
            }
        }
        if url.origin() == self.home.origin() {
            headers.extend(
                self.headers
                    .iter()
                    .cloned()
                    .map(|(name, value)| (Some(name), value)),
            );
        }
        let sending = client.get(url.clone()).headers(headers).send();
        let limit = self.config.connect_timeout + self.config.header_timeout;
        tokio::time::timeout(limit, sending)
            .await
            .map_err(|_| PullFault::away("the server took too long to answer"))?
            .map_err(|error| broken(&error))
    }

    /// Returns a client that can connect to the checked addresses alone.
    fn client(&mut self, url: &Url, addresses: Vec<SocketAddr>) -> Result<Client, PullFault> {
        let host = url.host_str().unwrap_or_default().to_owned();
        if let Some((known, checked, client)) = &self.client
            && *known == host
            && *checked == addresses
        {
            return Ok(client.clone());
        }
        install_provider();
        let client = Client::builder()
            .no_proxy()
            .no_gzip()
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.config.connect_timeout)
            .resolve_to_addrs(&host, &addresses)
            .user_agent(concat!("clientele/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| PullFault::wrong("no connection can be prepared"))?;
        self.client = Some((host, addresses, client.clone()));
        Ok(client)
    }

    async fn answer(&self, url: Url, response: Response) -> Result<Answer, PullFault> {
        let text = |name: HeaderName| {
            let values = response.headers().get_all(name);
            let texts: Vec<&str> = values.iter().filter_map(|it| it.to_str().ok()).collect();
            texts.join(", ")
        };
        let validators = Validators {
            etag: text(header::ETAG),
            last_modified: text(header::LAST_MODIFIED),
        };
        let link = text(header::LINK);
        let encoding = text(header::CONTENT_ENCODING).to_ascii_lowercase();
        let HttpPullConfig {
            body_bytes_max,
            unpacked_ratio_max,
            body_timeout,
            ..
        } = self.config;
        let mut body = Body::new(&encoding, body_bytes_max, unpacked_ratio_max)?;
        let mut response = response;
        let reading = async {
            while let Some(piece) = response.chunk().await.map_err(|error| broken(&error))? {
                body.add(&piece)?;
            }
            body.finish()
        };
        let body = tokio::time::timeout(body_timeout, reading)
            .await
            .map_err(|_| PullFault::away("the server took too long to send its answer"))??;
        Ok(Answer {
            url,
            validators,
            link,
            body,
        })
    }
}

/// Makes TLS use the same cryptography as everywhere else in the process.
fn install_provider() {
    // It fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn redirected(url: &Url, response: &Response) -> Result<Url, PullFault> {
    let target = response
        .headers()
        .get(header::LOCATION)
        .and_then(|it| it.to_str().ok())
        .and_then(|it| url.join(it).ok())
        .filter(|it| matches!(it.scheme(), "http" | "https"));
    let target = target.ok_or_else(|| PullFault::wrong("a redirect leads nowhere"))?;
    if url.scheme() == "https" && target.scheme() != "https" {
        return Err(PullFault::wrong("a redirect leaves TLS"));
    }
    Ok(target)
}

/// Says what an error of the server means.
fn refusal(status: StatusCode, response: &Response, wait_max: Duration) -> PullFault {
    let problem = format!("the server answers {}", status.as_u16());
    let busy = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
    if !busy {
        return PullFault::Wrong(problem);
    }
    let asked = response.headers().get(header::RETRY_AFTER);
    let wait = asked
        .and_then(|it| it.to_str().ok())
        .and_then(|it| retry_after(it, runtime::clock::now()))
        .map(|wait| wait.min(wait_max));
    PullFault::Away { problem, wait }
}

/// Reads `Retry-After`: seconds or a date.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or_default())
}

/// Says what a failed request means, without its URL, which may hold a token.
fn broken(error: &reqwest::Error) -> PullFault {
    let problem = if error.is_timeout() {
        "the server took too long"
    } else if error.is_connect() {
        "the server cannot be connected to"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the request failed on the way"
    };
    PullFault::away(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_long_to_wait() {
        let now = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z")
            .expect("time")
            .to_utc();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after("Thu, 01 Jan 2026 00:01:00 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            retry_after("Wed, 31 Dec 2025 00:01:00 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("soon", now), None);
    }
}
