//! `clientele model`: trains and lists models.

use super::{day, request_id};
use crate::cli::{ModelCommand, Output, ServiceName};
use crate::clients::Clients;
use crate::progress::Progress;
use crate::{money, operation, output};
use api::scoring::{
    ClvSettings, ListModelsRequest, ListModelsResponse, ModelVersion, TrainModelMetadata,
    TrainModelRequest,
};

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: ModelCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        ModelCommand::Train {
            as_of,
            horizon_months,
            no_promote,
            seed,
        } => {
            let request = TrainModelRequest {
                as_of: day(as_of),
                clv: Some(ClvSettings {
                    horizon_months,
                    ..Default::default()
                }),
                promote: !no_promote,
                seed,
                request_id: request_id(),
                ..Default::default()
            };
            output::message(output, &train(clients, request).await?, describe)
        }
        ModelCommand::List => {
            let request = clients.request(ListModelsRequest {
                page_size: 1_000,
                ..Default::default()
            });
            let answer = clients
                .models()
                .list_models(request)
                .await
                .map_err(clients.failed(ServiceName::Scoring))?;
            output::message(output, &answer.into_inner(), list)
        }
    }
}

/// Trains a model, shows how it goes, and returns the new version.
pub(crate) async fn train(
    clients: &Clients,
    request: TrainModelRequest,
) -> anyhow::Result<ModelVersion> {
    let progress = Progress::start("training");
    let started = clients
        .models()
        .train_model(clients.request(request))
        .await
        .map_err(clients.failed(ServiceName::Scoring))?;
    operation::wait(
        clients,
        ServiceName::Scoring,
        started.into_inner(),
        |metadata: &TrainModelMetadata| {
            progress.tell(format!(
                "{}: {} events, {} customers",
                metadata.stage, metadata.events, metadata.customers
            ));
        },
    )
    .await
}

/// Describes a version for people.
pub(crate) fn describe(version: &ModelVersion) -> String {
    let mut table = output::table(
        &["model", "parameters", "log-likelihood"],
        &["log-likelihood"],
    );
    let btyd = [("BG/NBD", &version.bgnbd), ("MBG/NBD", &version.mbgnbd)];
    for (name, parameters) in btyd {
        if let Some(it) = parameters {
            let text = format!(
                "r {:.4}  alpha {:.4}  a {:.4}  b {:.4}",
                it.r, it.alpha, it.a, it.b
            );
            table.add_row([name.to_owned(), text, format!("{:.2}", it.log_likelihood)]);
        }
    }
    if let Some(it) = &version.gamma_gamma {
        let text = format!("p {:.4}  q {:.4}  v {:.4}", it.p, it.q, it.v);
        table.add_row([
            "Gamma-Gamma".to_owned(),
            text,
            format!("{:.2}", it.log_likelihood),
        ]);
    }
    let excluded: Vec<String> = version
        .exclusions
        .iter()
        .map(|it| format!("{} {}", money::group(it.customers.max(0) as u64), it.reason))
        .collect();
    let rows = [
        (
            "version",
            format!(
                "{}{}",
                version.name,
                if version.champion { " (champion)" } else { "" }
            ),
        ),
        ("as of", version.as_of.clone()),
        ("customers", money::group(version.customers.max(0) as u64)),
        (
            "left out",
            if excluded.is_empty() {
                "none".into()
            } else {
                excluded.join(", ")
            },
        ),
        ("content hash", version.content_hash.clone()),
    ];
    format!("{table}\n{}", output::pairs(&rows))
}

fn list(answer: &ListModelsResponse) -> String {
    let mut table = output::table(
        &["version", "champion", "as of", "customers", "created"],
        &["customers"],
    );
    for it in &answer.models {
        let champion = if it.champion { "yes" } else { "" };
        table.add_row([
            &it.name,
            champion,
            &it.as_of,
            &money::group(it.customers.max(0) as u64),
            &output::time(it.create_time.as_ref()),
        ]);
    }
    match answer.models.is_empty() {
        true => "No models yet: train one with 'clientele model train'.".into(),
        false => table.to_string(),
    }
}
