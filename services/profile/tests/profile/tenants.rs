//! Tenants: created once, changed with care, refused when suspended, gone when deleted.

use api::profile::{
    CreateTenantRequest, DeleteTenantRequest, GetTenantRequest, ListCustomersRequest,
    ListTenantsRequest, Tenant, TenantState, UpdateTenantRequest,
};
use prost_types::FieldMask;
use tonic::Code;
use uuid::Uuid;

use crate::harness::{World, assert_fault, of, scenarios, tenant};

scenarios!(
    creating_is_idempotent_by_request_id,
    changes_are_checked_by_etag_and_mask,
    pages_through_tenants,
    refuses_nonsense
);

async fn creating_is_idempotent_by_request_id(mut world: World) {
    let request = CreateTenantRequest {
        tenant: Some(tenant("shop")),
        request_id: Uuid::now_v7().to_string(),
    };
    let first = world
        .tenants
        .create_tenant(request.clone())
        .await
        .expect("create")
        .into_inner();
    let again = world
        .tenants
        .create_tenant(request.clone())
        .await
        .expect("the same")
        .into_inner();
    assert_eq!(first, again);

    let other = CreateTenantRequest {
        request_id: Uuid::now_v7().to_string(),
        ..request
    };
    assert_fault(
        world.tenants.create_tenant(other).await,
        Code::AlreadyExists,
        "TENANT_EXISTS",
    );
}

fn update(tenant: Tenant, paths: &[&str]) -> UpdateTenantRequest {
    let paths = paths.iter().map(|it| (*it).to_owned()).collect();
    UpdateTenantRequest {
        tenant: Some(tenant),
        update_mask: Some(FieldMask { paths }),
        request_id: String::new(),
    }
}

async fn changes_are_checked_by_etag_and_mask(mut world: World) {
    let created = world.create_tenant("shop").await;
    let renamed = Tenant {
        display_name: "New".into(),
        time_zone: "UTC".into(),
        ..created.clone()
    };
    let renamed = world
        .tenants
        .update_tenant(update(renamed, &["display_name"]))
        .await
        .expect("rename")
        .into_inner();
    assert_eq!(
        (renamed.display_name.as_str(), renamed.time_zone.as_str()),
        ("New", "Europe/London")
    );
    assert_ne!(renamed.etag, created.etag);
    let stale = world
        .tenants
        .update_tenant(update(created, &["display_name"]))
        .await;
    assert_fault(stale, Code::Aborted, "ETAG_MISMATCH");

    let suspended = Tenant {
        state: TenantState::Suspended.into(),
        ..renamed
    };
    world
        .tenants
        .update_tenant(update(suspended, &["state"]))
        .await
        .expect("suspend");
    let list = ListCustomersRequest::default();
    let refused = world.profiles.list_customers(of("shop", list)).await;
    assert_fault(refused, Code::FailedPrecondition, "TENANT_SUSPENDED");

    let delete = DeleteTenantRequest {
        tenant_id: "shop".into(),
        request_id: String::new(),
    };
    world.tenants.delete_tenant(delete).await.expect("delete");
    let get = GetTenantRequest {
        tenant_id: "shop".into(),
    };
    assert_fault(
        world.tenants.get_tenant(get).await,
        Code::NotFound,
        "TENANT_NOT_FOUND",
    );
    let taken = CreateTenantRequest {
        tenant: Some(tenant("shop")),
        request_id: String::new(),
    };
    assert_fault(
        world.tenants.create_tenant(taken).await,
        Code::AlreadyExists,
        "TENANT_EXISTS",
    );
}

async fn pages_through_tenants(mut world: World) {
    for id in ["b", "c", "d"] {
        world.create_tenant(id).await;
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListTenantsRequest {
            page_size: 3,
            page_token,
        };
        let page = world
            .tenants
            .list_tenants(request)
            .await
            .expect("a page")
            .into_inner();
        seen.extend(page.tenants.into_iter().map(|it| it.tenant_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["acme", "b", "c", "d"]);
    let bad = ListTenantsRequest {
        page_size: -1,
        page_token: "x".into(),
    };
    let status = assert_fault(
        world.tenants.list_tenants(bad).await,
        Code::InvalidArgument,
        "INVALID",
    );
    assert_eq!(runtime::fault::violations(&status).len(), 2);
}

async fn refuses_nonsense(mut world: World) {
    let nonsense = Tenant {
        tenant_id: "Not Good".into(),
        display_name: "x".repeat(201),
        time_zone: "Mars/Olympus".into(),
        currency_code: "gbp".into(),
        state: TenantState::Deleted.into(),
        ..Tenant::default()
    };
    let request = CreateTenantRequest {
        tenant: Some(nonsense),
        request_id: "7".into(),
    };
    let status = assert_fault(
        world.tenants.create_tenant(request).await,
        Code::InvalidArgument,
        "INVALID",
    );
    assert_eq!(runtime::fault::violations(&status).len(), 6);

    let fixed = world
        .tenants
        .update_tenant(update(tenant("acme"), &["time_zone"]))
        .await;
    assert_fault(fixed, Code::InvalidArgument, "INVALID");
}
