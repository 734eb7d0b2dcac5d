//! Settings of a client.

use crate::config::duration;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of calls to one service; every one has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConfig {
    /// Time for a call with all its attempts, where its caller sets none.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// Time for a stream, where its caller sets none.
    #[serde(with = "duration")]
    pub stream_timeout: Duration,
    /// Time for one connection to be made.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How often the target's name is resolved again.
    #[serde(with = "duration")]
    pub resolve_interval: Duration,
    /// How often a connection is pinged; one that does not answer in as much time is replaced.
    #[serde(with = "duration")]
    pub keep_alive: Duration,
    /// Most attempts of one call, the first counted.
    pub attempts_max: u32,
    /// First pause between attempts; it doubles with each.
    #[serde(with = "duration")]
    pub backoff_min: Duration,
    /// Longest pause between attempts.
    #[serde(with = "duration")]
    pub backoff_max: Duration,
    /// Failures that may be met with retries before they must be earned: while more than half of it is spent, nothing
    /// is retried, and each success earns a tenth of a failure back.
    pub retry_budget: u32,
    /// Most bytes of one answer that is no stream.
    pub response_bytes_max: usize,
    /// Certificates for `https` targets.
    pub tls: Option<ClientTlsConfig>,
}

/// Certificates of a client, as PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTlsConfig {
    /// Authority that signed the server's certificate.
    pub ca: PathBuf,
    /// The client's own certificate chain, where the server asks for one.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The private key of `certificate`.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// Name in the server's certificate, where it differs from the target's host.
    #[serde(default)]
    pub server_name: Option<String>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            stream_timeout: Duration::from_secs(3_600),
            connect_timeout: Duration::from_secs(2),
            resolve_interval: Duration::from_secs(5),
            keep_alive: Duration::from_secs(20),
            attempts_max: 4,
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
            retry_budget: 100,
            response_bytes_max: 64 << 20,
            tls: None,
        }
    }
}
