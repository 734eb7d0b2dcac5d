use super::fixture::{PATIENCE, Scripted, ask, config, named, serve};
use api::profile::WatchProfileChangesRequest;
use api::profile::feature_service_client::FeatureServiceClient;
use api::profile::tenant_service_client::TenantServiceClient;
use runtime::fault;
use runtime::server::ServerConfig;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn says_so_then_serves_on_then_finishes_what_is_in_flight() {
    let gate = Arc::new(Semaphore::new(0));
    let open = gate.clone();
    let entered = Arc::new(Semaphore::new(0));
    let inside = entered.clone();
    let slow = Scripted::new(move |request| {
        let (inside, open) = (inside.clone(), open.clone());
        async move {
            if request.get_ref().tenant_id == "slow" {
                inside.add_permits(1);
                open.acquire().await.unwrap().forget();
            }
            Ok(named("done"))
        }
    });
    let drain_delay = Duration::from_secs(5);
    let server = serve(
        "profile",
        ServerConfig {
            drain_delay,
            shutdown_grace: PATIENCE,
            ..config()
        },
        slow.routes(),
    )
    .await;
    let mut client = TenantServiceClient::new(server.bare());
    let mut busy = client.clone();
    let in_flight = tokio::spawn(async move { busy.get_tenant(ask("slow")).await });
    timeout(PATIENCE, entered.acquire())
        .await
        .unwrap()
        .unwrap()
        .forget();
    let mut health = HealthClient::new(server.bare());
    let mut watch = health
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );

    server.trigger.trigger();

    // First the word, while calls are still served and the process still counts as alive.
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
    let liveness = health
        .check(HealthCheckRequest {
            service: "liveness".into(),
        })
        .await
        .unwrap();
    assert_eq!(liveness.into_inner().status(), ServingStatus::Serving);
    client.get_tenant(ask("quick")).await.unwrap();

    // Then the end of streams without end, and of new connections.
    assert_eq!(
        timeout(PATIENCE, watch.message())
            .await
            .unwrap()
            .unwrap_err()
            .code(),
        Code::Unavailable
    );
    let refused = TenantServiceClient::new(server.bare())
        .get_tenant(ask("quick"))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    assert!(!server.task.is_finished());

    // What was in flight is answered before the server goes.
    gate.add_permits(1);
    in_flight.await.unwrap().unwrap();
    timeout(PATIENCE, server.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn cuts_what_outlasts_the_grace() {
    let never = Scripted::new(|_| async { std::future::pending().await });
    let grace = ServerConfig {
        shutdown_grace: Duration::from_millis(50),
        ..config()
    };
    let server = serve("profile", grace, never.routes()).await;
    let mut client = TenantServiceClient::new(server.bare());
    let stuck = tokio::spawn(async move { client.get_tenant(ask("a")).await });
    // The call must have reached the server, or there is nothing to cut.
    HealthClient::new(server.bare())
        .check(HealthCheckRequest::default())
        .await
        .unwrap();

    server.stop().await;

    assert!(timeout(PATIENCE, stuck).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn ends_watching_streams_with_a_reason() {
    let server = serve("profile", config(), Scripted::echo().routes()).await;
    let mut client = FeatureServiceClient::new(server.channel());
    let mut changes = client
        .watch_profile_changes(WatchProfileChangesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(changes.message().await.unwrap().is_some());

    server.trigger.trigger();

    let status = timeout(PATIENCE, changes.message())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(fault::reason(&status).as_deref(), Some("SERVER_STOPPING"));
    server.stop().await;
}

#[tokio::test]
async fn ages_connections_without_failing_calls() {
    let peers = Arc::new(Mutex::new(HashSet::new()));
    let seen = peers.clone();
    let service = Scripted::new(move |request| {
        seen.lock().unwrap().insert(request.remote_addr().unwrap());
        async { Ok(named("a")) }
    });
    let connection_age_max = Duration::from_millis(50);
    let server = serve(
        "profile",
        ServerConfig {
            connection_age_max,
            ..config()
        },
        service.routes(),
    )
    .await;
    let mut client = server.client();

    timeout(PATIENCE, async {
        while peers.lock().unwrap().len() < 3 {
            client.get_tenant(ask("a")).await.unwrap();
        }
    })
    .await
    .unwrap();
}
