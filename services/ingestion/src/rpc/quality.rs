//! `QualityService`.

use std::sync::Arc;

use api::ingestion::quality_service_server::QualityService;
use api::ingestion::{
    Baseline, FitBaselineRequest, GetBaselineRequest, GetQualityReportRequest,
    ListQualityAlertsRequest, ListQualityAlertsResponse, ListQualityHistoryRequest,
    ListQualityHistoryResponse, QualityAlert, QualityDimension, QualityReport,
};
use runtime::context::{RequestContext, TenantId};
use runtime::fault::{OrStatus, Violations};
use store::{Store, page};
use tonic::{Request, Response, Status};

use super::baselines;
use super::sources::read_name;
use crate::domain::quality::report::{self, Question, date, day_of};
use crate::domain::quality::{Dimension, NO_DAY, Weights};
use crate::intake::Intake;
use crate::sources::{SourceError, finish};
use crate::store::quality::{self, AlertRow};

/// Days of history on a page unless asked otherwise, and at most.
const DAYS: (u64, u64) = (100, 1_000);
/// Alerts on a page unless asked otherwise, and at most.
const ALERTS: (u64, u64) = (50, 500);
/// Most fields that a report may be asked for by name.
const FIELDS_MAX: usize = 1_000;

/// Serves `QualityService`.
pub(crate) struct QualityRpc {
    store: Store,
    intake: Arc<Intake>,
}

impl QualityRpc {
    /// Serves the figures in `store`, weighed on the terms that `intake` knows.
    pub(crate) fn new(store: Store, intake: Arc<Intake>) -> Self {
        Self { store, intake }
    }

    /// Returns the weights of a source and its fields in their order.
    async fn weights(
        &self,
        tenant: &TenantId,
        source: &str,
    ) -> Result<(Weights, Vec<String>), SourceError> {
        let registered = self.intake.sources().get(tenant.as_str(), source).await?;
        let contract = registered.and_then(|source| source.contract.clone());
        Ok(contract.map_or_else(Default::default, |contract| {
            let names = contract.columns.iter().map(|column| column.name.clone());
            (contract.weights.dimensions, names.collect())
        }))
    }

    async fn must_be_known(&self, tenant: &TenantId, source: &str) -> Result<(), SourceError> {
        match quality::is_known(self.store.reader(), tenant.as_str(), source).await? {
            true => Ok(()),
            false => Err(SourceError::NotFound(source.to_owned())),
        }
    }
}

#[tonic::async_trait]
impl QualityService for QualityRpc {
    async fn get_quality_report(
        &self,
        request: Request<GetQualityReportRequest>,
    ) -> Result<Response<QualityReport>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let source = read_name(&mut found, "source", &request.source);
        let period = read_period(&mut found, &request.from_day, &request.to_day);
        if request.fields.len() > FIELDS_MAX {
            let text = format!("at most {FIELDS_MAX} fields can be asked for");
            found.push("fields", "TOO_MANY", text);
        }
        finish(found)?;
        self.must_be_known(&tenant, &source).await?;
        let (weights, order) = self.weights(&tenant, &source).await?;
        let as_of = runtime::clock::now();
        let days = quality::days(self.store.reader(), tenant.as_str(), &source, period)
            .await
            .or_status()?;
        let question = Question {
            source: &request.source,
            fields: &request.fields,
            order: &order,
            weights,
        };
        Ok(Response::new(QualityReport {
            as_of: Some(runtime::time::to_proto(as_of)),
            ..report::report(&question, &days)
        }))
    }

    async fn list_quality_history(
        &self,
        request: Request<ListQualityHistoryRequest>,
    ) -> Result<Response<ListQualityHistoryResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let source = read_name(&mut found, "source", &request.source);
        let dimension = read_dimension(&mut found, request.dimension);
        finish(found)?;
        let filter = (
            "history",
            tenant.as_str(),
            &source,
            &request.field,
            request.dimension,
        );
        let size = page::page_size(request.page_size, DAYS.0, DAYS.1).or_status()?;
        let from: i32 = match request.page_token.as_str() {
            "" => NO_DAY + 1,
            token => page::decode_for(&filter, token).or_status()?,
        };
        self.must_be_known(&tenant, &source).await?;
        let (weights, _) = self.weights(&tenant, &source).await?;
        let history = quality::counts(self.store.reader(), tenant.as_str(), &source, from)
            .await
            .or_status()?;
        let field = Some(request.field.as_str()).filter(|field| !field.is_empty());
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut points = Vec::new();
        let mut next_page_token = String::new();
        for (day, counts) in history.iter().filter(|(_, counts)| counts.records > 0) {
            if points.len() == size {
                next_page_token = page::encode_for(&filter, day);
                break;
            }
            points.push(report::point(*day, counts, field, dimension, &weights));
        }
        Ok(Response::new(ListQualityHistoryResponse {
            points,
            next_page_token,
        }))
    }

    async fn list_quality_alerts(
        &self,
        request: Request<ListQualityAlertsRequest>,
    ) -> Result<Response<ListQualityAlertsResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let source = match request.source.as_str() {
            "" => String::new(),
            name => read_name(&mut found, "source", name),
        };
        finish(found)?;
        let filter = ("alerts", tenant.as_str(), &source, request.open_only);
        let size = page::page_size(request.page_size, ALERTS.0, ALERTS.1).or_status()?;
        let below: i64 = match request.page_token.as_str() {
            "" => i64::MAX,
            token => page::decode_for(&filter, token).or_status()?,
        };
        let reader = self.store.reader();
        let range = (below, size + 1);
        let mut rows =
            quality::list_alerts(reader, tenant.as_str(), &source, request.open_only, range)
                .await
                .or_status()?;
        let mut next_page_token = String::new();
        if rows.len() as u64 > size {
            rows.pop();
            next_page_token = rows
                .last()
                .map(|last| page::encode_for(&filter, &last.id))
                .unwrap_or_default();
        }
        Ok(Response::new(ListQualityAlertsResponse {
            alerts: rows.into_iter().map(alert).collect(),
            next_page_token,
        }))
    }

    async fn fit_baseline(
        &self,
        request: Request<FitBaselineRequest>,
    ) -> Result<Response<Baseline>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let source = read_name(&mut found, "source", &request.source);
        finish(found)?;
        self.must_be_known(&tenant, &source).await?;
        let fitted = baselines::fit_baseline(&self.store, &tenant, request).await?;
        // The next record of this process is judged by it.
        self.intake.sources().forget(tenant.as_str(), &source);
        Ok(Response::new(fitted))
    }

    async fn get_baseline(
        &self,
        request: Request<GetBaselineRequest>,
    ) -> Result<Response<Baseline>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let found = baselines::get_baseline(&self.store, &tenant, request).await?;
        Ok(Response::new(found))
    }
}

fn alert(row: AlertRow) -> QualityAlert {
    QualityAlert {
        source: format!("sources/{}", row.source),
        field: row.field,
        metric: row.metric,
        rule: row.rule,
        day: row.day.map(date).unwrap_or_default(),
        value: row.value,
        expected_min: row.expected_min,
        expected_max: row.expected_max,
        description: row.description,
        raise_time: Some(runtime::time::to_proto(row.raised)),
        clear_time: row.cleared.map(runtime::time::to_proto),
    }
}

/// Reads the ends of a period, either of which may be open.
pub(super) fn read_period(
    found: &mut Violations,
    from: &str,
    to: &str,
) -> (Option<i32>, Option<i32>) {
    let mut read = |field: &str, text: &str| match text {
        "" => None,
        text => {
            let day = day_of(text);
            if day.is_none() {
                found.push(field, "MALFORMED", "must be a day as `YYYY-MM-DD`");
            }
            day
        }
    };
    let period = (read("from_day", from), read("to_day", to));
    if let (Some(from), Some(to)) = period
        && from > to
    {
        found.push("to_day", "OUT_OF_RANGE", "must not be before `from_day`");
    }
    period
}

fn read_dimension(found: &mut Violations, number: i32) -> Option<Dimension> {
    match QualityDimension::try_from(number) {
        Ok(QualityDimension::Unspecified) => None,
        Ok(dimension) => Dimension::ALL
            .into_iter()
            .find(|it| report::to_proto(*it) == dimension),
        Err(_) => {
            found.push("dimension", "UNKNOWN", "must be one of the four dimensions");
            None
        }
    }
}
