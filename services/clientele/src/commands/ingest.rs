//! `clientele ingest`: imports files and waits until the suite has taken them in.

use super::{dry_run, request_id};
use crate::cli::{Ingest, Output, ServiceName};
use crate::clients::Clients;
use crate::interrupt::Interrupted;
use crate::progress::Progress;
use crate::{failure, money, operation, output};
use anyhow::{Context, bail};
use api::ingestion::{
    GetLogStatusRequest, GetLogStatusResponse, ImportFileMetadata, ImportFileRequest,
    ImportFileResponse, ReceiptCounts, UploadFileRequest,
};
use api::profile::{CreateTenantRequest, GetTenantRequest, Tenant};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

/// Bytes of one message of an upload.
const PIECE_BYTES: usize = 512 << 10;
/// How long a file may take to upload.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How often the event log is asked how far it is.
const POLL: Duration = Duration::from_millis(100);
/// How long the event log may stand still before waiting is given up.
const STALL: Duration = Duration::from_secs(120);

const SERVICE: ServiceName = ServiceName::Ingestion;

/// Runs the command.
pub(crate) async fn run(clients: &Clients, ingest: Ingest, output: Output) -> anyhow::Result<()> {
    let contract = match contract_path(&ingest)? {
        Some(path) if ingest.dry_run && !path.exists() => {
            return dry_run::propose(clients, &ingest, Some(&path), output).await;
        }
        Some(path) => {
            let contract = read_contract(&path).await?;
            ensure_tenant(clients, &contract).await?;
            contract.text
        }
        None if ingest.dry_run => {
            return dry_run::propose(clients, &ingest, None, output).await;
        }
        // The contract that the source is registered with.
        None => String::new(),
    };
    let mut rejected = 0;
    for file in &ingest.files {
        let imported = import(clients, file, &ingest.source, &contract, ingest.dry_run).await?;
        rejected += imported.receipts.as_ref().map_or(0, |it| it.rejected);
        output::message(output, &imported, describe)?;
    }
    if !ingest.dry_run && !ingest.no_wait {
        wait_until_settled(clients).await?;
    }
    if rejected > 0 {
        eprintln!(
            "{rejected} rows were malformed beyond keeping; the reasons above name the first line of each kind"
        );
    }
    Ok(())
}

/// A data contract: its text, and what of it the command line itself needs.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    /// The YAML.
    pub(crate) text: String,
    /// IANA zone of its local times.
    pub(crate) time_zone: String,
    /// ISO 4217 code of its amounts.
    pub(crate) currency: String,
}

/// Reads a contract and checks it.
pub(crate) async fn read_contract(path: &Path) -> anyhow::Result<Contract> {
    let text = tokio::fs::read_to_string(path).await.with_context(|| {
        format!(
            "cannot read the contract {}: name another with --contract",
            path.display()
        )
    })?;
    match ingestion::domain::contract::parse(&text) {
        Ok(contract) => Ok(Contract {
            text,
            time_zone: contract.zone.name().to_owned(),
            currency: contract.currency,
        }),
        Err(mistakes) => {
            let told: Vec<String> = mistakes
                .iter()
                .map(|it| format!("{} {}", it.field, it.description).trim().to_owned())
                .collect();
            let many = match told.len() {
                1 => "a mistake".to_owned(),
                many => format!("{many} mistakes"),
            };
            bail!(
                "the contract {} has {many}: {}",
                path.display(),
                told.join("; ")
            )
        }
    }
}

/// Returns the contract that is named, or the one beside the first file, where there is one.
fn contract_path(ingest: &Ingest) -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = &ingest.contract {
        return Ok(Some(path.clone()));
    }
    let first = ingest.files.first().context("name at least one file")?;
    let beside = first.with_file_name(format!("{}.yaml", ingest.source));
    Ok(beside.exists().then_some(beside))
}

/// Makes sure that the tenant exists, with the contract's zone and currency. Only the default tenant is created here.
pub(crate) async fn ensure_tenant(
    clients: &Clients,
    contract: &Contract,
) -> anyhow::Result<Tenant> {
    let request = GetTenantRequest {
        tenant_id: clients.tenant().to_owned(),
    };
    match clients.tenants().get_tenant(clients.request(request)).await {
        Ok(tenant) => check_tenant(tenant.into_inner(), contract),
        Err(status)
            if failure::reason(&status) == "TENANT_NOT_FOUND" && clients.tenant() == "default" =>
        {
            let tenant = Tenant {
                tenant_id: clients.tenant().to_owned(),
                display_name: "Default".into(),
                time_zone: contract.time_zone.clone(),
                currency_code: contract.currency.clone(),
                ..Default::default()
            };
            let request = CreateTenantRequest {
                tenant: Some(tenant),
                request_id: request_id(),
            };
            let created = clients
                .tenants()
                .create_tenant(clients.request(request))
                .await;
            Ok(created
                .map_err(clients.failed(ServiceName::Profile))?
                .into_inner())
        }
        Err(status) => Err(clients.failed(ServiceName::Profile)(status)),
    }
}

fn check_tenant(tenant: Tenant, contract: &Contract) -> anyhow::Result<Tenant> {
    if tenant.currency_code != contract.currency {
        bail!(
            "tenant {} counts in {}, but the contract in {}: use another tenant with --tenant",
            tenant.tenant_id,
            tenant.currency_code,
            contract.currency
        );
    }
    Ok(tenant)
}

/// Uploads a file and imports it.
pub(crate) async fn import(
    clients: &Clients,
    file: &Path,
    source: &str,
    contract: &str,
    dry_run: bool,
) -> anyhow::Result<ImportFileResponse> {
    let upload = upload(clients, file).await?;
    let request = ImportFileRequest {
        upload,
        source: source.to_owned(),
        contract_yaml: contract.to_owned(),
        request_id: request_id(),
        validate_only: dry_run,
        ..Default::default()
    };
    let progress = Progress::start(&format!("importing {}", file.display()));
    let started = clients
        .imports()
        .import_file(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?;
    let mut counts = ReceiptCounts::default();
    let imported = operation::wait(
        clients,
        SERVICE,
        started.into_inner(),
        |metadata: &ImportFileMetadata| {
            progress.advance(
                metadata.read_bytes.max(0) as u64,
                metadata.size_bytes.max(0) as u64,
            );
            counts = metadata.receipts.unwrap_or_default();
            progress.tell(format!("{} rows", counts.received));
        },
    )
    .await;
    imported.map_err(|error| {
        let told = half_imported(&counts, dry_run);
        match error.is::<Interrupted>() {
            true => error.context(told),
            false => anyhow::anyhow!("{error:#}; {told}"),
        }
    })
}

/// Tells what became of the rows before the one at which an import ended.
fn half_imported(counts: &ReceiptCounts, dry_run: bool) -> String {
    if dry_run || counts.received == 0 {
        return "nothing was imported".to_owned();
    }
    let kinds = [
        ("accepted", counts.accepted),
        ("duplicate", counts.duplicate),
        ("in conflict", counts.conflict),
        ("quarantined", counts.quarantined),
        ("rejected", counts.rejected),
    ];
    let told: Vec<String> = kinds
        .iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|(kind, rows)| format!("{} {kind}", money::group((*rows).max(0) as u64)))
        .collect();
    format!(
        "the {} rows before it stand ({}): import the whole file when it is mended, nothing is counted twice",
        money::group(counts.received.max(0) as u64),
        told.join(", ")
    )
}

/// Opens a file of events; says what to do when it is none.
pub(crate) async fn check_file(
    path: &Path,
) -> anyhow::Result<(tokio::fs::File, std::fs::Metadata)> {
    let file = tokio::fs::File::open(path)
        .await
        .with_context(|| format!("cannot open {}", path.display()))?;
    let metadata = file
        .metadata()
        .await
        .with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_dir() {
        bail!("{} is a folder: name a file", path.display());
    }
    Ok((file, metadata))
}

async fn upload(clients: &Clients, path: &Path) -> anyhow::Result<String> {
    let (file, metadata) = check_file(path).await?;
    let size = metadata.len();
    let name = path
        .file_name()
        .map(|it| it.to_string_lossy().into_owned())
        .unwrap_or_default();
    let progress = Progress::start(&format!("uploading {}", path.display()));

    let pieces = futures::stream::unfold(
        (file, Some(name), 0_u64, progress),
        move |(mut file, name, done, progress)| async move {
            let mut data = vec![0; PIECE_BYTES];
            // A read error ends the stream; the size below then tells that the upload is short.
            let read = file.read(&mut data).await.unwrap_or(0);
            if read == 0 && name.is_none() {
                return None;
            }
            data.truncate(read);
            let done = done + read as u64;
            progress.advance(done, size);
            let piece = UploadFileRequest {
                file_name: name.unwrap_or_default(),
                data,
            };
            Some((piece, (file, None, done, progress)))
        },
    );
    let request = clients.request_within(pieces, UPLOAD_TIMEOUT);
    let answer = clients
        .imports()
        .upload_file(request)
        .await
        .map_err(clients.failed(SERVICE))?
        .into_inner();
    if answer.size_bytes < 0 || answer.size_bytes as u64 != size {
        bail!(
            "{} could be read only up to byte {} of {size}: check the disk and try again",
            path.display(),
            answer.size_bytes
        );
    }
    Ok(answer.upload)
}

/// Waits until every accepted event is applied to profiles and archived in the lake, or parked.
pub(crate) async fn wait_until_settled(clients: &Clients) -> anyhow::Result<GetLogStatusResponse> {
    let progress = Progress::start("applying");
    let mut last = (0, 0, 0);
    let mut moved = Instant::now();
    loop {
        let answer = clients
            .events()
            .get_log_status(clients.request(GetLogStatusRequest {}))
            .await;
        let status = answer.map_err(clients.failed(SERVICE))?.into_inner();
        if status.pending == 0 && status.archived >= status.accepted - status.parked {
            return Ok(status);
        }
        let now = (status.accepted, status.applied, status.archived);
        if now != last {
            last = now;
            moved = Instant::now();
        }
        if moved.elapsed() > STALL {
            bail!(
                "{} of {} accepted events are still not applied and {} not archived after {} s without progress: look at the logs of ingestion and profile",
                status.pending,
                status.accepted,
                status.accepted - status.parked - status.archived,
                STALL.as_secs()
            );
        }
        progress.advance(
            (status.applied + status.archived).max(0) as u64,
            (2 * status.accepted).max(0) as u64,
        );
        progress.tell(format!(
            "{} applied, {} archived of {}",
            status.applied, status.archived, status.accepted
        ));
        tokio::time::sleep(POLL).await;
    }
}

/// Describes what became of a file's rows.
pub(crate) fn describe(imported: &ImportFileResponse) -> String {
    let mut text = format!(
        "{}\n{}",
        imported.file_name,
        receipts(imported.receipts.as_ref())
    );
    if !imported.reasons.is_empty() {
        let mut table = output::table(
            &[
                "not accepted because",
                "field",
                "rows",
                "first line",
                "for example",
            ],
            &["rows", "first line"],
        );
        for it in &imported.reasons {
            table.add_row([
                &it.reason,
                &it.field,
                &money::group(it.rows.max(0) as u64),
                &it.first_line.to_string(),
                &it.description,
            ]);
        }
        text += &format!("\n{table}");
    }
    if !imported.marks.is_empty() {
        let marks: Vec<String> = imported
            .marks
            .iter()
            .map(|it| format!("{} {}", money::group(it.rows.max(0) as u64), it.mark))
            .collect();
        text += &format!("\nmarked: {}", marks.join(", "));
    }
    // Without an accepted event there is neither value nor time.
    if let Some(value) = &imported.value
        && !imported.first_event_time.is_empty()
    {
        text += &format!(
            "\nnet value {} {} from {} to {}",
            money::format(value.minor_units, &value.currency_code),
            value.currency_code,
            imported.first_event_time,
            imported.last_event_time
        );
    }
    text + "\n"
}

/// Returns a table of receipts.
pub(crate) fn receipts(counts: Option<&ReceiptCounts>) -> String {
    let Some(it) = counts else {
        return String::new();
    };
    let header = [
        "received",
        "accepted",
        "duplicate",
        "conflict",
        "quarantined",
        "rejected",
    ];
    let mut table = output::table(&header, &header);
    let values = [
        it.received,
        it.accepted,
        it.duplicate,
        it.conflict,
        it.quarantined,
        it.rejected,
    ];
    table.add_row(values.map(|value| money::group(value.max(0) as u64)));
    table.to_string()
}
