//! Says where the next unit of marketing budget earns most.
//!
//! Start at [`domain`]: the problem, the exact solver, the proof. `rpc` checks requests and writes answers. Nothing is
//! stored: an allocation is a function of its request and of the segments of the moment.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
pub mod domain;
mod error;
mod rpc;

use std::sync::Arc;

use anyhow::Context as _;
use api::campaign::budget_service_server::BudgetServiceServer;
use runtime::server::Shutdown;
use tonic::service::Routes;

pub use config::{AllocationConfig, Config, PeersConfig};

/// Every setting with its default.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The service, ready to be served.
pub struct Service {
    routes: Routes,
}

impl Service {
    /// Prepares the service; nothing is connected before the first call.
    ///
    /// # Errors
    /// Fails when an address of a peer is none.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let segmentation =
            runtime::client::connect("segmentation", &config.peers.segmentation, &config.client)
                .context("read `peers.segmentation`")?;
        let rpc = rpc::BudgetRpc::new(&segmentation, config.allocation.concurrent_max);
        let bytes_max = config.server.message_bytes_max;
        let server = BudgetServiceServer::new(rpc).max_decoding_message_size(bytes_max);
        Ok(Self {
            routes: Routes::new(server),
        })
    }

    /// Does nothing: this service keeps no tables.
    ///
    /// # Errors
    /// Never; other services' may.
    pub async fn migrate(_config: &Config) -> anyhow::Result<()> {
        Ok(())
    }

    /// Returns the gRPC services.
    pub fn routes(&self) -> Routes {
        self.routes.clone()
    }

    /// Runs the background work, of which there is none, until shutdown.
    ///
    /// # Errors
    /// Never; other services' may.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.cancelled().await;
        Ok(())
    }
}
