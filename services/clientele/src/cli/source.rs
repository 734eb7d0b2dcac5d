//! What can be said of sources.

use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;

/// Commands of `source`.
#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Registers a source.
    Create {
        /// Id, 1 to 64 of a-z, 0-9, _ and -; events carry it as their source.
        id: String,
        /// What it is.
        #[command(flatten)]
        settings: Settings,
        /// Only check it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Shows a source: its settings, its last pull, when the next is due, and what came of it.
    Get {
        /// Id of the source.
        id: String,
    },
    /// Lists sources.
    List,
    /// Changes what is named and leaves the rest as it is.
    Update {
        /// Id of the source.
        id: String,
        /// What changes.
        #[command(flatten)]
        settings: Settings,
        /// Stop pulling, and refuse what it sends.
        #[arg(long, conflicts_with = "resume")]
        pause: bool,
        /// Go on after a pause.
        #[arg(long)]
        resume: bool,
        /// Only check it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Deletes a source; what it brought stays, its write keys are void.
    Delete {
        /// Id of the source.
        id: String,
    },
    /// Reaches a source, reads some records and judges them, without taking anything in.
    Check {
        /// Id of the source.
        id: String,
        /// Most records to read.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000))]
        records: i32,
    },
    /// Pulls from a source now and waits for the end.
    Run {
        /// Id of the source.
        id: String,
        /// Return as soon as the pull is planned.
        #[arg(long)]
        no_wait: bool,
    },
    /// Makes, lists and revokes the keys with which client libraries send events.
    #[command(subcommand)]
    Keys(KeyCommand),
}

/// Commands of `source keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a key and shows it this once.
    Create {
        /// Id of the source.
        source: String,
    },
    /// Lists keys by their first characters.
    List {
        /// Id of the source.
        source: String,
    },
    /// Makes a key void within a few seconds.
    Revoke {
        /// Name, sources/ID/writeKeys/KEY, as listed.
        name: String,
    },
}

/// Settings of a source.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kind").args(["push", "file", "sql", "http"]))]
pub(crate) struct Settings {
    /// Name for people.
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// File of its data contract.
    #[arg(long, value_name = "FILE")]
    pub(crate) contract: Option<PathBuf>,
    /// When to pull, as cron with five fields in the contract's zone; empty for never by itself.
    #[arg(long, value_name = "CRON")]
    pub(crate) schedule: Option<String>,
    /// Data older than this is late, for example 90m or 1d.
    #[arg(long, value_name = "LENGTH")]
    pub(crate) freshness: Option<String>,
    /// Most events per second; 0 for the operator's default.
    #[arg(long, value_name = "COUNT")]
    pub(crate) events_per_second: Option<i64>,
    /// Most bytes of one event; 0 for the operator's default.
    #[arg(long, value_name = "BYTES")]
    pub(crate) event_bytes_max: Option<i64>,

    /// Data is sent to it.
    #[arg(long)]
    pub(crate) push: bool,
    /// Files of a folder, each once: file:///absolute/folder/ in a place that the operator allows.
    #[arg(long, value_name = "URL")]
    pub(crate) file: Option<String>,
    /// A table of the database that the operator's configuration calls so.
    #[arg(long, value_name = "CONNECTION", requires = "table")]
    pub(crate) sql: Option<String>,
    /// An HTTP endpoint that answers with JSON.
    #[arg(long, value_name = "URL")]
    pub(crate) http: Option<String>,

    /// Table or view, as TABLE or SCHEMA.TABLE.
    #[arg(long, requires = "sql", help_heading = "With --sql")]
    pub(crate) table: Option<String>,
    /// Column that grows with every change; without it all rows are read each time.
    #[arg(
        long,
        requires_all = ["sql", "key"],
        value_name = "COLUMN",
        help_heading = "With --sql"
    )]
    pub(crate) watermark: Option<String>,
    /// Column that tells rows with one watermark apart.
    #[arg(
        long,
        requires = "sql",
        value_name = "COLUMN",
        help_heading = "With --sql"
    )]
    pub(crate) key: Option<String>,
    /// Rows of one read.
    #[arg(long, requires = "sql", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(i32).range(0..=10_000), help_heading = "With --sql")]
    pub(crate) batch_rows: i32,
    /// How far behind the newest watermark to begin again, for rows that commit late, for example 5m.
    #[arg(
        long,
        requires = "watermark",
        value_name = "LENGTH",
        help_heading = "With --sql"
    )]
    pub(crate) overlap: Option<String>,

    /// Header as NAME=VALUE; secret:NAME as the value stands for a secret of the operator's configuration. May be repeated.
    #[arg(
        long,
        requires = "http",
        value_name = "NAME=VALUE",
        help_heading = "With --http"
    )]
    pub(crate) header: Vec<String>,
    /// Where the list of records is in the answer, names separated by dots. Default: the answer is the list.
    #[arg(
        long,
        requires = "http",
        value_name = "PATH",
        help_heading = "With --http"
    )]
    pub(crate) records_path: Option<String>,
    /// The answer names the next page's link at this path; empty for the Link header.
    #[arg(
        long,
        requires = "http",
        value_name = "PATH",
        help_heading = "With --http",
        group = "paging"
    )]
    pub(crate) next_link: Option<String>,
    /// The answer has a token at PATH, which the query parameter PARAMETER takes to the next page.
    #[arg(
        long,
        requires = "http",
        value_name = "PATH=PARAMETER",
        help_heading = "With --http",
        group = "paging"
    )]
    pub(crate) page_token: Option<String>,
    /// Pages are numbered by the query parameter PARAMETER from FIRST on.
    #[arg(
        long,
        requires = "http",
        value_name = "PARAMETER=FIRST",
        help_heading = "With --http",
        group = "paging"
    )]
    pub(crate) page_number: Option<String>,
    /// Most requests per second.
    #[arg(
        long,
        requires = "http",
        default_value_t = 0.0,
        hide_default_value = true,
        help_heading = "With --http"
    )]
    pub(crate) requests_per_second: f64,
    /// Most pages of one pull.
    #[arg(
        long,
        requires = "http",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "With --http"
    )]
    pub(crate) pages_max: i32,
}
