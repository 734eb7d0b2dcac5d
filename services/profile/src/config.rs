//! Settings of the service; `defaults.toml` says what each means.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// Settings of the profile service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address, limits and drain times.
    pub server: runtime::server::ServerConfig,
    /// Where customers are kept.
    pub database: store::DatabaseConfig,
    /// The lake to which identity lines go.
    pub lake: LakeConfig,
    /// The key that names fragments.
    pub identity: IdentityConfig,
    /// How states are written.
    pub state: StateConfig,
    /// The change feed.
    pub feed: FeedConfig,
    /// The way of identity lines to the lake.
    pub outbox: OutboxConfig,
    /// The feature cache.
    pub cache: cache::CacheConfig,
    /// How marks of writers that died are found.
    pub repair: RepairConfig,
    /// When answers count as stale.
    pub watermark: WatermarkConfig,
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
    /// File of 32 bytes; the same as ingestion's.
    pub key_file: PathBuf,
}

/// How states are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateConfig {
    /// Wire version in which states are written.
    pub write_version: u32,
}

/// The change feed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// How long changes are kept.
    #[serde(with = "runtime::config::duration")]
    pub keep: Duration,
    /// How often a watcher looks for changes that another process committed.
    #[serde(with = "runtime::config::duration")]
    pub poll: Duration,
}

/// The way of identity lines to the lake.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxConfig {
    /// How often lines are appended.
    #[serde(with = "runtime::config::duration")]
    pub interval: Duration,
}

/// How marks of writers that died are found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepairConfig {
    /// How often they are looked for.
    #[serde(with = "runtime::config::duration")]
    pub interval: Duration,
    /// How old a mark must be to be looked at.
    #[serde(with = "runtime::config::duration")]
    pub orphan_age: Duration,
}

/// When answers count as stale.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatermarkConfig {
    /// Answers are degraded when the watermark is older than this.
    #[serde(with = "runtime::config::duration")]
    pub stuck_after: Duration,
}
