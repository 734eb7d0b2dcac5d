//! The port for operators and probes: plain HTTP and gRPC health, apart from the services' own ports.

mod health;

use crate::server::Shutdown;
use crate::telemetry::operations_router;
use anyhow::Context;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

/// Which parts of the process are ready to serve. Cheap to clone; a process without parts is not ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<String, bool>>>,
}

impl Readiness {
    /// Starts without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes whether a part is ready; the first time, adds it.
    pub fn set(&self, part: &str, ready: bool) {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(part.to_owned(), ready);
    }

    /// Returns whether a part is ready; `None` when there is no such part.
    pub fn is_ready(&self, part: &str) -> Option<bool> {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(part)
            .copied()
    }

    /// Returns the parts that are not ready.
    pub fn missing(&self) -> Vec<String> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        match parts.is_empty() {
            true => vec!["starting".to_owned()],
            false => parts
                .iter()
                .filter(|(_, ready)| !**ready)
                .map(|(name, _)| name.clone())
                .collect(),
        }
    }
}

/// Serves the operations port until shutdown. It gives figures and no data; still, keep it inside.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let probes = Routes::new(HealthServer::new(health::Probes(readiness.clone())));
    let router = operations_router(readiness).merge(probes.into_axum_router().reset_fallback());
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.cancelled().await })
        .await
        .context("serve the operations port")
}
