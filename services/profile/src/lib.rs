//! One customer, one profile: tenants, identity, the state behind every feature, and the feed of changes.
//!
//! Events come in batches of lanes (`apply`), which the domain turns into fragments, customers and states
//! ([`domain::identity`], [`domain::batch`]); the store keeps them in one transaction, and the cache never shows less than
//! the last commit (`guard`). Start at [`Service`], then at the domain.

use std::sync::Arc;

use ::store::Store;
use ::store::operations::SeaOperationLog;
use anyhow::Context;
use api::profile::feature_service_server::FeatureServiceServer;
use api::profile::identity_service_server::IdentityServiceServer;
use api::profile::profile_service_server::ProfileServiceServer;
use api::profile::tenant_service_server::TenantServiceServer;
use cache::{FeatureCache, Flights};
use lake::Lake;
use runtime::identity::IdentityKey;
use runtime::operations::Operations;
use runtime::server::Shutdown;
use tonic::service::Routes;

mod apply;
pub mod backup;
mod config;
pub mod domain;
mod error;
mod guard;
mod incoming;
mod jobs;
mod metrics;
mod rpc;
mod service;
mod signal;
mod store;

pub use config::{
    Config, FeedConfig, IdentityConfig, LakeConfig, OutboxConfig, RepairConfig, StateConfig,
    WatermarkConfig,
};

use apply::Applier;
use guard::CacheGuard;
use jobs::Job;
use jobs::outbox::Outbox;
use jobs::rebuild::{REBUILD_STATES, Rebuild};
use jobs::repair::Repairer;
use jobs::trim::Trim;
use metrics::Metrics;
use service::Core;
use signal::FeedSignal;

/// Every setting with its default.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// How often old rows are looked for.
const TRIM_INTERVAL: std::time::Duration = std::time::Duration::from_secs(600);

/// The service, connected and ready to be served.
pub struct Service {
    config: Config,
    core: Arc<Core>,
    lake: Lake,
}

impl Service {
    /// Connects to the database and the lake. The tables must be there: see [`Service::migrate`].
    pub async fn open(config: Config, cache: Arc<dyn FeatureCache>) -> anyhow::Result<Self> {
        let store = Store::open(&config.database)
            .await
            .context("open the database")?;
        let lake = Lake::open(&config.lake.path)
            .await
            .context("open the lake")?;
        let key = IdentityKey::load(&config.identity.key_file).context("read the identity key")?;
        let write_version = features::Version::from_number(config.state.write_version)
            .with_context(|| {
                format!(
                    "state.write_version {} is not known",
                    config.state.write_version
                )
            })?;
        let guard = Arc::new(CacheGuard::new(cache, &store));
        let (signal, metrics) = (FeedSignal::new(), Metrics::new());
        let applier = Applier {
            store: store.clone(),
            cache: Arc::clone(&guard),
            signal: signal.clone(),
            metrics: metrics.clone(),
            write_version,
        };
        let operations = Operations::new(Arc::new(SeaOperationLog::new(store.clone())), "profile");
        let core = Core {
            store,
            guard,
            applier,
            key,
            signal,
            metrics,
            flights: Flights::default(),
            write_version,
            operations,
            feed_poll: config.feed.poll,
            stuck_after: config.watermark.stuck_after,
        };
        let core = Arc::new(core);
        let rebuild = Rebuild {
            core: Arc::clone(&core),
            lake: lake.clone(),
        };
        core.operations.register(REBUILD_STATES, Arc::new(rebuild));
        Ok(Self { config, core, lake })
    }

    /// Brings the tables up to date.
    pub async fn migrate(config: &Config) -> anyhow::Result<()> {
        let store = Store::open(&config.database)
            .await
            .context("open the database")?;
        ::store::migrate::<store::migrations::Migrator>(&store)
            .await
            .context("migrate the database")?;
        store.close().await.context("close the database")
    }

    /// All gRPC services.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let limit = self.config.server.message_bytes_max;
        let core = || Arc::clone(&self.core);
        Routes::new(
            TenantServiceServer::new(rpc::tenants::Tenants(core()))
                .max_decoding_message_size(limit),
        )
        .add_service(
            ProfileServiceServer::new(rpc::profiles::Profiles(core()))
                .max_decoding_message_size(limit),
        )
        .add_service(
            IdentityServiceServer::new(rpc::identity::Identity(core()))
                .max_decoding_message_size(limit),
        )
        .add_service(
            FeatureServiceServer::new(rpc::features::Features(core()))
                .max_decoding_message_size(limit),
        )
        .add_service(self.core.operations.grpc())
    }

    /// Does the background work until shutdown; returns when it has stopped at a safe point.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        let Config {
            outbox,
            repair,
            feed,
            ..
        } = &self.config;
        let store = &self.core.store;
        if let Some(watermark) = store::lanes::complete_through(store.reader()).await? {
            self.core.guard.put_watermark(watermark).await;
        }
        let mut lines =
            Outbox::open(store.clone(), self.lake.clone(), self.core.metrics.clone()).await?;
        let mut repairer = Repairer {
            store: store.clone(),
            guard: Arc::clone(&self.core.guard),
            orphan_age: repair.orphan_age,
            write_version: self.core.write_version,
        };
        let mut trim = Trim {
            store: store.clone(),
            keep: feed.keep,
        };
        self.core.operations.resume().await?;
        tokio::join!(
            jobs::repeat("identity outbox", outbox.interval, &shutdown, &mut lines),
            jobs::repeat("cache repair", repair.interval, &shutdown, &mut repairer),
            jobs::repeat("trim", TRIM_INTERVAL, &shutdown, &mut trim),
            self.core.operations.run(shutdown.clone()),
        );
        // Lines of the last commits, so that the lake lags behind nothing after an orderly stop.
        if let Err(error) = lines.run().await {
            tracing::warn!(%error, "identity lines wait for the next start");
        }
        lines.release().await;
        Ok(())
    }
}

/// Runs work that takes long off the threads that serve.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, error::Error> {
    let failed = |it: tokio::task::JoinError| {
        error::Error::Store(::store::StoreError::Failed(it.to_string()))
    };
    tokio::task::spawn_blocking(work).await.map_err(failed)
}
