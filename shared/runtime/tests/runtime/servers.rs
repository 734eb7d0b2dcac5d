use super::fixture::{PATIENCE, Scripted, ask, config, named, serve};
use api::profile::WatchProfileChangesRequest;
use api::profile::feature_service_client::FeatureServiceClient;
use api::profile::tenant_service_client::TenantServiceClient;
use runtime::fault::{self, Violations};
use runtime::server::ServerConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn tells_health_under_every_name() {
    let server = serve("profile", config(), Scripted::echo().routes()).await;
    let mut health = HealthClient::new(server.bare());

    for name in [
        "",
        "profile",
        "liveness",
        "clientele.profile.v1.TenantService",
    ] {
        let answer = health
            .check(HealthCheckRequest {
                service: name.into(),
            })
            .await
            .unwrap();
        assert_eq!(
            answer.into_inner().status(),
            ServingStatus::Serving,
            "{name}"
        );
    }
    let unknown = health
        .check(HealthCheckRequest {
            service: "other".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn describes_its_contracts() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let server = serve("profile", config(), Scripted::echo().routes()).await;

    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(server.bare())
        .server_reflection_info(futures::stream::iter([question]))
        .await
        .unwrap()
        .into_inner();

    let answer = answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<_> = list.service.iter().map(|it| it.name.as_str()).collect();
    assert!(
        names.contains(&"clientele.profile.v1.TenantService"),
        "{names:?}"
    );
    assert!(
        !names.contains(&"clientele.scoring.v1.ScoringService"),
        "{names:?}"
    );
}

#[tokio::test]
async fn cuts_a_call_at_its_callers_deadline_and_at_its_own_limit() {
    let never = Scripted::new(|_| async { std::future::pending().await });
    let limit = ServerConfig {
        request_timeout: Duration::from_millis(50),
        ..config()
    };
    let strict = serve("strict", limit, never.clone().routes()).await;
    let patient = serve("patient", config(), never.routes()).await;

    let status = TenantServiceClient::new(strict.bare())
        .get_tenant(ask("a"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(fault::reason(&status).as_deref(), Some("DEADLINE_EXCEEDED"));

    // The plain client keeps its deadline until the answer begins; then only the server does.
    let mut request = Request::new(WatchProfileChangesRequest::default());
    request
        .metadata_mut()
        .insert("grpc-timeout", "500m".parse().unwrap());
    let mut changes = FeatureServiceClient::new(patient.bare())
        .watch_profile_changes(request)
        .await
        .unwrap()
        .into_inner();
    assert!(changes.message().await.unwrap().is_some());
    let status = changes.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn tells_the_handler_how_much_time_is_left() {
    let seen = Scripted::new(|request| async move {
        let context = runtime::context::RequestContext::from_request(&request)?;
        let left = context.deadline.map(runtime::Deadline::left);
        assert!(
            left.is_some_and(|it| it <= Duration::from_secs(7)),
            "{left:?}"
        );
        Ok(named(context.tenant.as_str()))
    });
    let server = serve("profile", config(), seen.routes()).await;

    let mut request = Request::new(ask("a"));
    request.set_timeout(Duration::from_secs(7));
    let answer = server.client().get_tenant(request).await.unwrap();

    assert_eq!(answer.into_inner().tenant_id, "default");
}

#[tokio::test]
async fn sheds_what_is_too_much_but_answers_probes() {
    let gate = Arc::new(Semaphore::new(0));
    let entered = Arc::new(Semaphore::new(0));
    let (inside, open) = (entered.clone(), gate.clone());
    let slow = Scripted::new(move |_| {
        let (inside, open) = (inside.clone(), open.clone());
        async move {
            inside.add_permits(1);
            open.acquire().await.unwrap().forget();
            Ok(named("slow"))
        }
    });
    let server = serve(
        "profile",
        ServerConfig {
            concurrency_max: 1,
            ..config()
        },
        slow.routes(),
    )
    .await;
    let mut first = TenantServiceClient::new(server.bare());
    let held = tokio::spawn(async move { first.get_tenant(ask("a")).await });
    tokio::time::timeout(PATIENCE, entered.acquire())
        .await
        .unwrap()
        .unwrap()
        .forget();

    let status = TenantServiceClient::new(server.bare())
        .get_tenant(ask("b"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(fault::reason(&status).as_deref(), Some("OVERLOADED"));
    assert!(fault::retry_delay(&status).is_some());
    HealthClient::new(server.bare())
        .check(HealthCheckRequest::default())
        .await
        .unwrap();

    gate.add_permits(2);
    held.await.unwrap().unwrap();
    TenantServiceClient::new(server.bare())
        .get_tenant(ask("c"))
        .await
        .unwrap();
}

#[tokio::test]
async fn survives_a_panic_and_hides_it() {
    let server = serve(
        "profile",
        config(),
        Scripted::new(|request| async move {
            assert_ne!(request.get_ref().tenant_id, "bad", "a secret row");
            Ok(named("good"))
        })
        .routes(),
    )
    .await;
    let mut client = TenantServiceClient::new(server.bare());

    let status = client.get_tenant(ask("bad")).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(status.message(), "internal error");
    client.get_tenant(ask("good")).await.unwrap();
}

#[tokio::test]
async fn names_every_field_at_fault() {
    let server = serve(
        "profile",
        config(),
        Scripted::new(|_| async {
            let mut found = Violations::new();
            found.push("tenant_id", "REQUIRED", "must be given");
            found.push("tenant.time_zone", "UNKNOWN", "is no time zone");
            found.finish().map_err(Status::from)?;
            Ok(named("never"))
        })
        .routes(),
    )
    .await;

    let status = server.client().get_tenant(ask("")).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(fault::reason(&status).as_deref(), Some("INVALID"));
    let fields: Vec<_> = fault::violations(&status)
        .into_iter()
        .map(|it| (it.field, it.reason))
        .collect();
    assert_eq!(
        fields,
        [
            ("tenant_id".into(), "REQUIRED".into()),
            ("tenant.time_zone".into(), "UNKNOWN".into())
        ]
    );
}

#[tokio::test]
async fn gives_oversized_messages_the_promised_code() {
    let server = serve("profile", config(), Scripted::echo().routes()).await;

    let status = server
        .client()
        .get_tenant(ask(&"x".repeat(5000)))
        .await
        .unwrap_err();

    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(fault::reason(&status).as_deref(), Some("MESSAGE_TOO_LARGE"));
}

#[tokio::test]
async fn gives_malformed_messages_the_promised_code() {
    let server = serve("profile", config(), Scripted::echo().routes()).await;
    // Field 1 is text, and this is no UTF-8.
    let mut grpc = tonic::client::Grpc::new(server.bare());
    grpc.ready().await.unwrap();
    let path =
        http::uri::PathAndQuery::from_static("/clientele.profile.v1.TenantService/GetTenant");
    let codec =
        tonic_prost::ProstCodec::<api::common::FragmentRef, api::profile::Tenant>::default();
    let broken = api::common::FragmentRef {
        fragment_id: vec![0xff, 0xfe],
        ..Default::default()
    };

    let status = grpc
        .unary(Request::new(broken), path, codec)
        .await
        .unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
}

#[tokio::test]
async fn refuses_an_address_that_strangers_reach() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let server = super::fixture::serve_on(listener, "profile", config(), Scripted::echo().routes());

    let error = server.task.await.unwrap().unwrap_err();

    assert!(error.to_string().contains("refusing to listen"), "{error}");
}
