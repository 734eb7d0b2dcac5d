//! From the lake back to the states of customers, as of any past time.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::PathBuf;

use api::common::StandardEvent;
use chrono::{DateTime, Utc};
use deltalake::arrow::array::{Array, AsArray};
use deltalake::arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use deltalake::parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use deltalake::{FilterOp, FilterValue};
use features::CustomerState;
use futures::TryStreamExt;
use prost::Message;
use uuid::Uuid;

use crate::{Lake, LakeError, RecordBatch, Table, events};

/// Rows decoded at a time; bounds memory beside the states themselves.
const ROWS_PER_BATCH: usize = 8_192;

/// What to replay.
#[derive(Debug, Clone)]
pub struct ReplayRequest {
    /// Tenant whose events to read.
    pub tenant: String,
    /// Last day that counts, in the tenant's zone, as days since 1970-01-01.
    pub as_of_day: i32,
    /// What became known later is left out, events and identity alike.
    pub known_by: DateTime<Utc>,
}

/// One customer's history as a state.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerHistory {
    /// The customer, as of the time asked for.
    pub customer_id: Uuid,
    /// The customer's dense number within the tenant.
    pub ordinal: i64,
    /// Merge of the states of the customer's fragments.
    pub state: CustomerState,
}

/// Answer of a replay.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Customers with at least one event, by ordinal.
    pub customers: Vec<CustomerHistory>,
    /// Events that count.
    pub events: u64,
    /// Events whose fragment no row of `identity` names yet: the identity table lags behind the events.
    pub events_without_customer: u64,
    /// Fragments of these events: as many customers at most.
    pub fragments_without_customer: u64,
    /// Newest `known_time` among the events that count: how far the lake reaches.
    pub watermark: Option<DateTime<Utc>>,
    /// Version of the table `events` that was read, for the record of what a model was trained on.
    pub events_version: u64,
}

/// How far a replay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Files read.
    pub files: usize,
    /// Files to read.
    pub files_total: usize,
    /// Rows read.
    pub rows: u64,
}

impl Lake {
    /// Replays a tenant's events into states, one per customer, sorted by ordinal.
    ///
    /// A fragment belongs to the customer that its newest row of `identity` known by then names; where all its rows
    /// came to be known later, to the one that its first row names. Memory: the states, and one batch of rows.
    /// `progress` is called between batches and ends the replay with [`LakeError::Cancelled`] when it answers `Break`.
    pub async fn replay<P>(&self, request: &ReplayRequest, progress: P) -> Result<Replay, LakeError>
    where
        P: FnMut(ReplayProgress) -> ControlFlow<()> + Send + 'static,
    {
        let (events_version, files) = self.files(Table::Events, &request.tenant).await?;
        // Identity is read after the events, so that no event that was read lacks its customer for being too new.
        let (_, identity) = self.files(Table::Identity, &request.tenant).await?;
        let request = request.clone();
        tokio::task::spawn_blocking(move || {
            let mut read = read_events(&files, &request, progress)?;
            let owners = read_identity(&identity, request.known_by)?;
            let mut replay = join(&mut read, &owners);
            replay.events_version = events_version;
            Ok(replay)
        })
        .await?
    }

    /// Replays a tenant's events into the state of each fragment, by the fragment's id in hexadecimal; whose they are does
    /// not matter. Otherwise as [`replay`](Self::replay).
    pub async fn replay_fragments<P>(
        &self,
        request: &ReplayRequest,
        progress: P,
    ) -> Result<HashMap<String, CustomerState>, LakeError>
    where
        P: FnMut(ReplayProgress) -> ControlFlow<()> + Send + 'static,
    {
        let (_, files) = self.files(Table::Events, &request.tenant).await?;
        let request = request.clone();
        tokio::task::spawn_blocking(move || {
            let read = read_events(&files, &request, progress)?;
            Ok(read
                .fragments
                .into_iter()
                .map(|(fragment, (state, _))| (fragment, state))
                .collect())
        })
        .await?
    }

    /// Returns a table's version and the files that hold a tenant's rows in it, in a stable order.
    async fn files(&self, table: Table, tenant: &str) -> Result<(u64, Vec<PathBuf>), LakeError> {
        let snapshot = self.snapshot(table).await?;
        let filter = [("tenant", FilterOp::Eq, FilterValue::Scalar(tenant))];
        let mut views: Vec<_> = snapshot
            .get_active_add_actions_by_partitions(&filter)
            .try_collect()
            .await?;
        views.sort_by_key(|view| (view.modification_time(), view.path().into_owned()));
        let folder = self.folder(table);
        let files = views
            .iter()
            .map(|view| folder.join(view.path().as_ref()))
            .collect();
        Ok((snapshot.version().unwrap_or_default(), files))
    }
}

/// States by fragment, with how many events each is made of.
struct ReadEvents {
    fragments: HashMap<String, (CustomerState, u64)>,
    watermark_micros: Option<i64>,
}

fn read_events<P>(
    files: &[PathBuf],
    request: &ReplayRequest,
    mut progress: P,
) -> Result<ReadEvents, LakeError>
where
    P: FnMut(ReplayProgress) -> ControlFlow<()>,
{
    let mut read = ReadEvents {
        fragments: HashMap::new(),
        watermark_micros: None,
    };
    let mut rows = 0;
    for (at, file) in files.iter().enumerate() {
        for batch in open(file, &["event_day", "known_time", "fragment", "payload"])? {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            read.add(&batch, request)?;
            let reached = ReplayProgress {
                files: at,
                files_total: files.len(),
                rows,
            };
            if progress(reached).is_break() {
                return Err(LakeError::Cancelled);
            }
        }
    }
    let done = ReplayProgress {
        files: files.len(),
        files_total: files.len(),
        rows,
    };
    match progress(done) {
        ControlFlow::Break(()) => Err(LakeError::Cancelled),
        ControlFlow::Continue(()) => Ok(read),
    }
}

impl ReadEvents {
    fn add(&mut self, batch: &RecordBatch, request: &ReplayRequest) -> Result<(), LakeError> {
        let days = column(batch, "event_day")?
            .as_primitive_opt::<Date32Type>()
            .ok_or_else(|| mistyped("event_day"))?;
        let known = column(batch, "known_time")?
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| mistyped("known_time"))?;
        let fragments = column(batch, "fragment")?
            .as_string_opt::<i32>()
            .ok_or_else(|| mistyped("fragment"))?;
        let payloads = column(batch, "payload")?
            .as_binary_opt::<i32>()
            .ok_or_else(|| mistyped("payload"))?;
        let known_by = request.known_by.timestamp_micros();
        for row in 0..batch.num_rows() {
            if request.as_of_day < days.value(row) || known_by < known.value(row) {
                continue;
            }
            let event = StandardEvent::decode(payloads.value(row))
                .map_err(|error| LakeError::Damaged(format!("payload of an event: {error}")))?;
            self.watermark_micros = self.watermark_micros.max(Some(known.value(row)));
            let (state, count) = match self.fragments.get_mut(fragments.value(row)) {
                Some(found) => found,
                None => self
                    .fragments
                    .entry(fragments.value(row).to_owned())
                    .or_default(),
            };
            state.apply(&events::from_standard(&event));
            *count += 1;
        }
        Ok(())
    }
}

/// A row of `identity`, as far as it matters here.
#[derive(Debug, Clone, Copy)]
struct Owner {
    change_seq: i64,
    customer_id: Uuid,
    ordinal: i64,
    in_time: bool,
}

impl Owner {
    /// Known by the time beats known later; among the first the newest holds, among the second the oldest.
    fn beats(&self, other: &Self) -> bool {
        match (self.in_time, other.in_time) {
            (true, true) => other.change_seq < self.change_seq,
            (false, false) => self.change_seq < other.change_seq,
            (in_time, _) => in_time,
        }
    }
}

fn read_identity(
    files: &[PathBuf],
    known_by: DateTime<Utc>,
) -> Result<HashMap<String, Owner>, LakeError> {
    let mut owners: HashMap<String, Owner> = HashMap::new();
    for file in files {
        for batch in open(
            file,
            &[
                "fragment",
                "customer_id",
                "ordinal",
                "change_seq",
                "known_time",
            ],
        )? {
            let batch = batch?;
            let text = |name: &'static str| {
                column(&batch, name)?
                    .as_string_opt::<i32>()
                    .ok_or_else(|| mistyped(name))
            };
            let number = |name: &'static str| {
                column(&batch, name)?
                    .as_primitive_opt::<Int64Type>()
                    .ok_or_else(|| mistyped(name))
            };
            let (fragments, customers) = (text("fragment")?, text("customer_id")?);
            let (ordinals, changes) = (number("ordinal")?, number("change_seq")?);
            let known = column(&batch, "known_time")?
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or_else(|| mistyped("known_time"))?;
            for row in 0..batch.num_rows() {
                let owner = Owner {
                    change_seq: changes.value(row),
                    customer_id: customers
                        .value(row)
                        .parse()
                        .map_err(|_| mistyped("customer_id"))?,
                    ordinal: ordinals.value(row),
                    in_time: known.value(row) <= known_by.timestamp_micros(),
                };
                let holder = owners
                    .entry(fragments.value(row).to_owned())
                    .or_insert(owner);
                if owner.beats(holder) {
                    *holder = owner;
                }
            }
        }
    }
    Ok(owners)
}

fn join(read: &mut ReadEvents, owners: &HashMap<String, Owner>) -> Replay {
    let mut replay = Replay {
        watermark: read
            .watermark_micros
            .and_then(DateTime::from_timestamp_micros),
        ..Replay::default()
    };
    // Merging in the order of fragments keeps even what is approximate the same from run to run.
    let mut fragments: Vec<_> = std::mem::take(&mut read.fragments).into_iter().collect();
    fragments.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    let mut customers: BTreeMap<(i64, Uuid), CustomerState> = BTreeMap::new();
    for (fragment, (state, events)) in fragments {
        replay.events += events;
        match owners.get(&fragment) {
            Some(owner) => customers
                .entry((owner.ordinal, owner.customer_id))
                .or_default()
                .merge(&state),
            None => {
                replay.events_without_customer += events;
                replay.fragments_without_customer += 1;
            }
        }
    }
    replay.customers = customers
        .into_iter()
        .map(|((ordinal, customer_id), state)| CustomerHistory {
            customer_id,
            ordinal,
            state,
        })
        .collect();
    replay
}

/// Opens a file for reading some of its columns, batch by batch.
fn open(
    path: &PathBuf,
    columns: &[&str],
) -> Result<
    impl Iterator<Item = Result<RecordBatch, deltalake::arrow::error::ArrowError>> + use<>,
    LakeError,
> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    Ok(builder
        .with_projection(mask)
        .with_batch_size(ROWS_PER_BATCH)
        .build()?)
}

fn column<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a dyn Array, LakeError> {
    batch
        .column_by_name(name)
        .map(|it| it.as_ref())
        .ok_or_else(|| mistyped(name))
}

fn mistyped(name: &'static str) -> LakeError {
    LakeError::Damaged(format!("column {name} is missing or has another type"))
}
