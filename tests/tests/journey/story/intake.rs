//! The first half: a tenant, events, a file, and the wait until all of it has arrived.

use super::{PATIENCE, Story};
use crate::shop;
use anyhow::{bail, ensure};
use api::common::Event;
use api::ingestion::event_service_client::EventServiceClient;
use api::ingestion::import_service_client::ImportServiceClient;
use api::ingestion::{
    BatchIngestEventsRequest, GetLogStatusRequest, GetLogStatusResponse, ImportFileRequest,
    ImportFileResponse, ReceiptCode, UploadFileRequest,
};
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{CreateTenantRequest, Tenant};
use std::time::{Duration, Instant};
use uuid::Uuid;

impl Story {
    /// Creates the tenant.
    pub(crate) async fn create_tenant(&self) -> anyhow::Result<()> {
        let tenant = Tenant {
            tenant_id: self.tenant.clone(),
            display_name: "Shop".into(),
            time_zone: "UTC".into(),
            currency_code: "EUR".into(),
            ..Default::default()
        };
        let request = CreateTenantRequest {
            tenant: Some(tenant),
            request_id: Uuid::new_v4().to_string(),
        };
        let client = TenantServiceClient::new(self.channels["profile"].clone());
        self.call("CreateTenant", || {
            let (mut client, request) = (client.clone(), self.request(request.clone()));
            async move { client.create_tenant(request).await }
        })
        .await?;
        Ok(())
    }

    /// Sends events in batches. Each must get the receipt expected, or, when it was sent before, say that it was.
    pub(crate) async fn ingest(
        &self,
        events: &[Event],
        expected: ReceiptCode,
    ) -> anyhow::Result<()> {
        let client = EventServiceClient::new(self.channels["ingestion"].clone());
        for batch in events.chunks(100) {
            let request = BatchIngestEventsRequest {
                events: batch.to_vec(),
                contract: String::new(),
            };
            let answer = self
                .call("BatchIngestEvents", || {
                    let (mut client, request) = (client.clone(), self.request(request.clone()));
                    async move { client.batch_ingest_events(request).await }
                })
                .await?;
            ensure!(
                answer.receipts.len() == batch.len(),
                "{} receipts for {} events",
                answer.receipts.len(),
                batch.len()
            );
            for receipt in &answer.receipts {
                let fits = receipt.code() == expected || receipt.code() == ReceiptCode::Duplicate;
                ensure!(fits, "receipt {receipt:?}, expected {expected:?}");
            }
        }
        Ok(())
    }

    /// Uploads the till's file and imports it.
    pub(crate) async fn import(&self, csv: String) -> anyhow::Result<ImportFileResponse> {
        let client = ImportServiceClient::new(self.channels["ingestion"].clone());
        let upload = self
            .call("UploadFile", || {
                let piece = UploadFileRequest {
                    file_name: "till.csv".into(),
                    data: csv.clone().into_bytes(),
                };
                let (mut client, request) =
                    (client.clone(), self.request(tokio_stream::once(piece)));
                async move { client.upload_file(request).await }
            })
            .await?;
        let request = ImportFileRequest {
            upload: upload.upload,
            source: "till".into(),
            contract_yaml: shop::TILL_CONTRACT.into(),
            request_id: Uuid::new_v4().to_string(),
            validate_only: false,
            ..Default::default()
        };
        let started = self
            .call("ImportFile", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.import_file(request).await }
            })
            .await?;
        self.wait("ingestion", started).await
    }

    /// Waits until everything accepted is applied and archived.
    pub(crate) async fn settle(&self) -> anyhow::Result<GetLogStatusResponse> {
        let begin = Instant::now();
        loop {
            let status = self.log_status().await?;
            if status.pending == 0 && status.archived == status.accepted - status.parked {
                return Ok(status);
            }
            if begin.elapsed() > PATIENCE {
                bail!("the log does not settle: {status:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn log_status(&self) -> anyhow::Result<GetLogStatusResponse> {
        let client = EventServiceClient::new(self.channels["ingestion"].clone());
        self.call("GetLogStatus", || {
            let (mut client, request) = (client.clone(), self.request(GetLogStatusRequest {}));
            async move { client.get_log_status(request).await }
        })
        .await
    }
}
