//! Clients of the five services, at the addresses and for the tenant that the command line names.

use crate::cli::{BASE_PORT, ServiceName};
use crate::failure;
use anyhow::{Context, bail};
use api::campaign::budget_service_client::BudgetServiceClient;
use api::ingestion::event_service_client::EventServiceClient;
use api::ingestion::import_service_client::ImportServiceClient;
use api::ingestion::quality_service_client::QualityServiceClient;
use api::ingestion::quarantine_service_client::QuarantineServiceClient;
use api::ingestion::rate_service_client::RateServiceClient;
use api::ingestion::source_service_client::SourceServiceClient;
use api::ingestion::taxonomy_service_client::TaxonomyServiceClient;
use api::longrunning::operations_client::OperationsClient;
use api::profile::profile_service_client::ProfileServiceClient;
use api::profile::tenant_service_client::TenantServiceClient;
use api::scoring::model_service_client::ModelServiceClient;
use api::scoring::scoring_service_client::ScoringServiceClient;
use api::segmentation::segment_service_client::SegmentServiceClient;
use runtime::client::{Channel, ClientConfig};
use std::collections::HashMap;
use std::time::Duration;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Status};

/// How long an ordinary call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Messages are bounded by the services; a page of 10,000 members or cells fits well.
const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// Where each service is.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints(HashMap<ServiceName, String>);

impl Endpoints {
    /// Returns the default ports on a host, for example `http://127.0.0.1`.
    pub(crate) fn on_host(host: &str) -> Self {
        let port = |service: ServiceName| BASE_PORT + service.port_offset();
        Self(
            ServiceName::ALL
                .iter()
                .map(|it| (*it, format!("{host}:{}", port(*it))))
                .collect(),
        )
    }

    /// Returns endpoints from pairs; services without one keep their default on loopback.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (ServiceName, String)>) -> Self {
        let mut endpoints = Self::on_host("http://127.0.0.1");
        endpoints.0.extend(pairs);
        endpoints
    }

    /// Reads what `--endpoint` says: a host for all, or SERVICE=URL; later ones win.
    pub(crate) fn parse(texts: &[String]) -> anyhow::Result<Self> {
        let mut endpoints = Self::on_host("http://127.0.0.1");
        for text in texts {
            match text.split_once('=') {
                Some((name, url)) => {
                    let service = <ServiceName as clap::ValueEnum>::from_str(name, false);
                    let Ok(service) = service else {
                        bail!(
                            "'{name}' in --endpoint is no service: use ingestion, profile, scoring, segmentation or campaign-recommendation"
                        );
                    };
                    endpoints.0.insert(service, url_of(url)?);
                }
                None => {
                    let host = url_of(text)?;
                    let after_scheme = host
                        .split_once("://")
                        .map_or(host.as_str(), |(_, rest)| rest);
                    if after_scheme
                        .rsplit(']')
                        .next()
                        .is_some_and(|rest| rest.contains(':'))
                    {
                        bail!(
                            "'{text}' in --endpoint has a port, but five services cannot share one: write SERVICE={text}"
                        );
                    }
                    endpoints = Self::on_host(&host);
                }
            }
        }
        Ok(endpoints)
    }

    /// Returns where a service is.
    pub(crate) fn of(&self, service: ServiceName) -> &str {
        &self.0[&service]
    }
}

fn url_of(text: &str) -> anyhow::Result<String> {
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = url.trim_end_matches('/').to_owned();
    url.parse::<tonic::transport::Uri>().with_context(|| {
        format!("'{text}' in --endpoint is no address: write a host, or SERVICE=http://HOST:PORT")
    })?;
    Ok(url)
}

/// Clients of all services; connections are made when first used.
#[derive(Clone)]
pub(crate) struct Clients {
    endpoints: Endpoints,
    channels: HashMap<ServiceName, Channel>,
    tenant: AsciiMetadataValue,
    tenant_id: String,
}

macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $service:ident, $client:ident) => {
        $(#[$doc])*
        pub(crate) fn $name(&self) -> $client<Channel> {
            $client::new(self.channels[&ServiceName::$service].clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX)
        }
    };
}

impl Clients {
    /// Makes clients for a tenant. Connects to nothing yet.
    pub(crate) fn new(endpoints: Endpoints, tenant: &str) -> anyhow::Result<Self> {
        let value = tenant.parse().with_context(|| {
            format!("'{tenant}' in --tenant is no tenant id: use 1 to 40 of a-z, 0-9 and -")
        })?;
        let config = ClientConfig::default();
        let mut channels = HashMap::new();
        for service in ServiceName::ALL {
            let channel =
                runtime::client::connect(service.as_str(), endpoints.of(service), &config)?;
            // Every call of the command line may be repeated: it reads, or it carries a request id or message ids.
            channels.insert(service, channel.idempotent());
        }
        Ok(Self {
            endpoints,
            channels,
            tenant: value,
            tenant_id: tenant.to_owned(),
        })
    }

    /// Returns the tenant's id.
    pub(crate) fn tenant(&self) -> &str {
        &self.tenant_id
    }

    /// Wraps a message for the tenant, with the ordinary deadline.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        self.request_within(message, CALL_TIMEOUT)
    }

    /// Wraps a message for the tenant, with a deadline.
    pub(crate) fn request_within<T>(&self, message: T, limit: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("x-clientele-tenant", self.tenant.clone());
        request.set_timeout(limit);
        request
    }

    /// Returns the error of a failed call as a sentence.
    pub(crate) fn failed(&self, service: ServiceName) -> impl Fn(Status) -> anyhow::Error + '_ {
        move |status| failure::of_call(service, self.endpoints.of(service), &status)
    }

    /// Returns where a service is.
    pub(crate) fn endpoint(&self, service: ServiceName) -> &str {
        self.endpoints.of(service)
    }

    /// Returns the client of a service's long-running operations.
    pub(crate) fn operations(&self, service: ServiceName) -> OperationsClient<Channel> {
        OperationsClient::new(self.channels[&service].clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    client!(/// Returns the client that sends events and asks for the log's status.
        events, Ingestion, EventServiceClient);
    client!(/// Returns the client that imports files.
        imports, Ingestion, ImportServiceClient);
    client!(/// Returns the client of sources.
        sources, Ingestion, SourceServiceClient);
    client!(/// Returns the client of quality figures.
        quality, Ingestion, QualityServiceClient);
    client!(/// Returns the client of records in quarantine.
        quarantine, Ingestion, QuarantineServiceClient);
    client!(/// Returns the client of exchange rates.
        rates, Ingestion, RateServiceClient);
    client!(/// Returns the client of taxonomies.
        taxonomies, Ingestion, TaxonomyServiceClient);
    client!(/// Returns the client of tenants.
        tenants, Profile, TenantServiceClient);
    client!(/// Returns the client of profiles.
        profiles, Profile, ProfileServiceClient);
    client!(/// Returns the client of models.
        models, Scoring, ModelServiceClient);
    client!(/// Returns the client of scores.
        scoring, Scoring, ScoringServiceClient);
    client!(/// Returns the client of segments.
        segments, Segmentation, SegmentServiceClient);
    client!(/// Returns the client of budgets.
        budgets, CampaignRecommendation, BudgetServiceClient);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> anyhow::Result<Endpoints> {
        Endpoints::parse(&texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_host_serves_all_and_a_pair_serves_one() {
        let endpoints = parse(&["10.0.0.5", "scoring=http://other:9000/"]).unwrap();
        assert_eq!(endpoints.of(ServiceName::Ingestion), "http://10.0.0.5:7101");
        assert_eq!(endpoints.of(ServiceName::Scoring), "http://other:9000");
    }

    #[test]
    fn mistakes_are_told() {
        assert!(
            parse(&["127.0.0.1:7103"])
                .unwrap_err()
                .to_string()
                .contains("SERVICE=")
        );
        assert!(
            parse(&["scorer=x:1"])
                .unwrap_err()
                .to_string()
                .contains("no service")
        );
        assert!(parse(&["not a host"]).is_err());
    }
}
