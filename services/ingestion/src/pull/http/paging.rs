//! Finds records and the next page in an answer.

use api::ingestion::HttpSource;
use api::ingestion::http_source::Paging;
use url::Url;

use crate::domain::json::Json;
use crate::pull::PullFault;

/// Returns what stands at a path of names separated by dots; the whole at the empty path.
pub(crate) fn at<'v, 't>(value: &'v Json<'t>, path: &str) -> Option<&'v Json<'t>> {
    if path.is_empty() {
        return Some(value);
    }
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

/// Returns the records of an answer.
pub(super) fn records<'v, 't>(
    answer: &'v Json<'t>,
    path: &str,
) -> Result<&'v [Json<'t>], PullFault> {
    match at(answer, path) {
        Some(Json::List(records)) => Ok(records),
        _ => Err(no_list(path)),
    }
}

fn no_list(path: &str) -> PullFault {
    match path {
        "" => PullFault::wrong("the answer is no list"),
        path => PullFault::wrong(format!("the answer has no list at `{path}`")),
    }
}

/// Returns the first page's URL.
pub(super) fn first(source: &HttpSource, url: &Url) -> Url {
    match &source.paging {
        Some(Paging::PageNumber(number)) => with(url, &number.parameter, &number.first.to_string()),
        _ => url.clone(),
    }
}

/// What an answer says of the next page.
pub(super) struct Seen<'a> {
    /// The answer.
    pub(super) answer: &'a Json<'a>,
    /// Its `Link` header.
    pub(super) link: &'a str,
    /// Where it came from.
    pub(super) url: &'a Url,
    /// Pages that were read, this one among them.
    pub(super) read: i64,
    /// Whether it has no records.
    pub(super) empty: bool,
}

/// Returns the URL of the page after an answer; `None` when it is the last. `url` is the source's own.
pub(super) fn next(
    source: &HttpSource,
    url: &Url,
    seen: &Seen<'_>,
) -> Result<Option<Url>, PullFault> {
    match &source.paging {
        None => Ok(None),
        Some(Paging::NextLink(link)) => {
            let text = match link.path.as_str() {
                "" => link_named_next(seen.link),
                path => text_at(seen.answer, path)?,
            };
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let next = seen.url.join(&text).ok();
            next.filter(|next| matches!(next.scheme(), "http" | "https"))
                .map(Some)
                .ok_or_else(|| PullFault::wrong("the link to the next page is no address"))
        }
        Some(Paging::PageToken(token)) => {
            let text = text_at(seen.answer, &token.path)?;
            Ok(text
                .filter(|text| !text.is_empty())
                .map(|text| with(url, &token.parameter, &text)))
        }
        Some(Paging::PageNumber(_)) if seen.empty => Ok(None),
        Some(Paging::PageNumber(number)) => {
            let page = i64::from(number.first) + seen.read;
            Ok(Some(with(url, &number.parameter, &page.to_string())))
        }
    }
}

fn text_at(answer: &Json<'_>, path: &str) -> Result<Option<String>, PullFault> {
    match at(answer, path) {
        None | Some(Json::Null | Json::Flag(false)) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.clone().into_owned())),
        Some(Json::Number(number)) => Ok(Some((*number).to_owned())),
        Some(_) => Err(PullFault::wrong(format!(
            "`{path}` is neither text nor number"
        ))),
    }
}

/// Sets a query parameter.
fn with(url: &Url, parameter: &str, value: &str) -> Url {
    let mut with = url.clone();
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != parameter)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    with.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(parameter, value);
    with
}

/// Returns the target of the `Link` header's entry whose relation is `next`.
fn link_named_next(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some(begin) = rest.find('<') {
        let end = begin + rest[begin..].find('>')?;
        let target = &rest[begin + 1..end];
        rest = &rest[end + 1..];
        // The parameters of a link end where the next one begins.
        let parameters = rest.find('<').map_or(rest, |next| &rest[..next]);
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|it| it.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::parse;
    use api::ingestion::{NextLink, PageNumber, PageToken};

    fn after(paging: Paging, answer: &str, link: &str, read: i64, empty: bool) -> Option<String> {
        let answer = &parse(answer).expect("json");
        let url = Url::parse("https://shop.example/orders?size=2").expect("url");
        let source = HttpSource {
            paging: Some(paging),
            ..HttpSource::default()
        };
        let seen = Seen {
            answer,
            link,
            url: &url,
            read,
            empty,
        };
        next(&source, &url, &seen)
            .expect("next")
            .map(|url| url.to_string())
    }

    #[test]
    fn follows_links() {
        let link = || Paging::NextLink(NextLink::default());
        let header =
            "<https://shop.example/orders?p=0>; rel=\"prev\", </orders?p=2>; rel=\"next last\"";
        assert_eq!(
            after(link(), "[]", header, 1, false).as_deref(),
            Some("https://shop.example/orders?p=2")
        );
        assert_eq!(after(link(), "[]", "<x>; rel=prev", 1, false), None);
        assert_eq!(after(link(), "[]", "<broken", 1, false), None);
        let inside = Paging::NextLink(NextLink {
            path: "links.next".into(),
        });
        let answer = r#"{"links": {"next": "?p=3"}}"#;
        assert_eq!(
            after(inside, answer, "", 1, false).as_deref(),
            Some("https://shop.example/orders?p=3")
        );
    }

    #[test]
    fn sends_tokens_and_numbers_as_parameters() {
        let token = || {
            Paging::PageToken(PageToken {
                path: "next".into(),
                parameter: "after".into(),
            })
        };
        assert_eq!(
            after(token(), r#"{"next": "a&b"}"#, "", 1, false).as_deref(),
            Some("https://shop.example/orders?size=2&after=a%26b")
        );
        assert_eq!(after(token(), r#"{"next": null}"#, "", 1, false), None);
        let number = || {
            Paging::PageNumber(PageNumber {
                parameter: "page".into(),
                first: 1,
            })
        };
        assert_eq!(
            after(number(), "[]", "", 2, false).as_deref(),
            Some("https://shop.example/orders?size=2&page=3")
        );
        assert_eq!(after(number(), "[]", "", 2, true), None);
    }

    #[test]
    fn takes_records_from_where_they_are() {
        let answer = parse(r#"{"data": {"items": [{"a": 1}, 2]}}"#).expect("json");
        assert_eq!(records(&answer, "data.items").expect("list").len(), 2);
        assert!(records(&answer, "data").is_err());
        assert!(records(&answer, "").is_err());
        assert_eq!(
            records(&parse("[1]").expect("json"), "")
                .expect("list")
                .len(),
            1
        );
    }
}
