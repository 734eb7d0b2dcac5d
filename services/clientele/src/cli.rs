//! The command line: what can be said, and nothing about what is done.

mod quarantine;
mod source;

pub(crate) use quarantine::{QuarantineCommand, QuarantineFilterArgs};
pub(crate) use source::{KeyCommand, Settings, SourceCommand};

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Clientele: customer profiles, scores, segments and budgets from your own order history.
#[derive(Debug, Parser)]
#[command(name = "clientele", version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// Where the services are: a host for all five on their default ports, or SERVICE=URL for one. May be repeated.
    #[arg(
        long,
        global = true,
        env = "CLIENTELE_ENDPOINT",
        value_delimiter = ',',
        value_name = "HOST|SERVICE=URL"
    )]
    pub(crate) endpoint: Vec<String>,
    /// Tenant to speak for.
    #[arg(
        long,
        global = true,
        env = "CLIENTELE_TENANT",
        default_value = "default"
    )]
    pub(crate) tenant: String,
    /// How to print the answer.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Settings as TOML, over the built-in defaults; `CLIENTELE_*` variables go over both.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Tables for people.
    Table,
    /// One JSON document: the response message in protobuf's JSON mapping.
    Json,
}

/// Names of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum ServiceName {
    /// Takes data in.
    Ingestion,
    /// Keeps profiles.
    Profile,
    /// Scores customers.
    Scoring,
    /// Keeps segments.
    Segmentation,
    /// Allocates budgets.
    #[value(alias = "campaign")]
    CampaignRecommendation,
}

impl ServiceName {
    /// All services, in the order in which they are started.
    pub(crate) const ALL: [Self; 5] = [
        Self::Profile,
        Self::Ingestion,
        Self::Scoring,
        Self::Segmentation,
        Self::CampaignRecommendation,
    ];

    /// Returns the name as it is written on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ingestion => "ingestion",
            Self::Profile => "profile",
            Self::Scoring => "scoring",
            Self::Segmentation => "segmentation",
            Self::CampaignRecommendation => "campaign-recommendation",
        }
    }

    /// Returns how far its default port is from the operations port.
    pub(crate) fn port_offset(self) -> u16 {
        match self {
            Self::Ingestion => 1,
            Self::Profile => 2,
            Self::Scoring => 3,
            Self::Segmentation => 4,
            Self::CampaignRecommendation => 5,
        }
    }
}

/// First of the default ports: operations; the services follow.
pub(crate) const BASE_PORT: u16 = 7100;

/// Reads a day.
fn day(text: &str) -> Result<NaiveDate, String> {
    let parsed = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    parsed.map_err(|_| "it is no day of the calendar written as YYYY-MM-DD".to_owned())
}

/// Reads a day up to which there can be history. A day may have begun elsewhere before it does in UTC.
fn past_day(text: &str) -> Result<NaiveDate, String> {
    let day = day(text)?;
    let today = chrono::Utc::now().date_naive();
    match day > today.succ_opt().unwrap_or(today) {
        true => Err(format!("it is in the future; today is {today}")),
        false => Ok(day),
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the main job from order history to a budget allocation through five real services, then exits.
    Demo(Demo),
    /// Runs all five services in one process until Ctrl-C.
    Up(Up),
    /// Runs one service until Ctrl-C or SIGTERM.
    Serve(Serve),
    /// Writes synthetic data of five sources with known truth.
    Simulate(Simulate),
    /// Imports files of events.
    Ingest(Ingest),
    /// Registers sources, tries them out and pulls from them.
    #[command(subcommand)]
    Source(SourceCommand),
    /// Tells how good the data of a source are.
    #[command(subcommand)]
    Quality(QualityCommand),
    /// Sets and lists exchange rates.
    #[command(subcommand)]
    Rates(RatesCommand),
    /// Shows customer profiles.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Scores customers with the champion model.
    Score(Score),
    /// Computes and lists segments.
    #[command(subcommand)]
    Segment(SegmentCommand),
    /// Allocates a budget over segments and channels.
    Allocate(Allocate),
    /// Trains and lists models.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Looks into records that could not be accepted, mends them, lets them through or gives them up.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Keeps taxonomies: how reviews, tickets and comments become tags.
    #[command(subcommand)]
    Taxonomy(TaxonomyCommand),
    /// Lists and rotates the masking keys of a folder, and opens what they sealed.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Operates the suite itself.
    #[command(subcommand)]
    Admin(AdminCommand),
}

/// Subcommands of `rates`.
#[derive(Debug, Subcommand)]
pub(crate) enum RatesCommand {
    /// Sets the rates of a file; an empty rate removes that of its day.
    Set {
        /// CSV with the columns day, from, to and rate: what one unit of `from` was worth in the tenant's currency.
        file: PathBuf,
    },
    /// Lists rates by currency and day.
    List {
        /// Currency to list; all by default.
        #[arg(long)]
        currency: Option<String>,
        /// First day, as YYYY-MM-DD.
        #[arg(long, value_name = "DATE")]
        from: Option<NaiveDate>,
        /// Last day, as YYYY-MM-DD.
        #[arg(long, value_name = "DATE")]
        to: Option<NaiveDate>,
    },
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Order history as CSV or NDJSON, plain or gzip. Without it the demo simulates a shop.
    #[arg(long, value_name = "FILE", requires = "contract")]
    pub(crate) orders: Option<PathBuf>,
    /// Data contract that describes the orders.
    #[arg(long, value_name = "FILE", requires = "orders")]
    pub(crate) contract: Option<PathBuf>,
    /// Last day that counts, as YYYY-MM-DD. Default: the day of the newest event.
    #[arg(long, value_name = "DATE", value_parser = past_day)]
    pub(crate) as_of: Option<NaiveDate>,
    /// Budget in whole units of the contract's currency, for example 25000 or 25000.50. Default: 2 % of the customers'
    /// lifetime value, rounded down to whole units.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) budget: Option<String>,
    /// Where to keep the data. Default: a temporary folder that is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Customers of the simulated shop; only without --orders.
    #[arg(long, default_value_t = 800, conflicts_with = "orders", value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    pub(crate) customers: u32,
    /// Seed of the simulated shop; only without --orders.
    #[arg(long, default_value_t = 1, conflicts_with = "orders")]
    pub(crate) seed: u64,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Where to keep the data.
    #[arg(long, value_name = "DIR", default_value = ".clientele")]
    pub(crate) data_dir: PathBuf,
    /// First port: operations; the five services and the endpoint for client libraries take the next ones. 0 means any free
    /// ports.
    #[arg(long, default_value_t = BASE_PORT, value_parser = clap::value_parser!(u16).range(..=65_529))]
    pub(crate) base_port: u16,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Service to run.
    #[arg(value_enum)]
    pub(crate) service: ServiceName,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Customers who buy at least once.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) customers: u32,
    /// Seed: the same size and seed give the same bytes.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// First day, as YYYY-MM-DD.
    #[arg(long, value_name = "DATE", value_parser = day, default_value = "2025-01-01")]
    pub(crate) start: NaiveDate,
    /// Days that are observed.
    #[arg(long, default_value_t = 540, value_parser = clap::value_parser!(u32).range(30..=3_660))]
    pub(crate) days: u32,
    /// Folder to write to; created when absent.
    #[arg(long, value_name = "DIR", default_value = "simulated")]
    pub(crate) out: PathBuf,
}

/// Arguments of `ingest`.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Files to import: CSV, NDJSON or Parquet, plain, gzip or zstd.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Source to count the rows under.
    #[arg(long, value_name = "NAME")]
    pub(crate) source: String,
    /// Data contract that describes the files. Default: NAME.yaml beside the first file, else the contract that the source
    /// is registered with.
    #[arg(long, value_name = "FILE")]
    pub(crate) contract: Option<PathBuf>,
    /// Commit nothing: judge the rows by the contract; where there is none, tell what the file looks like and propose one,
    /// written to the file that --contract names.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Return as soon as the rows are committed, without waiting until they are applied and archived.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Commands of `quality`.
#[derive(Debug, Subcommand)]
pub(crate) enum QualityCommand {
    /// Shows the report of a source: the score with its formula, four dimensions by field, gaps, changes and reasons.
    Report {
        /// Source, for example shop.
        source: String,
        /// First day of event time, as YYYY-MM-DD. Default: the beginning.
        #[arg(long, value_name = "DATE", value_parser = day)]
        from: Option<NaiveDate>,
        /// Last day, as YYYY-MM-DD. Default: the end.
        #[arg(long, value_name = "DATE", value_parser = day)]
        to: Option<NaiveDate>,
        /// Also write the report as one page with charts that needs nothing else.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Lists scores day by day, oldest first.
    History {
        /// Source, for example shop.
        source: String,
        /// Field. Default: the whole source.
        #[arg(long, value_name = "NAME")]
        field: Option<String>,
        /// Dimension. Default: the score over all.
        #[arg(long, value_enum)]
        dimension: Option<Dimension>,
        /// Most days, the newest.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Lists alerts, newest first.
    Alerts {
        /// Source. Default: all.
        source: Option<String>,
        /// Only those that stand.
        #[arg(long)]
        open: bool,
        /// Most alerts.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=500))]
        limit: i32,
        /// Token of the page to list, as the page before gave it.
        #[arg(long, default_value = "")]
        page_token: String,
    },
    /// Shows or computes what values of a source usually look like, by which gaps are filled and outliers judged.
    #[command(subcommand)]
    Baseline(BaselineCommand),
}

/// Commands of `quality baseline`.
#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Shows a baseline.
    Show {
        /// Source, for example shop.
        source: String,
        /// Version. Default: the one in force.
        #[arg(long = "number", id = "number", value_name = "VERSION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        version: i64,
    },
    /// Computes a baseline from the figures of a period; records that come later are judged by it.
    Fit {
        /// Source, for example shop.
        source: String,
        /// First day of event time, as YYYY-MM-DD. Default: the beginning.
        #[arg(long, value_name = "DATE", value_parser = day)]
        from: Option<NaiveDate>,
        /// Last day, as YYYY-MM-DD. Default: the end.
        #[arg(long, value_name = "DATE", value_parser = day)]
        to: Option<NaiveDate>,
    },
}

/// Dimensions of quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dimension {
    /// Values are there where they are expected.
    Completeness,
    /// Values are what they can be.
    Accuracy,
    /// Values agree with each other and with earlier ones.
    Consistency,
    /// Values came in time.
    Timeliness,
}

impl Dimension {
    /// Returns the dimension as messages name it.
    pub(crate) fn to_proto(self) -> api::ingestion::QualityDimension {
        use api::ingestion::QualityDimension;
        match self {
            Self::Completeness => QualityDimension::Completeness,
            Self::Accuracy => QualityDimension::Accuracy,
            Self::Consistency => QualityDimension::Consistency,
            Self::Timeliness => QualityDimension::Timeliness,
        }
    }
}

/// Commands of `profile`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Shows one customer as the suite knows them.
    Show {
        /// Customer id, or an identifier as NAMESPACE=VALUE, for example customer_id=17850.
        customer: String,
        /// Day as of which features are computed, as YYYY-MM-DD. Default: the newest event.
        #[arg(long, value_name = "DATE", value_parser = past_day)]
        as_of: Option<NaiveDate>,
    },
}

/// Arguments of `score`.
#[derive(Debug, Args)]
pub(crate) struct Score {
    /// Customer ids, or identifiers as NAMESPACE=VALUE, for example customer_id=17850. At most 1,000.
    #[arg(required = true, value_name = "CUSTOMER")]
    pub(crate) customers: Vec<String>,
    /// Horizon of churn risk and expected purchases in days.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i32).range(1..=1_825))]
    pub(crate) horizon_days: i32,
    /// Day as of which to score, as YYYY-MM-DD. Default: now, which for old history finds everybody gone.
    #[arg(long, value_name = "DATE", value_parser = past_day)]
    pub(crate) as_of: Option<NaiveDate>,
    /// Tell the reasons of each value.
    #[arg(long)]
    pub(crate) reasons: bool,
    /// Tell posterior predictive intervals.
    #[arg(long)]
    pub(crate) intervals: bool,
    /// Model version, for example models/clv/versions/1. Default: the champion.
    #[arg(long, default_value = "")]
    pub(crate) model_version: String,
}

/// Commands of `segment`.
#[derive(Debug, Subcommand)]
pub(crate) enum SegmentCommand {
    /// Computes recency-frequency-monetary segments over all customers.
    Compute {
        /// Last day that counts, as YYYY-MM-DD. Default: the day of the newest event.
        #[arg(long, value_name = "DATE", value_parser = past_day)]
        as_of: Option<NaiveDate>,
    },
    /// Lists segments with their summaries.
    List,
    /// Lists the members of a segment.
    Members {
        /// Segment, for example champions.
        segment: String,
        /// Most members to list.
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(i32).range(1..=10_000))]
        limit: i32,
        /// Token of the page to list, as the page before gave it.
        #[arg(long, default_value = "")]
        page_token: String,
    },
    /// Tells which segments a customer is in.
    Check {
        /// Customer id, or an identifier as NAMESPACE=VALUE.
        customer: String,
    },
}

/// Arguments of `allocate`.
#[derive(Debug, Args)]
pub(crate) struct Allocate {
    /// Budget in whole units of the currency, for example 25000 or 25000.50.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) budget: String,
    /// Spend exactly the budget, even where the last unit loses. Default: at most the budget.
    #[arg(long)]
    pub(crate) exactly: bool,
    /// Only these segments. Default: all.
    #[arg(long, value_delimiter = ',', value_name = "SEGMENT")]
    pub(crate) segments: Vec<String>,
    /// Only these channels. Default: all with a default curve.
    #[arg(long, value_delimiter = ',', value_name = "CHANNEL")]
    pub(crate) channels: Vec<String>,
    /// Share of incremental revenue that is margin, above 0 and at most 1.
    #[arg(long)]
    pub(crate) margin: Option<f64>,
    /// Bounds of a channel, as CHANNEL=MIN..MAX in whole units; either end may be left out. May be repeated.
    #[arg(long, value_name = "CHANNEL=MIN..MAX")]
    pub(crate) channel_bound: Vec<String>,
    /// Bounds of a segment, as SEGMENT=MIN..MAX in whole units; either end may be left out. May be repeated.
    #[arg(long, value_name = "SEGMENT=MIN..MAX")]
    pub(crate) segment_bound: Vec<String>,
}

/// Commands of `model`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Trains a customer lifetime value model on all history and makes it the champion.
    Train {
        /// Last day that counts, as YYYY-MM-DD. Default: the day of the newest event.
        #[arg(long, value_name = "DATE", value_parser = past_day)]
        as_of: Option<NaiveDate>,
        /// Months of lifetime value that count.
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=120))]
        horizon_months: i32,
        /// Leave the champion as it is.
        #[arg(long)]
        no_promote: bool,
        /// Seed of everything random.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Lists model versions, newest first.
    List,
}

/// Commands of `admin`.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Brings the databases of one service, or of all, up to date.
    Migrate {
        /// Service whose database to migrate. Default: all five of the embedded suite in --data-dir.
        #[arg(value_enum)]
        service: Option<ServiceName>,
        /// Folder of the embedded suite.
        #[arg(long, value_name = "DIR", default_value = ".clientele")]
        data_dir: PathBuf,
    },
    /// Replays the lake into fresh states and puts them in the place of those that differ, while the suite runs.
    Rebuild,
    /// Copies everything that the embedded suite keeps, but its keys, into a folder, while it runs or not.
    Backup(Backup),
    /// Puts a backup into a data folder that holds nothing; the suite must not run.
    Restore(Restore),
    /// Sets the lake back to fit databases that were restored to an earlier moment on their server, and begins new lanes and
    /// a new cache epoch. No service may run. Settings are those of all five services, a table each.
    Realign,
    /// Creates the tenant that --tenant names; its time zone and currency can never change.
    CreateTenant(CreateTenant),
    /// Asks a running service whether it serves; exits with an error when it does not.
    Health(Health),
}

/// What to do with taxonomies.
#[derive(Debug, Subcommand)]
pub(crate) enum TaxonomyCommand {
    /// Stores a file as a new version, which is not used before it is put in force.
    Create {
        /// The taxonomy, YAML.
        file: PathBuf,
        /// Id of the taxonomy. Default: the file's name without its ending.
        #[arg(long)]
        id: Option<String>,
        /// Also puts it in force, unless an example fails.
        #[arg(long)]
        activate: bool,
    },
    /// Tells how the examples of a file come out; with --text, tags texts by a stored version.
    Test {
        /// The file, or with --text a stored version: service@3, or service for the one in force.
        #[arg(value_name = "FILE|VERSION")]
        file: String,
        /// Text to tag; can be given several times.
        #[arg(long)]
        text: Vec<String>,
    },
    /// Puts a stored version in force, unless one of its examples fails.
    Activate {
        /// The version, for example service@3.
        #[arg(id = "taxonomy_version", value_name = "VERSION")]
        version: String,
    },
    /// Prints the text of a version.
    Show {
        /// The version: service@3, or service for the one in force.
        #[arg(id = "taxonomy_version", value_name = "VERSION")]
        version: String,
    },
    /// Lists versions, newest first.
    List {
        /// Only of this taxonomy.
        id: Option<String>,
        /// Where the last page ended.
        #[arg(long, default_value = "")]
        page_token: String,
    },
}

/// What to do with masking keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Lists the keys; the active one seals.
    List {
        /// Folder of the embedded suite.
        #[arg(long, value_name = "DIR", default_value = ".clientele")]
        data_dir: PathBuf,
    },
    /// Makes a new key the active one; the others go on to open what they sealed.
    Rotate {
        /// Folder of the embedded suite.
        #[arg(long, value_name = "DIR", default_value = ".clientele")]
        data_dir: PathBuf,
    },
    /// Opens sealed values (enc:...) of --tenant, one per line of standard input.
    Open {
        /// Property that they are values of.
        #[arg(long)]
        field: String,
        /// Folder of the embedded suite.
        #[arg(long, value_name = "DIR", default_value = ".clientele")]
        data_dir: PathBuf,
    },
    /// Seals values of --tenant that older keys sealed under the active one, one per line of standard input.
    Reseal {
        /// Property that they are values of.
        #[arg(long)]
        field: String,
        /// Folder of the embedded suite.
        #[arg(long, value_name = "DIR", default_value = ".clientele")]
        data_dir: PathBuf,
    },
}

/// Arguments of `admin health`.
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Service to ask.
    #[arg(value_enum)]
    pub(crate) service: ServiceName,
    /// Its address, `http://host:port` or, with --ca, `https://host:port`. Default: its port on loopback.
    #[arg(long, value_name = "URL")]
    pub(crate) address: Option<String>,
    /// Authority that signed the service's certificate, a PEM file.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate to show, a PEM file.
    #[arg(long, value_name = "FILE", requires_all = ["ca", "key"])]
    pub(crate) certificate: Option<PathBuf>,
    /// Private key of the certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
}

/// Arguments of `admin backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Folder to write the backup to; absent or empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Folder to write the keys to; absent or empty. A backup holds none, and is of no use without them. Keep them in
    /// another place.
    #[arg(long, value_name = "DIR")]
    pub(crate) keys_to: Option<PathBuf>,
    /// Folder of the embedded suite.
    #[arg(long, value_name = "DIR", default_value = ".clientele")]
    pub(crate) data_dir: PathBuf,
}

/// Arguments of `admin restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Folder of the backup.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// Folder of the keys. Default: those that lie in the data folder already.
    #[arg(long, value_name = "DIR")]
    pub(crate) keys_from: Option<PathBuf>,
    /// Folder of the embedded suite; absent, or empty but for the keys.
    #[arg(long, value_name = "DIR", default_value = ".clientele")]
    pub(crate) data_dir: PathBuf,
}

/// Arguments of `admin create-tenant`.
#[derive(Debug, Args)]
pub(crate) struct CreateTenant {
    /// IANA time zone in which its days begin, for example Europe/London.
    #[arg(long)]
    pub(crate) time_zone: String,
    /// ISO 4217 code in which its values are summed, for example GBP.
    #[arg(long)]
    pub(crate) currency: String,
    /// Name for people.
    #[arg(long, default_value = "")]
    pub(crate) display_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_contract_without_orders_is_refused() {
        assert!(Cli::try_parse_from(["clientele", "demo", "--contract", "x.yaml"]).is_err());
        assert!(Cli::try_parse_from(["clientele", "demo", "--orders", "x.csv"]).is_err());
    }

    #[test]
    fn services_have_their_ports() {
        let ports: Vec<u16> = ServiceName::ALL
            .iter()
            .map(|it| BASE_PORT + it.port_offset())
            .collect();
        assert_eq!(ports, [7102, 7101, 7103, 7104, 7105]);
    }
}
