//! Settings of the service; `defaults.toml` says what each means.

use serde::Deserialize;

/// Settings of the campaign-recommendation service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address, limits and drain times.
    pub server: runtime::server::ServerConfig,
    /// Addresses of other services.
    pub peers: PeersConfig,
    /// Calls to other services.
    pub client: runtime::client::ClientConfig,
    /// The computation.
    pub allocation: AllocationConfig,
}

/// Addresses of other services.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersConfig {
    /// `http://host:port` of segmentation.
    pub segmentation: String,
}

/// The computation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationConfig {
    /// Allocations that are computed at once, at least 1.
    pub concurrent_max: usize,
}
