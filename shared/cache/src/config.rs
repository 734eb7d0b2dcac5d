use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use crate::{CacheError, FeatureCache, MemoryCache, RedisCache};

/// Which cache to use, and its bounds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// `redis://host:port/database` (`rediss://` for TLS); empty means a cache inside this process.
    pub url: runtime::config::Secret,
    /// First part of every key, so that several installations can share a server.
    pub prefix: String,
    /// Longest wait for one answer. Beyond it the database is asked instead.
    #[serde(with = "runtime::config::duration")]
    pub timeout: Duration,
    /// How long an entry is kept that nobody changes.
    #[serde(with = "runtime::config::duration")]
    pub entry_ttl: Duration,
    /// Bytes of entries that the cache inside this process keeps; Redis has a bound of its own.
    pub memory_bytes_max: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            url: runtime::config::Secret::default(),
            prefix: "clientele".into(),
            timeout: Duration::from_millis(250),
            entry_ttl: Duration::from_secs(24 * 60 * 60),
            memory_bytes_max: 128 << 20,
        }
    }
}

/// Opens the cache of the settings. Redis need not answer yet: a cache that is gone is no reason not to start.
pub async fn open(config: &CacheConfig) -> Result<Arc<dyn FeatureCache>, CacheError> {
    if config.url.expose().is_empty() {
        return Ok(Arc::new(MemoryCache::new(config.memory_bytes_max)));
    }
    Ok(Arc::new(RedisCache::open(config).await?))
}
