//! `clientele admin health`: asks one service whether it serves, as a caller would.

use crate::cli::{BASE_PORT, Health, Output};
use crate::output;
use anyhow::{anyhow, bail};
use runtime::client::{self, ClientConfig, ClientTlsConfig};
use std::time::Duration;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Time for the answer, with all attempts.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks, and fails unless the service serves.
pub(crate) async fn run(health: Health, output: Output) -> anyhow::Result<()> {
    let name = health.service.as_str();
    let address = health.address.unwrap_or_else(|| {
        format!(
            "http://127.0.0.1:{}",
            BASE_PORT + health.service.port_offset()
        )
    });
    let config = ClientConfig {
        timeout: LIMIT,
        tls: health.ca.map(|ca| ClientTlsConfig {
            ca,
            certificate: health.certificate,
            key: health.key,
            server_name: None,
        }),
        ..ClientConfig::default()
    };
    let channel = client::connect(name, &address, &config)?.idempotent();
    let request = HealthCheckRequest {
        service: name.to_owned(),
    };
    let answer = HealthClient::new(channel).check(request).await;
    let answer = answer.map_err(|status| {
        anyhow!(
            "{name} does not answer at {address}: {}; is it running there?",
            status.message()
        )
    })?;
    match answer.into_inner().status() {
        ServingStatus::Serving => output::text(&match output {
            Output::Table => format!("{name} serves at {address}."),
            Output::Json => serde_json::json!({"service": name, "serving": true}).to_string(),
        }),
        _ => bail!("{name} at {address} does not serve: it is starting or draining"),
    }
}
