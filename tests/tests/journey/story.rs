//! The one story that every way to run the suite must tell alike: events in, profiles, scores, segments, a budget.
//!
//! Every call is repeated while a service is away, as a good caller does; then nothing may be lost or doubled.

use crate::shop;
use anyhow::{Context, bail, ensure};
use api::campaign::budget_service_client::BudgetServiceClient;
use api::campaign::{AllocateBudgetRequest, TotalRule};
use api::common::{CustomerRef, Event, Identifier, Money, customer_ref::Ref};
use api::ingestion::event_service_client::EventServiceClient;
use api::ingestion::import_service_client::ImportServiceClient;
use api::ingestion::{
    BatchIngestEventsRequest, GetLogStatusRequest, GetLogStatusResponse, ImportFileRequest,
    ImportFileResponse, ReceiptCode, UploadFileRequest,
};
use api::longrunning::operations_client::OperationsClient;
use api::longrunning::{GetOperationRequest, Operation, operation};
use api::profile::feature_service_client::FeatureServiceClient;
use api::profile::profile_service_client::ProfileServiceClient;
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{
    BatchGetFeatureStatesRequest, CreateTenantRequest, FeatureValue, GetFeaturesRequest,
    ListCustomersRequest, RebuildStatesRequest, RebuildStatesResponse, Tenant,
};
use api::scoring::model_service_client::ModelServiceClient;
use api::scoring::scoring_service_client::ScoringServiceClient;
use api::scoring::{BatchScoreRequest, ModelVersion, TrainModelRequest};
use api::segmentation::segment_service_client::SegmentServiceClient;
use api::segmentation::{ComputeRfmSegmentsRequest, ComputeRfmSegmentsResponse};
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::suite::Services;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

/// How long a service may be away before the story gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything that must be the same, however often processes died meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Totals {
    /// Customers with a profile.
    pub(crate) customers: i64,
    /// Features of every customer of the shop, by customer number.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Events in the log, and of these applied, parked, archived.
    pub(crate) log: [i64; 4],
    /// Accepted, quarantined and rejected events by source. (A caller who asks twice gets more duplicates.)
    pub(crate) receipts: BTreeMap<String, [i64; 3]>,
    /// Accepted and quarantined rows of the imported file, in its own answer.
    pub(crate) imported: [i64; 2],
    /// Rows of the lake's events, and distinct events among them.
    pub(crate) lake: [usize; 2],
}

/// What the suite makes of the totals.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Totals.
    pub(crate) totals: Totals,
    /// Model parameters r, alpha, a, b, p, q, v.
    pub(crate) model: Vec<f64>,
    /// Scores by customer number and name of the score.
    pub(crate) scores: BTreeMap<(String, String), f64>,
    /// Customers by segment.
    pub(crate) segments: BTreeMap<String, i64>,
    /// Budget and the sum of what was spent.
    pub(crate) budget: [i64; 2],
}

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
        self.settle().await?;
        let totals = self.totals(&imported, lake).await?;
        self.conclude(totals).await
    }

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

    async fn log_status(&self) -> anyhow::Result<GetLogStatusResponse> {
        let client = EventServiceClient::new(self.channels["ingestion"].clone());
        self.call("GetLogStatus", || {
            let (mut client, request) = (client.clone(), self.request(GetLogStatusRequest {}));
            async move { client.get_log_status(request).await }
        })
        .await
    }

    /// Counts everything, each from its own place.
    pub(crate) async fn totals(
        &self,
        imported: &ImportFileResponse,
        lake: &Path,
    ) -> anyhow::Result<Totals> {
        let status = self.log_status().await?;
        let mut receipts = BTreeMap::new();
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
            imported: [own.accepted, own.quarantined],
            lake: rows,
        })
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

    /// Trains, scores, segments and allocates.
    async fn conclude(&self, totals: Totals) -> anyhow::Result<Outcome> {
        let model = self.train().await?;
        let scores = self.scores(&model).await?;
        let segments = self.segments().await?;
        let budget = self.allocate(1_234_567).await?;
        let (bgnbd, spend) = (
            model.bgnbd.context("BG/NBD")?,
            model.gamma_gamma.context("Gamma-Gamma")?,
        );
        Ok(Outcome {
            totals,
            model: vec![
                bgnbd.r,
                bgnbd.alpha,
                bgnbd.a,
                bgnbd.b,
                spend.p,
                spend.q,
                spend.v,
            ],
            scores,
            segments,
            budget,
        })
    }

    async fn train(&self) -> anyhow::Result<ModelVersion> {
        let client = ModelServiceClient::new(self.channels["scoring"].clone());
        let request = TrainModelRequest {
            as_of: shop::as_of(),
            promote: true,
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let started = self
            .call("TrainModel", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.train_model(request).await }
            })
            .await?;
        self.wait("scoring", started).await
    }

    /// Scores every customer of the shop.
    pub(crate) async fn scores(
        &self,
        model: &ModelVersion,
    ) -> anyhow::Result<BTreeMap<(String, String), f64>> {
        let client = ScoringServiceClient::new(self.channels["scoring"].clone());
        let request = BatchScoreRequest {
            customers: references(),
            options: None,
        };
        let answer = self
            .call("BatchScore", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.batch_score(request).await }
            })
            .await?;
        ensure!(
            answer.model_version == model.name,
            "{} instead of {}",
            answer.model_version,
            model.name
        );
        let mut scores = BTreeMap::new();
        for (index, score) in answer.scores.iter().enumerate() {
            ensure!(
                score.missing_reason.is_empty(),
                "{} has no score: {}",
                shop::customer(index),
                score.missing_reason
            );
            for value in &score.values {
                scores.insert((shop::customer(index), value.name.clone()), value.value);
            }
        }
        Ok(scores)
    }

    async fn segments(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let client = SegmentServiceClient::new(self.channels["segmentation"].clone());
        let request = ComputeRfmSegmentsRequest {
            as_of: shop::as_of(),
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let started = self
            .call("ComputeRfmSegments", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.compute_rfm_segments(request).await }
            })
            .await?;
        let computed: ComputeRfmSegmentsResponse = self.wait("segmentation", started).await?;
        let size =
            |it: &api::segmentation::Segment| it.summary.as_ref().map_or(0, |it| it.customers);
        Ok(computed
            .segments
            .iter()
            .map(|it| (it.name.clone(), size(it)))
            .collect())
    }

    async fn allocate(&self, minor_units: i64) -> anyhow::Result<[i64; 2]> {
        let client = BudgetServiceClient::new(self.channels["campaign-recommendation"].clone());
        let request = AllocateBudgetRequest {
            budget: Some(Money {
                currency_code: "EUR".into(),
                minor_units,
            }),
            total_rule: TotalRule::Exactly as i32,
            ..Default::default()
        };
        let answer = self
            .call("AllocateBudget", || {
                let (mut client, request) = (client.clone(), self.request(request.clone()));
                async move { client.allocate_budget(request).await }
            })
            .await?;
        Ok([
            minor_units,
            answer.cells.iter().map(|it| it.spend_minor).sum(),
        ])
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

fn references() -> Vec<CustomerRef> {
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

impl Outcome {
    /// Checks what must hold in every run.
    pub(crate) fn check(&self) {
        let events = shop::events().len() as i64;
        let [accepted, applied, parked, archived] = self.totals.log;
        assert_eq!(self.totals.customers, shop::CUSTOMERS as i64);
        assert_eq!(
            accepted,
            events + self.totals.imported[0],
            "every acknowledged event is in the log, once"
        );
        assert_eq!((applied, parked, archived), (accepted, 0, accepted));
        assert_eq!(
            self.totals.lake, [accepted as usize; 2],
            "every event is in the lake, once"
        );
        assert_eq!(self.totals.imported, [588, 12]);
        assert_eq!(
            self.totals.receipts["shop"][1],
            shop::anonymous_events().len() as i64
        );
        assert_eq!(self.segments.values().sum::<i64>(), shop::CUSTOMERS as i64);
        assert_eq!(
            self.budget[0], self.budget[1],
            "the budget is spent exactly"
        );
        for ((customer, name), value) in &self.scores {
            let fits = match name.as_str() {
                "p_alive" | "churn_risk" => (0.0..=1.0).contains(value),
                _ => *value >= 0.0,
            };
            assert!(fits && value.is_finite(), "{name} of {customer} is {value}");
        }
    }

    /// Checks that another run came to the same end.
    pub(crate) fn assert_same(&self, other: &Self, what: &str) {
        for (customer, features) in &self.totals.features {
            for (one, two) in features.iter().zip(&other.totals.features[customer]) {
                assert_eq!(one, two, "{what}: a feature of {customer} differs");
            }
        }
        assert_eq!(self.totals, other.totals, "{what}: totals differ");
        assert_eq!(self.segments, other.segments, "{what}: segments differ");
        for (name, (one, two)) in ["r", "alpha", "a", "b", "p", "q", "v"]
            .iter()
            .zip(self.model.iter().zip(&other.model))
        {
            assert!(
                close(*one, *two),
                "{what}: {name} is {two} instead of {one}"
            );
        }
        assert_eq!(
            self.scores.len(),
            other.scores.len(),
            "{what}: scores are missing"
        );
        for (key, one) in &self.scores {
            assert!(
                close(*one, other.scores[key]),
                "{what}: {key:?} is {} instead of {one}",
                other.scores[key]
            );
        }
    }
}

/// Customers are numbered in the order in which their events were applied, so sums may differ in their last bits.
fn close(one: f64, two: f64) -> bool {
    (one - two).abs() <= 1e-6 * one.abs().max(two.abs()).max(1e-9)
}
