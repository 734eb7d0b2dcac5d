//! The embedded suite: five services in one process, on loopback, with SQLite, an in-process cache and a local lake.

use crate::backup::RESTORING;
use crate::cli::ServiceName;
use crate::clients::Endpoints;
use crate::host::{self, Host, open};
use crate::settings::Embedded;
use anyhow::{Context, bail};
use runtime::identity::IdentityKey;
use runtime::server::{Shutdown, ShutdownTrigger};
use std::collections::HashMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How far the port for client libraries is from the operations port.
const HTTP_OFFSET: u16 = 6;
/// Folder that the services' own defaults name.
const DEFAULT_FOLDER: &str = ".clientele/";

/// Which ports the suite listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Any free ones.
    Any,
    /// This one for operations, the next five for the services, and one for client libraries.
    From(u16),
}

/// Five running services.
pub(crate) struct Suite {
    host: Host,
    endpoints: HashMap<ServiceName, SocketAddr>,
    operations: SocketAddr,
    http: SocketAddr,
    trigger: ShutdownTrigger,
    // Keeps a second process out of the folder until this one has stopped.
    _lock: File,
}

impl Suite {
    /// Starts the suite in a folder, which is created when absent, and migrates its databases.
    pub(crate) async fn start(
        folder: &Path,
        ports: Ports,
        settings: &Embedded,
    ) -> anyhow::Result<Self> {
        let folder = prepare(folder)?;
        let lock = lock(&folder)?;
        let (trigger, shutdown) = Shutdown::new();
        let mut listeners = HashMap::new();
        let mut endpoints = HashMap::new();
        for service in ServiceName::ALL {
            let listener =
                host::bind(address(ports, service.port_offset()), service.as_str()).await?;
            endpoints.insert(service, listener.local_addr()?);
            listeners.insert(service, listener);
        }
        let operations = host::bind(address(ports, 0), "operations").await?;
        let http = host::bind(address(ports, HTTP_OFFSET), "client libraries").await?;
        let mut suite = Self {
            host: Host::default(),
            endpoints,
            operations: operations.local_addr()?,
            http: http.local_addr()?,
            trigger,
            _lock: lock,
        };
        suite.host.add_operations(operations, &shutdown);
        let embedded = Defaults {
            folder,
            endpoints: suite.endpoints.clone(),
            settings,
        };
        suite.open(&embedded, listeners, http, &shutdown).await?;
        Ok(suite)
    }

    async fn open(
        &mut self,
        defaults: &Defaults<'_>,
        mut listeners: HashMap<ServiceName, TcpListener>,
        http: TcpListener,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()> {
        macro_rules! start {
            ($name:ident, $service:ident $(, $cache:expr)? $(; $change:expr)?) => {{
                let mut config: $service::Config = defaults.of(ServiceName::$name, $service::DEFAULTS)?;
                // On loopback nobody balances load, so nobody needs time to notice.
                config.server.drain_delay = Duration::ZERO;
                $($change(&mut config);)?
                $service::Service::migrate(&config).await.context(concat!("cannot migrate the database of ", stringify!($service)))?;
                let opened = open!($name, $service, config, shutdown $(, $cache)?);
                let listener = listeners.remove(&ServiceName::$name).context("a listener per service")?;
                self.host.add(opened, listener, shutdown);
            }};
        }
        let profile: profile::Config = defaults.of(ServiceName::Profile, profile::DEFAULTS)?;
        let cache = cache::open(&profile.cache)
            .await
            .context("open the feature cache")?;
        start!(Profile, profile, cache.clone());
        let http = Arc::new(http);
        start!(Ingestion, ingestion; |config: &mut ingestion::Config| config.http.bound = Some(http));
        start!(Scoring, scoring, cache);
        start!(Segmentation, segmentation);
        start!(CampaignRecommendation, campaign_recommendation);
        Ok(())
    }

    /// Returns where the services are.
    pub(crate) fn endpoints(&self) -> Endpoints {
        Endpoints::new(
            self.endpoints
                .iter()
                .map(|(service, address)| (*service, format!("http://{address}"))),
        )
    }

    /// Returns where client libraries send their events.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Returns where metrics and probes are.
    pub(crate) fn operations(&self) -> SocketAddr {
        self.operations
    }

    /// Returns when a service has failed.
    pub(crate) async fn failed(&mut self) -> anyhow::Result<()> {
        self.host.ended().await
    }

    /// Drains and stops all services.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.trigger.trigger();
        self.host.ended().await
    }
}

/// Migrates the databases of the embedded suite in a folder.
pub(crate) async fn migrate(folder: &Path, settings: &Embedded) -> anyhow::Result<()> {
    let folder = prepare(folder)?;
    let _lock = lock(&folder)?;
    let defaults = Defaults {
        folder,
        endpoints: HashMap::new(),
        settings,
    };
    ingestion::Service::migrate(&defaults.of(ServiceName::Ingestion, ingestion::DEFAULTS)?).await?;
    profile::Service::migrate(&defaults.of(ServiceName::Profile, profile::DEFAULTS)?).await?;
    scoring::Service::migrate(&defaults.of(ServiceName::Scoring, scoring::DEFAULTS)?).await?;
    segmentation::Service::migrate(
        &defaults.of(ServiceName::Segmentation, segmentation::DEFAULTS)?,
    )
    .await?;
    let campaign = defaults.of(
        ServiceName::CampaignRecommendation,
        campaign_recommendation::DEFAULTS,
    )?;
    campaign_recommendation::Service::migrate(&campaign).await
}

fn address(ports: Ports, offset: u16) -> SocketAddr {
    let port = match ports {
        Ports::Any => 0,
        Ports::From(base) => base.saturating_add(offset),
    };
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Creates the folder with its key, and returns its absolute path.
pub(crate) fn prepare(folder: &Path) -> anyhow::Result<PathBuf> {
    let create = |path: &Path| {
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot create the folder {}", path.display()))
    };
    create(folder)?;
    let folder = std::fs::canonicalize(folder)
        .with_context(|| format!("cannot find the folder {}", folder.display()))?;
    let fits = folder
        .to_str()
        .is_some_and(|path| !path.contains(['"', '\\', '?', '#', '%']));
    if !fits {
        bail!(
            "the folder {} cannot hold databases: its path must be UTF-8 without any of \" \\ ? # %",
            folder.display()
        );
    }
    if folder.join(RESTORING).exists() {
        bail!(
            "the restoration of the folder {} has not ended: repeat 'clientele admin restore'",
            folder.display()
        );
    }
    for name in ["lake", "uploads", "keys"] {
        create(&folder.join(name))?;
    }
    IdentityKey::load_or_create(&folder.join("keys/identity.key"))?;
    vault::folder::create(&folder.join("keys/masking"))?;
    Ok(folder)
}

/// Takes the folder for this process.
pub(crate) fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!(
                "another process uses the folder {}: stop it, or name another folder with --data-dir",
                folder.display()
            )
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// The services' defaults, moved to a folder and to the ports that were bound.
pub(crate) struct Defaults<'a> {
    folder: PathBuf,
    endpoints: HashMap<ServiceName, SocketAddr>,
    settings: &'a Embedded,
}

impl<'a> Defaults<'a> {
    /// Moves the defaults to a folder, and to the endpoints that are given.
    pub(crate) fn new(
        folder: PathBuf,
        endpoints: HashMap<ServiceName, SocketAddr>,
        settings: &'a Embedded,
    ) -> Self {
        Self {
            folder,
            endpoints,
            settings,
        }
    }

    /// Returns the settings of a service.
    pub(crate) fn of<T: serde::de::DeserializeOwned>(
        &self,
        service: ServiceName,
        defaults: &str,
    ) -> anyhow::Result<T> {
        let mut text = defaults.replace(DEFAULT_FOLDER, &format!("{}/", self.folder.display()));
        let mark = |service: &ServiceName| format!("{{{}}}", service.as_str());
        // Default addresses become marks first, so that no bound port is taken for a default one.
        for service in self.endpoints.keys() {
            let default = SocketAddr::from((
                Ipv4Addr::LOCALHOST,
                crate::cli::BASE_PORT + service.port_offset(),
            ));
            text = text.replace(&default.to_string(), &mark(service));
        }
        for (service, address) in &self.endpoints {
            text = text.replace(&mark(service), &address.to_string());
        }
        self.settings.of(service.as_str(), &text)
    }
}
