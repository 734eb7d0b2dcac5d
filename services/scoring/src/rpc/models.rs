//! `clientele.scoring.v1.ModelService`.

use super::validate;
use crate::jobs::train::TRAIN_MODEL;
use crate::serving::Models;
use crate::store::registry::{ListPosition, Registry, Which, is_model_name};
use api::longrunning::Operation;
use api::scoring::model_service_server::ModelService;
use api::scoring::{
    GetModelRequest, ListModelsRequest, ListModelsResponse, ModelVersion, PromoteModelRequest,
    TrainModelRequest,
};
use runtime::context::RequestContext;
use runtime::fault::{Fault, OrStatus, Violations};
use runtime::operations::{Operations, StartOperation};
use tonic::{Code, Request, Response, Status};

const PAGE_DEFAULT: u64 = 50;
const PAGE_MAX: u64 = 1_000;

/// There is no such version.
#[derive(Debug, thiserror::Error)]
#[error("there is no model version `{0}`")]
struct ModelNotFound(String);

impl Fault for ModelNotFound {
    fn code(&self) -> Code {
        Code::NotFound
    }

    fn reason(&self) -> &'static str {
        "MODEL_NOT_FOUND"
    }
}

/// Serves the registry of models, and starts trainings.
pub struct ModelRpc {
    registry: Registry,
    models: Models,
    operations: Operations,
}

impl ModelRpc {
    /// Serves a registry; trainings run as operations.
    pub fn new(registry: Registry, models: Models, operations: Operations) -> Self {
        Self {
            registry,
            models,
            operations,
        }
    }
}

#[tonic::async_trait]
impl ModelService for ModelRpc {
    async fn train_model(
        &self,
        request: Request<TrainModelRequest>,
    ) -> Result<Response<Operation>, Status> {
        let context = RequestContext::from_request(&request)?;
        let (request, request_id) = validate::train(request.into_inner())?;
        let start = StartOperation {
            tenant: context.tenant,
            kind: TRAIN_MODEL,
            request_id,
            request: runtime::any::pack(&request),
        };
        self.operations.start(start).await.map(Response::new)
    }

    async fn get_model(
        &self,
        request: Request<GetModelRequest>,
    ) -> Result<Response<ModelVersion>, Status> {
        let context = RequestContext::from_request(&request)?;
        let mut violations = Violations::new();
        let name = validate::version("name", &request.get_ref().name, true, &mut violations);
        violations.finish()?;
        let found = match &name {
            Some(name) => self
                .registry
                .find(context.tenant.as_str(), name)
                .await
                .or_status()?,
            None => None,
        };
        let found = found
            .ok_or_else(|| ModelNotFound(request.into_inner().name))
            .or_status()?;
        Ok(Response::new(found.to_version()))
    }

    async fn list_models(
        &self,
        request: Request<ListModelsRequest>,
    ) -> Result<Response<ListModelsResponse>, Status> {
        let context = RequestContext::from_request(&request)?;
        let ListModelsRequest {
            page_size,
            page_token,
            model,
        } = request.into_inner();
        let mut violations = Violations::new();
        let named = model.is_empty() || is_model_name(&model);
        violations.require(
            named,
            "model",
            "MALFORMED",
            "must be 1 to 40 characters of [a-z0-9-], or empty",
        );
        let size = violations.take(
            "page_size",
            "OUT_OF_RANGE",
            store::page::page_size(page_size, PAGE_DEFAULT, PAGE_MAX),
        );
        let after: Option<ListPosition> = match page_token.as_str() {
            "" => None,
            token => violations.take(
                "page_token",
                "MALFORMED",
                store::page::decode_for(&model, token),
            ),
        };
        violations.finish()?;

        let size = size.unwrap_or(PAGE_DEFAULT);
        let tenant = context.tenant.as_str();
        let mut found = self
            .registry
            .list(tenant, &model, after.as_ref(), size + 1)
            .await
            .or_status()?;
        let more = found.len() as u64 > size;
        found.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let next_page_token = match found.last() {
            Some(last) if more => store::page::encode_for(&model, &ListPosition::after(last)),
            _ => String::new(),
        };
        let models = found.iter().map(|version| version.to_version()).collect();
        Ok(Response::new(ListModelsResponse {
            models,
            next_page_token,
        }))
    }

    async fn promote_model(
        &self,
        request: Request<PromoteModelRequest>,
    ) -> Result<Response<ModelVersion>, Status> {
        let context = RequestContext::from_request(&request)?;
        let PromoteModelRequest { name, request_id } = request.into_inner();
        let mut violations = Violations::new();
        let parsed = validate::version("name", &name, false, &mut violations);
        let request_id = validate::request_id(&request_id, &mut violations);
        violations.finish()?;
        let tenant = context.tenant.as_str();
        let promoted = match &parsed {
            Some(version) => match version.which {
                Which::Number(number) => self
                    .registry
                    .promote(tenant, &version.model, number, request_id)
                    .await
                    .or_status()?,
                Which::Champion => None,
            },
            None => None,
        };
        let promoted = promoted.ok_or(ModelNotFound(name)).or_status()?;
        self.models
            .promoted(&context.tenant, &promoted.model)
            .await
            .or_status()?;
        Ok(Response::new(promoted.to_version()))
    }
}
