//! Settings of the service; `defaults.toml` says what each means.

use std::path::PathBuf;

use serde::Deserialize;

/// Settings of the segmentation service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address, limits and drain times.
    pub server: runtime::server::ServerConfig,
    /// Where segments are kept.
    pub database: store::DatabaseConfig,
    /// The lake whose history is read.
    pub lake: LakeConfig,
    /// Addresses of other services.
    pub peers: PeersConfig,
    /// Calls to other services.
    pub client: runtime::client::ClientConfig,
}

/// The lake.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the Delta tables.
    pub path: PathBuf,
}

/// Addresses of other services.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersConfig {
    /// `http://host:port` of profile.
    pub profile: String,
    /// `http://host:port` of scoring.
    pub scoring: String,
}
