//! Real PostgreSQL and Redis servers for one test, run as an unprivileged user.

use crate::ports;
use crate::process::Process;
use anyhow::{Context, bail};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// How long a server may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// User and group `nobody` of Debian; PostgreSQL refuses to run as root.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    pub(crate) folder: TempDir,
    pub(crate) binaries: PathBuf,
    /// Settings beside those that every test has; they hold from the next start.
    pub(crate) settings: Vec<String>,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Starts a fresh server. Returns `None` when PostgreSQL is not installed.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let Some(binaries) = postgres_binaries() else {
            return Ok(None);
        };
        let folder = folder("clientele-postgres-")?;
        let mut initdb = unprivileged(&binaries.join("initdb"))?;
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "-D",
        ]);
        let output = initdb
            .arg(folder.path().join("data"))
            .output()
            .context("run initdb")?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let mut server = Self {
            folder,
            binaries,
            settings: Vec::new(),
            port: ports::free()?,
            process: None,
        };
        server.restart()?;
        Ok(Some(server))
    }

    /// Returns the address of its database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of its data and its log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns everything in its tables as text; nothing where `pg_dump` is not installed.
    pub fn dump(&self) -> anyhow::Result<Vec<u8>> {
        let binary = self.binaries.join("pg_dump");
        if !binary.exists() {
            return Ok(Vec::new());
        }
        let dump = Command::new(binary)
            .args(["--data-only", "--dbname"])
            .arg(self.url())
            .output()
            .context("run pg_dump")?;
        if !dump.status.success() {
            bail!("pg_dump failed: {}", String::from_utf8_lossy(&dump.stderr));
        }
        Ok(dump.stdout)
    }

    /// Stops it at once, as `pg_ctl stop -m immediate` does: connections break, committed data survives.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.signal("QUIT")?;
            process.wait(START_LIMIT)?;
        }
        Ok(())
    }

    /// Starts it again on the same port and data, after [`Postgres::stop`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let mut command = unprivileged(&self.binaries.join("postgres"))?;
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .arg("-p")
            .arg(self.port.to_string());
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "shared_buffers=64MB",
        ];
        for setting in settings
            .into_iter()
            .chain(self.settings.iter().map(String::as_str))
        {
            command.arg("-c").arg(setting);
        }
        let mut process = Process::start("postgres", command, &self.folder.path().join("log"))?;
        let pid_file = self.folder.path().join("data/postmaster.pid");
        let ready = || {
            std::fs::read_to_string(&pid_file)
                .is_ok_and(|text| text.lines().any(|line| line.trim() == "ready"))
        };
        process.wait_until(START_LIMIT, ready)?;
        self.process = Some(process);
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its workers end with it only when it is told, not when it is killed.
        let _ = self.stop();
    }
}

/// A Redis server without persistence.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    binary: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Starts a fresh server. Returns `None` when Redis is not installed.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let Some(binary) = in_path("redis-server") else {
            return Ok(None);
        };
        let mut server = Self {
            folder: folder("clientele-redis-")?,
            binary,
            port: ports::free()?,
            process: None,
        };
        server.restart()?;
        Ok(Some(server))
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns all keys and values that it holds, as it writes them to its disk without compression.
    pub fn dump(&self) -> anyhow::Result<Vec<u8>> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(b"CONFIG SET rdbcompression no\r\nSAVE\r\nQUIT\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.contains("-ERR") {
            bail!("redis does not save: {answer}");
        }
        Ok(std::fs::read(self.folder.path().join("dump.rdb"))?)
    }

    /// Kills it; everything it held is lost.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, empty, on the same port.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let mut command = unprivileged(&self.binary)?;
        command
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--port",
            ])
            .arg(self.port.to_string());
        command.arg("--dir").arg(self.folder.path());
        let mut process = Process::start("redis", command, &self.folder.path().join("log"))?;
        let port = self.port;
        process.wait_until(START_LIMIT, || ports::accepts(port))?;
        self.process = Some(process);
        Ok(())
    }
}

fn postgres_binaries() -> Option<PathBuf> {
    if let Some(initdb) = in_path("initdb") {
        return initdb.parent().map(Path::to_owned);
    }
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop()
}

pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn is_root() -> anyhow::Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

/// Returns a temporary folder that the unprivileged user owns.
fn folder(prefix: &str) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
    if is_root()? {
        chown(folder.path(), Some(NOBODY.0), Some(NOBODY.1))?;
    }
    Ok(folder)
}

/// Returns a command that runs as an unprivileged user.
pub(crate) fn unprivileged(binary: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(binary);
    command.current_dir("/");
    if is_root()? {
        command.uid(NOBODY.0).gid(NOBODY.1);
    }
    Ok(command)
}
