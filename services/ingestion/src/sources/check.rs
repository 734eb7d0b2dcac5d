//! Says everything that is wrong with a source before it is kept.

use std::collections::BTreeMap;

use api::ingestion::http_source::Paging;
use api::ingestion::source::Kind;
use api::ingestion::{FileSource, HttpSource, Source, SqlSource};
use runtime::fault::Violations;
use url::Url;

use crate::config::Config;
use crate::domain::contract::{self, Contract, Format, KeyRule};
use crate::domain::schedule::Schedule;
use crate::pull::is_for;

/// Most bytes of a contract.
const CONTRACT_BYTES_MAX: usize = 256 * 1024;
/// Longest name for people, in bytes.
const DISPLAY_NAME_BYTES_MAX: usize = 200;
/// Longest identifier of a database, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 128;
/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 2048;
/// Most headers of a request, and the longest name and value.
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 4096;
/// Most pages of one pull.
const PAGES_MAX: i32 = 1_000_000;
/// Start of a header's value that names one of the operator's secrets.
pub(crate) const SECRET_MARK: &str = "secret:";
/// Headers that a request has of its own.
const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "if-modified-since",
    "if-none-match",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What the operator's configuration offers to sources.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Names with the tenants that they are for.
    connections: BTreeMap<String, Vec<String>>,
    secrets: BTreeMap<String, Vec<String>>,
}

impl Facts {
    /// Reads what a configuration offers.
    pub(crate) fn new(config: &Config) -> Self {
        let connections = config.connections.iter();
        let secrets = config.secrets.iter();
        Self {
            connections: connections
                .map(|(name, it)| (name.clone(), it.tenants.clone()))
                .collect(),
            secrets: secrets
                .map(|(name, it)| (name.clone(), it.tenants.clone()))
                .collect(),
        }
    }

    fn has_connection(&self, tenant: &str, name: &str) -> bool {
        let tenants = self.connections.get(name);
        tenants.is_some_and(|tenants| is_for(tenants, tenant))
    }

    fn has_secret(&self, tenant: &str, name: &str) -> bool {
        let tenants = self.secrets.get(name);
        tenants.is_some_and(|tenants| is_for(tenants, tenant))
    }
}

/// What was read of a source while it was checked.
pub(crate) struct Checked {
    /// Its contract, where it has a valid one.
    pub(crate) contract: Option<Contract>,
    /// Its schedule, where it has a valid one.
    pub(crate) schedule: Option<Schedule>,
}

/// Checks a source; everything that is wrong is added to `found`.
pub(crate) fn check(
    found: &mut Violations,
    tenant: &str,
    source: &Source,
    facts: &Facts,
) -> Checked {
    let most = DISPLAY_NAME_BYTES_MAX;
    found.require(
        source.display_name.len() <= most,
        "source.display_name",
        "TOO_LONG",
        format!("a name for people has at most {most} bytes"),
    );
    let contract = check_contract(found, source);
    match &source.kind {
        None => found.push(
            "source.kind",
            "REQUIRED",
            "one of push, file, sql and http must be set",
        ),
        Some(Kind::Push(_)) => {}
        Some(Kind::File(file)) => check_file(found, file),
        Some(Kind::Sql(sql)) => check_sql(found, tenant, sql, facts),
        Some(Kind::Http(http)) => check_http(found, tenant, http, facts),
    }
    if let (Some(contract), Some(kind @ (Kind::Sql(_) | Kind::Http(_)))) = (&contract, &source.kind)
    {
        check_pulled_contract(found, contract, matches!(kind, Kind::Http(_)));
        if let Kind::Sql(sql) = kind {
            check_order(found, contract, sql);
        }
    }
    let schedule = check_schedule(found, source, contract.as_ref());
    if let Some(target) = &source.freshness_target {
        let length = runtime::time::duration_from_proto(target).filter(|length| !length.is_zero());
        found.require(
            length.is_some(),
            "source.freshness_target",
            "OUT_OF_RANGE",
            "must be longer than nothing",
        );
    }
    let limits = source.limits.unwrap_or_default();
    for (name, limit) in [
        ("events_per_second", limits.events_per_second),
        ("event_bytes_max", limits.event_bytes_max),
    ] {
        found.require(
            limit >= 0,
            format!("source.limits.{name}"),
            "OUT_OF_RANGE",
            "must be 0, the operator's default, or more",
        );
    }
    Checked { contract, schedule }
}

fn check_contract(found: &mut Violations, source: &Source) -> Option<Contract> {
    let field = "source.contract_yaml";
    if source.contract_yaml.is_empty() {
        let needed = !matches!(source.kind, None | Some(Kind::Push(_)));
        found.require(
            !needed,
            field,
            "REQUIRED",
            "what is not sent to us needs a contract",
        );
        return None;
    }
    if source.contract_yaml.len() > CONTRACT_BYTES_MAX {
        let text = format!("a contract has at most {CONTRACT_BYTES_MAX} bytes");
        found.push(field, "TOO_LARGE", text);
        return None;
    }
    match contract::parse(&source.contract_yaml) {
        Ok(contract) => Some(contract),
        Err(mistakes) => {
            for mistake in mistakes {
                let path = match mistake.field.as_str() {
                    "" => field.to_owned(),
                    inner => format!("{field}.{inner}"),
                };
                found.push(path, mistake.reason, mistake.description);
            }
            None
        }
    }
}

/// A pull may read a row again: only a key tells that it is the same one.
fn check_pulled_contract(found: &mut Violations, contract: &Contract, arrays: bool) {
    let field = "source.contract_yaml";
    found.require(
        contract.file.format != Format::Events && (arrays || !contract.is_ragged()),
        field,
        "UNFIT",
        "the contract of a pulled source lists columns, none of them an array of a database",
    );
    found.require(
        matches!(contract.key, KeyRule::Columns(_)),
        field,
        "KEY_REQUIRED",
        "the contract of a pulled source names the columns of its key, so that a row that is read again is known",
    );
}

/// How far a pull has come is kept and told in the clear, so nothing personal may say it.
fn check_order(found: &mut Violations, contract: &Contract, sql: &SqlSource) {
    let personal = |name: &str| {
        let index = contract.column(name);
        index.is_some_and(|index| contract.columns[index].personal)
    };
    for (name, column) in [
        ("watermark_column", &sql.watermark_column),
        ("key_column", &sql.key_column),
    ] {
        found.require(
            !personal(column),
            format!("source.sql.{name}"),
            "PERSONAL_COLUMN",
            "how far a pull has come cannot be told by a column that holds personal data",
        );
    }
}

fn check_schedule(
    found: &mut Violations,
    source: &Source,
    contract: Option<&Contract>,
) -> Option<Schedule> {
    if source.schedule.is_empty() {
        return None;
    }
    if matches!(source.kind, Some(Kind::Push(_))) {
        let text = "a source that is sent to cannot be pulled";
        found.push("source.schedule", "UNFIT", text);
        return None;
    }
    let zone = contract.map_or(chrono_tz::UTC, |contract| contract.zone);
    let parsed = Schedule::parse(&source.schedule, zone);
    found.take("source.schedule", "MALFORMED", parsed)
}

fn check_file(found: &mut Violations, file: &FileSource) {
    let field = "source.file.url";
    let Some(url) = url(found, field, &file.url) else {
        return;
    };
    found.require(
        url.scheme() == "file" && url.host().is_none() && url.to_file_path().is_ok(),
        field,
        "MALFORMED",
        "must be the absolute path of a file or folder, for example `file:///data/shop/`",
    );
}

fn check_sql(found: &mut Violations, tenant: &str, sql: &SqlSource, facts: &Facts) {
    let field = |name: &str| format!("source.sql.{name}");
    found.require(
        facts.has_connection(tenant, &sql.connection),
        field("connection"),
        "CONNECTION_UNKNOWN",
        "the operator's configuration has no connection of this name",
    );
    let parts: Vec<&str> = sql.table.split('.').collect();
    found.require(
        parts.len() <= 2 && parts.iter().all(|part| is_identifier(part)),
        field("table"),
        "MALFORMED",
        format!("must be `table` or `schema.table`, each name 1 to {IDENTIFIER_BYTES_MAX} bytes"),
    );
    for (name, column) in [
        ("watermark_column", &sql.watermark_column),
        ("key_column", &sql.key_column),
    ] {
        found.require(
            column.is_empty() || is_identifier(column),
            field(name),
            "MALFORMED",
            format!("must be a column's name of 1 to {IDENTIFIER_BYTES_MAX} bytes"),
        );
    }
    found.require(
        sql.watermark_column.is_empty() || !sql.key_column.is_empty(),
        field("key_column"),
        "REQUIRED",
        "must tell rows with one watermark apart",
    );
    found.require(
        (0..=10_000).contains(&sql.batch_rows),
        field("batch_rows"),
        "OUT_OF_RANGE",
        "must be 0 to 10,000",
    );
    if let Some(overlap) = &sql.overlap {
        let length = runtime::time::duration_from_proto(overlap);
        found.require(
            length.is_some() && !sql.watermark_column.is_empty(),
            field("overlap"),
            "OUT_OF_RANGE",
            "must be a length of time, of a source with a watermark",
        );
    }
}

fn is_identifier(name: &str) -> bool {
    (1..=IDENTIFIER_BYTES_MAX).contains(&name.len()) && !name.contains(char::is_control)
}

fn check_http(found: &mut Violations, tenant: &str, http: &HttpSource, facts: &Facts) {
    let field = |name: &str| format!("source.http.{name}");
    if let Some(url) = url(found, &field("url"), &http.url) {
        let plain = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        found.require(
            plain && url.username().is_empty() && url.password().is_none(),
            field("url"),
            "MALFORMED",
            "must be an `https://` address without a user; credentials go into headers",
        );
    }
    check_headers(found, tenant, http, facts);
    check_path(found, &field("records_path"), &http.records_path, true);
    match &http.paging {
        None => {}
        Some(Paging::NextLink(link)) => {
            check_path(found, &field("next_link.path"), &link.path, true)
        }
        Some(Paging::PageToken(token)) => {
            check_path(found, &field("page_token.path"), &token.path, false);
            check_parameter(found, &field("page_token.parameter"), &token.parameter);
        }
        Some(Paging::PageNumber(number)) => {
            check_parameter(found, &field("page_number.parameter"), &number.parameter);
            found.require(
                number.first >= 0,
                field("page_number.first"),
                "OUT_OF_RANGE",
                "must be 0 or more",
            );
        }
    }
    found.require(
        (0.0..=100.0).contains(&http.requests_per_second),
        field("requests_per_second"),
        "OUT_OF_RANGE",
        "must be 0 to 100",
    );
    found.require(
        (0..=PAGES_MAX).contains(&http.pages_max),
        field("pages_max"),
        "OUT_OF_RANGE",
        format!("must be 0 to {PAGES_MAX}"),
    );
}

fn check_headers(found: &mut Violations, tenant: &str, http: &HttpSource, facts: &Facts) {
    found.require(
        http.headers.len() <= HEADERS_MAX,
        "source.http.headers",
        "TOO_MANY",
        format!("a request has at most {HEADERS_MAX} headers"),
    );
    for (name, value) in &http.headers {
        let field = format!("source.http.headers[{}]", short(name));
        let is_name = !name.is_empty()
            && name.len() <= 128
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        found.require(is_name, &field, "MALFORMED", "is no name of a header");
        found.require(
            !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()),
            &field,
            "RESERVED",
            "is set by the request itself",
        );
        match value.strip_prefix(SECRET_MARK) {
            Some(secret) => found.require(
                facts.has_secret(tenant, secret),
                &field,
                "SECRET_UNKNOWN",
                "the operator's configuration has no secret of this name",
            ),
            None => found.require(
                value.len() <= HEADER_BYTES_MAX
                    && value.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
                &field,
                "MALFORMED",
                "must be printable ASCII",
            ),
        };
    }
}

fn check_path(found: &mut Violations, field: &str, path: &str, may_be_empty: bool) {
    let good = match path {
        "" => may_be_empty,
        path => path.len() <= 512 && path.split('.').all(|name| !name.is_empty()),
    };
    found.require(good, field, "MALFORMED", "must be names separated by dots");
}

fn check_parameter(found: &mut Violations, field: &str, name: &str) {
    found.require(
        (1..=128).contains(&name.len()) && !name.contains(char::is_control),
        field,
        "REQUIRED",
        "must be the name of a query parameter",
    );
}

fn url(found: &mut Violations, field: &str, text: &str) -> Option<Url> {
    let most = URL_BYTES_MAX;
    if !found.require(
        (1..=most).contains(&text.len()),
        field,
        "REQUIRED",
        format!("must be a URL of 1 to {most} bytes"),
    ) {
        return None;
    }
    // The parser's words do not quote the URL, which may hold a token.
    found.take(field, "MALFORMED", Url::parse(text))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
