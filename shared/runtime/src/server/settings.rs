//! Settings of a server.

use crate::config::duration;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Most bytes in one message unless a server is told otherwise: 16 MiB.
///
/// tonic keeps the limit per service, so each service gives `config.server.message_bytes_max` to its generated
/// server's `max_decoding_message_size` where it builds its routes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Settings of a server; every one has a default, so `[server]` may be left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address to listen on. Anything but loopback needs `tls` with a `client_ca`.
    pub listen: SocketAddr,
    /// Longest time a call may take, however much its caller allows. Streams and waits are not cut by it.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// Most calls at once; what comes on top is answered UNAVAILABLE at once.
    pub concurrency_max: usize,
    /// Most streams and waits at once. They are idle most of the time, so they have a limit of their own.
    pub streams_max: usize,
    /// Most bytes in one message that is received.
    pub message_bytes_max: usize,
    /// Most connections at once.
    pub connections_max: usize,
    /// How long the server goes on serving after it said NOT_SERVING, so that balancers notice.
    #[serde(with = "duration")]
    pub drain_delay: Duration,
    /// How long calls in flight may take once the listener is closed.
    #[serde(with = "duration")]
    pub shutdown_grace: Duration,
    /// After about this time (give or take a tenth) a connection is asked to close, so that clients spread over new
    /// replicas.
    #[serde(with = "duration")]
    pub connection_age_max: Duration,
    /// How long calls in flight may keep an aged connection open.
    #[serde(with = "duration")]
    pub connection_age_grace: Duration,
    /// How often a silent connection is pinged; one that does not answer in as much time is closed.
    #[serde(with = "duration")]
    pub keep_alive: Duration,
    /// Certificates; none means plain text, on loopback only.
    pub tls: Option<ServerTlsConfig>,
}

/// Certificates of a server, as PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTlsConfig {
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Authority whose certificates callers must show.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            request_timeout: Duration::from_secs(30),
            concurrency_max: 512,
            streams_max: 1024,
            message_bytes_max: MESSAGE_BYTES_MAX,
            connections_max: 4096,
            drain_delay: Duration::ZERO,
            shutdown_grace: Duration::from_secs(10),
            connection_age_max: Duration::from_secs(1_800),
            connection_age_grace: Duration::from_secs(60),
            keep_alive: Duration::from_secs(20),
            tls: None,
        }
    }
}
