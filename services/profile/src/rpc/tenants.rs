//! `TenantService`.

use std::sync::Arc;

use api::profile::tenant_service_server::TenantService;
use api::profile::{
    CreateTenantRequest, DeleteTenantRequest, GetTenantRequest, ListTenantsRequest,
    ListTenantsResponse, Tenant, TenantState as ProtoState, UpdateTenantRequest,
};
use chrono::DateTime;
use chrono_tz::Tz;
use prost::Message;
use runtime::context::TenantId;
use runtime::fault::Violations;
use store::{StoreError, WriteTx, idempotency};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::questions::{self, finish, valid};
use crate::error::Error;
use crate::service::Core;
use crate::store::tenants::{self, Tenant as Row, TenantState};

/// Longest name for people, in characters.
const DISPLAY_NAME_MAX: usize = 200;
/// Page size unless asked otherwise.
const PAGE_DEFAULT: u64 = 50;

/// The service.
#[derive(Clone)]
pub(crate) struct Tenants(pub(crate) Arc<Core>);

/// A change to make in one transaction.
enum Write {
    Create(Row),
    Update {
        id: String,
        etag: String,
        changes: Changes,
    },
    Delete {
        id: String,
    },
}

#[async_trait::async_trait]
impl TenantService for Tenants {
    async fn create_tenant(
        &self,
        request: Request<CreateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        let CreateTenantRequest { tenant, request_id } = request.into_inner();
        let mut violations = Violations::new();
        let request_id = questions::request_id(&mut violations, &request_id);
        let row = read_new(&mut violations, tenant.unwrap_or_default());
        finish(violations)?;
        Ok(Response::new(
            self.write("CreateTenant", request_id, Write::Create(valid(row)?))
                .await?,
        ))
    }

    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        let id = request.into_inner().tenant_id;
        let mut violations = Violations::new();
        tenant_id(&mut violations, "tenant_id", &id);
        finish(violations)?;
        Ok(Response::new(to_proto(
            tenants::existing(self.0.store.reader(), &id).await?,
        )))
    }

    async fn list_tenants(
        &self,
        request: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        let ListTenantsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let mut violations = Violations::new();
        let size = questions::page_size(&mut violations, page_size, PAGE_DEFAULT);
        let after: Option<String> = questions::page_token(&mut violations, &"tenants", &page_token);
        finish(violations)?;
        let mut rows =
            tenants::list(self.0.store.reader(), &after.unwrap_or_default(), size + 1).await?;
        let more = u64::try_from(rows.len()).is_ok_and(|count| count > size);
        if more {
            rows.pop();
        }
        let last = rows.last().filter(|_| more);
        let next_page_token = last
            .map(|it| store::page::encode_for(&"tenants", &it.id))
            .unwrap_or_default();
        let tenants = rows.into_iter().map(to_proto).collect();
        Ok(Response::new(ListTenantsResponse {
            tenants,
            next_page_token,
        }))
    }

    async fn update_tenant(
        &self,
        request: Request<UpdateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        let UpdateTenantRequest {
            tenant,
            update_mask,
            request_id,
        } = request.into_inner();
        let mut violations = Violations::new();
        let request_id = questions::request_id(&mut violations, &request_id);
        let wanted = tenant.unwrap_or_default();
        let paths = update_mask.unwrap_or_default().paths;
        tenant_id(&mut violations, "tenant.tenant_id", &wanted.tenant_id);
        let changes = Changes::read(&mut violations, &wanted, &paths);
        finish(violations)?;
        let write = Write::Update {
            id: wanted.tenant_id,
            etag: wanted.etag,
            changes,
        };
        Ok(Response::new(
            self.write("UpdateTenant", request_id, write).await?,
        ))
    }

    async fn delete_tenant(
        &self,
        request: Request<DeleteTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        let DeleteTenantRequest {
            tenant_id: id,
            request_id,
        } = request.into_inner();
        let mut violations = Violations::new();
        let request_id = questions::request_id(&mut violations, &request_id);
        tenant_id(&mut violations, "tenant_id", &id);
        finish(violations)?;
        Ok(Response::new(
            self.write("DeleteTenant", request_id, Write::Delete { id })
                .await?,
        ))
    }
}

impl Tenants {
    /// Makes a change in one transaction, or answers as before when the request was answered before.
    async fn write(
        &self,
        rpc: &str,
        request_id: Option<Uuid>,
        write: Write,
    ) -> Result<Tenant, Error> {
        let tenant = write.tenant().to_owned();
        let tx = self.0.store.begin().await?;
        if let Some(id) = request_id
            && let Some(bytes) = idempotency::replay_or_run(&tx, &tenant, id, rpc).await?
        {
            return Tenant::decode(bytes.as_slice())
                .map_err(|it| Error::Store(StoreError::Corrupt(it.to_string())));
        }
        let answer = to_proto(write.run(&tx).await?);
        if let Some(id) = request_id {
            idempotency::remember(&tx, &tenant, id, rpc, &answer.encode_to_vec()).await?;
        }
        tx.commit().await?;
        Ok(answer)
    }
}

impl Write {
    fn tenant(&self) -> &str {
        match self {
            Self::Create(row) => &row.id,
            Self::Update { id, .. } | Self::Delete { id } => id,
        }
    }

    async fn run(self, tx: &WriteTx) -> Result<Row, Error> {
        let (id, etag_given, changes) = match self {
            Self::Create(row) => {
                tenants::insert(tx, &row).await?;
                return Ok(row);
            }
            Self::Update { id, etag, changes } => (id, etag, changes),
            Self::Delete { id } => (
                id,
                String::new(),
                Changes {
                    display_name: None,
                    state: Some(TenantState::Deleted),
                },
            ),
        };
        let mut row = tenants::lock(tx, &id).await?;
        if !etag_given.is_empty() && etag_given != etag(&row) {
            return Err(Error::EtagMismatch);
        }
        row.display_name = changes.display_name.unwrap_or(row.display_name);
        row.state = changes.state.unwrap_or(row.state);
        row.revision += 1;
        tenants::update(tx, &row).await?;
        Ok(row)
    }
}

/// What an update changes.
#[derive(Debug, Default)]
struct Changes {
    display_name: Option<String>,
    state: Option<TenantState>,
}

impl Changes {
    fn read(violations: &mut Violations, wanted: &Tenant, paths: &[String]) -> Self {
        let mut changes = Self::default();
        violations.require(
            !paths.is_empty(),
            "update_mask",
            "REQUIRED",
            "must name display_name or state",
        );
        for (index, path) in paths.iter().enumerate() {
            match path.as_str() {
                "display_name" => {
                    display_name(violations, &wanted.display_name);
                    changes.display_name = Some(wanted.display_name.clone());
                }
                "state" => match wanted.state() {
                    ProtoState::Active => changes.state = Some(TenantState::Active),
                    ProtoState::Suspended => changes.state = Some(TenantState::Suspended),
                    ProtoState::Unspecified | ProtoState::Deleted => {
                        violations.push(
                            "tenant.state",
                            "OUT_OF_RANGE",
                            "must be ACTIVE or SUSPENDED",
                        );
                    }
                },
                _ => violations.push(
                    format!("update_mask.paths[{index}]"),
                    "UNKNOWN_FIELD",
                    "only display_name and state can be changed",
                ),
            }
        }
        changes
    }
}

fn read_new(violations: &mut Violations, tenant: Tenant) -> Option<Row> {
    let Tenant {
        tenant_id: id,
        display_name: name,
        time_zone,
        currency_code,
        state,
        create_time: _,
        etag: _,
    } = tenant;
    tenant_id(violations, "tenant.tenant_id", &id);
    display_name(violations, &name);
    let zone = time_zone
        .parse::<Tz>()
        .map_err(|_| "must be an IANA time zone, for example Europe/London");
    let zone = violations.take("tenant.time_zone", "MALFORMED", zone);
    let currency =
        currency_code.len() == 3 && currency_code.bytes().all(|it| it.is_ascii_uppercase());
    let description = "must be an ISO 4217 code, for example GBP";
    violations.require(currency, "tenant.currency_code", "MALFORMED", description);
    let fresh = matches!(
        ProtoState::try_from(state),
        Ok(ProtoState::Unspecified | ProtoState::Active)
    );
    violations.require(
        fresh,
        "tenant.state",
        "OUT_OF_RANGE",
        "a tenant is created ACTIVE",
    );
    Some(Row {
        id,
        display_name: name,
        time_zone: zone?,
        currency_code,
        state: TenantState::Active,
        create_ms: runtime::clock::now().timestamp_millis(),
        revision: 1,
    })
}

fn tenant_id(violations: &mut Violations, field: &str, id: &str) {
    violations.take(field, "MALFORMED", TenantId::parse(id));
}

fn display_name(violations: &mut Violations, name: &str) {
    let fits = name.chars().count() <= DISPLAY_NAME_MAX;
    violations.require(
        fits,
        "tenant.display_name",
        "OUT_OF_RANGE",
        "must be at most 200 characters",
    );
}

fn etag(row: &Row) -> String {
    row.revision.to_string()
}

fn to_proto(row: Row) -> Tenant {
    let etag = etag(&row);
    Tenant {
        tenant_id: row.id,
        display_name: row.display_name,
        time_zone: row.time_zone.name().to_owned(),
        currency_code: row.currency_code,
        state: row.state.number(),
        create_time: DateTime::from_timestamp_millis(row.create_ms).map(runtime::time::to_proto),
        etag,
    }
}
