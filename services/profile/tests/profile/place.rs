//! Where a service under test keeps its data.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::cache::{CacheConfig, FeatureCache};
use uuid::Uuid;

use crate::harness::KEY;

/// Where a world keeps its data; opening the same place again finds it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) database: String,
    pub(crate) schema: Option<String>,
    pub(crate) redis: String,
    pub(crate) prefix: String,
}

impl Place {
    pub(crate) fn embedded(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            database: format!("sqlite://{}/profile.db?mode=rwc", folder.display()),
            schema: None,
            redis: String::new(),
            prefix: "test".into(),
        }
    }

    /// A schema and a key prefix of their own on the servers given, if they are.
    pub(crate) fn production(folder: &Path) -> Option<Self> {
        let servers = (
            std::env::var("CLIENTELE_TEST_POSTGRES"),
            std::env::var("CLIENTELE_TEST_REDIS"),
        );
        let (Ok(postgres), Ok(redis)) = servers else {
            let line =
                "NOT RUN: CLIENTELE_TEST_POSTGRES and CLIENTELE_TEST_REDIS are not both set\n";
            let _ = std::io::stderr().write_all(line.as_bytes());
            return None;
        };
        let name = format!("profile_{}", Uuid::now_v7().simple());
        Some(Self {
            folder: folder.to_owned(),
            database: postgres,
            schema: Some(name.clone()),
            redis,
            prefix: name,
        })
    }

    /// The place as one text, for another process.
    pub(crate) fn to_text(&self) -> String {
        let schema = self.schema.clone().unwrap_or_default();
        [
            &self.folder.display().to_string(),
            &self.database,
            &schema,
            &self.redis,
            &self.prefix,
        ]
        .map(String::as_str)
        .join("\n")
    }

    /// Reads what [`Place::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Self {
        let [folder, database, schema, redis, prefix] = text
            .split('\n')
            .collect::<Vec<_>>()
            .try_into()
            .expect("five lines");
        Self {
            folder: folder.into(),
            database: database.into(),
            schema: Some(schema.to_owned()).filter(|it| !it.is_empty()),
            redis: redis.into(),
            prefix: prefix.into(),
        }
    }

    pub(crate) fn config(&self) -> profile::Config {
        let key_file = self.folder.join("identity.key");
        std::fs::write(&key_file, KEY).expect("write the key");
        let mut config: profile::Config =
            runtime::config::load(profile::DEFAULTS, None).expect("defaults");
        config.database.url.clone_from(&self.database);
        config.database.schema.clone_from(&self.schema);
        config.lake.path = self.folder.join("lake");
        config.identity.key_file = key_file;
        config.outbox.interval = std::time::Duration::from_millis(50);
        config.repair.interval = std::time::Duration::from_millis(200);
        config.repair.orphan_age = std::time::Duration::from_millis(300);
        config.cache = self.cache_config();
        config
    }

    pub(crate) fn cache_config(&self) -> CacheConfig {
        let text = format!("url = \"{}\"\nprefix = \"{}\"\n", self.redis, self.prefix);
        runtime::config::load(&text, None).expect("cache settings")
    }

    pub(crate) async fn cache(&self) -> Arc<dyn FeatureCache> {
        ::cache::open(&self.cache_config())
            .await
            .expect("open the cache")
    }
}
