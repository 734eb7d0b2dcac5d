//! Keeps segments of customers and tells who is in them.
//!
//! Start at [`domain`]: scores, groups, summaries. `jobs` computes segments from the lake, `store` keeps them as bitmaps,
//! `rpc` answers.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
pub mod domain;
mod error;
mod jobs;
mod rpc;
mod store;

use std::sync::Arc;

use ::store::Store;
use ::store::operations::SeaOperationLog;
use anyhow::Context as _;
use api::segmentation::segment_service_server::SegmentServiceServer;
use lake::Lake;
use runtime::operations::Operations;
use runtime::server::Shutdown;
use tonic::service::Routes;

pub use config::{Config, LakeConfig, PeersConfig};

/// Every setting with its default.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The service, ready to be served.
pub struct Service {
    routes: Routes,
    operations: Operations,
}

impl Service {
    /// Opens database and lake and prepares the calls to peers.
    ///
    /// # Errors
    /// Fails when the database or the lake cannot be opened, or an address of a peer is none.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let database = Store::open(&config.database)
            .await
            .context("open the database")?;
        let lake = Lake::open(&config.lake.path)
            .await
            .context("open the lake")?;
        let connect = |name, target| runtime::client::connect(name, target, &config.client);
        let profile = connect("profile", &config.peers.profile).context("read `peers.profile`")?;
        let scoring = connect("scoring", &config.peers.scoring).context("read `peers.scoring`")?;

        let operations = Operations::new(
            Arc::new(SeaOperationLog::new(database.clone())),
            "segmentation",
        );
        let segments = store::SegmentStore::new(database);
        let rpc = rpc::SegmentRpc::new(segments.clone(), operations.clone(), &profile);
        let compute = jobs::compute::ComputeRfm {
            lake,
            segments,
            profile,
            scoring,
        };
        operations.register(jobs::compute::KIND, Arc::new(compute));
        let bytes_max = config.server.message_bytes_max;
        let routes =
            Routes::new(SegmentServiceServer::new(rpc).max_decoding_message_size(bytes_max))
                .add_service(operations.grpc());
        Ok(Self { routes, operations })
    }

    /// Brings the tables up to date.
    ///
    /// # Errors
    /// Fails when the database cannot be opened or changed.
    pub async fn migrate(config: &Config) -> anyhow::Result<()> {
        let database = Store::open(&config.database)
            .await
            .context("open the database")?;
        ::store::migrate::<store::Migrator>(&database)
            .await
            .context("migrate the database")
    }

    /// Returns the gRPC services.
    pub fn routes(&self) -> Routes {
        self.routes.clone()
    }

    /// Takes up unfinished operations and works on them until shutdown.
    ///
    /// # Errors
    /// Fails when unfinished operations cannot be read.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        self.operations
            .resume()
            .await
            .context("resume operations")?;
        self.operations.run(shutdown).await;
        Ok(())
    }
}
