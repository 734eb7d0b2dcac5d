//! Puts databases that were restored to one moment and a lake that may be ahead of them together again.
//!
//! The databases say how far each writer of the lake may have come at that moment; the lake is set back to its newest
//! version at which none had come further. Then every writer, and the cache, goes on under a new name. Each step can be
//! repeated, so that an interrupted run is simply run again.

use crate::cli::Output;
use crate::output;
use crate::settings::Embedded;
use anyhow::{Context, bail};
use ingestion::backup::LanePosition;
use lake::{Lake, Table, Transaction};
use profile::backup::Position;
use std::path::Path;
use std::time::Duration;

/// How long leases of processes that have ended may still hold.
const ENDED_LIMIT: Duration = Duration::from_secs(30);

/// What was done.
pub(crate) struct Realigned {
    /// New ids of the lanes.
    pub(crate) lanes: Vec<String>,
    /// Versions that the lake's tables were set back to, with those that they had.
    pub(crate) tables: Vec<(Table, u64, u64)>,
}

/// Realigns the databases and the lake of five services that do not run, after the databases were restored.
pub(crate) async fn realign(config: Option<&Path>, output: Output) -> anyhow::Result<()> {
    let settings = Embedded::load(config)?;
    let ingestion: ingestion::Config = settings.of("ingestion", ingestion::DEFAULTS)?;
    let profile: profile::Config = settings.of("profile", profile::DEFAULTS)?;
    if ingestion.lake.path != profile.lake.path {
        bail!("ingestion and profile name different lakes");
    }
    ingestion::backup::ended(&ingestion, ENDED_LIMIT).await?;
    profile::backup::ended(&profile, ENDED_LIMIT).await?;
    let done = put_together(&ingestion, &profile).await?;
    if output == Output::Json {
        let tables = done.tables.iter().map(|(table, was, is)| {
            serde_json::json!({"table": table.name(), "version": was, "set_back_to": is})
        });
        let tables: Vec<_> = tables.collect();
        return output::json(&serde_json::json!({"lanes": done.lanes, "lake": tables}));
    }
    let tables = done.tables.iter().map(|(table, was, is)| match was == is {
        true => format!("{} stays at version {is}", table.name()),
        false => format!(
            "{} was at version {was} and is again as at {is}",
            table.name()
        ),
    });
    output::text(&output::pairs(&[
        ("lake", tables.collect::<Vec<_>>().join(", ")),
        ("lanes", done.lanes.join(", ")),
    ]))
}

/// Sets the lake back to fit the databases, and lets everything go on under new names.
pub(super) async fn put_together(
    ingestion: &ingestion::Config,
    profile: &profile::Config,
) -> anyhow::Result<Realigned> {
    let lanes = ingestion::backup::lanes(ingestion).await?;
    let position = profile::backup::position(profile).await?;
    let old = lanes
        .first()
        .map(|lane| lane.lane_id.as_str())
        .unwrap_or_default();
    let name = profile::backup::successor(profile, old).await?;
    let renamed: Vec<(String, String)> = lanes
        .iter()
        .map(|lane| (lane.lane_id.clone(), format!("{name}-{}", lane.lane)))
        .collect();
    check(&lanes, &renamed, &position)?;
    let lake = Lake::open(&ingestion.lake.path).await?;
    let mut tables = Vec::new();

    let ends = lanes.iter().map(|lane| End {
        writer: lane.lane_id.clone(),
        settled: lane.archived_batch,
        claimed: lane.archiving_batch,
    });
    let successors: Vec<String> = renamed.iter().map(|(_, new)| new.clone()).collect();
    tables.push(set_back(&lake, Table::Events, &ends.collect::<Vec<_>>(), &successors).await?);

    let identity = profile::backup::successor(profile, &position.identity_writer).await?;
    let end = End {
        writer: profile::backup::identity_app(&position.identity_writer),
        settled: position.identity_settled,
        claimed: position.identity_claimed,
    };
    let successor = profile::backup::identity_app(&identity);
    tables.push(set_back(&lake, Table::Identity, &[end], &[successor]).await?);

    // The log last: while it has its old names, a repeat begins at the beginning.
    profile::backup::begin_anew(profile, &renamed, &identity).await?;
    ingestion::backup::begin_anew(ingestion, &name).await?;
    Ok(Realigned {
        lanes: successors,
        tables,
    })
}

/// Fails unless the log and the profiles are of the same moment.
fn check(
    lanes: &[LanePosition],
    renamed: &[(String, String)],
    position: &Position,
) -> anyhow::Result<()> {
    for (lane, (old, new)) in lanes.iter().zip(renamed) {
        let applied = position.lanes.iter().find(|(id, _)| id == old || id == new);
        let applied = applied.map_or(0, |(_, number)| *number);
        if applied < lane.applied_batch || lane.claimed_batch < applied {
            bail!(
                "lane {}: profile has applied {applied} batches, the log knows of {} to {}: the two databases are not of the same moment",
                lane.lane,
                lane.applied_batch,
                lane.claimed_batch
            );
        }
    }
    Ok(())
}

/// How far a writer of the lake had come, as its database knows it.
struct End {
    writer: String,
    /// Surely in the lake.
    settled: i64,
    /// The most that may be in it.
    claimed: i64,
}

async fn set_back(
    lake: &Lake,
    table: Table,
    ends: &[End],
    successors: &[String],
) -> anyhow::Result<(Table, u64, u64)> {
    let bounds: Vec<Transaction> = ends
        .iter()
        .map(|end| Transaction {
            app_id: end.writer.clone(),
            version: end.claimed,
        })
        .collect();
    let was = lake.version(table).await?;
    let version = lake.newest_within(table, &bounds).await?;
    let version = version.with_context(|| {
        format!(
            "the lake's table {} has no version as old as the databases",
            table.name()
        )
    })?;
    let appended = lake.appended_at(table, version, &bounds).await?;
    for (end, appended) in ends.iter().zip(&appended) {
        if *appended < end.settled {
            bail!(
                "the lake's table {} holds less than the databases know to be there ({appended} of {} of {}): it is of an older moment",
                table.name(),
                end.settled,
                end.writer
            );
        }
    }
    let writers = successors
        .iter()
        .zip(appended)
        .map(|(writer, version)| Transaction {
            app_id: writer.clone(),
            version,
        });
    lake.set_back(table, version, &writers.collect::<Vec<_>>())
        .await?;
    Ok((table, was, version))
}
