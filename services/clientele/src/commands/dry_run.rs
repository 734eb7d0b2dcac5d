//! `clientele ingest --dry-run` without a contract: tells what files look like and proposes a contract for them.

use super::ingest::check_file;
use crate::cli::{Ingest, Output};
use crate::clients::Clients;
use crate::progress::Progress;
use crate::{money, output};
use anyhow::Context;
use api::ingestion::{ColumnProfile, ProfileFileResponse};
use api::profile::GetTenantRequest;
use ingestion::domain::profiling::{Surroundings, Survey};
use ingestion::file::{FileFault, Limits, survey};
use ingestion::jobs::profile_response;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long the suite is waited for to tell the tenant's zone and currency; without it they are guessed.
const TENANT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time between two steps of the progress bar.
const STEP: Duration = Duration::from_millis(100);

/// Profiles the files where they are; the suite need not run. The first file's contract is written to `contract`.
pub(crate) async fn propose(
    clients: &Clients,
    ingest: &Ingest,
    contract: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let tenant = tenant(clients).await;
    for (index, file) in ingest.files.iter().enumerate() {
        let surveyed = read(file).await?;
        let around = Surroundings {
            file_name: name(file),
            source: ingest.source.clone(),
            zone: tenant.as_ref().map(|it| it.0.clone()),
            currency: tenant.as_ref().map(|it| it.1.clone()),
            today: chrono::Utc::now().date_naive(),
        };
        let profile = profile_response(&surveyed, &around);
        let written = contract.filter(|_| index == 0);
        if let Some(path) = written {
            tokio::fs::write(path, &profile.contract_yaml)
                .await
                .with_context(|| format!("cannot write the contract to {}", path.display()))?;
        }
        output::message(output, &profile, |it| describe(it, written))?;
    }
    Ok(())
}

/// Returns the tenant's zone and currency, where it exists and the suite runs.
async fn tenant(clients: &Clients) -> Option<(String, String)> {
    let request = GetTenantRequest {
        tenant_id: clients.tenant().to_owned(),
    };
    let mut tenants = clients.tenants();
    let asked = tenants.get_tenant(clients.request_within(request, TENANT_TIMEOUT));
    let answer = tokio::time::timeout(TENANT_TIMEOUT, asked).await.ok()?;
    let tenant = answer.ok()?.into_inner();
    Some((tenant.time_zone, tenant.currency_code))
}

fn name(file: &Path) -> String {
    file.file_name()
        .map(|it| it.to_string_lossy().into_owned())
        .unwrap_or_default()
}

async fn read(file: &Path) -> anyhow::Result<Survey> {
    let (_, metadata) = check_file(file).await?;
    let progress = Progress::start(&format!("reading {}", file.display()));
    let read = Arc::new(AtomicU64::new(0));
    let mut reading = {
        let (path, name, read) = (file.to_owned(), name(file), read.clone());
        tokio::task::spawn_blocking(move || -> Result<Survey, FileFault> {
            survey(&path, &name, &Limits::default(), read)
        })
    };
    loop {
        match tokio::time::timeout(STEP, &mut reading).await {
            Ok(ended) => return Ok(ended.context("reading the file broke down")??),
            Err(_) => progress.advance(read.load(Ordering::Relaxed), metadata.len()),
        }
    }
}

/// Describes a file, its columns, what to look at, and the contract.
fn describe(profile: &ProfileFileResponse, written: Option<&Path>) -> String {
    let mut text = format!(
        "{}: {}, {}, {} rows\n",
        profile.file_name,
        profile.format,
        profile.encoding,
        money::group(profile.rows.max(0) as u64)
    );
    text += &columns(&profile.columns);
    for remark in &profile.remarks {
        text += &format!("\n- {remark}");
    }
    match written {
        Some(path) => {
            text += &format!(
                "\n\nA contract for it is in {}: look at the lines with comments, then import with it.",
                path.display()
            );
        }
        None => {
            text += "\n\nA contract for it; look at the lines with comments, save it, and name it with --contract:\n\n";
            text += &profile.contract_yaml;
        }
    }
    text
}

fn columns(columns: &[ColumnProfile]) -> String {
    let header = [
        "column", "type", "missing", "distinct", "from", "to", "examples", "personal",
    ];
    let mut table = output::table(&header, &["missing", "distinct", "from", "to"]);
    for it in columns {
        table.add_row([
            it.name.clone(),
            it.logical_type.clone(),
            money::group(it.missing.max(0) as u64),
            money::group(it.distinct.max(0) as u64),
            it.min.clone(),
            it.max.clone(),
            it.examples.join(", "),
            it.personal.clone(),
        ]);
    }
    table.to_string()
}
