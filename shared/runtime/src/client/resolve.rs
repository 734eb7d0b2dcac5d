//! Follows the addresses behind a name, so that calls reach replicas that came later and leave those that went.

use super::{ClientConfig, ClientTlsConfig, TargetError};
use http::Uri;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use tokio::net::lookup_host;
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;
use tonic::transport::channel::Change;
use tonic::transport::{self, Certificate, Endpoint, Identity};

/// Changes that may wait to be taken up.
const CHANGES_MAX: usize = 64;

/// Returns a channel to a target, unconnected.
pub(super) fn channel(
    target: &str,
    config: &ClientConfig,
) -> Result<transport::Channel, TargetError> {
    let wrong = |problem: String| TargetError {
        target: target.to_owned(),
        problem,
    };
    let uri: Uri = target.parse().map_err(|error| wrong(format!("{error}")))?;
    let Some(host) = uri
        .host()
        .filter(|_| matches!(uri.scheme_str(), Some("http" | "https")))
    else {
        return Err(wrong(
            "write http://host:port or https://host:port".to_owned(),
        ));
    };
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let template = endpoint(&uri, &host, config).map_err(wrong)?;

    if host.parse::<IpAddr>().is_ok() {
        // An address stays what it is: one connection, made again when it breaks.
        return Ok(template.connect_lazy());
    }
    let port = uri
        .port_u16()
        .unwrap_or(if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        });
    let (channel, changes) = transport::Channel::balance_channel(CHANGES_MAX);
    let follower = Follower {
        host,
        port,
        uri,
        config: config.clone(),
        changes,
        known: BTreeSet::new(),
    };
    tokio::spawn(follower.run());
    Ok(channel)
}

/// Keeps a balanced channel's addresses up to date until the channel is gone.
struct Follower {
    host: String,
    port: u16,
    uri: Uri,
    config: ClientConfig,
    changes: Sender<Change<SocketAddr, Endpoint>>,
    known: BTreeSet<SocketAddr>,
}

impl Follower {
    async fn run(mut self) {
        loop {
            let found = lookup_host((self.host.as_str(), self.port))
                .await
                .map(BTreeSet::from_iter);
            match found {
                Ok(found) => {
                    if self.follow(found).await.is_none() {
                        return;
                    }
                }
                // The addresses known so far are better than none.
                Err(error) => {
                    tracing::warn!(host = self.host, %error, "cannot resolve a service's name")
                }
            }
            let pause = match self.known.is_empty() {
                true => self.config.resolve_interval / 10,
                false => self.config.resolve_interval,
            };
            tokio::select! {
                _ = self.changes.closed() => return,
                _ = sleep(pause) => {}
            }
        }
    }

    /// Tells the channel what changed; `None` when the channel is gone.
    async fn follow(&mut self, found: BTreeSet<SocketAddr>) -> Option<()> {
        for gone in self.known.difference(&found) {
            self.changes.send(Change::Remove(*gone)).await.ok()?;
        }
        for new in found.difference(&self.known) {
            let endpoint = self.endpoint_at(*new)?;
            self.changes
                .send(Change::Insert(*new, endpoint))
                .await
                .ok()?;
        }
        self.known = found;
        Some(())
    }

    fn endpoint_at(&self, address: SocketAddr) -> Option<Endpoint> {
        let scheme = self.uri.scheme_str().unwrap_or("http");
        let uri: Uri = format!("{scheme}://{address}").parse().ok()?;
        match endpoint(&uri, &self.host, &self.config) {
            // The name stays the request's authority, whichever address serves it.
            Ok(endpoint) => Some(endpoint.origin(self.uri.clone())),
            Err(problem) => {
                tracing::error!(%address, problem, "cannot use a service's address");
                None
            }
        }
    }
}

fn endpoint(uri: &Uri, host: &str, config: &ClientConfig) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from(uri.clone())
        .connect_timeout(config.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(config.keep_alive)
        .keep_alive_timeout(config.keep_alive)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    match (uri.scheme_str(), &config.tls) {
        (Some("https"), None) => Err("an https target needs `tls` settings".to_owned()),
        (Some("https"), Some(tls)) => endpoint
            .tls_config(certificates(tls, host)?)
            .map_err(|error| format!("{error}")),
        _ => Ok(endpoint),
    }
}

fn certificates(tls: &ClientTlsConfig, host: &str) -> Result<transport::ClientTlsConfig, String> {
    let name = tls.server_name.clone().unwrap_or_else(|| host.to_owned());
    let settings = transport::ClientTlsConfig::new()
        .domain_name(name)
        .ca_certificate(Certificate::from_pem(read(&tls.ca)?));
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            Ok(settings.identity(Identity::from_pem(read(certificate)?, read(key)?)))
        }
        (None, None) => Ok(settings),
        _ => Err("`tls.certificate` and `tls.key` go together".to_owned()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
