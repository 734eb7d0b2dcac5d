//! Settings of the service; `defaults.toml` says what each means.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runtime::config::Secret;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::file::{Inflation, Limits};

/// Settings of the ingestion service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address, limits and drain times.
    pub server: runtime::server::ServerConfig,
    /// Where the log is kept.
    pub database: store::DatabaseConfig,
    /// Addresses of other services.
    pub peers: PeersConfig,
    /// Calls to other services.
    pub client: runtime::client::ClientConfig,
    /// The lake to which events go.
    pub lake: LakeConfig,
    /// The key that names fragments.
    pub identity: IdentityConfig,
    /// The event log.
    pub log: LogConfig,
    /// The way of events to profile.
    pub dispatch: DispatchConfig,
    /// The way of events to the lake.
    pub archive: ArchiveConfig,
    /// What is asked of events.
    pub events: EventsConfig,
    /// What is known of tenants.
    pub tenants: TenantsConfig,
    /// How personal data are masked.
    pub masking: MaskingConfig,
    /// Uploaded files.
    pub uploads: UploadsConfig,
    /// Imports of files.
    pub import: ImportConfig,
    /// Sources and their pulls.
    pub sources: SourcesConfig,
    /// Databases that sources may be pulled from, by name.
    pub connections: BTreeMap<String, ConnectionConfig>,
    /// Values that sources may send as headers, by name; a source names them and never sees them.
    pub secrets: BTreeMap<String, SecretConfig>,
    /// Pulls from databases.
    pub sql_pull: SqlPullConfig,
    /// Pulls over HTTP.
    pub http_pull: HttpPullConfig,
    /// Records that could not be accepted.
    pub quarantine: QuarantineConfig,
    /// How much may be sent.
    pub limits: LimitsConfig,
    /// The endpoint for client libraries.
    pub http: HttpConfig,
    /// Quality figures.
    pub quality: QualityConfig,
}

/// Quality figures.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityConfig {
    /// How often what appends added is folded into the days.
    #[serde(with = "runtime::config::duration")]
    pub fold: Duration,
    /// How often sources that changed are judged.
    #[serde(with = "runtime::config::duration")]
    pub judge: Duration,
}

/// Addresses of other services.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersConfig {
    /// `http://host:port` of profile.
    pub profile: String,
}

/// The lake.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the Delta tables.
    pub path: PathBuf,
}

/// The key that names fragments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// File of 32 bytes; the same as profile's.
    pub key_file: PathBuf,
}

/// The event log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Lanes, from 1 to 64.
    pub lanes: u32,
    /// Most bytes of events held.
    pub bytes_max: i64,
    /// Most events of a transaction and of a batch.
    pub batch_events: usize,
    /// Most bytes of a batch.
    pub batch_bytes: usize,
    /// How long events are held after they were applied and archived.
    #[serde(with = "runtime::config::duration")]
    pub keep: Duration,
    /// How long message keys are remembered.
    #[serde(with = "runtime::config::duration")]
    pub remember: Duration,
}

/// The way of events to profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchConfig {
    /// How often an idle lane looks for events.
    #[serde(with = "runtime::config::duration")]
    pub poll: Duration,
    /// How often an idle lane's watermark is told.
    #[serde(with = "runtime::config::duration")]
    pub watermark_interval: Duration,
    /// For how long a worker that died blocks its lane.
    #[serde(with = "runtime::config::duration")]
    pub lease: Duration,
    /// First pause after a failure.
    #[serde(with = "runtime::config::duration")]
    pub backoff_min: Duration,
    /// Longest pause after failures.
    #[serde(with = "runtime::config::duration")]
    pub backoff_max: Duration,
}

/// The way of events to the lake.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveConfig {
    /// How often batches are appended.
    #[serde(with = "runtime::config::duration")]
    pub interval: Duration,
    /// Most events of one append.
    pub events_max: i64,
}

/// What is asked of events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// How far in the future an event may lie.
    #[serde(with = "runtime::config::duration")]
    pub future_tolerance: Duration,
    /// How many days after its own an exchange rate holds.
    pub rate_days: u16,
}

/// What is known of tenants.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantsConfig {
    /// How long an answer of profile is believed.
    #[serde(with = "runtime::config::duration")]
    pub cache: Duration,
}

/// How personal data are masked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskingConfig {
    /// Folder of the keys that came after the first; the newest seals. It may be absent.
    pub keys: PathBuf,
    /// Whether every text is searched for personal data, not only what people write.
    pub free_text: bool,
    /// Names that are always taken out of texts.
    pub names: Vec<String>,
    /// Words before a name, beside the usual ones.
    pub titles: Vec<String>,
    /// Words after a Chinese name, beside the usual ones.
    pub chinese_titles: Vec<String>,
    /// What introduces a name, beside the usual.
    pub introductions: Vec<String>,
}

/// Uploaded files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadsConfig {
    /// Folder.
    pub path: PathBuf,
    /// Most bytes of one file.
    pub bytes_max: u64,
    /// How long files are kept.
    #[serde(with = "runtime::config::duration")]
    pub keep: Duration,
}

/// Imports of files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportConfig {
    /// Rows of one commit.
    pub batch_rows: usize,
    /// Bytes of events from which on a commit takes no more rows.
    pub batch_bytes: usize,
    /// Most bytes of one record.
    pub record_bytes_max: usize,
    /// Most columns of one file.
    pub columns_max: usize,
    /// Most distinct rows of one file.
    pub distinct_rows_max: usize,
    /// Most of their hashes in memory.
    pub held_rows_max: usize,
    /// Most bytes of one file after decompression.
    pub decompressed_bytes_max: u64,
    /// Most times that a file may grow in decompression.
    pub decompression_ratio_max: u64,
    /// Folders below which files may be read by URL.
    #[serde(deserialize_with = "texts")]
    pub roots: Vec<String>,
}

impl ImportConfig {
    /// Returns the bounds on reading a file, with `spill` for what does not fit in memory.
    pub fn limits(&self, spill: &Path) -> Limits {
        Limits {
            record_bytes: self.record_bytes_max,
            columns: self.columns_max,
            distinct_rows: self.distinct_rows_max,
            held_rows: self.held_rows_max,
            spill: spill.to_owned(),
            inflation: Inflation {
                bytes_max: self.decompressed_bytes_max,
                ratio_max: self.decompression_ratio_max,
            },
        }
    }
}

/// Sources and their pulls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcesConfig {
    /// How long what is known of a source or a write key is believed.
    #[serde(with = "runtime::config::duration")]
    pub cache: Duration,
    /// How often pulls that are due are looked for.
    #[serde(with = "runtime::config::duration")]
    pub poll: Duration,
    /// For how long a process that died blocks the pulls it worked on.
    #[serde(with = "runtime::config::duration")]
    pub lease: Duration,
    /// Most pulls at once in one process.
    pub pulls_max: usize,
    /// For how long a pull tries again before it has failed.
    #[serde(with = "runtime::config::duration")]
    pub patience: Duration,
}

/// A database that sources may be pulled from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionConfig {
    /// `postgres://`, `mysql://` or `sqlite://`, with its credentials.
    pub url: Secret,
    /// Tenants whose sources may use it; empty means all.
    #[serde(default, deserialize_with = "texts")]
    pub tenants: Vec<String>,
}

/// A value that sources may send as a header.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretConfig {
    /// The value.
    pub value: Secret,
    /// Hosts that it may be sent to.
    #[serde(deserialize_with = "texts")]
    pub hosts: Vec<String>,
    /// Tenants whose sources may use it; empty means all.
    #[serde(default, deserialize_with = "texts")]
    pub tenants: Vec<String>,
}

/// Pulls from databases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlPullConfig {
    /// Longest time to connect.
    #[serde(with = "runtime::config::duration")]
    pub connect_timeout: Duration,
    /// Longest time for one read.
    #[serde(with = "runtime::config::duration")]
    pub statement_timeout: Duration,
    /// Most bytes of one row.
    pub row_bytes_max: usize,
}

/// Pulls over HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpPullConfig {
    /// Networks that may be reached although they are private, link-local or loopback, also without TLS.
    #[serde(deserialize_with = "texts")]
    pub allow: Vec<String>,
    /// Longest time to connect.
    #[serde(with = "runtime::config::duration")]
    pub connect_timeout: Duration,
    /// Longest time until the headers of an answer are there.
    #[serde(with = "runtime::config::duration")]
    pub header_timeout: Duration,
    /// Longest time for the whole answer.
    #[serde(with = "runtime::config::duration")]
    pub body_timeout: Duration,
    /// Most bytes of one answer, as it comes and unpacked.
    pub body_bytes_max: usize,
    /// Most times that an answer may grow when it is unpacked.
    pub unpacked_ratio_max: usize,
    /// Longest pause that a server may ask for with `Retry-After`.
    #[serde(with = "runtime::config::duration")]
    pub retry_after_max: Duration,
}

/// Records that could not be accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineConfig {
    /// Most records of one source.
    pub source_records_max: i64,
    /// Most bytes of one source's records.
    pub source_bytes_max: i64,
    /// Most records of one tenant.
    pub tenant_records_max: i64,
    /// Most bytes of one tenant's records.
    pub tenant_bytes_max: i64,
    /// How long records are kept after they came last.
    #[serde(with = "runtime::config::duration")]
    pub keep: Duration,
}

/// How much may be sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Events per second of one tenant; 0 means any number.
    pub tenant_events_per_second: u32,
    /// Events per second of a source that has no bound of its own; 0 means any number.
    pub source_events_per_second: u32,
    /// Most bytes of one event.
    pub event_bytes_max: usize,
}

/// The endpoint for client libraries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Whether it is served.
    pub enabled: bool,
    /// Address to listen on; anything but loopback needs `tls`.
    pub listen: SocketAddr,
    /// Most connections at once.
    pub connections_max: usize,
    /// Most requests that are worked on at once; more are answered 503.
    pub requests_max: usize,
    /// How long a caller may take for the head of a request, and how long a connection may stay idle.
    #[serde(with = "runtime::config::duration")]
    pub head_timeout: Duration,
    /// How long a caller may take for the body of a request.
    #[serde(with = "runtime::config::duration")]
    pub body_timeout: Duration,
    /// Most bytes of a body, as it comes and unpacked.
    pub body_bytes_max: usize,
    /// Most times that a body may grow when it is unpacked.
    pub unpacked_ratio_max: usize,
    /// Origins whose pages may send, `*` for all.
    pub origins: Vec<String>,
    /// How long requests in flight may take once the process is told to stop.
    #[serde(with = "runtime::config::duration")]
    pub shutdown_grace: Duration,
    /// Certificates; none means plain text, on loopback only.
    #[serde(default)]
    pub tls: Option<runtime::server::ServerTlsConfig>,
    /// A listener that the host has bound already; none means that `listen` is to be bound.
    #[serde(skip)]
    pub bound: Option<Arc<TcpListener>>,
}

impl HttpConfig {
    /// Returns the settings of the listener.
    pub(crate) fn listener(&self) -> runtime::server::HttpConfig {
        runtime::server::HttpConfig {
            listen: self.listen,
            connections_max: self.connections_max,
            head_timeout: self.head_timeout,
            shutdown_grace: self.shutdown_grace,
            tls: self.tls.clone(),
        }
    }
}

/// Reads texts from a list, or from one text in which commas stand between them, as a variable gives it.
fn texts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        List(Vec<String>),
        One(String),
    }
    Ok(match Texts::deserialize(deserializer)? {
        Texts::List(list) => list,
        Texts::One(text) => text
            .split(',')
            .map(|it| it.trim().to_owned())
            .filter(|it| !it.is_empty())
            .collect(),
    })
}
