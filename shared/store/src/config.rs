use std::fmt;

use serde::Deserialize;

/// Where a service's database is and how many connections it may use.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:///folder/file.db?mode=rwc` or `postgres://user:password@host:port/database`. May hold a password, so it
    /// is never printed.
    pub url: String,
    /// Most connections to keep: all of them on PostgreSQL, readers beside the one writer on SQLite. From 1.
    pub connections_max: u32,
    /// PostgreSQL schema that holds the service's tables, created if absent; absent means `public`. SQLite ignores it:
    /// there every service has a file of its own.
    #[serde(default)]
    pub schema: Option<String>,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            connections_max: 8,
            schema: None,
        }
    }
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("DatabaseConfig")
            .field("url", &format_args!("{scheme}:***"))
            .field("connections_max", &self.connections_max)
            .field("schema", &self.schema)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints_the_password() {
        let config = DatabaseConfig {
            url: "postgres://me:hush@db/x".into(),
            ..DatabaseConfig::default()
        };

        assert!(!format!("{config:?}").contains("hush"));
    }
}
