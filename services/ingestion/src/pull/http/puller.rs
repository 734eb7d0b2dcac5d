use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use api::ingestion::HttpSource;
use async_trait::async_trait;
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::fetch::{Answer, Fetched, Fetcher};
use super::guard::Guard;
use super::paging::{self, Seen};
use crate::config::{HttpPullConfig, SecretConfig};
use crate::domain::json;
use crate::pull::cursor::Validators;
use crate::pull::{Next, Page, Position, Progress, PullFault, Puller, Records};
use crate::sources::SECRET_MARK;

/// Pages of one pull unless the source says otherwise.
const PAGES_MAX: i64 = 10_000;
/// Most records of one answer.
const RECORDS_MAX: usize = 100_000;

/// What a pull over HTTP needs to know.
pub(crate) struct HttpPlan<'a> {
    /// What the source says.
    pub(crate) source: &'a HttpSource,
    /// Secrets of the operator.
    pub(crate) secrets: &'a BTreeMap<String, SecretConfig>,
    /// Which addresses may be reached.
    pub(crate) guard: Arc<Guard>,
    /// Limits of requests.
    pub(crate) limits: &'a HttpPullConfig,
}

/// Pulls pages of JSON.
pub(crate) struct HttpPuller {
    source: HttpSource,
    fetcher: Fetcher,
    url: Url,
    /// Next page; `None` when there is none.
    next: Option<Url>,
    read: i64,
    /// Validators of the last pull, for its first page.
    known: Option<Validators>,
    /// Validators of the only page; `None` once there are more.
    fresh: Option<Validators>,
    visited: HashSet<[u8; 32]>,
}

impl HttpPuller {
    /// Prepares a pull that goes on at `progress`; nothing is sent yet.
    pub(crate) fn new(
        plan: &HttpPlan<'_>,
        progress: &Progress,
        position: Option<&Position>,
    ) -> Result<Self, PullFault> {
        let source = plan.source.clone();
        let url = Url::parse(&source.url)
            .map_err(|_| PullFault::wrong("the source's address cannot be read"))?;
        let headers = headers(&source, &url, plan.secrets)?;
        let per_second = match source.requests_per_second {
            0.0 => 1.0,
            rate => rate,
        };
        let fetcher = Fetcher::new(
            plan.guard.clone(),
            plan.limits.clone(),
            url.clone(),
            headers,
            per_second,
        );
        let mut puller = Self {
            next: Some(paging::first(&source, &url)),
            source,
            fetcher,
            url,
            read: 0,
            known: None,
            fresh: None,
            visited: HashSet::new(),
        };
        match (progress, position) {
            (
                Progress::Pages {
                    read,
                    next,
                    validators,
                },
                _,
            ) => {
                puller.read = *read;
                puller.next = match next {
                    Some(next) => Some(Url::parse(next).map_err(|_| {
                        PullFault::wrong("the kept address of the next page cannot be read")
                    })?),
                    None => None,
                };
                puller.fresh = validators.clone();
            }
            (_, Some(Position::Http { validators })) => puller.known = Some(validators.clone()),
            _ => {}
        }
        Ok(puller)
    }

    fn pages_max(&self) -> i64 {
        match self.source.pages_max {
            0 => PAGES_MAX,
            most => i64::from(most),
        }
    }

    fn page(&mut self, answer: Answer) -> Result<Next, PullFault> {
        let body = String::from_utf8(answer.body)
            .map_err(|_| PullFault::wrong("the answer is no UTF-8 text"))?;
        let value = json::parse(&body)
            .map_err(|fault| PullFault::wrong(format!("the answer is no JSON: {fault}")))?;
        let records = paging::records(&value, &self.source.records_path)?.len();
        if records > RECORDS_MAX {
            let problem = format!("a page has more than {RECORDS_MAX} records");
            return Err(PullFault::wrong(problem));
        }
        let seen = Seen {
            answer: &value,
            link: &answer.link,
            url: &answer.url,
            read: self.read + 1,
            empty: records == 0,
        };
        let next = paging::next(&self.source, &self.url, &seen)?;
        // That one page of several has not changed says nothing about the others.
        let single = self.read == 0 && next.is_none();
        let told =
            !answer.validators.etag.is_empty() || !answer.validators.last_modified.is_empty();
        self.fresh = (single && told).then_some(answer.validators);
        self.read += 1;
        self.next = next;
        Ok(Next::Page(Page {
            records: Records::Json {
                body,
                path: self.source.records_path.clone(),
            },
            progress: Progress::Pages {
                read: self.read,
                next: self.next.as_ref().map(Url::to_string),
                validators: self.fresh.clone(),
            },
            position: None,
            file_taken: None,
        }))
    }

    /// Returns where the next pull begins, when this one has come to its end.
    fn end(&self) -> Position {
        Position::Http {
            validators: self.fresh.clone().unwrap_or_default(),
        }
    }
}

/// Reads the headers, with the operator's secrets in their places.
fn headers(
    source: &HttpSource,
    url: &Url,
    secrets: &BTreeMap<String, SecretConfig>,
) -> Result<Vec<(HeaderName, HeaderValue)>, PullFault> {
    let mut headers = Vec::with_capacity(source.headers.len());
    for (name, value) in &source.headers {
        let bad = || PullFault::wrong(format!("the header `{name}` cannot be sent"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = match value.strip_prefix(SECRET_MARK) {
            None => HeaderValue::from_str(value).map_err(|_| bad())?,
            Some(secret) => {
                let secret = secrets.get(secret).ok_or_else(bad)?;
                let host = url.host_str().unwrap_or_default();
                if !secret.hosts.iter().any(|allowed| allowed == host) {
                    return Err(PullFault::wrong(format!(
                        "the secret of the header `{name}` is not meant for `{host}`"
                    )));
                }
                let mut value = HeaderValue::from_str(secret.value.expose()).map_err(|_| bad())?;
                value.set_sensitive(true);
                value
            }
        };
        headers.push((header, value));
    }
    Ok(headers)
}

#[async_trait]
impl Puller for HttpPuller {
    async fn next(&mut self) -> Result<Next, PullFault> {
        let Some(url) = self.next.clone() else {
            return Ok(Next::End(Some(self.end())));
        };
        let most = self.pages_max();
        if self.read >= most {
            return Err(PullFault::wrong(format!(
                "there are more than {most} pages"
            )));
        }
        // A page that failed is asked for again, so only those that came count.
        let mark = *blake3::hash(url.as_str().as_bytes()).as_bytes();
        if self.visited.contains(&mark) {
            return Err(PullFault::wrong("the pages lead in a circle"));
        }
        let known = self.known.as_ref().filter(|_| self.read == 0);
        let known = known.filter(|it| !it.etag.is_empty() || !it.last_modified.is_empty());
        match self.fetcher.fetch(&url, known).await? {
            Fetched::NotModified => Ok(Next::Unchanged),
            Fetched::Answer(answer) => {
                self.visited.insert(mark);
                self.page(answer)
            }
        }
    }
}
