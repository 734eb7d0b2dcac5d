//! `ImportService`.

use std::sync::Arc;

use api::ingestion::import_service_server::ImportService;
use api::ingestion::{
    ImportFileRequest, ProfileFileRequest, UploadFileRequest, UploadFileResponse,
};
use api::longrunning::Operation;
use runtime::context::RequestContext;
use runtime::fault::{Invalid, OrStatus, Violations};
use runtime::operations::{Operations, StartOperation};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::domain::{Violation, contract, judge};
use crate::jobs::{IMPORT_KIND, PROFILE_FILE_KIND};
use crate::sources::Sources;
use crate::uploads::Uploads;

/// Most bytes of a contract.
const CONTRACT_BYTES_MAX: usize = 256 * 1024;
/// Longest file name in bytes.
const FILE_NAME_BYTES_MAX: usize = 255;

/// Serves `ImportService`.
pub(crate) struct ImportRpc {
    uploads: Uploads,
    operations: Operations,
    sources: Arc<Sources>,
}

impl ImportRpc {
    /// Keeps files in `uploads` and imports them by `operations`, by the contracts of `sources` where none is given.
    pub(crate) fn new(uploads: Uploads, operations: Operations, sources: Arc<Sources>) -> Self {
        Self {
            uploads,
            operations,
            sources,
        }
    }

    /// Returns the contract of a registered source. The import keeps it, so that a later revision changes nothing in the
    /// middle of a file.
    async fn registered_contract(&self, tenant: &str, source: &str) -> Result<String, Status> {
        let found = self
            .sources
            .contract_yaml(tenant, source)
            .await
            .or_status()?;
        found.filter(|yaml| !yaml.is_empty()).ok_or_else(|| {
            let text =
                format!("the source `{source}` has no contract: register one, or give one here");
            Invalid::field("contract_yaml", "REQUIRED", text).into()
        })
    }
}

#[tonic::async_trait]
impl ImportService for ImportRpc {
    async fn upload_file(
        &self,
        request: Request<Streaming<UploadFileRequest>>,
    ) -> Result<Response<UploadFileResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let mut pieces = request.into_inner();
        let first = pieces.message().await?;
        let UploadFileRequest { file_name, data } = first.ok_or_else(|| {
            Status::from(Invalid::field(
                "file_name",
                "REQUIRED",
                "the stream is empty",
            ))
        })?;
        if file_name.is_empty() || file_name.len() > FILE_NAME_BYTES_MAX {
            let text =
                format!("the first message names the file, in at most {FILE_NAME_BYTES_MAX} bytes");
            return Err(Invalid::field("file_name", "REQUIRED", text).into());
        }
        let mut file = self.uploads.begin(&tenant, file_name).await.or_status()?;
        file.write(&data).await.or_status()?;
        while let Some(piece) = pieces.message().await? {
            file.write(&piece.data).await.or_status()?;
        }
        let (upload, size) = file.finish().await.or_status()?;
        Ok(Response::new(UploadFileResponse {
            upload,
            size_bytes: size as i64,
        }))
    }

    async fn import_file(
        &self,
        request: Request<ImportFileRequest>,
    ) -> Result<Response<Operation>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let mut request = request.into_inner();
        let mut found = Violations::new();
        let request_id = check_common(
            &mut found,
            &request.upload,
            &request.source,
            &request.request_id,
        );
        if request.contract_yaml.len() > CONTRACT_BYTES_MAX {
            let text = format!("a contract has at most {CONTRACT_BYTES_MAX} bytes");
            found.push("contract_yaml", "TOO_LARGE", text);
        } else if !request.contract_yaml.is_empty()
            && let Err(mistakes) = contract::parse(&request.contract_yaml)
        {
            add_mistakes(&mut found, mistakes);
        }
        found
            .finish()
            .map_err(|invalid: Invalid| Status::from(invalid))?;
        if request.contract_yaml.is_empty() {
            request.contract_yaml = self
                .registered_contract(tenant.as_str(), &request.source)
                .await?;
        }
        self.uploads
            .find(&tenant, &request.upload)
            .await
            .or_status()?;
        let request = runtime::any::pack(&request);
        let operation = self
            .operations
            .start(StartOperation {
                tenant,
                kind: IMPORT_KIND,
                request_id,
                request,
            })
            .await?;
        Ok(Response::new(operation))
    }

    async fn profile_file(
        &self,
        request: Request<ProfileFileRequest>,
    ) -> Result<Response<Operation>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let request = request.into_inner();
        let mut found = Violations::new();
        let request_id = check_common(
            &mut found,
            &request.upload,
            &request.source,
            &request.request_id,
        );
        found
            .finish()
            .map_err(|invalid: Invalid| Status::from(invalid))?;
        self.uploads
            .find(&tenant, &request.upload)
            .await
            .or_status()?;
        let start = StartOperation {
            tenant,
            kind: PROFILE_FILE_KIND,
            request_id,
            request: runtime::any::pack(&request),
        };
        Ok(Response::new(self.operations.start(start).await?))
    }
}

/// Checks what both operations on files are asked with, and returns the idempotency key.
fn check_common(
    found: &mut Violations,
    upload: &str,
    source: &str,
    request_id: &str,
) -> Option<Uuid> {
    found.require(
        !upload.is_empty(),
        "upload",
        "REQUIRED",
        "name the uploaded file, or the URL of one",
    );
    found.require(
        judge::is_source_name(source),
        "source",
        "INVALID_SOURCE",
        "a source is 1 to 64 bytes of a-z, 0-9, _ and -",
    );
    match request_id {
        "" => None,
        text => found.take("request_id", "MALFORMED", Uuid::parse_str(text)),
    }
}

fn add_mistakes(found: &mut Violations, mistakes: Vec<Violation>) {
    for Violation {
        field,
        reason,
        description,
    } in mistakes
    {
        let field = if field.is_empty() {
            "contract_yaml".to_owned()
        } else {
            format!("contract_yaml.{field}")
        };
        found.push(field, reason, description);
    }
}

/// Says what is wrong with a contract.
pub(crate) fn invalid_contract(mistakes: Vec<Violation>) -> Status {
    let mut found = Violations::new();
    add_mistakes(&mut found, mistakes);
    found
        .finish()
        .err()
        .map_or_else(|| Status::internal("no mistake"), Status::from)
}
