//! Settings of a process: what all processes share, around what each service defines itself.

use crate::cli::ServiceName;
use anyhow::{Context, bail};
use config::{Map, Value, ValueKind};
use runtime::telemetry::TelemetryConfig;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use std::net::SocketAddr;
use std::path::Path;

/// Settings of one process: `[telemetry]` and `[operations]`, and beside them the service's own tables.
#[derive(Clone, Debug)]
pub(crate) struct Process<S> {
    /// Logs, traces, metrics.
    pub(crate) telemetry: TelemetryConfig,
    /// Port for operators and probes.
    pub(crate) operations: OperationsConfig,
    /// The service's own settings.
    pub(crate) service: S,
}

/// Settings of the operations port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OperationsConfig {
    /// Address of `/metrics`, `/livez` and `/readyz`.
    pub(crate) listen: SocketAddr,
}

impl Default for OperationsConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], crate::cli::BASE_PORT)),
        }
    }
}

impl<'de, S: DeserializeOwned> Deserialize<'de> for Process<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut tables = Map::<String, Value>::deserialize(deserializer)?;
        Ok(Self {
            telemetry: part(&mut tables, "telemetry").map_err(D::Error::custom)?,
            operations: part(&mut tables, "operations").map_err(D::Error::custom)?,
            service: Value::from(tables)
                .try_deserialize()
                .map_err(D::Error::custom)?,
        })
    }
}

fn part<T: DeserializeOwned + Default>(
    tables: &mut Map<String, Value>,
    name: &str,
) -> Result<T, config::ConfigError> {
    tables
        .remove(name)
        .map(Value::try_deserialize)
        .transpose()
        .map(Option::unwrap_or_default)
}

/// Settings of all five services in one process: a table per service, each as that service defines it, and the shared ones.
///
/// Variables name the service first: `CLIENTELE_SCORING__DATABASE__CONNECTIONS_MAX`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Embedded {
    tables: Vec<(String, String)>,
}

/// Refuses a table that would otherwise be overlooked.
fn known(name: &str, path: &Path) -> anyhow::Result<()> {
    let names: Vec<&str> = ServiceName::ALL
        .iter()
        .map(|it| it.as_str())
        .chain(["telemetry"])
        .collect();
    if names.contains(&name.replace('_', "-").as_str()) {
        return Ok(());
    }
    bail!(
        "unknown table `{name}` in {}; expected one of {}",
        path.display(),
        names.join(", ")
    )
}

impl Embedded {
    /// Reads a file, if one is given, and the process's variables.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut tables = Vec::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| {
                format!("cannot read the configuration file {}", path.display())
            })?;
            let parsed = config::Config::builder()
                .add_source(config::File::from_str(&text, config::FileFormat::Toml))
                .build()
                .with_context(|| format!("{} is not valid TOML", path.display()))?;
            for (name, value) in parsed.try_deserialize::<Map<String, Value>>()? {
                known(&name, path)?;
                flatten(&name, value, &mut tables)?;
            }
        }
        let variables = std::env::vars().filter_map(|(name, value)| {
            let key = name
                .strip_prefix("CLIENTELE_")?
                .to_lowercase()
                .replace("__", ".");
            key.contains('.').then_some((key, value))
        });
        tables.extend(variables);
        Ok(Self { tables })
    }

    /// Returns the settings of one part over its defaults.
    pub(crate) fn of<T: DeserializeOwned>(&self, part: &str, defaults: &str) -> anyhow::Result<T> {
        let prefix = format!("{}.", part.replace('-', "_"));
        let own = self.tables.iter().filter_map(|(key, value)| {
            let key = key.replace('-', "_");
            let rest = key.strip_prefix(&prefix)?;
            Some((
                format!("CLIENTELE_{}", rest.replace('.', "__").to_uppercase()),
                value.clone(),
            ))
        });
        runtime::config::load_from(defaults, None, own)
            .with_context(|| format!("settings of {part}"))
    }
}

fn flatten(path: &str, value: Value, into: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    match value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                flatten(&format!("{path}.{name}"), value, into)?;
            }
            Ok(())
        }
        // A list of texts is written as a variable would be: with commas.
        ValueKind::Array(values) => {
            let texts: Result<Vec<String>, _> =
                values.into_iter().map(Value::into_string).collect();
            let texts = texts.map_err(|_| anyhow::anyhow!("{path} may only list texts"))?;
            into.push((path.to_owned(), texts.join(",")));
            Ok(())
        }
        ValueKind::Nil => Ok(()),
        _ => {
            into.push((path.to_owned(), value.to_string()));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Service {
        database: Database,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Database {
        url: String,
        connections_max: u32,
    }

    const DEFAULTS: &str = "[database]\nurl = \"sqlite://x.db\"\nconnections_max = 8\n";

    fn load(variables: &[(&str, &str)]) -> Result<Process<Service>, runtime::config::ConfigError> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        runtime::config::load_from(DEFAULTS, None, variables)
    }

    #[test]
    fn shared_tables_stand_beside_the_services_own() {
        let variables = [
            ("CLIENTELE_DATABASE__CONNECTIONS_MAX", "3"),
            ("CLIENTELE_TELEMETRY__LOG", "warn"),
            ("CLIENTELE_OPERATIONS__LISTEN", "127.0.0.1:9"),
        ];

        let process = load(&variables).unwrap();

        assert_eq!(process.service.database.url, "sqlite://x.db");
        assert_eq!(process.service.database.connections_max, 3);
        assert_eq!(process.telemetry.log, "warn");
        assert_eq!(process.operations.listen.port(), 9);
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let error = load(&[("CLIENTELE_DATABASE__URI", "x")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("uri"), "{error}");
        let error = load(&[("CLIENTELE_TELEMETRY__LOGS", "x")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("logs"), "{error}");
    }

    #[test]
    fn a_file_of_five_tables_is_taken_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suite.toml");
        std::fs::write(&path, "[campaign-recommendation.database]\nconnections_max = 2\n[scoring.database]\nconnections_max = 4\n").unwrap();

        let embedded = Embedded::load(Some(&path)).unwrap();

        assert_eq!(
            embedded
                .of::<Service>("scoring", DEFAULTS)
                .unwrap()
                .database
                .connections_max,
            4
        );
        assert_eq!(
            embedded
                .of::<Service>("campaign-recommendation", DEFAULTS)
                .unwrap()
                .database
                .connections_max,
            2
        );
        assert_eq!(
            embedded
                .of::<Service>("ingestion", DEFAULTS)
                .unwrap()
                .database
                .connections_max,
            8
        );
    }
}
