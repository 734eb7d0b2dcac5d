//! The one story that every way to run the suite must tell alike: events in, profiles, scores, segments, a budget.
//!
//! Every call is repeated while a service is away, as a good caller does; then nothing may be lost or doubled.

mod conclusion;
mod counting;
mod intake;
mod outcome;
mod quarantine;

pub(crate) use outcome::Outcome;

use crate::shop;
use anyhow::bail;
use api::common::{CustomerRef, Identifier, customer_ref::Ref};
use api::ingestion::ReceiptCode;
use api::longrunning::operations_client::OperationsClient;
use api::longrunning::{GetOperationRequest, Operation, operation};
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::suite::Services;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

/// How long a service may be away before the story gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// One tenant's story.
pub(crate) struct Story {
    channels: BTreeMap<&'static str, Channel>,
    tenant: String,
}

impl Story {
    /// Prepares a story for a tenant of its own.
    pub(crate) fn new(services: &impl Services, tenant: &str) -> Self {
        let channels = tests::suite::SERVICES
            .iter()
            .map(|it| (*it, services.channel(it)))
            .collect();
        Self {
            channels,
            tenant: tenant.into(),
        }
    }

    /// Tells the whole story.
    pub(crate) async fn tell(&self, lake: &Path) -> anyhow::Result<Outcome> {
        self.create_tenant().await?;
        self.ingest(&shop::events(), ReceiptCode::Accepted).await?;
        self.ingest(&shop::anonymous_events(), ReceiptCode::Quarantined)
            .await?;
        let imported = self.import(shop::till_csv()).await?;
        self.clear_quarantine().await?;
        self.settle().await?;
        let totals = self.totals(&imported, lake).await?;
        self.conclude(totals).await
    }

    /// Waits for an operation, through restarts of its service.
    async fn wait<R: Message + Default>(
        &self,
        service: &'static str,
        started: Operation,
    ) -> anyhow::Result<R> {
        let client = OperationsClient::new(self.channels[service].clone());
        let begin = Instant::now();
        let mut operation = started;
        while !operation.done {
            if begin.elapsed() > PATIENCE {
                bail!("{} does not end: {operation:?}", operation.name);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let request = GetOperationRequest {
                name: operation.name.clone(),
            };
            operation = self
                .call("GetOperation", || {
                    let (mut client, request) = (client.clone(), self.request(request.clone()));
                    async move { client.get_operation(request).await }
                })
                .await?;
        }
        match operation.result {
            Some(operation::Result::Response(any)) => Ok(R::decode(any.value.as_slice())?),
            other => bail!("{} failed: {other:?}", operation.name),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(
            "x-clientele-tenant",
            self.tenant.parse().expect("a tenant id"),
        );
        request.set_timeout(Duration::from_secs(20));
        request
    }

    /// Calls until the service answers.
    async fn call<T, F>(&self, what: &str, mut call: impl FnMut() -> F) -> anyhow::Result<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let begin = Instant::now();
        loop {
            match call().await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) if is_passing(&status) && begin.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(status) => bail!("{what} failed: {status:?}"),
            }
        }
    }
}

/// Tells whether a call may go through later.
fn is_passing(status: &Status) -> bool {
    let broken = [
        "transport",
        "connection",
        "h2 protocol",
        "stream closed",
        "error reading",
        "broken pipe",
    ];
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => true,
        Code::Unknown | Code::Internal => broken.iter().any(|it| status.message().contains(it)),
        _ => false,
    }
}

/// References to every customer of the shop, by customer number.
pub(crate) fn references() -> Vec<CustomerRef> {
    let reference = |index| {
        let identifier = Identifier {
            namespace: "customer_id".into(),
            value: shop::customer(index),
        };
        CustomerRef {
            r#ref: Some(Ref::Identifier(identifier)),
        }
    };
    (0..shop::CUSTOMERS).map(reference).collect()
}
