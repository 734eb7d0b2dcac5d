//! A PostgreSQL server that archives its log, loses its data folder, and comes back to a point in time.

use crate::servers::{Postgres, in_path, unprivileged};
use crate::suite::{Cluster, clientele};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long archiving and recovery may take.
const LIMIT: Duration = Duration::from_secs(60);

impl Postgres {
    /// Makes the server archive its log from now on; it is restarted.
    pub fn archive_log(&mut self) -> anyhow::Result<()> {
        run(unprivileged(Path::new("mkdir"))?
            .arg("-p")
            .arg(self.place("wal")))?;
        let archive = format!("cp %p {}/%f", self.place("wal").display());
        self.stop()?;
        self.settings = vec![
            "archive_mode=on".to_owned(),
            format!("archive_command={archive}"),
        ];
        self.restart()
    }

    /// Copies the data folder while the server runs, without its log, which the archive has.
    pub fn base_backup(&self) -> anyhow::Result<()> {
        let mut backup = unprivileged(&self.tool("pg_basebackup")?)?;
        backup.args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "--checkpoint=fast",
            "--wal-method=none",
            "-p",
        ]);
        run(backup
            .arg(self.port().to_string())
            .arg("-D")
            .arg(self.place("base")))
    }

    /// Returns the server's time, after waiting until everything before it is archived.
    pub fn archived_now(&self) -> anyhow::Result<String> {
        let time = self.ask("SELECT clock_timestamp()")?;
        // A commit of its own after that time, so that recovery finds out that it has reached it.
        std::thread::sleep(Duration::from_millis(50));
        self.ask("SELECT pg_create_restore_point('after')")?;
        let file = self.ask("SELECT pg_walfile_name(pg_switch_wal())")?;
        let begun = Instant::now();
        while !self.place("wal").join(&file).exists() {
            if begun.elapsed() > LIMIT {
                bail!("{file} is not archived");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(time)
    }

    /// Loses the data folder.
    pub fn lose(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        Ok(std::fs::remove_dir_all(self.place("data"))?)
    }

    /// Comes back from the base backup and the archive as it was at a time.
    pub fn recover(&mut self, time: &str) -> anyhow::Result<()> {
        run(unprivileged(Path::new("cp"))?
            .arg("-a")
            .arg(self.place("base"))
            .arg(self.place("data")))?;
        run(unprivileged(Path::new("touch"))?.arg(self.place("data").join("recovery.signal")))?;
        let restore = format!("cp {}/%f %p", self.place("wal").display());
        self.settings = vec![
            format!("restore_command={restore}"),
            format!("recovery_target_time={time}"),
            "recovery_target_action=promote".to_owned(),
        ];
        self.restart()?;
        let begun = Instant::now();
        while self.ask("SELECT pg_is_in_recovery()").ok().as_deref() != Some("f") {
            if begun.elapsed() > LIMIT {
                bail!("the server is still recovering");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.settings.clear();
        Ok(())
    }

    fn ask(&self, statement: &str) -> anyhow::Result<String> {
        let output = Command::new(self.tool("psql")?)
            .args([self.url().as_str(), "-AtXc", statement])
            .output()
            .context("run psql")?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Returns a tool of the server's: beside the others, or wherever it is installed.
    fn tool(&self, name: &str) -> anyhow::Result<PathBuf> {
        let beside = self.binaries.join(name);
        let found = Some(beside)
            .filter(|it| it.is_file())
            .or_else(|| in_path(name));
        found.with_context(|| format!("{name} is not installed"))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Cluster {
    /// Runs `clientele admin realign` with the settings of the two services that it asks, and returns what it said.
    pub fn realign(&self) -> anyhow::Result<serde_json::Value> {
        let mut command = clientele(["admin", "realign", "--output", "json"])?;
        // Where the databases and the lake are is all that it asks for.
        let asked = |name: &str| name.contains("_DATABASE__") || name.contains("_LAKE__");
        for service in ["ingestion", "profile"] {
            let settings = self.settings()[service].iter();
            for (name, value) in settings.filter(|(name, _)| asked(name)) {
                let own = name.trim_start_matches("CLIENTELE_");
                command.env(
                    format!("CLIENTELE_{}__{own}", service.to_uppercase()),
                    value,
                );
            }
        }
        let output = command.output().context("run clientele")?;
        if !output.status.success() {
            bail!("realign: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().context("run a tool of the server")?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
