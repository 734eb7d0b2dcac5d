//! Settings: defaults in the binary, then a file, then `CLIENTELE_*` variables.
//!
//! A variable names its key with two underscores between levels: `CLIENTELE_DATABASE__URL` is `url` in `[database]`.
//! The target structs deny unknown fields, so that a misspelt key is an error that names it and not a silent default.

pub mod duration;
mod secret;

pub use secret::Secret;

use ::config::{Config, File, FileFormat};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Start of every variable that is read.
const PREFIX: &str = "CLIENTELE_";

/// Variables that speak to the process or to tests, and are not settings of a service.
const NOT_SETTINGS: &[&str] = &[
    "CLIENTELE_CONFIG",
    "CLIENTELE_CRASH_AT",
    "CLIENTELE_CRASH_LOG",
    "CLIENTELE_DATA",
    "CLIENTELE_LOG",
    "CLIENTELE_TENANT",
];

/// Start of further such variables.
const NOT_SETTINGS_PREFIX: &str = "CLIENTELE_TEST_";

/// Why settings cannot be used; each is one sentence that names the place at fault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The text is not TOML.
    #[error("{origin} is not valid TOML: {problem}")]
    Syntax {
        /// Where the text came from.
        origin: String,
        /// What is wrong, with its line.
        problem: String,
    },
    /// A key that no setting has.
    #[error("unknown key `{key}` in {origin}{expected}")]
    UnknownKey {
        /// The key with its path.
        key: String,
        /// Where it was set.
        origin: String,
        /// The keys that there are, as the end of the sentence.
        expected: String,
    },
    /// A value that does not fit, or one that is missing.
    #[error("{problem} (set in {origin})")]
    Invalid {
        /// What is wrong, with its key.
        problem: String,
        /// Where it was set.
        origin: String,
    },
}

/// Loads settings: `defaults` (TOML), over it `file` if given, over both the process's `CLIENTELE_*` variables.
pub fn load<T: DeserializeOwned>(defaults: &str, file: Option<&Path>) -> Result<T, ConfigError> {
    let variables = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    load_from(defaults, file, variables)
}

/// Loads settings as [`load`] does, with the variables given.
pub fn load_from<T: DeserializeOwned>(
    defaults: &str,
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let file = match file {
        Some(path) => Some(Layer::read(path)?),
        None => None,
    };
    let mut layers = vec![Layer {
        origin: "the built-in defaults".into(),
        content: Content::Toml(defaults.into()),
    }];
    layers.extend(file);
    layers.extend(variables.into_iter().filter_map(Layer::variable));

    read(&layers).map_err(|error| explain::<T>(&layers, error))
}

/// One source of settings.
struct Layer {
    /// How a sentence names it.
    origin: String,
    content: Content,
}

enum Content {
    Toml(String),
    Value { key: String, value: String },
}

impl Layer {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.into(),
            error,
        })?;
        Ok(Self {
            origin: format!("`{}`", path.display()),
            content: Content::Toml(text),
        })
    }

    fn variable((name, value): (String, String)) -> Option<Self> {
        if NOT_SETTINGS.contains(&name.as_str()) || name.starts_with(NOT_SETTINGS_PREFIX) {
            return None;
        }
        let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
        Some(Self {
            origin: format!("the variable {name}"),
            content: Content::Value { key, value },
        })
    }
}

fn read<T: DeserializeOwned>(layers: &[Layer]) -> Result<T, ::config::ConfigError> {
    let mut builder = Config::builder();
    for layer in layers {
        builder = match &layer.content {
            Content::Toml(text) => builder.add_source(File::from_str(text, FileFormat::Toml)),
            Content::Value { key, value } => builder.set_override(key, value.as_str())?,
        };
    }
    builder.build()?.try_deserialize()
}

/// Finds the first layer with which the settings stop being right, and says so in a sentence.
fn explain<T: DeserializeOwned>(layers: &[Layer], error: ::config::ConfigError) -> ConfigError {
    let mut error = error;
    let mut origin = layers[0].origin.clone();
    let complaint = error.to_string();
    for count in 1..=layers.len() {
        match read::<T>(&layers[..count]) {
            // A missing value may come with a later layer: only the last complaint counts then.
            Err(found) if found.to_string() == complaint => {
                origin = layers[count - 1].origin.clone();
                error = found;
                break;
            }
            _ => {}
        }
    }
    sentence(&error, origin)
}

fn sentence(error: &::config::ConfigError, origin: String) -> ConfigError {
    let text = error.to_string();
    if matches!(error, ::config::ConfigError::FileParse { .. }) {
        return ConfigError::Syntax {
            origin,
            problem: text,
        };
    }
    match unknown_field(&text) {
        Some((key, expected)) => ConfigError::UnknownKey {
            key,
            origin,
            expected,
        },
        None => ConfigError::Invalid {
            problem: text,
            origin,
        },
    }
}

/// Takes apart "unknown field `x`, expected `a` or `b` for key `server`" into the key `server.x` and what was expected.
fn unknown_field(text: &str) -> Option<(String, String)> {
    let (field, rest) = text.strip_prefix("unknown field `")?.split_once('`')?;
    let (expected, path) = match rest.split_once(" for key `") {
        Some((expected, path)) => (expected, path.split('`').next().unwrap_or_default()),
        None => (rest, ""),
    };
    let expected = expected
        .strip_prefix(", ")
        .map(|it| format!("; {it}"))
        .unwrap_or_default();
    let key = match path {
        "" => field.to_owned(),
        path if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        path => format!("{path}.{field}"),
    };
    Some((key, expected))
}

#[cfg(test)]
mod tests;
