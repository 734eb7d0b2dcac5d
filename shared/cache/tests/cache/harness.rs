//! A cache of its own per test.

use std::time::Duration;

use bytes::Bytes;
use cache::{CacheConfig, Entry, Epoch, FeatureCache, MemoryCache, RedisCache};
use runtime::config::Secret;
use uuid::Uuid;

/// A cache, and a hand to evict from it.
pub(crate) enum Fixture {
    Memory(MemoryCache),
    Redis {
        cache: RedisCache,
        client: redis::Client,
        prefix: String,
    },
}

impl Fixture {
    pub(crate) fn cache(&self) -> &dyn FeatureCache {
        match self {
            Self::Memory(cache) => cache,
            Self::Redis { cache, .. } => cache,
        }
    }

    /// Evicts a customer as a full cache does: only what has no mark.
    pub(crate) async fn evict(&self, epoch: Epoch, tenant: &str, customer: Uuid) {
        match self {
            Self::Memory(cache) => cache.evict(epoch, tenant, customer),
            Self::Redis { client, prefix, .. } => {
                let part = customer.as_bytes()[15] % 64;
                let key = format!(
                    "{{{prefix}.{part}}}:{}:{tenant}:{}",
                    epoch.0,
                    customer.simple()
                );
                let volatile = "if redis.call('PTTL', KEYS[1]) > 0 then return redis.call('DEL', KEYS[1]) end return 0";
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                let _: i64 = redis::cmd("EVAL")
                    .arg(volatile)
                    .arg(1)
                    .arg(key)
                    .query_async(&mut connection)
                    .await
                    .unwrap();
            }
        }
    }
}

pub(crate) fn memory() -> Option<Fixture> {
    Some(Fixture::Memory(MemoryCache::new(64 << 20)))
}

/// The cache on the test server under a prefix of its own, or nothing when no server is given.
pub(crate) async fn redis() -> Option<Fixture> {
    let url = redis_url()?;
    let config = config(&url);
    let prefix = config.prefix.clone();
    let cache = RedisCache::open(&config).await.unwrap();
    Some(Fixture::Redis {
        cache,
        client: redis::Client::open(url).unwrap(),
        prefix,
    })
}

pub(crate) fn redis_url() -> Option<String> {
    let url = std::env::var("CLIENTELE_TEST_REDIS").ok();
    if url.is_none() {
        eprintln!("NOT RUN: no Redis (CLIENTELE_TEST_REDIS is not set)");
    }
    url
}

pub(crate) fn config(url: &str) -> CacheConfig {
    CacheConfig {
        url: Secret::new(url),
        prefix: format!("test-{}", Uuid::new_v4().simple()),
        timeout: Duration::from_millis(2000),
        ..CacheConfig::default()
    }
}

pub(crate) fn entry(version: i64) -> Entry {
    match version {
        0 => Entry::unknown(),
        _ => Entry {
            version,
            ordinal: 7,
            state: Bytes::from(version.to_string()),
        },
    }
}

/// Makes each function a test on either cache.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            $(
                #[tokio::test]
                async fn $name() {
                    if let Some(fixture) = crate::cache::harness::memory() {
                        super::$name(fixture).await;
                    }
                }
            )+
        }
        mod on_redis {
            $(
                #[tokio::test]
                async fn $name() {
                    if let Some(fixture) = crate::cache::harness::redis().await {
                        super::$name(fixture).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_both;
