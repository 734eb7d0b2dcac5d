//! The one way to serve gRPC.
//!
//! Every call passes, in this order: connection limits, tracing and metrics, load shedding, the deadline, a net for
//! panics, the service. Around them stand health, reflection, connection ageing and the order of shutdown:
//! NOT_SERVING, wait `drain_delay`, close the listener and send GOAWAY, wait `shutdown_grace` for what is in flight, stop.

mod answer;
mod call;
mod connection;
mod http;
mod metrics;
mod settings;
mod shutdown;
mod stack;
mod tls;

pub use self::http::{HttpConfig, serve_http};
pub(crate) use metrics::code_name;
pub use settings::{MESSAGE_BYTES_MAX, ServerConfig, ServerTlsConfig};
pub use shutdown::{Draining, Shutdown, ShutdownTrigger};

use crate::methods;
use crate::operations_port::Readiness;
use anyhow::{Context, bail};
use connection::Connections;
use stack::Stack;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

/// Health name that keeps saying SERVING while the server drains: restarting a draining process helps nobody.
pub const LIVENESS: &str = "liveness";

/// Services that every server has.
const COMMON_SERVICES: [&str; 3] = [
    "google.longrunning.Operations",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
];

/// A gRPC server to be.
pub struct Server {
    name: String,
    config: ServerConfig,
    routes: Vec<Routes>,
    readiness: Option<Readiness>,
}

impl Server {
    /// Starts a server of a name, which is also its name in logs, metrics and health.
    pub fn new(name: impl Into<String>, config: ServerConfig) -> Self {
        Self {
            name: name.into(),
            config,
            routes: Vec::new(),
            readiness: None,
        }
    }

    /// Adds services.
    #[expect(clippy::should_implement_trait, reason = "reads as what it does")]
    pub fn add(mut self, routes: Routes) -> Self {
        self.routes.push(routes);
        self
    }

    /// Reports readiness to the operations port.
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = Some(readiness);
        self
    }

    /// Serves until shutdown has been asked for and the drain is over.
    ///
    /// Fails when the address is not on loopback and callers would not be authenticated, or when certificates cannot
    /// be used.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
        let address = listener
            .local_addr()
            .context("read the listener's address")?;
        let Self {
            name,
            config,
            routes,
            readiness,
        } = self;
        refuse_open_door(address, &config)?;
        let acceptor = match &config.tls {
            Some(tls) => Some(tls::acceptor(tls, b"h2")?),
            None => None,
        };

        let (reporter, routes) = standard_services(&name, routes)?;
        let health = Health::start(&name, reporter, readiness).await;
        let draining = Draining::default();
        let stack = Stack::new(&name, &config, routes, draining.clone());
        let connections = Connections::new(&config, Arc::new(stack), acceptor);
        tracing::info!(server = name, %address, "serving");

        let drained = async {
            shutdown.cancelled().await;
            health.stop().await;
            sleep(config.drain_delay).await;
        };
        connections.accept_until(&listener, drained).await;
        drop(listener);

        draining.begin();
        let left = connections.finish(config.shutdown_grace).await;
        tracing::info!(server = name, connections_cut = left, "stopped serving");
        Ok(())
    }
}

/// Health names of one server, and its entry on the operations port.
struct Health {
    reporter: HealthReporter,
    names: Vec<String>,
    readiness: Option<(Readiness, String)>,
}

impl Health {
    async fn start(name: &str, reporter: HealthReporter, readiness: Option<Readiness>) -> Self {
        let mut names = vec![String::new(), name.to_owned()];
        names.extend(methods::services_of(name).into_iter().map(str::to_owned));
        let health = Self {
            reporter,
            names,
            readiness: readiness.map(|it| (it, name.to_owned())),
        };
        health
            .reporter
            .set_service_status(LIVENESS, ServingStatus::Serving)
            .await;
        health.report(ServingStatus::Serving).await;
        health
    }

    async fn stop(&self) {
        self.report(ServingStatus::NotServing).await;
    }

    async fn report(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
        if let Some((readiness, name)) = &self.readiness {
            readiness.set(name, status == ServingStatus::Serving);
        }
    }
}

/// Joins the services with health and reflection.
fn standard_services(name: &str, routes: Vec<Routes>) -> anyhow::Result<(HealthReporter, Routes)> {
    let (reporter, health) = health_reporter();
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(api::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    // The descriptors tell of all services, this server has its own.
    for service in methods::services_of(name)
        .into_iter()
        .chain(COMMON_SERVICES)
    {
        reflection = reflection.with_service_name(service);
    }
    let reflection = reflection
        .build_v1()
        .context("build the reflection service")?;
    let mut router = Routes::new(health)
        .add_service(reflection)
        .into_axum_router();
    for added in routes {
        // A router may have one fallback alone: the one that answers UNIMPLEMENTED is already there.
        router = router.merge(added.into_axum_router().reset_fallback());
    }
    Ok((reporter, Routes::from(router).prepare()))
}

/// Refuses to listen where strangers could call: outside loopback, callers must prove who they are.
fn refuse_open_door(address: SocketAddr, config: &ServerConfig) -> anyhow::Result<()> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    match &config.tls {
        None => bail!(
            "refusing to listen on {address} without TLS: set `server.tls` with certificate, key and client_ca, or \
             listen on 127.0.0.1"
        ),
        Some(tls) if tls.client_ca.is_none() => bail!(
            "refusing to listen on {address} without authentication: set `server.tls.client_ca`, or listen on 127.0.0.1"
        ),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_strangers() {
        let open = "0.0.0.0:7101".parse().unwrap();
        let mut config = ServerConfig::default();

        assert!(refuse_open_door("127.0.0.1:7101".parse().unwrap(), &config).is_ok());
        assert!(refuse_open_door("[::1]:7101".parse().unwrap(), &config).is_ok());
        assert!(
            refuse_open_door(open, &config)
                .unwrap_err()
                .to_string()
                .contains("server.tls")
        );

        let mut tls = ServerTlsConfig {
            certificate: "c".into(),
            key: "k".into(),
            client_ca: None,
        };
        config.tls = Some(tls.clone());
        assert!(
            refuse_open_door(open, &config)
                .unwrap_err()
                .to_string()
                .contains("client_ca")
        );

        tls.client_ca = Some("ca".into());
        config.tls = Some(tls);
        assert!(refuse_open_door(open, &config).is_ok());
    }
}
