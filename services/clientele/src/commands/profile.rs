//! `clientele profile`: one customer as the suite knows them.

use super::end_of_day;
use crate::cli::{Output, ProfileCommand, ServiceName};
use crate::clients::Clients;
use crate::{customers, output};
use api::profile::{FeatureValue, GetProfileRequest, Profile, ValueStatus, feature_value::Value};

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: ProfileCommand,
    output: Output,
) -> anyhow::Result<()> {
    let ProfileCommand::Show { customer, as_of } = command;
    let request = GetProfileRequest {
        customer: Some(customers::parse(&customer)?),
        as_of: as_of.map(end_of_day),
    };
    let answer = clients
        .profiles()
        .get_profile(clients.request(request))
        .await
        .map_err(clients.failed(ServiceName::Profile))?;
    output::message(output, &answer.into_inner(), describe)
}

fn describe(profile: &Profile) -> String {
    let identifiers: Vec<String> = profile
        .identifiers
        .iter()
        .map(|it| format!("{} {}", it.namespace, it.fragment_id))
        .collect();
    let head = output::pairs(&[
        ("customer", profile.customer_id.clone()),
        ("ordinal", profile.ordinal.to_string()),
        (
            "also known as",
            if profile.alias_ids.is_empty() {
                "nobody else".into()
            } else {
                profile.alias_ids.join(", ")
            },
        ),
        ("identifiers", identifiers.join(", ")),
        ("as of", output::time(profile.as_of.as_ref())),
    ]);
    let mut persona = output::table(&["persona", "label", "evidence"], &[]);
    for it in &profile.persona {
        persona.add_row([&it.dimension, &it.label, &it.evidence]);
    }
    let mut features = output::table(&["feature", "value", "status"], &["value"]);
    for it in &profile.features {
        features.add_row([it.name.clone(), value(it), status(it).to_owned()]);
    }
    format!(
        "{head}{}\n{persona}\n{features}",
        output::freshness(profile.freshness.as_ref())
    )
}

fn value(feature: &FeatureValue) -> String {
    match &feature.value {
        Some(Value::Number(it)) if it.fract() == 0.0 => format!("{it:.0}"),
        Some(Value::Number(it)) => format!("{it:.4}"),
        Some(Value::Text(it)) => it.clone(),
        Some(Value::Flag(it)) => if *it { "yes" } else { "no" }.into(),
        Some(Value::Time(it)) => output::time(Some(it)),
        None => String::new(),
    }
}

fn status(feature: &FeatureValue) -> &'static str {
    match feature.status() {
        ValueStatus::Present => "",
        ValueStatus::Default => "default",
        ValueStatus::TooOld => "too old",
        ValueStatus::Unknown | ValueStatus::Unspecified => "unknown",
    }
}
