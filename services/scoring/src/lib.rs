//! Models: trained, registered, and served in the request path.
//!
//! Start at [`domain`] for what is computed, at [`serving`] for how a score comes about, at [`jobs::train`] for where
//! models come from.

pub mod domain;
pub mod jobs;
pub mod peers;
pub mod rpc;
pub mod serving;
pub mod store;

use crate::jobs::train::{TRAIN_MODEL, Trainer};
use crate::peers::states::StateReader;
use crate::peers::{Identities, Profile};
use crate::rpc::{ModelRpc, ScoringRpc};
use crate::serving::{Models, Scorer};
use crate::store::Migrations;
use crate::store::registry::Registry;
use ::store::operations::SeaOperationLog;
use ::store::{DatabaseConfig, Store};
use anyhow::Context;
use api::scoring::model_service_server::ModelServiceServer;
use api::scoring::scoring_service_server::ScoringServiceServer;
use cache::{CacheConfig, FeatureCache};
use lake::Lake;
use runtime::client::ClientConfig;
use runtime::operations::Operations;
use runtime::server::{ServerConfig, Shutdown};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tonic::service::Routes;

/// Settings that hold where nothing else is said.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Settings of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Age of the watermark from which answers are degraded with `WATERMARK_STUCK`.
    #[serde(with = "runtime::config::duration")]
    pub watermark_stuck_after: Duration,
    /// How often the registry is asked whether another version was promoted elsewhere.
    #[serde(with = "runtime::config::duration")]
    pub champion_refresh: Duration,
    /// The server.
    pub server: ServerConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Addresses of other services.
    pub peers: PeersConfig,
    /// Calls to other services.
    pub client: ClientConfig,
    /// The feature cache, where the process does not hand one over.
    pub cache: CacheConfig,
    /// The lake.
    pub lake: LakeConfig,
}

/// Addresses of other services.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersConfig {
    /// The profile service, `http://host:port`.
    pub profile: String,
}

/// Where the lake is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeConfig {
    /// Folder of the lake's tables; created if absent.
    pub path: PathBuf,
}

/// The service, connected and ready to serve.
pub struct Service {
    models: Models,
    registry: Registry,
    scorer: Scorer,
    operations: Operations,
    message_bytes_max: usize,
    champion_refresh: Duration,
}

impl Service {
    /// Connects to database, lake and peers. The tables must be up to date ([`Service::migrate`]); the profile service and
    /// the cache need not answer yet.
    pub async fn open(config: Config, cache: Arc<dyn FeatureCache>) -> anyhow::Result<Self> {
        let store = Store::open(&config.database)
            .await
            .context("open the database")?;
        let lake = Lake::open(&config.lake.path)
            .await
            .context("open the lake")?;
        let channel = runtime::client::connect("profile", &config.peers.profile, &config.client)?;
        let profile = Profile::new(
            &channel,
            config.client.response_bytes_max,
            config.client.timeout,
        );

        let registry = Registry::new(store.clone());
        let models = Models::new(registry.clone());
        let operations = Operations::new(Arc::new(SeaOperationLog::new(store)), "scoring");
        let trainer = Trainer::new(lake, profile.clone(), registry.clone(), models.clone());
        operations.register(TRAIN_MODEL, Arc::new(trainer));
        let states = StateReader::new(profile.clone(), cache);
        let scorer = Scorer::new(
            models.clone(),
            Identities::new(profile),
            states,
            config.watermark_stuck_after,
        );
        Ok(Self {
            models,
            registry,
            scorer,
            operations,
            message_bytes_max: config.server.message_bytes_max,
            champion_refresh: config.champion_refresh,
        })
    }

    /// Brings the tables up to date.
    pub async fn migrate(config: &Config) -> anyhow::Result<()> {
        let store = Store::open(&config.database)
            .await
            .context("open the database")?;
        ::store::migrate::<Migrations>(&store)
            .await
            .context("bring the tables up to date")?;
        store.close().await.context("close the database")
    }

    /// Returns the gRPC services.
    pub fn routes(&self) -> Routes {
        let bytes_max = self.message_bytes_max;
        let scoring = ScoringServiceServer::new(ScoringRpc::new(self.scorer.clone()));
        let models = ModelRpc::new(
            self.registry.clone(),
            self.models.clone(),
            self.operations.clone(),
        );
        Routes::new(scoring.max_decoding_message_size(bytes_max))
            .add_service(ModelServiceServer::new(models).max_decoding_message_size(bytes_max))
            .add_service(self.operations.grpc())
    }

    /// Runs the background work until shutdown, and returns when it has stopped at a safe point.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        tokio::join!(
            self.operations.run(shutdown.clone()),
            jobs::refresh::run(self.models.clone(), self.champion_refresh, shutdown),
        );
        Ok(())
    }
}
