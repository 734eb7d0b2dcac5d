//! The counting: what every service holds, each number from its own place.

use super::outcome::Totals;
use super::{Story, references};
use crate::shop;
use anyhow::{Context, ensure};
use api::ingestion::quality_service_client::QualityServiceClient;
use api::ingestion::{
    GetLogStatusResponse, GetQualityReportRequest, ImportFileResponse, QualityReport,
};
use api::profile::feature_service_client::FeatureServiceClient;
use api::profile::profile_service_client::ProfileServiceClient;
use api::profile::{
    BatchGetFeatureStatesRequest, FeatureValue, GetFeaturesRequest, ListCustomersRequest,
    RebuildStatesRequest, RebuildStatesResponse,
};
use std::collections::BTreeMap;
use std::path::Path;
use uuid::Uuid;

impl Story {
    /// Counts everything, each from its own place.
    pub(crate) async fn totals(
        &self,
        imported: &ImportFileResponse,
        lake: &Path,
    ) -> anyhow::Result<Totals> {
        let status = self.log_status().await?;
        let mut receipts = BTreeMap::new();
        let mut quarantine = [0; 4];
        for source in &status.sources {
            let it = source.receipts.context("receipts of a source")?;
            let sum = it.accepted + it.duplicate + it.conflict + it.quarantined + it.rejected;
            ensure!(
                it.received == sum,
                "received {} is not the sum {sum} of {it:?}",
                it.received
            );
            receipts.insert(
                source.source.clone(),
                [it.accepted, it.quarantined, it.rejected],
            );
            let it = source.quarantine.context("quarantine of a source")?;
            let left = it.replayed + it.discarded + it.superseded + it.expired;
            ensure!(it.entered == it.held + left, "{it:?}");
            if source.source == "shop" {
                quarantine = [it.entered, it.held, it.replayed, it.discarded];
            }
        }
        ensure!(
            status.accepted == status.applied + status.parked + status.pending,
            "{status:?}"
        );
        let own = imported.receipts.context("receipts of the file")?;
        let query = lake_query::LakeQuery::open(lake).await?;
        let mut rows = [0, 0];
        for (count, sql) in rows.iter_mut().zip([
            "SELECT event_id FROM events",
            "SELECT DISTINCT event_id FROM events",
        ]) {
            let answer = query.sql(&self.tenant, sql).await?;
            *count = answer.rows.iter().map(|batch| batch.num_rows()).sum();
        }
        Ok(Totals {
            customers: self.customers().await?,
            features: self.features().await?,
            log: [
                status.accepted,
                status.applied,
                status.parked,
                status.archived,
            ],
            receipts,
            quarantine,
            imported: [own.accepted, own.quarantined],
            lake: rows,
            quality: self.quality(&status).await?,
        })
    }

    /// Asks for the quality of every source.
    async fn quality(
        &self,
        status: &GetLogStatusResponse,
    ) -> anyhow::Result<BTreeMap<String, QualityReport>> {
        let client = QualityServiceClient::new(self.channels["ingestion"].clone());
        let mut all = BTreeMap::new();
        for source in &status.sources {
            let request = GetQualityReportRequest {
                source: format!("sources/{}", source.source),
                ..Default::default()
            };
            let answer = self
                .call("GetQualityReport", || {
                    let (mut client, request) = (client.clone(), self.request(request.clone()));
                    async move { client.get_quality_report(request).await }
                })
                .await?;
            let report = QualityReport {
                as_of: None,
                ..answer
            };
            all.insert(source.source.clone(), report);
        }
        Ok(all)
    }

    async fn customers(&self) -> anyhow::Result<i64> {
        let client = ProfileServiceClient::new(self.channels["profile"].clone());
        let request = ListCustomersRequest {
            page_size: 1,
            ..Default::default()
        };
        let answer = self
            .call("ListCustomers", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.list_customers(request).await }
            })
            .await?;
        Ok(answer.total_size)
    }

    /// Gets the features of every customer.
    async fn features(&self) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        self.check_states().await?;
        let client = FeatureServiceClient::new(self.channels["profile"].clone());
        let as_of = chrono::NaiveDate::parse_from_str(&shop::as_of(), "%Y-%m-%d")?
            .and_time(chrono::NaiveTime::MIN);
        let request = GetFeaturesRequest {
            customers: references(),
            features: Vec::new(),
            as_of: Some(prost_types::Timestamp {
                seconds: as_of.and_utc().timestamp(),
                nanos: 0,
            }),
        };
        let answer = self
            .call("GetFeatures", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.get_features(request).await }
            })
            .await?;
        let told = |it: &FeatureValue| format!("{} {:?} {:?}", it.name, it.value, it.status());
        let customers = answer.customers.iter().enumerate();
        Ok(customers
            .map(|(index, it)| (shop::customer(index), it.values.iter().map(told).collect()))
            .collect())
    }

    /// Checks that the cache, the database and a replay of the lake hold the same states, bit for bit.
    async fn check_states(&self) -> anyhow::Result<()> {
        let client = FeatureServiceClient::new(self.channels["profile"].clone());
        let mut told: Vec<Vec<Vec<u8>>> = Vec::new();
        for bypass_cache in [false, true] {
            let request = BatchGetFeatureStatesRequest {
                customers: references(),
                bypass_cache,
            };
            let answer = self
                .call("BatchGetFeatureStates", || {
                    let (mut client, request) = (client.clone(), self.request(request.clone()));
                    async move { client.batch_get_feature_states(request).await }
                })
                .await?;
            told.push(answer.states.into_iter().map(|it| it.state).collect());
        }
        ensure!(told[0] == told[1], "the cache and the database disagree");
        let client = ProfileServiceClient::new(self.channels["profile"].clone());
        let request = RebuildStatesRequest {
            request_id: Uuid::new_v4().to_string(),
        };
        let started = self
            .call("RebuildStates", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.rebuild_states(request).await }
            })
            .await?;
        let rebuilt: RebuildStatesResponse = self.wait("profile", started).await?;
        ensure!(
            rebuilt.replaced == 0 && rebuilt.lagging == 0,
            "the lake says otherwise: {rebuilt:?}"
        );
        ensure!(rebuilt.unchanged >= shop::CUSTOMERS as i64, "{rebuilt:?}");
        Ok(())
    }
}
