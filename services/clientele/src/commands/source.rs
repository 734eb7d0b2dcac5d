//! `clientele source`: registers sources, tries them out, pulls from them, and makes write keys.

use super::ingest::{ensure_tenant, read_contract};
use super::request_id;
use crate::cli::{KeyCommand, Output, ServiceName, Settings, SourceCommand};
use crate::clients::Clients;
use crate::output;
use anyhow::{Context, bail};
use api::ingestion::http_source::Paging;
use api::ingestion::source::Kind;
use api::ingestion::{
    CheckSourceRequest, CheckSourceResponse, CreateSourceRequest, CreateWriteKeyRequest,
    DeleteSourceRequest, FileSource, GetSourceRequest, HttpSource, ListSourcesRequest,
    ListSourcesResponse, ListWriteKeysRequest, ListWriteKeysResponse, NextLink, PageNumber,
    PageToken, PushSource, ReceiptCounts, RevokeWriteKeyRequest, RunSourceRequest, Source,
    SourceLimits, SourceRun, SourceRunState, SqlSource, UpdateSourceRequest,
};
use prost_types::FieldMask;
use std::time::Duration;

const SERVICE: ServiceName = ServiceName::Ingestion;
/// How often a pull is asked how far it is.
const POLL: Duration = Duration::from_millis(250);

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: SourceCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        SourceCommand::Create {
            id,
            settings,
            dry_run,
        } => create(clients, id, settings, dry_run, output).await,
        SourceCommand::Get { id } => {
            output::message(output, &get(clients, &id).await?, |it| describe(it))
        }
        SourceCommand::List => list(clients, output).await,
        SourceCommand::Update {
            id,
            settings,
            pause,
            resume,
            dry_run,
        } => {
            let paused = (pause || resume).then_some(pause);
            update(clients, &id, settings, paused, dry_run, output).await
        }
        SourceCommand::Delete { id } => {
            let request = DeleteSourceRequest { name: name(&id) };
            let deleted = clients
                .sources()
                .delete_source(clients.request(request))
                .await;
            deleted.map_err(clients.failed(SERVICE))?;
            output::text(&format!(
                "The source {id} is deleted; what it brought stays."
            ))
        }
        SourceCommand::Check { id, records } => check(clients, &id, records, output).await,
        SourceCommand::Run { id, no_wait } => pull(clients, &id, no_wait, output).await,
        SourceCommand::Keys(command) => keys(clients, command, output).await,
    }
}

async fn create(
    clients: &Clients,
    id: String,
    settings: Settings,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<()> {
    let mut source = Source::default();
    apply(clients, &settings, &mut source).await?;
    if source.kind.is_none() {
        bail!("say how its data comes: --push, --file, --sql or --http");
    }
    let request = CreateSourceRequest {
        source_id: id,
        source: Some(source),
        request_id: request_id(),
        validate_only: dry_run,
    };
    let created = clients
        .sources()
        .create_source(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?;
    output::message(output, created.get_ref(), describe)
}

async fn update(
    clients: &Clients,
    id: &str,
    settings: Settings,
    paused: Option<bool>,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<()> {
    let mut source = Source {
        name: name(id),
        paused: paused.unwrap_or_default(),
        ..Source::default()
    };
    let mut paths = apply(clients, &settings, &mut source).await?;
    if paused.is_some() {
        paths.push("paused".into());
    }
    if paths.is_empty() {
        bail!("nothing is to change: see 'clientele source update --help'");
    }
    let request = UpdateSourceRequest {
        source: Some(source),
        update_mask: Some(FieldMask { paths }),
        request_id: request_id(),
        validate_only: dry_run,
    };
    let updated = clients
        .sources()
        .update_source(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?;
    output::message(output, updated.get_ref(), describe)
}

/// Takes over what the command line says, and returns the fields that it names.
async fn apply(
    clients: &Clients,
    settings: &Settings,
    source: &mut Source,
) -> anyhow::Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut named = |path: &str| paths.push(path.to_owned());
    if let Some(text) = &settings.display_name {
        source.display_name = text.clone();
        named("display_name");
    }
    if let Some(path) = &settings.contract {
        let contract = read_contract(path).await?;
        ensure_tenant(clients, &contract).await?;
        source.contract_yaml = contract.text;
        named("contract_yaml");
    }
    if let Some(text) = &settings.schedule {
        source.schedule = text.clone();
        named("schedule");
    }
    if let Some(text) = &settings.freshness {
        source.freshness_target = Some(length("--freshness", text)?);
        named("freshness_target");
    }
    if settings.events_per_second.is_some() || settings.event_bytes_max.is_some() {
        source.limits = Some(SourceLimits {
            events_per_second: settings.events_per_second.unwrap_or_default(),
            event_bytes_max: settings.event_bytes_max.unwrap_or_default(),
        });
        named("limits");
    }
    source.kind = kind(settings)?;
    match &source.kind {
        None => {}
        Some(Kind::Push(_)) => named("push"),
        Some(Kind::File(_)) => named("file"),
        Some(Kind::Sql(_)) => named("sql"),
        Some(Kind::Http(_)) => named("http"),
    }
    Ok(paths)
}

fn kind(settings: &Settings) -> anyhow::Result<Option<Kind>> {
    if settings.push {
        return Ok(Some(Kind::Push(PushSource {})));
    }
    if let Some(url) = &settings.file {
        return Ok(Some(Kind::File(FileSource { url: url.clone() })));
    }
    if let Some(connection) = &settings.sql {
        let overlap = settings.overlap.as_deref();
        return Ok(Some(Kind::Sql(SqlSource {
            connection: connection.clone(),
            table: settings.table.clone().unwrap_or_default(),
            watermark_column: settings.watermark.clone().unwrap_or_default(),
            key_column: settings.key.clone().unwrap_or_default(),
            batch_rows: settings.batch_rows,
            overlap: overlap.map(|text| length("--overlap", text)).transpose()?,
        })));
    }
    let Some(url) = &settings.http else {
        return Ok(None);
    };
    let mut headers = std::collections::HashMap::new();
    for text in &settings.header {
        let (name, value) = pair("--header", text)?;
        headers.insert(name, value);
    }
    Ok(Some(Kind::Http(HttpSource {
        url: url.clone(),
        headers,
        records_path: settings.records_path.clone().unwrap_or_default(),
        paging: paging(settings)?,
        requests_per_second: settings.requests_per_second,
        pages_max: settings.pages_max,
    })))
}

fn paging(settings: &Settings) -> anyhow::Result<Option<Paging>> {
    if let Some(path) = &settings.next_link {
        return Ok(Some(Paging::NextLink(NextLink { path: path.clone() })));
    }
    if let Some(text) = &settings.page_token {
        let (path, parameter) = pair("--page-token", text)?;
        return Ok(Some(Paging::PageToken(PageToken { path, parameter })));
    }
    let Some(text) = &settings.page_number else {
        return Ok(None);
    };
    let (parameter, first) = pair("--page-number", text)?;
    let first = first
        .parse()
        .with_context(|| format!("'{first}' in --page-number is no number"))?;
    Ok(Some(Paging::PageNumber(PageNumber { parameter, first })))
}

fn pair(option: &str, text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text
        .split_once('=')
        .with_context(|| format!("{option} is written as NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn length(option: &str, text: &str) -> anyhow::Result<prost_types::Duration> {
    match runtime::config::duration::parse(text) {
        Ok(length) => Ok(runtime::time::duration_to_proto(length)),
        Err(problem) => bail!("{option}: {problem}"),
    }
}

fn name(id: &str) -> String {
    match id.starts_with("sources/") {
        true => id.to_owned(),
        false => format!("sources/{id}"),
    }
}

async fn get(clients: &Clients, id: &str) -> anyhow::Result<Source> {
    let request = GetSourceRequest { name: name(id) };
    let found = clients.sources().get_source(clients.request(request)).await;
    Ok(found.map_err(clients.failed(SERVICE))?.into_inner())
}

async fn list(clients: &Clients, output: Output) -> anyhow::Result<()> {
    let mut all = ListSourcesResponse::default();
    loop {
        let request = ListSourcesRequest {
            page_size: 200,
            page_token: std::mem::take(&mut all.next_page_token),
        };
        let page = clients
            .sources()
            .list_sources(clients.request(request))
            .await
            .map_err(clients.failed(SERVICE))?
            .into_inner();
        all.sources.extend(page.sources);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            break;
        }
    }
    output::message(output, &all, |it| {
        if it.sources.is_empty() {
            return "No sources yet: register one with 'clientele source create'.".into();
        }
        let header = [
            "source",
            "kind",
            "contract",
            "accepted",
            "quarantined",
            "last pull",
            "next pull",
        ];
        let mut table = output::table(&header, &["contract", "accepted", "quarantined"]);
        for source in &it.sources {
            let receipts = source.receipts.unwrap_or_default();
            table.add_row([
                source.name.trim_start_matches("sources/").to_owned(),
                state(source).to_owned(),
                source.contract_revision.to_string(),
                receipts.accepted.to_string(),
                receipts.quarantined.to_string(),
                source.last_run.as_ref().map(outcome).unwrap_or_default(),
                output::time(source.next_run_time.as_ref()),
            ]);
        }
        table.to_string()
    })
}

fn state(source: &Source) -> &'static str {
    match &source.kind {
        _ if source.paused => "paused",
        None => "",
        Some(Kind::Push(_)) => "push",
        Some(Kind::File(_)) => "file",
        Some(Kind::Sql(_)) => "sql",
        Some(Kind::Http(_)) => "http",
    }
}

fn outcome(run: &SourceRun) -> String {
    let state = match run.state() {
        SourceRunState::Unspecified => "",
        SourceRunState::Running => "running",
        SourceRunState::Succeeded => "succeeded",
        SourceRunState::Failed => "failed",
        SourceRunState::Unchanged => "unchanged",
    };
    let time = output::time(run.end_time.as_ref().or(run.start_time.as_ref()));
    format!("{state} {time}").trim_end().to_owned()
}

fn told(receipts: Option<&ReceiptCounts>) -> String {
    let it = receipts.copied().unwrap_or_default();
    format!(
        "{} received: {} accepted, {} duplicate, {} conflict, {} quarantined, {} rejected",
        it.received, it.accepted, it.duplicate, it.conflict, it.quarantined, it.rejected
    )
}

fn describe(source: &Source) -> String {
    let mut rows = vec![
        (
            "source",
            source.name.trim_start_matches("sources/").to_owned(),
        ),
        ("name", source.display_name.clone()),
        ("kind", state(source).to_owned()),
        (
            "contract",
            match source.contract_revision {
                0 => "none".to_owned(),
                revision => format!("revision {revision}"),
            },
        ),
        ("schedule", source.schedule.clone()),
        ("next pull", output::time(source.next_run_time.as_ref())),
        ("position", source.position.clone()),
        ("receipts", told(source.receipts.as_ref())),
    ];
    if let Some(run) = &source.last_run {
        rows.push((
            "last pull",
            format!("{}, number {}", outcome(run), run.number),
        ));
        rows.push(("", told(run.receipts.as_ref())));
        rows.push(("problem", run.error.clone()));
    }
    rows.retain(|(_, value)| !value.is_empty());
    output::pairs(&rows)
}

async fn check(clients: &Clients, id: &str, records: i32, output: Output) -> anyhow::Result<()> {
    let request = CheckSourceRequest {
        name: name(id),
        source: None,
        records_max: records,
    };
    let checked = clients
        .sources()
        .check_source(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?
        .into_inner();
    output::message(output, &checked, |it: &CheckSourceResponse| {
        let mut text = match it.problem.as_str() {
            "" => String::new(),
            problem => format!("{problem}\n"),
        };
        if it.reachable {
            text.push_str(&format!("{}\n", told(it.receipts.as_ref())));
        }
        if !it.violations.is_empty() {
            let mut table = output::table(&["field", "reason", "example"], &[]);
            for one in &it.violations {
                table.add_row([&one.field, &one.reason, &one.description]);
            }
            text.push_str(&table.to_string());
        }
        text
    })?;
    match checked.reachable {
        true => Ok(()),
        false => bail!("the source {id} cannot be read: {}", checked.problem),
    }
}

async fn pull(clients: &Clients, id: &str, no_wait: bool, output: Output) -> anyhow::Result<()> {
    let request = RunSourceRequest {
        name: name(id),
        request_id: request_id(),
    };
    let planned = clients
        .sources()
        .run_source(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?
        .into_inner();
    if no_wait {
        return output::message(output, &planned, |it| {
            format!("Pull {} is planned.", it.run)
        });
    }
    let source = loop {
        let source = get(clients, id).await?;
        let ended = |run: &SourceRun| run.number >= planned.run && run.end_time.is_some();
        if source.last_run.as_ref().is_some_and(ended) {
            break source;
        }
        tokio::time::sleep(POLL).await;
    };
    output::message(output, &source, describe)?;
    match source.last_run {
        Some(run) if run.state() == SourceRunState::Failed => {
            bail!("the pull from {id} failed: {}", run.error)
        }
        _ => Ok(()),
    }
}

async fn keys(clients: &Clients, command: KeyCommand, output: Output) -> anyhow::Result<()> {
    match command {
        KeyCommand::Create { source } => {
            let request = CreateWriteKeyRequest {
                parent: name(&source),
            };
            let made = clients
                .sources()
                .create_write_key(clients.request(request))
                .await
                .map_err(clients.failed(SERVICE))?;
            output::message(output, made.get_ref(), |it| {
                format!("{}\nKeep it now: it is shown this once.", it.secret)
            })
        }
        KeyCommand::List { source } => list_keys(clients, &source, output).await,
        KeyCommand::Revoke { name } => {
            let request = RevokeWriteKeyRequest { name: name.clone() };
            clients
                .sources()
                .revoke_write_key(clients.request(request))
                .await
                .map_err(clients.failed(SERVICE))?;
            output::text(&format!("{name} is void within a few seconds."))
        }
    }
}

async fn list_keys(clients: &Clients, source: &str, output: Output) -> anyhow::Result<()> {
    let mut all = ListWriteKeysResponse::default();
    loop {
        let request = ListWriteKeysRequest {
            parent: name(source),
            page_size: 200,
            page_token: std::mem::take(&mut all.next_page_token),
        };
        let page = clients
            .sources()
            .list_write_keys(clients.request(request))
            .await
            .map_err(clients.failed(SERVICE))?
            .into_inner();
        all.write_keys.extend(page.write_keys);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            break;
        }
    }
    output::message(output, &all, |it| {
        let mut table = output::table(&["name", "begins with", "made", "void since"], &[]);
        for key in &it.write_keys {
            table.add_row([
                key.name.clone(),
                key.prefix.clone(),
                output::time(key.create_time.as_ref()),
                output::time(key.revoke_time.as_ref()),
            ]);
        }
        table.to_string()
    })
}
