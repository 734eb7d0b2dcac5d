//! `QuarantineService`.

use std::collections::BTreeMap;

use api::common::Event;
use api::ingestion::quarantine_service_server::QuarantineService;
use api::ingestion::{
    CorrectQuarantinedRequest, DiscardQuarantinedRequest, GetQuarantinedRequest,
    ListQuarantinedRequest, ListQuarantinedResponse, QuarantineFilter, QuarantinedRecord,
    ReplayQuarantinedRequest, Violation,
};
use api::longrunning::Operation;
use prost::Message;
use runtime::context::{RequestContext, TenantId};
use runtime::fault::{Fault, FieldViolation, Invalid, OrStatus, Violations};
use runtime::operations::{Operations, StartOperation};
use store::{StoreError, page};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::domain::judge::Verdict;
use crate::domain::kept::KeptCells;
use crate::domain::keys::{Hash, hex};
use crate::jobs::{DISCARD_KIND, REPLAY_KIND};
use crate::rejudge::Rejudge;
use crate::store::{DatabaseLog, Filter, Judgement, Position, Record, micros};

/// Records of a page, unless told otherwise.
const PAGE_DEFAULT: u64 = 50;
/// Most records of a page.
const PAGE_MAX: u64 = 500;
/// Most names of a filter.
const NAMES_MAX: usize = 1_000;
/// Most values of a correction.
const VALUES_MAX: usize = 500;
/// Longest text of a filter and longest corrected value, in bytes.
const TEXT_BYTES_MAX: usize = 4_096;
/// Prefix of the names of records.
const PREFIX: &str = "quarantine/";
/// Name under which answers to corrections are remembered.
const CORRECT_RPC: &str = "CorrectQuarantined";

/// Serves `QuarantineService`.
pub(crate) struct QuarantineRpc {
    log: DatabaseLog,
    rejudge: Rejudge,
    operations: Operations,
}

/// Why a record is not there.
#[derive(Debug, thiserror::Error)]
#[error("there is no record `{0}` in quarantine")]
struct NotFound(String);

impl Fault for NotFound {
    fn code(&self) -> Code {
        Code::NotFound
    }

    fn reason(&self) -> &'static str {
        "RECORD_NOT_FOUND"
    }

    fn violations(&self) -> Vec<FieldViolation> {
        Vec::new()
    }
}

impl QuarantineRpc {
    /// Serves what `log` keeps; replays and discards are operations.
    pub(crate) fn new(log: DatabaseLog, rejudge: Rejudge, operations: Operations) -> Self {
        Self {
            log,
            rejudge,
            operations,
        }
    }

    async fn find(&self, tenant: &TenantId, name: &str) -> Result<Record, Status> {
        let missing = || NotFound(name.chars().take(100).collect());
        let id = record_id(name).ok_or_else(missing).or_status()?;
        let found = self.log.find_quarantined(tenant.as_str(), id).await;
        found.or_status()?.ok_or_else(missing).or_status()
    }
}

#[tonic::async_trait]
impl QuarantineService for QuarantineRpc {
    async fn list_quarantined(
        &self,
        request: Request<ListQuarantinedRequest>,
    ) -> Result<Response<ListQuarantinedResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let filter = read_filter(request.filter.unwrap_or_default(), &mut found);
        found.finish().map_err(Status::from)?;
        let size = page::page_size(request.page_size, PAGE_DEFAULT, PAGE_MAX).or_status()?;
        let key = (tenant.as_str(), &filter);
        let position = match request.page_token.as_str() {
            "" => Position::START,
            token => page::decode_for(&key, token).or_status()?,
        };
        let tenant = tenant.as_str();
        // One more than asked for tells whether there is another page.
        let read = self
            .log
            .quarantined(tenant, &filter, position, size + 1)
            .await;
        let mut records = read.or_status()?;
        let total_size = self
            .log
            .count_quarantined(tenant, &filter)
            .await
            .or_status()?;
        let more = records.len() as u64 > size;
        records.truncate(size as usize);
        let next_page_token = match records.last() {
            Some(last) if more => page::encode_for(&key, &last.position()),
            _ => String::new(),
        };
        Ok(Response::new(ListQuarantinedResponse {
            records: records.iter().map(|it| told(it, false)).collect(),
            next_page_token,
            total_size,
        }))
    }

    async fn get_quarantined(
        &self,
        request: Request<GetQuarantinedRequest>,
    ) -> Result<Response<QuarantinedRecord>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let record = self.find(&tenant, &request.into_inner().name).await?;
        Ok(Response::new(told(&record, true)))
    }

    async fn correct_quarantined(
        &self,
        request: Request<CorrectQuarantinedRequest>,
    ) -> Result<Response<QuarantinedRecord>, Status> {
        let id = RequestContext::from_request(&request)?.tenant;
        let CorrectQuarantinedRequest {
            name,
            values,
            request_id,
        } = request.into_inner();
        let mut found = Violations::new();
        found.require(
            (1..=VALUES_MAX).contains(&values.len()),
            "values",
            "REQUIRED",
            format!("give 1 to {VALUES_MAX} values"),
        );
        for (path, text) in &values {
            found.require(
                text.len() <= TEXT_BYTES_MAX,
                format!("values[{path}]"),
                "TOO_LONG",
                format!("a value has at most {TEXT_BYTES_MAX} bytes"),
            );
        }
        let request_id = read_request_id(&request_id, &mut found);
        found.finish().map_err(Status::from)?;
        let tenant = self.rejudge.intake().tenant(&id).await.or_status()?;
        let mut record = self.find(&id, &name).await?;
        let values: BTreeMap<String, String> = values.into_iter().collect();
        let mut hasher = blake3::Hasher::new();
        for text in std::iter::once(&name).chain(values.iter().flat_map(|(k, v)| [k, v])) {
            hasher
                .update(&(text.len() as u64).to_le_bytes())
                .update(text.as_bytes());
        }
        let asked = *hasher.finalize().as_bytes();
        let terms = self.rejudge.terms(&tenant, &record.source).await?;
        let corrected = self.rejudge.correct(&tenant, &terms, &mut record, values)?;
        let judgement = judgement(&record, &corrected);
        let answer = self
            .log
            .correct(
                id.as_str(),
                &judgement,
                request_id.map(|it| (it, CORRECT_RPC)),
                |record| [asked.as_slice(), &told(record, true).encode_to_vec()].concat(),
            )
            .await
            .or_status()?;
        let damaged = || StoreError::Corrupt("a remembered answer is too short".into());
        let (before, answer) = answer
            .split_at_checked(asked.len())
            .ok_or_else(damaged)
            .or_status()?;
        if before != asked {
            return Err(StoreError::RequestReused).or_status();
        }
        let answer = QuarantinedRecord::decode(answer)
            .map_err(|_| damaged())
            .or_status()?;
        Ok(Response::new(answer))
    }

    async fn replay_quarantined(
        &self,
        request: Request<ReplayQuarantinedRequest>,
    ) -> Result<Response<Operation>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let filter = read_filter(request.filter.clone().unwrap_or_default(), &mut found);
        require_condition(&filter, &mut found);
        let request_id = read_request_id(&request.request_id, &mut found);
        found.finish().map_err(Status::from)?;
        let start = StartOperation {
            tenant,
            kind: REPLAY_KIND,
            request_id,
            request: runtime::any::pack(&request),
        };
        Ok(Response::new(self.operations.start(start).await?))
    }

    async fn discard_quarantined(
        &self,
        request: Request<DiscardQuarantinedRequest>,
    ) -> Result<Response<Operation>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let filter = read_filter(request.filter.clone().unwrap_or_default(), &mut found);
        require_condition(&filter, &mut found);
        found.require(
            (1..=500).contains(&request.justification.trim().len()),
            "justification",
            "REQUIRED",
            "say in 1 to 500 bytes why these records are given up",
        );
        found.require(
            request.requested_by.len() <= 100,
            "requested_by",
            "TOO_LONG",
            "at most 100 bytes",
        );
        let request_id = read_request_id(&request.request_id, &mut found);
        found.finish().map_err(Status::from)?;
        let start = StartOperation {
            tenant,
            kind: DISCARD_KIND,
            request_id,
            request: runtime::any::pack(&request),
        };
        Ok(Response::new(self.operations.start(start).await?))
    }
}

/// Reads a filter and notes everything that is wrong with it.
pub(crate) fn read_filter(filter: QuarantineFilter, found: &mut Violations) -> Filter {
    let text = |text: String| (!text.is_empty()).then_some(text);
    for (name, value) in [
        ("source", &filter.source),
        ("reason", &filter.reason),
        ("field", &filter.field),
    ] {
        found.require(
            value.len() <= TEXT_BYTES_MAX,
            format!("filter.{name}"),
            "TOO_LONG",
            format!("at most {TEXT_BYTES_MAX} bytes"),
        );
    }
    let mut time = |name: &str, time: Option<prost_types::Timestamp>| {
        let read = runtime::time::from_proto(&time?);
        found.require(
            read.is_some(),
            format!("filter.{name}"),
            "INVALID_TIME",
            "the time is out of range",
        );
        read.map(micros)
    };
    let (from_us, to_us) = (
        time("from_time", filter.from_time),
        time("to_time", filter.to_time),
    );
    found.require(
        filter.names.len() <= NAMES_MAX,
        "filter.names",
        "TOO_MANY",
        format!("at most {NAMES_MAX} names"),
    );
    let mut ids = Vec::with_capacity(filter.names.len());
    for (index, name) in filter.names.iter().enumerate().take(NAMES_MAX) {
        match record_id(name) {
            Some(id) => ids.push(id),
            None => found.push(
                format!("filter.names[{index}]"),
                "MALFORMED",
                "a name is `quarantine/` and 32 hexadecimal digits",
            ),
        }
    }
    Filter {
        source: text(filter.source),
        reason: text(filter.reason),
        field: text(filter.field),
        from_us,
        to_us,
        ids,
    }
}

fn require_condition(filter: &Filter, found: &mut Violations) {
    let empty = *filter == Filter::default() && found.is_empty();
    found.require(
        !empty,
        "filter",
        "REQUIRED",
        "say which records are meant: at least one condition",
    );
}

fn read_request_id(text: &str, found: &mut Violations) -> Option<Uuid> {
    match text {
        "" => None,
        text => found.take("request_id", "MALFORMED", Uuid::parse_str(text)),
    }
}

/// Returns the id in a record's name.
fn record_id(name: &str) -> Option<Hash> {
    let digits = name.strip_prefix(PREFIX)?;
    crate::domain::draft::hashed_fragment(&format!("hash:{digits}"))
}

fn judgement(record: &Record, judged: &crate::domain::judge::Judged) -> Judgement {
    let violations = match &judged.verdict {
        Verdict::Accept(_) => Vec::new(),
        Verdict::Quarantine { violations, .. } | Verdict::Reject(violations) => violations.clone(),
    };
    Judgement {
        event_id: record.event_id,
        version: record.version,
        event: record.event.clone(),
        cells: record.cells.clone(),
        violations,
        marks: judged.marks.clone(),
        corrected: record.corrected.clone(),
    }
}

/// Returns a record as callers see it.
fn told(record: &Record, whole: bool) -> QuarantinedRecord {
    let violation = |it: &crate::store::Finding| Violation {
        field: it.field.clone(),
        reason: it.reason.clone(),
        description: it.description.clone(),
    };
    let cells = record.cells.as_deref().and_then(KeptCells::from_json);
    QuarantinedRecord {
        name: format!("{PREFIX}{}", hex(&record.event_id)),
        source: record.source.clone(),
        message_id: record.message_id.clone(),
        violations: record.findings.iter().map(violation).collect(),
        marks: record.marks.clone(),
        event: match whole {
            true => Event::decode(record.event.as_slice()).ok(),
            false => None,
        },
        cells: cells.filter(|_| whole).map(|it| it.to_struct()),
        first_time: time_of(record.first_us),
        last_time: Some(runtime::time::to_proto(record.last_time)),
        times: record.times,
        corrected_fields: record.corrected.clone(),
    }
}

fn time_of(micros: i64) -> Option<prost_types::Timestamp> {
    chrono::DateTime::from_timestamp_micros(micros).map(runtime::time::to_proto)
}

/// Says which values cannot be set.
pub(crate) fn not_corrected(found: Vec<crate::domain::Violation>) -> Status {
    let mut told = Violations::new();
    for it in found {
        told.push(it.field, it.reason, it.description);
    }
    told.finish()
        .map_err(|invalid: Invalid| Status::from(invalid))
        .err()
        .unwrap_or_else(|| Status::invalid_argument("the values cannot be set"))
}
