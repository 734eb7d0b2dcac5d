//! `TaxonomyService`.

use std::sync::Arc;

use api::ingestion::taxonomy_service_server::TaxonomyService;
use api::ingestion::{
    ActivateTaxonomyVersionRequest, CreateTaxonomyVersionRequest, ExampleResult,
    GetTaxonomyVersionRequest, ListTaxonomyVersionsRequest, ListTaxonomyVersionsResponse,
    TagTextsRequest, TagTextsResponse, TaxonomyVersion, TextTag, TextTags,
};
use prost::Message;
use runtime::context::{RequestContext, TenantId};
use runtime::fault::{Fault, FieldViolation, OrStatus, Violations};
use store::{Store, StoreError, idempotency, page};
use text::Taxonomy;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::domain::judge::is_source_name;
use crate::intake::Intake;
use crate::sources::finish;
use crate::store::taxonomies::{self, Place, TaxonomyRow};
use crate::taxonomies::ActiveTaxonomies;

/// Most taxonomies of a tenant.
const TAXONOMIES_MAX: i64 = 50;
/// Most texts of one request, and most bytes of one text.
const TEXTS_MAX: usize = 1000;
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Most examples that an answer names as failed.
const FAILURES_MAX: usize = 50;
/// Versions on a page unless asked otherwise, and at most.
const PAGE: (u64, u64) = (50, 200);
/// Name under which repeated requests are remembered.
const CREATE: &str = "CreateTaxonomyVersion";

/// Serves `TaxonomyService`.
pub(crate) struct TaxonomyRpc {
    intake: Arc<Intake>,
    store: Store,
    active: Arc<ActiveTaxonomies>,
}

/// Why a taxonomy is not served as asked.
#[derive(Debug, thiserror::Error)]
enum TaxonomyError {
    #[error("there is no version `{0}`")]
    NotFound(String),
    #[error("{count} examples of `{name}` get other tags than they should")]
    ExamplesFailed {
        name: String,
        count: usize,
        failures: Vec<FieldViolation>,
    },
    #[error("a tenant may have {TAXONOMIES_MAX} taxonomies")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for TaxonomyError {
    fn code(&self) -> Code {
        match self {
            Self::NotFound(_) => Code::NotFound,
            Self::ExamplesFailed { .. } => Code::FailedPrecondition,
            Self::TooMany => Code::ResourceExhausted,
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "TAXONOMY_NOT_FOUND",
            Self::ExamplesFailed { .. } => "EXAMPLES_FAILED",
            Self::TooMany => "TOO_MANY_TAXONOMIES",
            Self::Store(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::ExamplesFailed { failures, .. } => failures.clone(),
            Self::Store(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Store(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl TaxonomyRpc {
    /// Serves the taxonomies in `store`, of tenants that `intake` knows.
    pub(crate) fn new(intake: Arc<Intake>, store: Store, active: Arc<ActiveTaxonomies>) -> Self {
        Self {
            intake,
            store,
            active,
        }
    }

    async fn create(
        &self,
        tenant: &TenantId,
        request: &CreateTaxonomyVersionRequest,
        request_id: Option<Uuid>,
        taxonomy: &Taxonomy,
    ) -> Result<TaxonomyVersion, TaxonomyError> {
        let (id, tenant) = (request.taxonomy_id.as_str(), tenant.as_str());
        let tx = self.store.begin().await?;
        let mut digest = blake3::Hasher::new();
        for part in [id, request.taxonomy_yaml.as_str()] {
            digest.update(&(part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        let digest = digest.finalize();
        if let Some(request_id) = request_id
            && let Some(kept) = idempotency::replay_or_run(&tx, tenant, request_id, CREATE).await?
        {
            let damaged = |_| StoreError::Corrupt("a kept answer is damaged".into());
            let answer = kept.strip_prefix(digest.as_bytes().as_slice());
            let answer = answer.ok_or(StoreError::RequestReused)?;
            return Ok(TaxonomyVersion::decode(answer).map_err(damaged)?);
        }
        if taxonomies::count_others(&tx, tenant, id).await? >= TAXONOMIES_MAX {
            return Err(TaxonomyError::TooMany);
        }
        let now = runtime::clock::now();
        let tags = taxonomy.tags().len() as i32;
        let number = taxonomies::add(&tx, tenant, id, (&request.taxonomy_yaml, tags), now).await?;
        let row = taxonomies::load(&tx, tenant, id, Some(number)).await?;
        let row = row.ok_or_else(|| StoreError::Failed("the version is gone".into()))?;
        let answer = with_examples(sight(row), taxonomy);
        if let Some(request_id) = request_id {
            let mut kept = digest.as_bytes().to_vec();
            kept.extend(answer.encode_to_vec());
            idempotency::remember(&tx, tenant, request_id, CREATE, &kept).await?;
        }
        tx.commit().await?;
        Ok(answer)
    }

    async fn activate(
        &self,
        tenant: &TenantId,
        (id, number): (&str, i64),
    ) -> Result<TaxonomyVersion, TaxonomyError> {
        let tx = self.store.begin().await?;
        let row = load(&tx, tenant, id, Some(number)).await?;
        let taxonomy = read(&row)?;
        let failures = taxonomy.failures();
        if !failures.is_empty() {
            let count = failures.len();
            let told = failures
                .into_iter()
                .take(FAILURES_MAX)
                .map(|(example, found)| FieldViolation {
                    field: format!("examples[{}]", place(&taxonomy, example)),
                    reason: "EXAMPLE_FAILED".into(),
                    description: format!(
                        "`{}` should get {}, and gets {}",
                        example.text.chars().take(200).collect::<String>(),
                        listed(example.tags.iter().map(String::as_str)),
                        listed(found.into_iter())
                    ),
                });
            return Err(TaxonomyError::ExamplesFailed {
                name: name(id, number),
                count,
                failures: told.collect(),
            });
        }
        taxonomies::activate(&tx, tenant.as_str(), id, number, runtime::clock::now()).await?;
        let row = load(&tx, tenant, id, Some(number)).await?;
        tx.commit().await?;
        self.active.changed(tenant.as_str()).await;
        Ok(with_examples(sight(row), &taxonomy))
    }
}

#[tonic::async_trait]
impl TaxonomyService for TaxonomyRpc {
    async fn create_taxonomy_version(
        &self,
        request: Request<CreateTaxonomyVersionRequest>,
    ) -> Result<Response<TaxonomyVersion>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let valid = is_source_name(&request.taxonomy_id);
        let text = "a taxonomy is 1 to 64 bytes of a-z, 0-9, _ and -";
        found.require(valid, "taxonomy_id", "INVALID_TAXONOMY", text);
        let request_id = match request.request_id.as_str() {
            "" => None,
            text => found.take(
                "request_id",
                "MALFORMED",
                Uuid::parse_str(text).map_err(|_| "must be a UUID"),
            ),
        };
        let taxonomy = Taxonomy::parse(&request.taxonomy_yaml);
        for mistake in taxonomy.as_ref().err().into_iter().flatten() {
            let field = match mistake.path.as_str() {
                "" => "taxonomy_yaml".to_owned(),
                path => format!("taxonomy_yaml.{path}"),
            };
            found.push(field, mistake.reason, mistake.text.clone());
        }
        finish(found)?;
        let Ok(taxonomy) = taxonomy else {
            return Err(Status::internal("the taxonomy has mistakes"));
        };
        self.intake.tenant(&tenant).await.or_status()?;
        if request.validate_only {
            let checked = TaxonomyVersion {
                tags: taxonomy.tags().len() as i32,
                taxonomy_yaml: request.taxonomy_yaml,
                ..TaxonomyVersion::default()
            };
            return Ok(Response::new(with_examples(checked, &taxonomy)));
        }
        let created = self.create(&tenant, &request, request_id, &taxonomy).await;
        Ok(Response::new(created.or_status()?))
    }

    async fn activate_taxonomy_version(
        &self,
        request: Request<ActivateTaxonomyVersionRequest>,
    ) -> Result<Response<TaxonomyVersion>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let name = request.into_inner().name;
        let (id, number) = read_name(&name)?;
        let number = number.ok_or_else(|| malformed("name the version by its number"))?;
        self.intake.tenant(&tenant).await.or_status()?;
        let activated = self.activate(&tenant, (&id, number)).await.or_status()?;
        Ok(Response::new(activated))
    }

    async fn get_taxonomy_version(
        &self,
        request: Request<GetTaxonomyVersionRequest>,
    ) -> Result<Response<TaxonomyVersion>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let (id, number) = read_name(&request.get_ref().name)?;
        let row = load(self.store.reader(), &tenant, &id, number)
            .await
            .or_status()?;
        let taxonomy = read(&row).or_status()?;
        Ok(Response::new(with_examples(sight(row), &taxonomy)))
    }

    async fn list_taxonomy_versions(
        &self,
        request: Request<ListTaxonomyVersionsRequest>,
    ) -> Result<Response<ListTaxonomyVersionsResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let ListTaxonomyVersionsRequest {
            parent,
            page_size,
            page_token,
        } = request.into_inner();
        let mut found = Violations::new();
        let id = match parent.strip_prefix("taxonomies/") {
            Some(id) if is_source_name(id) => id,
            None if parent.is_empty() => "",
            _ => {
                found.push("parent", "MALFORMED", "must be `taxonomies/{id}`, or empty");
                ""
            }
        };
        finish(found)?;
        let filter = ("taxonomies", tenant.as_str(), id);
        let size = page::page_size(page_size, PAGE.0, PAGE.1).or_status()?;
        let after: Option<Place> = match page_token.as_str() {
            "" => None,
            token => Some(page::decode_for(&filter, token).or_status()?),
        };
        let reader = self.store.reader();
        let mut rows = taxonomies::list(reader, tenant.as_str(), id, after.as_ref(), size + 1)
            .await
            .or_status()?;
        let mut next_page_token = String::new();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if rows.len() > size {
            rows.truncate(size);
            let last = rows.last().map(TaxonomyRow::place);
            next_page_token = last
                .map(|last| page::encode_for(&filter, &last))
                .unwrap_or_default();
        }
        Ok(Response::new(ListTaxonomyVersionsResponse {
            versions: rows.into_iter().map(sight).collect(),
            next_page_token,
        }))
    }

    async fn tag_texts(
        &self,
        request: Request<TagTextsRequest>,
    ) -> Result<Response<TagTextsResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let TagTextsRequest { name, texts } = request.into_inner();
        let mut found = Violations::new();
        let count = (1..=TEXTS_MAX).contains(&texts.len());
        found.require(count, "texts", "WRONG_COUNT", "1 to 1,000 texts");
        for (index, text) in texts.iter().enumerate().take(TEXTS_MAX) {
            let field = format!("texts[{index}]");
            let fits = text.len() <= TEXT_BYTES_MAX;
            found.require(fits, field, "TOO_LONG", "a text has at most 8 KiB");
        }
        finish(found)?;
        let (id, number) = read_name(&name)?;
        let row = load(self.store.reader(), &tenant, &id, number)
            .await
            .or_status()?;
        let taxonomy = read(&row).or_status()?;
        // Tagging is linear in the texts, but eight megabytes take a while.
        let results = tokio::task::spawn_blocking(move || {
            let tags = |text: &String| TextTags {
                tags: tags(&taxonomy, text),
            };
            texts.iter().map(tags).collect()
        });
        let results = results
            .await
            .map_err(|_| Status::internal("internal error"))?;
        Ok(Response::new(TagTextsResponse { results }))
    }
}

fn tags(taxonomy: &Taxonomy, text: &str) -> Vec<TextTag> {
    let tag = |it: text::Tagged<'_>| TextTag {
        tag: it.tag.to_owned(),
        evidence: text[it.place.clone()].to_owned(),
        start: text[..it.place.start].chars().count() as i32,
    };
    taxonomy.find(text).into_iter().map(tag).collect()
}

async fn load<C: sea_orm::ConnectionTrait>(
    db: &C,
    tenant: &TenantId,
    id: &str,
    number: Option<i64>,
) -> Result<TaxonomyRow, TaxonomyError> {
    let row = taxonomies::load(db, tenant.as_str(), id, number).await?;
    row.ok_or_else(|| {
        let number = number.map_or("active".to_owned(), |number| number.to_string());
        TaxonomyError::NotFound(format!("taxonomies/{id}/versions/{number}"))
    })
}

fn read(row: &TaxonomyRow) -> Result<Taxonomy, TaxonomyError> {
    let damaged = |_| StoreError::Corrupt(format!("{} is damaged", name(&row.id, row.number)));
    Ok(Taxonomy::parse(&row.yaml).map_err(damaged)?)
}

fn name(id: &str, number: i64) -> String {
    format!("taxonomies/{id}/versions/{number}")
}

/// Reads `taxonomies/{id}/versions/{number}`; no number means the version in force.
fn read_name(name: &str) -> Result<(String, Option<i64>), Status> {
    let parts: Vec<&str> = name.split('/').collect();
    let &["taxonomies", id, "versions", version] = parts.as_slice() else {
        return Err(malformed("must be `taxonomies/{id}/versions/{number}`"));
    };
    let number = match version {
        "active" => None,
        number => Some(number.parse().ok().filter(|it: &i64| *it > 0)),
    };
    if !is_source_name(id) || number == Some(None) {
        return Err(malformed("must be `taxonomies/{id}/versions/{number}`"));
    }
    Ok((id.to_owned(), number.flatten()))
}

fn malformed(text: &str) -> Status {
    runtime::fault::Invalid::field("name", "MALFORMED", text).into()
}

fn sight(row: TaxonomyRow) -> TaxonomyVersion {
    TaxonomyVersion {
        name: name(&row.id, row.number),
        taxonomy_yaml: row.yaml,
        active: row.active,
        tags: row.tags,
        examples: Vec::new(),
        create_time: Some(runtime::time::to_proto(row.created)),
        activate_time: row.activated.map(runtime::time::to_proto),
    }
}

fn with_examples(mut version: TaxonomyVersion, taxonomy: &Taxonomy) -> TaxonomyVersion {
    let result = |example: &text::Example| ExampleResult {
        text: example.text.clone(),
        expected: example.tags.clone(),
        found: taxonomy
            .find(&example.text)
            .iter()
            .map(|it| it.tag.to_owned())
            .collect(),
    };
    version.examples = taxonomy.examples().iter().map(result).collect();
    version
}

/// Returns where an example stands among all.
fn place(taxonomy: &Taxonomy, example: &text::Example) -> usize {
    let mut all = taxonomy.examples().iter();
    all.position(|one| std::ptr::eq(one, example))
        .unwrap_or_default()
}

fn listed<'t>(tags: impl Iterator<Item = &'t str>) -> String {
    let all: Vec<&str> = tags.collect();
    match all.is_empty() {
        true => "no tag".to_owned(),
        false => all.join(", "),
    }
}
