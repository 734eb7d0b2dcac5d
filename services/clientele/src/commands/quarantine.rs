//! `clientele quarantine`: looks into records that could not be accepted, mends them, lets them through or gives them up.

use super::request_id;
use crate::cli::{Output, QuarantineCommand, QuarantineFilterArgs, ServiceName};
use crate::clients::Clients;
use crate::progress::Progress;
use crate::{money, operation, output};
use anyhow::bail;
use api::ingestion::{
    CorrectQuarantinedRequest, DiscardQuarantinedMetadata, DiscardQuarantinedRequest,
    DiscardQuarantinedResponse, GetQuarantinedRequest, ListQuarantinedRequest, QuarantineFilter,
    QuarantinedRecord, ReplayQuarantinedMetadata, ReplayQuarantinedRequest,
    ReplayQuarantinedResponse,
};
use chrono::{DateTime, Utc};
use prost_types::value::Kind;

const SERVICE: ServiceName = ServiceName::Ingestion;
/// Longest text of a cell of the list.
const CELL_CHARS_MAX: usize = 60;

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: QuarantineCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        QuarantineCommand::List {
            filter,
            limit,
            page_token,
        } => list(clients, filter, limit, page_token, output).await,
        QuarantineCommand::Get { record } => {
            let request = clients.request(GetQuarantinedRequest {
                name: name(&record),
            });
            let answer = clients.quarantine().get_quarantined(request).await;
            let record = answer.map_err(clients.failed(SERVICE))?.into_inner();
            output::message(output, &record, describe)
        }
        QuarantineCommand::Correct { record, set } => {
            let mut values = std::collections::HashMap::new();
            for pair in &set {
                let Some((field, text)) = pair.split_once('=') else {
                    bail!("'{pair}' in --set has no '=': write FIELD=TEXT");
                };
                values.insert(field.to_owned(), text.to_owned());
            }
            let request = CorrectQuarantinedRequest {
                name: name(&record),
                values,
                request_id: request_id(),
            };
            let request = clients.request(request);
            let answer = clients.quarantine().correct_quarantined(request).await;
            let record = answer.map_err(clients.failed(SERVICE))?.into_inner();
            output::message(output, &record, |it| {
                let next = match it.violations.is_empty() {
                    true => format!(
                        "It passes now: let it through with 'clientele quarantine replay {}'.",
                        it.name
                    ),
                    false => "It does not pass yet.".to_owned(),
                };
                format!("{}\n{next}", describe(it))
            })
        }
        QuarantineCommand::Replay { filter, dry_run } => {
            replay(clients, filter, dry_run, output).await
        }
        QuarantineCommand::Discard { filter, why, by } => {
            discard(clients, filter, why, by, output).await
        }
    }
}

async fn list(
    clients: &Clients,
    filter: QuarantineFilterArgs,
    limit: i32,
    page_token: String,
    output: Output,
) -> anyhow::Result<()> {
    let request = clients.request(ListQuarantinedRequest {
        filter: Some(to_filter(filter)),
        page_size: limit,
        page_token,
    });
    let answer = clients.quarantine().list_quarantined(request).await;
    let page = answer.map_err(clients.failed(SERVICE))?.into_inner();
    output::message(output, &page, |it| {
        if it.records.is_empty() {
            return "No such records are in quarantine.".to_owned();
        }
        let more = match it.next_page_token.as_str() {
            "" => String::new(),
            token => format!("\nnext page: --page-token {token}"),
        };
        format!(
            "{}\n{} of {} records{more}",
            table(&it.records),
            it.records.len(),
            money::group(it.total_size.max(0) as u64)
        )
    })
}

async fn replay(
    clients: &Clients,
    filter: QuarantineFilterArgs,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<()> {
    let progress = Progress::start("replaying");
    let request = clients.request(ReplayQuarantinedRequest {
        filter: Some(to_filter(filter)),
        validate_only: dry_run,
        request_id: request_id(),
    });
    let started = clients.quarantine().replay_quarantined(request).await;
    let started = started.map_err(clients.failed(SERVICE))?.into_inner();
    let told = |metadata: &ReplayQuarantinedMetadata| {
        let done = metadata.receipts.as_ref().map_or(0, |it| it.received);
        progress.tell(format!("{done} records"));
    };
    let replayed: ReplayQuarantinedResponse =
        operation::wait(clients, SERVICE, started, told).await?;
    drop(progress);
    output::message(output, &replayed, |it| {
        let counts = it.receipts.unwrap_or_default();
        let rows = [
            ("judged", counts.received),
            (
                if dry_run { "would pass" } else { "committed" },
                counts.accepted,
            ),
            ("accepted before", counts.duplicate + counts.conflict),
            ("still in quarantine", counts.quarantined),
        ];
        let rows = rows.map(|(name, count)| (name, money::group(count.max(0) as u64)));
        output::pairs(&rows)
    })
}

async fn discard(
    clients: &Clients,
    filter: QuarantineFilterArgs,
    why: String,
    by: String,
    output: Output,
) -> anyhow::Result<()> {
    let progress = Progress::start("discarding");
    let request = clients.request(DiscardQuarantinedRequest {
        filter: Some(to_filter(filter)),
        justification: why,
        requested_by: by,
        request_id: request_id(),
    });
    let started = clients.quarantine().discard_quarantined(request).await;
    let started = started.map_err(clients.failed(SERVICE))?.into_inner();
    let told = |metadata: &DiscardQuarantinedMetadata| {
        progress.tell(format!("{} records", metadata.discarded));
    };
    let discarded: DiscardQuarantinedResponse =
        operation::wait(clients, SERVICE, started, told).await?;
    drop(progress);
    output::message(output, &discarded, |it| {
        format!(
            "{} records were given up",
            money::group(it.discarded.max(0) as u64)
        )
    })
}

/// Returns a record's resource name, given with or without its collection.
fn name(record: &str) -> String {
    match record.starts_with("quarantine/") {
        true => record.to_owned(),
        false => format!("quarantine/{record}"),
    }
}

fn to_filter(filter: QuarantineFilterArgs) -> QuarantineFilter {
    let time = |time: DateTime<Utc>| prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: time.timestamp_subsec_nanos() as i32,
    };
    QuarantineFilter {
        source: filter.source,
        reason: filter.reason,
        field: filter.field,
        from_time: filter.from.map(time),
        to_time: filter.to.map(time),
        names: filter.records.iter().map(|it| name(it)).collect(),
    }
}

fn table(records: &[QuarantinedRecord]) -> String {
    let mut table = output::table(
        &[
            "record",
            "source",
            "message id",
            "reasons",
            "times",
            "came last",
        ],
        &["times"],
    );
    for record in records {
        let mut reasons: Vec<String> = record
            .violations
            .iter()
            .map(|it| match it.field.as_str() {
                "" => it.reason.clone(),
                field => format!("{} ({field})", it.reason),
            })
            .collect();
        reasons.dedup();
        if reasons.is_empty() {
            reasons.push("none any more".to_owned());
        }
        table.add_row([
            record.name.trim_start_matches("quarantine/").to_owned(),
            record.source.clone(),
            short(&record.message_id),
            short(&reasons.join(", ")),
            record.times.to_string(),
            output::time(record.last_time.as_ref()),
        ]);
    }
    table.to_string()
}

fn short(text: &str) -> String {
    match text.chars().count() > CELL_CHARS_MAX {
        true => text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// Tells all that is known of a record.
fn describe(record: &QuarantinedRecord) -> String {
    let mut rows = vec![
        ("record", record.name.clone()),
        ("source", record.source.clone()),
        ("message id", record.message_id.clone()),
        ("came first", output::time(record.first_time.as_ref())),
        ("came last", output::time(record.last_time.as_ref())),
        ("times", record.times.to_string()),
    ];
    if !record.marks.is_empty() {
        rows.push(("marks", record.marks.join(", ")));
    }
    if !record.corrected_fields.is_empty() {
        rows.push(("corrected", record.corrected_fields.join(", ")));
    }
    let mut text = output::pairs(&rows);
    text.push_str(match record.violations.is_empty() {
        true => "\nNothing is wrong with it any more.\n",
        false => "\nWhat is wrong with it:\n",
    });
    for it in &record.violations {
        text.push_str(&format!(
            "  {} {}: {}\n",
            it.reason, it.field, it.description
        ));
    }
    match (&record.cells, &record.event) {
        (Some(cells), _) => {
            let cells: std::collections::BTreeMap<_, _> = cells.fields.iter().collect();
            let mut table = output::table(&["column", "value"], &[]);
            for (column, value) in cells {
                table.add_row([column.clone(), short(&plain(value))]);
            }
            text.push_str(&format!("\n{table}\n"));
        }
        (None, Some(event)) => {
            let document = api::json::to_value(event);
            let pretty = serde_json::to_string_pretty(&document).unwrap_or_default();
            text.push_str(&format!("\n{pretty}\n"));
        }
        (None, None) => {}
    }
    text
}

fn plain(value: &prost_types::Value) -> String {
    match &value.kind {
        Some(Kind::StringValue(text)) => text.clone(),
        Some(Kind::NumberValue(number)) => number.to_string(),
        Some(Kind::BoolValue(flag)) => flag.to_string(),
        Some(Kind::ListValue(list)) => {
            let all: Vec<String> = list.values.iter().map(plain).collect();
            all.join(", ")
        }
        Some(Kind::StructValue(_)) => "{…}".to_owned(),
        Some(Kind::NullValue(_)) | None => "(missing)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_given_without_their_collection() {
        assert_eq!(name("00ff"), "quarantine/00ff");
        assert_eq!(name("quarantine/00ff"), "quarantine/00ff");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(short("价格"), "价格");
        assert_eq!(short(&"x".repeat(200)).chars().count(), CELL_CHARS_MAX);
    }
}
