//! `grpc.health.v1.Health` on the operations port, in plain text: a probe has no certificate for the services' own ports.

use super::Readiness;
use std::pin::Pin;
use std::time::Duration;
use tokio_stream::{Stream, StreamExt, wrappers::IntervalStream};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// How often a watcher's answer is looked at anew.
const WATCH: Duration = Duration::from_secs(1);

/// Answers probes: `liveness` serves as long as the process runs, `readiness` and the empty name once every part is ready, and
/// a service's name once that service is.
pub(super) struct Probes(pub(super) Readiness);

impl Probes {
    /// Returns the status of a name; `None` when nothing bears it.
    fn status(&self, name: &str) -> Option<ServingStatus> {
        let ready = match name {
            "liveness" => true,
            "" | "readiness" => self.0.missing().is_empty(),
            part => self.0.is_ready(part)?,
        };
        Some(match ready {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        })
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl Health for Probes {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.status(&request.get_ref().service) {
            Some(status) => Ok(Response::new(answer(status))),
            None => Err(Status::not_found("no service of this name runs here")),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (probes, name) = (Self(self.0.clone()), request.into_inner().service);
        let mut told = None;
        let news = IntervalStream::new(tokio::time::interval(WATCH)).filter_map(move |_| {
            let status = probes
                .status(&name)
                .unwrap_or(ServingStatus::ServiceUnknown);
            (told.replace(status) != Some(status)).then(|| Ok(answer(status)))
        });
        Ok(Response::new(Box::pin(news)))
    }
}
