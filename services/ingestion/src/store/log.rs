//! What an event log promises, and the one in the database.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use runtime::fault::Fault;
use store::group::Group;
use store::lease::Lease;
use store::{Store, StoreError, sql};
use tonic::Code;
use uuid::Uuid;

use super::append::{Append, Appender};
use super::quarantine::{QuarantineLimits, Totals};
use crate::domain::contract::DuplicateAction;
use crate::domain::counts::Counts;

/// What became of an event that was handed to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Accepted,
    /// Committed before, with the same content.
    Duplicate,
    /// Committed before, with other content.
    Conflict,
    /// Kept aside.
    Quarantined,
    /// Not stored.
    Rejected,
    /// A near duplicate, treated as the contract says.
    Near(DuplicateAction),
}

impl Outcome {
    /// Returns the outcome as it is counted.
    #[must_use]
    pub fn counted(self) -> Self {
        match self {
            Self::Near(DuplicateAction::Flag) => Self::Accepted,
            Self::Near(DuplicateAction::Quarantine) => Self::Quarantined,
            Self::Near(DuplicateAction::Drop) => Self::Duplicate,
            plain => plain,
        }
    }
}

/// Bounds of the log.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Lanes, fixed when the log begins.
    pub lanes: u32,
    /// Most bytes of events that it may hold.
    pub bytes_max: i64,
    /// Most events of one transaction and of one claimed batch.
    pub batch_events: usize,
    /// Most bytes of one claimed batch.
    pub batch_bytes: usize,
    /// Most events of one append to the lake.
    pub archive_events: i64,
    /// Bounds of quarantine.
    pub quarantine: QuarantineLimits,
}

/// Why the log did not do as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// It holds as much as it may.
    #[error(
        "the event log is full: {held} of {most} bytes are held; it empties as profile and the lake catch up"
    )]
    Full {
        /// Bytes held.
        held: i64,
        /// Bytes that may be held.
        most: i64,
    },
    /// A source has as much in quarantine as it may.
    #[error(
        "the quarantine of the source `{of}` is full: nothing of this call was taken; correct and replay its records, or \
         discard them"
    )]
    QuarantineFull {
        /// The source.
        of: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for LogError {
    fn code(&self) -> Code {
        match self {
            Self::Full { .. } | Self::QuarantineFull { .. } => Code::ResourceExhausted,
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Full { .. } => "LOG_FULL",
            Self::QuarantineFull { .. } => "QUARANTINE_FULL",
            Self::Store(error) => error.reason(),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Full { .. } | Self::QuarantineFull { .. } => self.to_string(),
            Self::Store(error) => error.told(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { .. } => Some(Duration::from_secs(5)),
            // Somebody has to look at the records first.
            Self::QuarantineFull { .. } => Some(Duration::from_secs(60)),
            Self::Store(error) => error.retry_after(),
        }
    }
}

/// How far a lane has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Number of the lane, from 0.
    pub lane: i32,
    /// Its id, unique among all logs that ever were.
    pub lane_id: String,
    /// Position of the newest event; 0 when there is none.
    pub head: i64,
    /// Time before which no event can be appended any more.
    pub head_time: DateTime<Utc>,
    /// Newest claimed batch and its last position.
    pub claimed_batch: i64,
    /// Last position of the newest claimed batch.
    pub claimed_position: i64,
    /// Newest batch that profile has applied.
    pub applied_batch: i64,
    /// Every event accepted before this has been applied.
    pub through: DateTime<Utc>,
    /// Newest batch that is planned to be archived.
    pub archiving_batch: i64,
    /// Newest batch that the lake holds.
    pub archived_batch: i64,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Where it stands.
    pub place: i64,
    /// Its tenant.
    pub tenant: String,
    /// Encoded `StandardEvent`.
    pub payload: Vec<u8>,
}

/// A claimed batch of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Lane's id.
    pub lane_id: String,
    /// Number of the batch, from 1.
    pub number: i64,
    /// Every event of the lane accepted before this is in this batch or an earlier one.
    pub through: DateTime<Utc>,
    /// Its events, always the same.
    pub events: Vec<LoggedEvent>,
}

/// What profile answered to a batch.
#[derive(Clone, Debug)]
pub struct AppliedBatch<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// Index and reason of each event that was refused.
    pub parked: Vec<(usize, String)>,
}

/// Batches that are to become one append to the lake.
#[derive(Clone, Debug)]
pub struct ArchivePlan {
    /// Lane's id, the application id of the append.
    pub lane_id: String,
    /// Last batch, the version of the append.
    pub last_batch: i64,
    /// The batches in order, each with its events.
    pub batches: Vec<(i64, Vec<LoggedEvent>)>,
}

/// What has been received from a tenant, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Receipts by source.
    pub sources: BTreeMap<String, Counts>,
    /// Applied, by profile's answers.
    pub applied: i64,
    /// Refused, by profile's answers.
    pub parked: i64,
    /// Not applied yet, counted in the log.
    pub pending: i64,
    /// In the lake.
    pub archived: i64,
    /// Quarantine by source.
    pub quarantine: BTreeMap<String, Totals>,
}

/// How full the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Bytes of events held.
    pub held: i64,
    /// Bytes that may be held.
    pub most: i64,
}

impl Fill {
    /// Returns the share that is used, 0 to about 1.
    pub fn ratio(&self) -> f64 {
        match self.most {
            0 => 0.0,
            most => self.held as f64 / most as f64,
        }
    }
}

/// Keeps events from their receipt until profile and the lake have them.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Commits events and returns what became of each, in their order. Concurrent callers share a commit.
    ///
    /// After an error of kind unavailable it is not known whether they were committed; the same call may be repeated.
    async fn append(&self, append: Append) -> Result<Vec<Outcome>, LogError>;

    /// Returns all lanes.
    async fn lanes(&self) -> Result<Vec<Lane>, LogError>;

    /// Returns the batch that profile is to apply next, claiming it first where none is claimed. Returns `None` when
    /// there is nothing to do.
    async fn next_batch(&self, lane: i32, lease: &Lease) -> Result<Option<Batch>, LogError>;

    /// Claims one batch more than profile has been asked to apply, so that the lake need not wait for profile. Returns false
    /// when nothing is unclaimed.
    async fn claim_ahead(&self, lane: i32, lease: &Lease) -> Result<bool, LogError>;

    /// Records profile's answers and moves the lane's cursor.
    async fn applied(
        &self,
        lane: i32,
        lease: &Lease,
        answers: AppliedBatch<'_>,
    ) -> Result<(), LogError>;

    /// Moves an idle lane's watermark to `now` and returns it; `None` when the lane is not idle.
    async fn idle_through(
        &self,
        lane: i32,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, LogError>;

    /// Returns what is to be archived next, planning it first where nothing is planned.
    async fn archive_plan(&self, lane: i32, lease: &Lease)
    -> Result<Option<ArchivePlan>, LogError>;

    /// Records that the lake holds a plan's batches.
    async fn archived(&self, lane: i32, lease: &Lease, plan: &ArchivePlan) -> Result<(), LogError>;

    /// Drops events that are applied, archived and accepted before a time. Returns how many.
    async fn trim(&self, lane: i32, lease: &Lease, before: DateTime<Utc>) -> Result<u64, LogError>;

    /// Forgets message keys accepted before a time. Returns how many.
    async fn forget_keys(&self, before: DateTime<Utc>) -> Result<u64, LogError>;

    /// Drops from quarantine the events that were accepted later. Returns how many.
    async fn release_accepted(&self) -> Result<u64, LogError>;

    /// Drops from quarantine what came last before a time. Returns how many.
    async fn expire_quarantined(&self, before: DateTime<Utc>) -> Result<u64, LogError>;

    /// Returns how full the log is.
    async fn fill(&self) -> Result<Fill, LogError>;

    /// Returns what became of a tenant's events.
    async fn status(&self, tenant: &str) -> Result<Status, LogError>;
}

/// The log in the service's database.
#[derive(Clone)]
pub struct DatabaseLog {
    pub(super) store: Store,
    pub(super) limits: LogLimits,
    pub(super) lanes: u64,
    pub(super) group: Group<Appender>,
}

impl DatabaseLog {
    /// Opens the log, beginning it where there is none yet. The number of lanes of an existing log stays as it is.
    pub async fn open(store: Store, limits: LogLimits) -> Result<Self, StoreError> {
        let tx = store.begin().await?;
        let log_id = Uuid::new_v4().simple().to_string();
        for lane in 0..limits.lanes {
            let cursor = "INSERT INTO lane_cursors (lane, lane_id, claimed_batch, claimed_position, applied_batch, \
                through_us, archiving_batch, archived_batch, dropped_position, dropped_bytes) \
                SELECT $1, $2, 0, 0, 0, 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM lane_cursors WHERE lane >= $1) \
                AND (SELECT COUNT(*) FROM lane_heads) = $1 ON CONFLICT DO NOTHING";
            let lane_id = format!("{}-{lane}", &log_id[..12]);
            let begun = sql::execute(&tx, cursor, [i64::from(lane).into(), lane_id.into()]).await?;
            if begun == 1 {
                let head =
                    "INSERT INTO lane_heads (lane, position, time_us, bytes) VALUES ($1, 0, 0, 0)";
                sql::execute(&tx, head, [i64::from(lane).into()]).await?;
            }
        }
        tx.commit().await?;
        let lanes = sql::query_all(store.reader(), "SELECT lane FROM lane_heads", [])
            .await?
            .len() as u64;
        let appender = Appender {
            lanes,
            bytes_max: limits.bytes_max,
            quarantine: limits.quarantine,
        };
        let group = Group::start(store.clone(), appender, limits.batch_events);
        Ok(Self {
            store,
            limits,
            lanes,
            group,
        })
    }

    /// Returns the store that it is kept in.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Bits of a place that hold the position.
const POSITION_BITS: u32 = 44;

/// Returns the key of an event: lane first, so that a range of positions is a range of keys.
pub(super) fn place(lane: i32, position: i64) -> i64 {
    (i64::from(lane) << POSITION_BITS) | position
}

/// Returns microseconds since 1970.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// Returns the instant of microseconds since 1970.
pub(super) fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[async_trait]
impl EventLog for DatabaseLog {
    async fn append(&self, append: Append) -> Result<Vec<Outcome>, LogError> {
        runtime::crash::point("received");
        let outcomes = self.group.submit(append).await??;
        runtime::crash::point("committed");
        Ok(outcomes)
    }

    async fn lanes(&self) -> Result<Vec<Lane>, LogError> {
        Ok(super::status::lanes(self.store.reader()).await?)
    }

    async fn claim_ahead(&self, lane: i32, lease: &Lease) -> Result<bool, LogError> {
        Ok(super::claim::claim_ahead(self, lane, lease).await?)
    }

    async fn next_batch(&self, lane: i32, lease: &Lease) -> Result<Option<Batch>, LogError> {
        Ok(super::claim::next_batch(self, lane, lease).await?)
    }

    async fn applied(
        &self,
        lane: i32,
        lease: &Lease,
        answers: AppliedBatch<'_>,
    ) -> Result<(), LogError> {
        Ok(super::claim::applied(self, lane, lease, answers).await?)
    }

    async fn idle_through(
        &self,
        lane: i32,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, LogError> {
        Ok(super::claim::idle_through(self, lane, lease, now).await?)
    }

    async fn archive_plan(
        &self,
        lane: i32,
        lease: &Lease,
    ) -> Result<Option<ArchivePlan>, LogError> {
        Ok(super::archive::plan(self, lane, lease).await?)
    }

    async fn archived(&self, lane: i32, lease: &Lease, plan: &ArchivePlan) -> Result<(), LogError> {
        Ok(super::archive::archived(self, lane, lease, plan).await?)
    }

    async fn trim(&self, lane: i32, lease: &Lease, before: DateTime<Utc>) -> Result<u64, LogError> {
        Ok(super::trim::trim(self, lane, lease, before).await?)
    }

    async fn forget_keys(&self, before: DateTime<Utc>) -> Result<u64, LogError> {
        Ok(super::trim::forget_keys(self, before).await?)
    }

    async fn release_accepted(&self) -> Result<u64, LogError> {
        Ok(super::quarantine::release_accepted(self).await?)
    }

    async fn expire_quarantined(&self, before: DateTime<Utc>) -> Result<u64, LogError> {
        Ok(DatabaseLog::expire_quarantined(self, before).await?)
    }

    async fn fill(&self) -> Result<Fill, LogError> {
        Ok(super::status::fill(self.store.reader(), self.limits.bytes_max).await?)
    }

    async fn status(&self, tenant: &str) -> Result<Status, LogError> {
        Ok(super::status::status(&self.store, tenant).await?)
    }
}
