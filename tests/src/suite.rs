//! The suite as its users run it: the `clientele` binary, as one process or as five.

use crate::ports;
use crate::process::Process;
use crate::servers::{Postgres, Redis};
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// Services by the name that `clientele serve` takes.
pub const SERVICES: [&str; 5] = [
    "profile",
    "ingestion",
    "scoring",
    "segmentation",
    "campaign-recommendation",
];
/// How long a process may take to serve.
const START_LIMIT: Duration = Duration::from_secs(90);

/// Returns the path of the `clientele` binary: `CLIENTELE_BIN`, or the one beside this test.
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("CLIENTELE_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let path = test
        .parent()
        .and_then(Path::parent)
        .context("a target folder")?
        .join("clientele");
    match path.exists() {
        true => Ok(path),
        false => bail!(
            "{} does not exist: build it with 'cargo build -p clientele', or name it in CLIENTELE_BIN",
            path.display()
        ),
    }
}

/// Returns the command `clientele ARGS`, without any setting of the surrounding process.
pub fn clientele<S: AsRef<std::ffi::OsStr>>(
    args: impl IntoIterator<Item = S>,
) -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CLIENTELE_") {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null());
    Ok(command)
}

/// Runs `clientele ARGS` to its end.
pub fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> anyhow::Result<Output> {
    clientele(args)?.output().context("run clientele")
}

/// Runs `clientele ARGS`, which must succeed and print one JSON document.
pub fn run_json<S: AsRef<std::ffi::OsStr>>(
    args: impl IntoIterator<Item = S>,
) -> anyhow::Result<serde_json::Value> {
    let output = run(args)?;
    if !output.status.success() {
        bail!(
            "clientele ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("no JSON: {}", String::from_utf8_lossy(&output.stdout)))
}

/// Running services and where they are.
pub trait Services {
    /// Returns `http://host:port` of a service.
    fn url(&self, service: &str) -> String;

    /// Returns a connection to a service, made when first used.
    fn channel(&self, service: &str) -> Channel {
        let endpoint = Endpoint::from_shared(self.url(service)).expect("a valid address");
        endpoint.timeout(Duration::from_secs(60)).connect_lazy()
    }

    /// Returns the arguments by which the command line finds these services.
    fn endpoint_args(&self) -> Vec<String> {
        SERVICES
            .iter()
            .flat_map(|it| ["--endpoint".to_owned(), format!("{it}={}", self.url(it))])
            .collect()
    }
}

/// The embedded suite: `clientele up` on free ports.
#[derive(Debug)]
pub struct Embedded {
    process: Process,
    endpoints: BTreeMap<String, String>,
    operations: String,
}

impl Embedded {
    /// Starts it on a data folder.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(folder, &[])
    }

    /// Starts it on a data folder with settings of its own: variable, value.
    pub fn start_with(folder: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut command = clientele(["up", "--base-port", "0", "--output", "json", "--data-dir"])?;
        command.arg(folder.join("data"));
        command.envs(settings.iter().copied());
        let log = folder.join(format!("up-{}.log", uuid::Uuid::new_v4()));
        let mut process = Process::start("clientele up", command, &log)?;
        let read = || -> Option<serde_json::Value> {
            let text = std::fs::read_to_string(&log).ok()?;
            let line = text
                .lines()
                .find(|line| line.starts_with("{\"endpoints\""))?;
            serde_json::from_str(line).ok()
        };
        process.wait_until(START_LIMIT, || read().is_some())?;
        let told = read().context("the endpoints")?;
        Ok(Self {
            endpoints: serde_json::from_value(told["endpoints"].clone())?,
            operations: told["operations"].as_str().unwrap_or_default().to_owned(),
            process,
        })
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Returns what its operations port says of its metrics.
    pub fn metrics(&self) -> anyhow::Result<String> {
        let address = self.operations.rsplit('/').next().unwrap_or_default();
        metrics(address)
    }

    /// Stops it in order and tells how it ended.
    pub fn stop(mut self) -> anyhow::Result<std::process::ExitStatus> {
        self.process.signal("TERM")?;
        self.process.wait(START_LIMIT)
    }
}

impl Services for Embedded {
    fn url(&self, service: &str) -> String {
        self.endpoints[service].clone()
    }
}

/// Five processes with PostgreSQL and Redis.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    ports: BTreeMap<&'static str, (u16, u16)>,
    processes: BTreeMap<&'static str, Process>,
    settings: BTreeMap<&'static str, Vec<(String, String)>>,
    /// The database of all services.
    pub postgres: Postgres,
    /// The feature cache.
    pub redis: Redis,
}

impl Cluster {
    /// Starts servers and services. Returns `None`, after saying so, when PostgreSQL or Redis is not installed.
    ///
    /// `changes` are settings over those of the harness: service, variable, value.
    pub fn start(
        suite: &str,
        changes: &[(&'static str, &str, &str)],
    ) -> anyhow::Result<Option<Self>> {
        let (Some(postgres), Some(redis)) = (Postgres::start()?, Redis::start()?) else {
            println!("{suite}: NOT RUN: no PostgreSQL or no Redis");
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("clientele-cluster-")
            .tempdir()?;
        std::fs::create_dir_all(folder.path().join("keys"))?;
        std::fs::write(folder.path().join("keys/identity.key"), [7; 32])?;
        let free = ports::several(2 * SERVICES.len())?;
        let ports = SERVICES
            .iter()
            .zip(free.chunks(2))
            .map(|(service, pair)| (*service, (pair[0], pair[1])))
            .collect();
        let mut cluster = Self {
            folder,
            ports,
            processes: BTreeMap::new(),
            settings: BTreeMap::new(),
            postgres,
            redis,
        };
        for service in SERVICES {
            cluster
                .settings
                .insert(service, cluster.default_settings(service));
        }
        for (service, name, value) in changes {
            cluster.set(service, name, value);
        }
        for service in SERVICES {
            let output = cluster
                .command(service, &["admin", "migrate", service])?
                .output()?;
            if !output.status.success() {
                bail!(
                    "cannot migrate {service}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
        for service in SERVICES {
            cluster.launch(service)?;
        }
        for service in SERVICES {
            cluster.wait_until_serving(service)?;
        }
        Ok(Some(cluster))
    }

    fn default_settings(&self, service: &'static str) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (port, operations) = self.ports[service];
        let mut settings = vec![
            (
                "CLIENTELE_SERVER__LISTEN".to_owned(),
                format!("127.0.0.1:{port}"),
            ),
            ("CLIENTELE_SERVER__DRAIN_DELAY".to_owned(), "0s".to_owned()),
            (
                "CLIENTELE_OPERATIONS__LISTEN".to_owned(),
                format!("127.0.0.1:{operations}"),
            ),
        ];
        let mut add =
            |name: &str, value: String| settings.push((format!("CLIENTELE_{name}"), value));
        if service != "campaign-recommendation" {
            add("DATABASE__URL", self.postgres.url());
            add("DATABASE__SCHEMA", service.to_owned());
        }
        let url = |peer: &str| format!("http://127.0.0.1:{}", self.ports[peer].0);
        match service {
            "ingestion" => {
                add("PEERS__PROFILE", url("profile"));
                add("LAKE__PATH", path("lake"));
                add("IDENTITY__KEY_FILE", path("keys/identity.key"));
                add("UPLOADS__PATH", path("uploads"));
                // Client libraries have tests of their own.
                add("HTTP__ENABLED", "false".to_owned());
            }
            "profile" => {
                add("LAKE__PATH", path("lake"));
                add("IDENTITY__KEY_FILE", path("keys/identity.key"));
                add("CACHE__URL", self.redis.url());
            }
            "scoring" => {
                add("PEERS__PROFILE", url("profile"));
                add("LAKE__PATH", path("lake"));
                add("CACHE__URL", self.redis.url());
            }
            "segmentation" => {
                add("PEERS__PROFILE", url("profile"));
                add("PEERS__SCORING", url("scoring"));
                add("LAKE__PATH", path("lake"));
            }
            _ => add("PEERS__SEGMENTATION", url("segmentation")),
        }
        settings
    }

    /// Changes a setting of a service; it holds from the next start.
    pub fn set(&mut self, service: &'static str, name: &str, value: &str) {
        let settings = self.settings.entry(service).or_default();
        settings.retain(|(known, _)| known != name);
        settings.push((name.to_owned(), value.to_owned()));
    }

    /// Removes a setting of a service; it holds from the next start.
    pub fn unset(&mut self, service: &'static str, name: &str) {
        self.settings
            .entry(service)
            .or_default()
            .retain(|(known, _)| known != name);
    }

    pub(crate) fn settings(&self) -> &BTreeMap<&'static str, Vec<(String, String)>> {
        &self.settings
    }

    fn command(&self, service: &str, args: &[&str]) -> anyhow::Result<Command> {
        let mut command = clientele(args)?;
        command
            .envs(self.settings[service].iter().cloned())
            .current_dir(self.folder.path());
        Ok(command)
    }

    /// Starts a service's process, without waiting for it.
    pub fn launch(&mut self, service: &'static str) -> anyhow::Result<()> {
        let command = self.command(service, &["serve", service])?;
        let log = self.folder.path().join(format!("{service}.log"));
        self.processes
            .insert(service, Process::start(service, command, &log)?);
        Ok(())
    }

    /// Waits until a service says that it is ready.
    pub fn wait_until_serving(&mut self, service: &'static str) -> anyhow::Result<()> {
        let operations = self.ports[service].1;
        let process = self.processes.get_mut(service).context("a process")?;
        process.wait_until(START_LIMIT, || is_ready(operations))
    }

    /// Kills a service's process as a power cut would.
    pub fn kill(&mut self, service: &str) {
        self.processes.remove(service);
    }

    /// Starts a service again and waits until it serves.
    pub fn restart(&mut self, service: &'static str) -> anyhow::Result<()> {
        self.kill(service);
        self.launch(service)?;
        self.wait_until_serving(service)
    }

    /// Returns the exit code of a service that has ended by itself.
    pub fn ended(&mut self, service: &str) -> anyhow::Result<Option<i32>> {
        match self.processes.get_mut(service) {
            Some(process) => Ok(process.ended()?.map(|status| status.code().unwrap_or(-1))),
            None => Ok(None),
        }
    }

    /// Returns the last lines that a service wrote.
    pub fn last_lines(&self, service: &str) -> String {
        self.processes
            .get(service)
            .map(|it| it.last_lines(25))
            .unwrap_or_default()
    }

    /// Returns where the services are; it holds through restarts.
    pub fn addresses(&self) -> Addresses {
        Addresses(SERVICES.iter().map(|it| (*it, self.url(it))).collect())
    }

    /// Returns what the operations ports say of the services' metrics.
    pub fn metrics(&self) -> anyhow::Result<String> {
        let all = self
            .ports
            .values()
            .map(|(_, operations)| metrics(&format!("127.0.0.1:{operations}")));
        all.collect()
    }

    /// Returns the folder of lake, uploads, keys and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Services for Cluster {
    fn url(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[service].0)
    }
}

/// Addresses of services, apart from what runs them.
#[derive(Clone, Debug)]
pub struct Addresses(BTreeMap<&'static str, String>);

impl Services for Addresses {
    fn url(&self, service: &str) -> String {
        self.0[service].clone()
    }
}

/// Asks an operations port for the metrics.
fn metrics(address: &str) -> anyhow::Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Asks the operations port whether the process is ready.
fn is_ready(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let asked = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_string(&mut answer));
    asked.is_ok() && answer.starts_with("HTTP/1.1 200")
}

/// Asks again and again until the answer is there; fails with what it last said when the time is over.
pub async fn eventually<T, F>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let begin = Instant::now();
    loop {
        let answer = ask().await;
        if let Ok(Some(answer)) = answer {
            return Ok(answer);
        }
        if begin.elapsed() > limit {
            bail!("{what} did not happen within {limit:?}: {:?}", answer.err());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
