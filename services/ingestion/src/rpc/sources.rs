//! `SourceService`.

use std::sync::Arc;

use api::ingestion::source_service_server::SourceService;
use api::ingestion::{
    CheckSourceRequest, CheckSourceResponse, CreateSourceRequest, CreateWriteKeyRequest,
    CreateWriteKeyResponse, DeleteSourceRequest, GetSourceRequest, ListSourcesRequest,
    ListSourcesResponse, ListWriteKeysRequest, ListWriteKeysResponse, RevokeWriteKeyRequest,
    RunSourceRequest, RunSourceResponse, Source, UpdateSourceRequest, WriteKey,
};
use runtime::context::{RequestContext, TenantId};
use runtime::fault::{Invalid, OrStatus, Violations};
use store::page;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::domain::judge::is_source_name;
use crate::intake::Intake;
use crate::pull::{Opener, Trial};
use crate::sources::{Changes, Registry, SourceError, finish, sight};
use crate::store::sources;
use crate::store::write_keys::{self, WriteKeyRow};

/// Start of a source's name.
const PREFIX: &str = "sources/";
/// Sources or keys on a page unless asked otherwise, and at most.
const PAGE: (u64, u64) = (50, 200);

/// Serves `SourceService`.
pub(crate) struct SourceRpc {
    intake: Arc<Intake>,
    registry: Arc<Registry>,
    opener: Arc<Opener>,
}

impl SourceRpc {
    /// Serves the sources of `registry`, of tenants that `intake` knows.
    pub(crate) fn new(intake: Arc<Intake>, registry: Arc<Registry>, opener: Arc<Opener>) -> Self {
        Self {
            intake,
            registry,
            opener,
        }
    }

    /// Returns the tenant of a request that changes something: it must exist.
    async fn served(&self, tenant: &TenantId) -> Result<(), SourceError> {
        self.intake.tenant(tenant).await?;
        Ok(())
    }

    async fn sight(&self, tenant: &TenantId, id: &str) -> Result<Source, SourceError> {
        let reader = self.registry.store().reader();
        let mut found = sources::sights(reader, tenant.as_str(), Some(id), "", 1).await?;
        found
            .pop()
            .map(sight)
            .ok_or_else(|| SourceError::NotFound(id.to_owned()))
    }
}

#[tonic::async_trait]
impl SourceService for SourceRpc {
    async fn create_source(
        &self,
        request: Request<CreateSourceRequest>,
    ) -> Result<Response<Source>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let CreateSourceRequest {
            source_id,
            source,
            request_id,
            validate_only,
        } = request.into_inner();
        let mut found = Violations::new();
        require_id(&mut found, "source_id", &source_id);
        let request_id = read_request_id(&mut found, &request_id);
        found.require(source.is_some(), "source", "REQUIRED", "must be given");
        let source = source.unwrap_or_default();
        let checked = self.registry.check(&mut found, &tenant, &source);
        finish(found)?;
        self.served(&tenant).await?;
        let created = self
            .registry
            .create(
                &tenant,
                &source_id,
                source,
                checked,
                (request_id, validate_only),
            )
            .await?;
        Ok(Response::new(created))
    }

    async fn get_source(
        &self,
        request: Request<GetSourceRequest>,
    ) -> Result<Response<Source>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let mut found = Violations::new();
        let id = read_name(&mut found, "name", &request.get_ref().name);
        finish(found)?;
        Ok(Response::new(self.sight(&tenant, &id).await?))
    }

    async fn list_sources(
        &self,
        request: Request<ListSourcesRequest>,
    ) -> Result<Response<ListSourcesResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let ListSourcesRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let filter = ("sources", tenant.as_str());
        let (size, after) = read_page(&filter, page_size, &page_token)?;
        let reader = self.registry.store().reader();
        let mut found = sources::sights(reader, tenant.as_str(), None, &after, size + 1)
            .await
            .or_status()?;
        let next_page_token = next_page(&filter, &mut found, size, |it| &it.row.id);
        Ok(Response::new(ListSourcesResponse {
            sources: found.into_iter().map(sight).collect(),
            next_page_token,
        }))
    }

    async fn update_source(
        &self,
        request: Request<UpdateSourceRequest>,
    ) -> Result<Response<Source>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let UpdateSourceRequest {
            source,
            update_mask,
            request_id,
            validate_only,
        } = request.into_inner();
        let mut found = Violations::new();
        let request_id = read_request_id(&mut found, &request_id);
        let source = source.unwrap_or_default();
        let id = read_name(&mut found, "source.name", &source.name);
        let changes = Changes::read(&mut found, source, update_mask.unwrap_or_default().paths);
        finish(found)?;
        let updated = self
            .registry
            .update(&tenant, &id, &changes, (request_id, validate_only))
            .await?;
        Ok(Response::new(updated))
    }

    async fn delete_source(
        &self,
        request: Request<DeleteSourceRequest>,
    ) -> Result<Response<()>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let mut found = Violations::new();
        let id = read_name(&mut found, "name", &request.get_ref().name);
        finish(found)?;
        self.registry.delete(&tenant, &id).await?;
        Ok(Response::new(()))
    }

    async fn check_source(
        &self,
        request: Request<CheckSourceRequest>,
    ) -> Result<Response<CheckSourceResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let CheckSourceRequest {
            name,
            source,
            records_max,
        } = request.into_inner();
        let mut found = Violations::new();
        let most = match usize::try_from(records_max) {
            Ok(0) => 100,
            Ok(most) if most <= 1000 => most,
            _ => {
                found.push("records_max", "OUT_OF_RANGE", "must be 0 to 1,000");
                0
            }
        };
        let (id, definition, checked) = match source {
            Some(source) => {
                let checked = self.registry.check(&mut found, &tenant, &source);
                ("check".to_owned(), source, checked)
            }
            None => {
                let id = read_name(&mut found, "name", &name);
                finish(std::mem::take(&mut found))?;
                let source = self.sight(&tenant, &id).await?;
                let checked = self.registry.check(&mut found, &tenant, &source);
                (id, source, checked)
            }
        };
        finish(found)?;
        let judged = self.intake.tenant(&tenant).await.or_status()?;
        let trial = Trial {
            intake: &self.intake,
            opener: &self.opener,
            tenant: &judged,
            source: &id,
            records_max: most,
        };
        Ok(Response::new(
            trial.run(&definition, checked.contract).await,
        ))
    }

    async fn run_source(
        &self,
        request: Request<RunSourceRequest>,
    ) -> Result<Response<RunSourceResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let RunSourceRequest { name, request_id } = request.into_inner();
        let mut found = Violations::new();
        let id = read_name(&mut found, "name", &name);
        let request_id = read_request_id(&mut found, &request_id);
        finish(found)?;
        let run = self.registry.run(&tenant, &id, request_id).await?;
        Ok(Response::new(RunSourceResponse { run }))
    }

    async fn create_write_key(
        &self,
        request: Request<CreateWriteKeyRequest>,
    ) -> Result<Response<CreateWriteKeyResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let mut found = Violations::new();
        let id = read_name(&mut found, "parent", &request.get_ref().parent);
        finish(found)?;
        let (row, secret) = self.registry.create_key(&tenant, &id).await?;
        Ok(Response::new(CreateWriteKeyResponse {
            write_key: Some(key_sight(row)),
            secret,
        }))
    }

    async fn list_write_keys(
        &self,
        request: Request<ListWriteKeysRequest>,
    ) -> Result<Response<ListWriteKeysResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let ListWriteKeysRequest {
            parent,
            page_size,
            page_token,
        } = request.into_inner();
        let mut found = Violations::new();
        let id = read_name(&mut found, "parent", &parent);
        finish(found)?;
        let filter = ("write keys", tenant.as_str(), id.as_str());
        let (size, after) = read_page(&filter, page_size, &page_token)?;
        let reader = self.registry.store().reader();
        let source = sources::load(reader, tenant.as_str(), &id, false)
            .await
            .or_status()?;
        source.ok_or_else(|| SourceError::NotFound(id.clone()))?;
        let mut keys = write_keys::list(reader, tenant.as_str(), &id, &after, size + 1)
            .await
            .or_status()?;
        let next_page_token = next_page(&filter, &mut keys, size, |it| &it.id);
        Ok(Response::new(ListWriteKeysResponse {
            write_keys: keys.into_iter().map(key_sight).collect(),
            next_page_token,
        }))
    }

    async fn revoke_write_key(
        &self,
        request: Request<RevokeWriteKeyRequest>,
    ) -> Result<Response<()>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let name = request.into_inner().name;
        let parts: Vec<&str> = name.split('/').collect();
        let &["sources", source, "writeKeys", key] = parts.as_slice() else {
            let text = "must be `sources/{id}/writeKeys/{key}`";
            return Err(Invalid::field("name", "MALFORMED", text).into());
        };
        self.registry.revoke_key(&tenant, source, key).await?;
        Ok(Response::new(()))
    }
}

fn key_sight(row: WriteKeyRow) -> WriteKey {
    WriteKey {
        name: format!("{PREFIX}{}/writeKeys/{}", row.source, row.id),
        prefix: row.prefix,
        create_time: Some(runtime::time::to_proto(row.created)),
        revoke_time: row.revoked.map(runtime::time::to_proto),
    }
}

fn require_id(found: &mut Violations, field: &str, id: &str) {
    found.require(
        is_source_name(id),
        field,
        "INVALID_SOURCE",
        "a source is 1 to 64 bytes of a-z, 0-9, _ and -",
    );
}

/// Reads `sources/{id}` and returns the id.
pub(super) fn read_name(found: &mut Violations, field: &str, name: &str) -> String {
    match name.strip_prefix(PREFIX).filter(|id| is_source_name(id)) {
        Some(id) => id.to_owned(),
        None => {
            let text = "must be `sources/{id}`, the id 1 to 64 bytes of a-z, 0-9, _ and -";
            found.push(field, "MALFORMED", text);
            String::new()
        }
    }
}

pub(super) fn read_request_id(found: &mut Violations, text: &str) -> Option<Uuid> {
    match text {
        "" => None,
        text => found.take(
            "request_id",
            "MALFORMED",
            Uuid::parse_str(text).map_err(|_| "must be a UUID"),
        ),
    }
}

/// Returns how many rows a page has and after which id it begins.
fn read_page<F: serde::Serialize>(
    filter: &F,
    size: i32,
    token: &str,
) -> Result<(u64, String), Status> {
    let size = page::page_size(size, PAGE.0, PAGE.1).or_status()?;
    let after = match token {
        "" => String::new(),
        token => page::decode_for(filter, token).or_status()?,
    };
    Ok((size, after))
}

/// Cuts a page that has a row too many and returns the token of the next one.
fn next_page<F: serde::Serialize, T>(
    filter: &F,
    rows: &mut Vec<T>,
    size: u64,
    id: impl Fn(&T) -> &String,
) -> String {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return String::new();
    }
    rows.truncate(size);
    rows.last()
        .map(|last| page::encode_for(filter, id(last)))
        .unwrap_or_default()
}
