//! `clientele admin`: operates the suite itself.

use super::request_id;
use crate::cli::{CreateTenant, Output, ServiceName};
use crate::clients::Clients;
use crate::progress::Progress;
use crate::settings::{Embedded, Process};
use crate::suite;
use crate::{operation, output};
use api::profile::{
    CreateTenantRequest, RebuildStatesMetadata, RebuildStatesRequest, RebuildStatesResponse, Tenant,
};
use std::path::Path;

/// Creates the tenant that the command line speaks for.
pub(crate) async fn create_tenant(
    clients: &Clients,
    command: CreateTenant,
    output: Output,
) -> anyhow::Result<()> {
    let tenant = Tenant {
        tenant_id: clients.tenant().to_owned(),
        display_name: command.display_name,
        time_zone: command.time_zone,
        currency_code: command.currency,
        ..Default::default()
    };
    let request = CreateTenantRequest {
        tenant: Some(tenant),
        request_id: request_id(),
    };
    let answer = clients
        .tenants()
        .create_tenant(clients.request(request))
        .await;
    let created = answer
        .map_err(clients.failed(ServiceName::Profile))?
        .into_inner();
    output::message(output, &created, |it| {
        format!(
            "created tenant {}: {}, {}",
            it.tenant_id, it.time_zone, it.currency_code
        )
    })
}

/// Replays the tenant's events from the lake into fresh states, and replaces those that differ.
pub(crate) async fn rebuild(clients: &Clients, output: Output) -> anyhow::Result<()> {
    let progress = Progress::start("rebuilding");
    let request = clients.request(RebuildStatesRequest {
        request_id: request_id(),
    });
    let started = clients
        .profiles()
        .rebuild_states(request)
        .await
        .map_err(clients.failed(ServiceName::Profile))?;
    let told = |metadata: &RebuildStatesMetadata| {
        progress.tell(format!(
            "pass {}: {} fragments, {} replaced",
            metadata.pass, metadata.fragments, metadata.replaced
        ));
    };
    let rebuilt: RebuildStatesResponse =
        operation::wait(clients, ServiceName::Profile, started.into_inner(), told).await?;
    drop(progress);
    output::message(output, &rebuilt, |it| {
        format!(
            "{} states replaced, {} were what the lake says, {} could not be compared because the lake lags behind",
            it.replaced, it.unchanged, it.lagging
        )
    })
}

/// Brings databases up to date: of one service by its settings, or of the embedded suite in a folder.
pub(crate) async fn migrate(
    service: Option<ServiceName>,
    folder: &Path,
    config: Option<&Path>,
) -> anyhow::Result<()> {
    macro_rules! migrate {
        ($service:ident) => {{
            let process: Process<$service::Config> =
                runtime::config::load($service::DEFAULTS, config)?;
            $service::Service::migrate(&process.service).await?;
        }};
    }
    match service {
        None => suite::migrate(folder, &Embedded::load(config)?).await?,
        Some(ServiceName::Ingestion) => migrate!(ingestion),
        Some(ServiceName::Profile) => migrate!(profile),
        Some(ServiceName::Scoring) => migrate!(scoring),
        Some(ServiceName::Segmentation) => migrate!(segmentation),
        Some(ServiceName::CampaignRecommendation) => migrate!(campaign_recommendation),
    }
    let what = service.map_or("all five services", ServiceName::as_str);
    output::text(&format!("The database of {what} is up to date."))
}
