//! The records that could not be accepted: some are mended and let through, the others given up.

use super::Story;
use crate::shop;
use anyhow::{Context, ensure};
use api::ingestion::quarantine_service_client::QuarantineServiceClient;
use api::ingestion::{
    CorrectQuarantinedRequest, DiscardQuarantinedRequest, DiscardQuarantinedResponse,
    ListQuarantinedRequest, QuarantineFilter, QuarantinedRecord, ReplayQuarantinedRequest,
    ReplayQuarantinedResponse,
};
use uuid::Uuid;

/// Records of the shop that are mended.
pub(crate) const MENDED: usize = 2;

impl Story {
    /// Says of some of the shop's nameless events whose they are, replays all of them, and gives up those that stay.
    pub(crate) async fn clear_quarantine(&self) -> anyhow::Result<()> {
        let filter = QuarantineFilter {
            source: "shop".into(),
            ..Default::default()
        };
        let mut records = self.quarantined(&filter).await?;
        ensure!(
            records.len() == shop::anonymous_events().len(),
            "{} records in quarantine",
            records.len()
        );
        records.sort_by(|a, b| a.message_id.cmp(&b.message_id));
        for record in records.iter().take(MENDED) {
            self.mend(&record.name).await?;
        }
        let client = QuarantineServiceClient::new(self.channels["ingestion"].clone());
        let request = ReplayQuarantinedRequest {
            filter: Some(filter.clone()),
            validate_only: false,
            request_id: Uuid::new_v4().to_string(),
        };
        let started = self
            .call("ReplayQuarantined", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.replay_quarantined(request).await }
            })
            .await?;
        let replayed: ReplayQuarantinedResponse = self.wait("ingestion", started).await?;
        let counts = replayed.receipts.context("receipts of the replay")?;
        let stayed = (records.len() - MENDED) as i64;
        ensure!(
            counts.accepted == MENDED as i64 && counts.quarantined == stayed,
            "{counts:?}"
        );
        let request = DiscardQuarantinedRequest {
            filter: Some(filter),
            justification: "nobody knows whose they are".into(),
            request_id: Uuid::new_v4().to_string(),
            requested_by: "journey".into(),
        };
        let started = self
            .call("DiscardQuarantined", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.discard_quarantined(request).await }
            })
            .await?;
        let discarded: DiscardQuarantinedResponse = self.wait("ingestion", started).await?;
        ensure!(discarded.discarded == stayed, "{discarded:?}");
        Ok(())
    }

    async fn quarantined(
        &self,
        filter: &QuarantineFilter,
    ) -> anyhow::Result<Vec<QuarantinedRecord>> {
        let client = QuarantineServiceClient::new(self.channels["ingestion"].clone());
        let request = ListQuarantinedRequest {
            filter: Some(filter.clone()),
            page_size: 500,
            page_token: String::new(),
        };
        let page = self
            .call("ListQuarantined", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.list_quarantined(request).await }
            })
            .await?;
        Ok(page.records)
    }

    async fn mend(&self, name: &str) -> anyhow::Result<()> {
        let client = QuarantineServiceClient::new(self.channels["ingestion"].clone());
        let value = ("identifiers.customer_id".to_owned(), shop::customer(0));
        let request = CorrectQuarantinedRequest {
            name: name.to_owned(),
            values: [value].into(),
            request_id: Uuid::new_v4().to_string(),
        };
        let record = self
            .call("CorrectQuarantined", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.correct_quarantined(request).await }
            })
            .await?;
        ensure!(record.violations.is_empty(), "{record:?}");
        Ok(())
    }
}
