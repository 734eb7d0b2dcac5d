//! Callers prove who they are. The certificates beside this file are for these tests alone; their authority's key is gone.

use super::fixture::{Running, Scripted, ask, config, serve};
use api::profile::tenant_service_client::TenantServiceClient;
use runtime::client::{ClientConfig, ClientTlsConfig, connect};
use runtime::server::{ServerConfig, ServerTlsConfig};
use std::path::PathBuf;
use tonic::{Code, Status};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/runtime/certificates")
        .join(name)
}

async fn guarded() -> Running {
    let tls = Some(ServerTlsConfig {
        certificate: file("server.pem"),
        key: file("server.key"),
        client_ca: Some(file("ours-ca.pem")),
    });
    serve(
        "profile",
        ServerConfig { tls, ..config() },
        Scripted::echo().routes(),
    )
    .await
}

async fn call(server: &Running, caller: Option<&str>, server_name: &str) -> Result<(), Status> {
    let tls = Some(ClientTlsConfig {
        ca: file("ours-ca.pem"),
        certificate: caller.map(|it| file(&format!("{it}.pem"))),
        key: caller.map(|it| file(&format!("{it}.key"))),
        server_name: Some(server_name.to_owned()),
    });
    let target = format!("https://{}", server.address);
    let config = ClientConfig {
        tls,
        attempts_max: 1,
        ..Default::default()
    };
    let channel = connect("profile", &target, &config).unwrap();
    TenantServiceClient::new(channel)
        .get_tenant(ask("a"))
        .await
        .map(|_| ())
}

#[tokio::test]
async fn serves_callers_whose_certificate_it_trusts() {
    let server = guarded().await;

    call(&server, Some("caller"), "profile.test").await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn refuses_strangers_and_those_who_show_nothing() {
    let server = guarded().await;

    for caller in [None, Some("stranger")] {
        let status = call(&server, caller, "profile.test").await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{caller:?}: {status:?}");
    }
    // And a caller does not talk to a server with another's name.
    let status = call(&server, Some("caller"), "other.test")
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn names_a_certificate_that_cannot_be_read() {
    let tls = Some(ServerTlsConfig {
        certificate: file("nowhere.pem"),
        key: file("server.key"),
        client_ca: None,
    });
    let server = serve(
        "profile",
        ServerConfig { tls, ..config() },
        Scripted::echo().routes(),
    )
    .await;

    let error = server.task.await.unwrap().unwrap_err();

    assert!(format!("{error:#}").contains("nowhere.pem"), "{error:#}");
}
