//! Hosts services: binds them, serves their routes, runs their background work, and stops both.

use crate::cli::ServiceName;
use anyhow::Context;
use runtime::operations_port::{self, Readiness};
use runtime::server::{Server, ServerConfig, Shutdown};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::service::Routes;

/// A service that is open and ready to be served.
pub(crate) struct Opened {
    /// Its name.
    pub(crate) name: ServiceName,
    /// Limits and drain times.
    pub(crate) server: ServerConfig,
    /// Its gRPC services.
    pub(crate) routes: Routes,
    /// Its background work; ends after shutdown.
    pub(crate) work: Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
}

/// Opens a service of a crate from its settings, with the feature cache where it takes one.
macro_rules! open {
    ($name:ident, $service:ident, $config:expr, $shutdown:expr $(, $cache:expr)?) => {{
        let config: $service::Config = $config;
        let server = config.server.clone();
        let opened = $service::Service::open(config $(, $cache)?).await;
        let service = ::anyhow::Context::with_context(opened, || format!("cannot start {}", stringify!($service)))?;
        let service = ::std::sync::Arc::new(service);
        let name = $crate::cli::ServiceName::$name;
        $crate::host::Opened { name, server, routes: service.routes(), work: Box::pin(service.run($shutdown.clone())) }
    }};
}
pub(crate) use open;

/// Everything that runs in this process.
#[derive(Default)]
pub(crate) struct Host {
    tasks: JoinSet<anyhow::Result<()>>,
    readiness: Readiness,
}

impl Host {
    /// Serves a service on a listener, and runs its work.
    pub(crate) fn add(&mut self, service: Opened, listener: TcpListener, shutdown: &Shutdown) {
        let name = service.name.as_str();
        let server = Server::new(name, service.server)
            .add(service.routes)
            .readiness(self.readiness.clone());
        let serving = server.serve(listener, shutdown.clone());
        self.tasks.spawn(async move {
            serving
                .await
                .with_context(|| format!("serving {name} failed"))
        });
        self.tasks.spawn(async move {
            service
                .work
                .await
                .with_context(|| format!("the work of {name} failed"))
        });
    }

    /// Serves metrics and probes on a listener.
    pub(crate) fn add_operations(&mut self, listener: TcpListener, shutdown: &Shutdown) {
        self.tasks.spawn(operations_port::serve(
            listener,
            self.readiness.clone(),
            shutdown.clone(),
        ));
    }

    /// Returns when everything has ended. The first failure is returned at once: then the process should stop.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        while let Some(task) = self.tasks.join_next().await {
            task.context("a task panicked")??;
        }
        Ok(())
    }
}

/// Listens on an address; says what to do when it is taken.
pub(crate) async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address} for {what}: stop what listens there, or choose another port"
        )
    })
}
