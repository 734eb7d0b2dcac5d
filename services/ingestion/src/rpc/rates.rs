//! `RateService`.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::ingestion::rate_service_server::RateService;
use api::ingestion::{
    ExchangeRate, ListRatesRequest, ListRatesResponse, SetRatesRequest, SetRatesResponse,
};
use chrono::NaiveDate;
use prost::Message;
use runtime::context::{RequestContext, TenantId};
use runtime::fault::{Fault, FieldViolation, OrStatus, Violations};
use store::{StoreError, idempotency, page};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::domain::decimal::is_currency_code;
use crate::domain::rates::Rates;
use crate::intake::Intake;
use crate::rate_book::RateBook;
use crate::store::rates::{self, RateFilter, RateRow};

/// Most rates of one request.
const RATES_MAX: usize = 1000;
/// Most rates of a tenant.
const TENANT_RATES_MAX: i64 = 500_000;
/// Rates on a page unless asked otherwise, and at most.
const PAGE: (u64, u64) = (100, 1000);
/// Name under which answers are kept.
const RPC: &str = "SetRates";

/// Serves `RateService`.
pub(crate) struct RateRpc {
    intake: Arc<Intake>,
    book: Arc<RateBook>,
}

/// Why rates are not changed.
#[derive(Debug, thiserror::Error)]
enum RateError {
    #[error("a tenant has at most {TENANT_RATES_MAX} rates")]
    TooMany,
    #[error("the request id was used for other rates")]
    OtherRequest,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for RateError {
    fn code(&self) -> Code {
        match self {
            Self::TooMany => Code::ResourceExhausted,
            Self::OtherRequest => Code::InvalidArgument,
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TooMany => "TOO_MANY_RATES",
            Self::OtherRequest => "REQUEST_ID_REUSED",
            Self::Store(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::Store(error) => error.violations(),
            _ => Vec::new(),
        }
    }
}

/// Rates that were asked for and found right.
#[derive(Default)]
struct Asked {
    set: Vec<RateRow>,
    remove: Vec<(String, i32)>,
}

impl RateRpc {
    /// Keeps the rates of `book`, of tenants that `intake` knows.
    pub(crate) fn new(intake: Arc<Intake>, book: Arc<RateBook>) -> Self {
        Self { intake, book }
    }

    async fn change(
        &self,
        tenant: &TenantId,
        asked: &Asked,
        request_id: Option<Uuid>,
        digest: [u8; 32],
    ) -> Result<SetRatesResponse, RateError> {
        let tx = self.book.store().begin().await?;
        if let Some(id) = request_id
            && let Some(kept) = idempotency::replay_or_run(&tx, tenant.as_str(), id, RPC).await?
        {
            // The answer is kept behind the hash of what was asked.
            let (known, answer) = kept.split_at(kept.len().min(digest.len()));
            if known != digest {
                return Err(RateError::OtherRequest);
            }
            let decoded = SetRatesResponse::decode(answer);
            return decoded.map_err(|error| StoreError::Corrupt(error.to_string()).into());
        }
        rates::begin_change(&tx, tenant.as_str()).await?;
        let removed = rates::remove(&tx, tenant.as_str(), &asked.remove).await?;
        rates::set(&tx, tenant.as_str(), &asked.set).await?;
        if rates::count(&tx, tenant.as_str()).await? > TENANT_RATES_MAX {
            return Err(RateError::TooMany);
        }
        let answer = SetRatesResponse {
            set: asked.set.len() as i64,
            removed: i64::try_from(removed).unwrap_or(i64::MAX),
        };
        if let Some(id) = request_id {
            let kept = [digest.as_slice(), &answer.encode_to_vec()].concat();
            idempotency::remember(&tx, tenant.as_str(), id, RPC, &kept).await?;
        }
        tx.commit().await?;
        self.book.forget(tenant.as_str());
        Ok(answer)
    }
}

#[tonic::async_trait]
impl RateService for RateRpc {
    async fn set_rates(
        &self,
        request: Request<SetRatesRequest>,
    ) -> Result<Response<SetRatesResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let known = self.intake.tenant(&tenant).await.or_status()?;
        let mut found = Violations::new();
        let request_id = match request.request_id.as_str() {
            "" => None,
            text => found.take(
                "request_id",
                "MALFORMED",
                Uuid::parse_str(text).map_err(|_| "must be a UUID"),
            ),
        };
        found.require(
            (1..=RATES_MAX).contains(&request.rates.len()),
            "rates",
            "OUT_OF_RANGE",
            "1 to 1,000 rates are taken",
        );
        let asked = read_rates(&mut found, &request.rates, &known.currency);
        found.finish().or_status()?;
        let digest = *blake3::hash(
            &SetRatesRequest {
                request_id: String::new(),
                ..request
            }
            .encode_to_vec(),
        )
        .as_bytes();
        let answer = self.change(&tenant, &asked, request_id, digest).await;
        Ok(Response::new(answer.or_status()?))
    }

    async fn list_rates(
        &self,
        request: Request<ListRatesRequest>,
    ) -> Result<Response<ListRatesResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let known = self.intake.tenant(&tenant).await.or_status()?;
        let ListRatesRequest {
            from_currency,
            from_day,
            to_day,
            page_size,
            page_token,
        } = request.into_inner();
        let mut found = Violations::new();
        found.require(
            from_currency.is_empty() || is_currency_code(&from_currency),
            "from_currency",
            "INVALID_CURRENCY",
            "an ISO 4217 code is expected, for example `USD`",
        );
        let mut end = |field: &str, text: &str, open: i32| match text {
            "" => open,
            text => read_day(&mut found, field, text).unwrap_or(open),
        };
        let days = (
            end("from_day", &from_day, i32::MIN),
            end("to_day", &to_day, i32::MAX),
        );
        found.finish().or_status()?;
        let size = page::page_size(page_size, PAGE.0, PAGE.1).or_status()?;
        let key = ("rates", tenant.as_str(), from_currency.as_str(), days);
        let after: (String, i32) = match page_token.as_str() {
            "" => (String::new(), i32::MIN),
            token => page::decode_for(&key, token).or_status()?,
        };
        let filter = RateFilter {
            currency: &from_currency,
            days,
            after,
        };
        let reader = self.book.store().reader();
        let mut rows = rates::list(reader, tenant.as_str(), &filter, size + 1)
            .await
            .or_status()?;
        let more = rows.len() as u64 > size;
        rows.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let last = rows.last().filter(|_| more);
        let next_page_token = last
            .map(|row| page::encode_for(&key, &(&row.currency, row.day)))
            .unwrap_or_default();
        let rates = rows.into_iter().map(|row| told(row, &known.currency));
        Ok(Response::new(ListRatesResponse {
            rates: rates.collect(),
            next_page_token,
        }))
    }
}

fn told(row: RateRow, own: &str) -> ExchangeRate {
    let day = NaiveDate::from_epoch_days(row.day).unwrap_or_default();
    ExchangeRate {
        day: day.to_string(),
        from_currency: row.currency,
        to_currency: own.to_owned(),
        rate: row.rate,
        update_time: Some(runtime::time::to_proto(row.updated)),
    }
}

/// Reads rates; everything that is wrong is added to `found`.
fn read_rates(found: &mut Violations, all: &[ExchangeRate], own: &str) -> Asked {
    let updated = runtime::clock::now();
    let mut asked = Asked::default();
    let mut seen = BTreeSet::new();
    for (index, rate) in all.iter().enumerate().take(RATES_MAX) {
        let field = |name: &str| format!("rates[{index}].{name}");
        let day = read_day(found, &field("day"), &rate.day);
        let from = rate.from_currency.as_str();
        found.require(
            is_currency_code(from) && from != own,
            field("from_currency"),
            "INVALID_CURRENCY",
            "an ISO 4217 code other than the tenant's own is expected",
        );
        found.require(
            rate.to_currency == own,
            field("to_currency"),
            "INVALID_CURRENCY",
            format!("must be the tenant's currency, {own}"),
        );
        let valid = rate.rate.is_empty() || Rates::parse(&rate.rate).is_some();
        found.require(
            valid,
            field("rate"),
            "INVALID_NUMBER",
            "a decimal number above zero of at most 18 digits is expected",
        );
        let Some(day) = day else { continue };
        found.require(
            seen.insert((from.to_owned(), day)),
            field("day"),
            "DUPLICATE",
            "the day and currency stand twice",
        );
        if rate.rate.is_empty() {
            asked.remove.push((from.to_owned(), day));
        } else {
            asked.set.push(RateRow {
                currency: from.to_owned(),
                day,
                rate: rate.rate.clone(),
                updated,
            });
        }
    }
    asked
}

fn read_day(found: &mut Violations, field: &str, text: &str) -> Option<i32> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let day = day
        .filter(|_| text.len() == 10)
        .map(|day| day.to_epoch_days());
    if day.is_none() {
        found.push(field, "INVALID_DAY", "must be `YYYY-MM-DD`");
    }
    day
}
