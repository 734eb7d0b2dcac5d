use super::fixture::{PATIENCE, Running, Scripted, ask, config, named, serve, serve_on};
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{WatchProfileChangesRequest, feature_service_client::FeatureServiceClient};
use runtime::client::{ClientConfig, connect};
use runtime::context::{RequestContext, TenantId};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};

/// Fails so often with a code, then answers; counts the calls that arrive.
async fn failing(times: usize, code: Code) -> (Running, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let service = Scripted::new(move |_| {
        let count = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match count < times {
                true => Err(Status::new(code, "not now")),
                false => Ok(named("here")),
            }
        }
    });
    (serve("profile", config(), service.routes()).await, calls)
}

fn quick() -> ClientConfig {
    ClientConfig {
        backoff_min: Duration::from_millis(1),
        ..Default::default()
    }
}

#[tokio::test]
async fn repeats_idempotent_calls_that_met_unavailable() {
    let (server, calls) = failing(2, Code::Unavailable).await;
    let channel = connect("profile", &server.target(), &quick()).unwrap();

    let answer = TenantServiceClient::new(channel.idempotent())
        .get_tenant(ask("a"))
        .await
        .unwrap();

    assert_eq!(answer.into_inner().tenant_id, "here");
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn repeats_neither_other_calls_nor_other_codes() {
    let (server, calls) = failing(1, Code::Unavailable).await;
    let channel = connect("profile", &server.target(), &quick()).unwrap();
    let status = TenantServiceClient::new(channel)
        .get_tenant(ask("a"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), calls.load(Ordering::SeqCst)),
        (Code::Unavailable, 1)
    );

    let (server, calls) = failing(1, Code::Aborted).await;
    let channel = connect("profile", &server.target(), &quick()).unwrap();
    let status = TenantServiceClient::new(channel.idempotent())
        .get_tenant(ask("a"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), calls.load(Ordering::SeqCst)),
        (Code::Aborted, 1)
    );
}

#[tokio::test]
async fn stops_repeating_when_the_budget_is_spent() {
    let (server, calls) = failing(usize::MAX, Code::Unavailable).await;
    let config = ClientConfig {
        retry_budget: 10,
        attempts_max: 3,
        ..quick()
    };
    let mut client = TenantServiceClient::new(
        connect("profile", &server.target(), &config)
            .unwrap()
            .idempotent(),
    );

    for _ in 0..10 {
        client.get_tenant(ask("a")).await.unwrap_err();
    }

    // Five failures empty half of the budget; without one there would be 30 calls.
    assert!(calls.load(Ordering::SeqCst) <= 15, "{calls:?}");
}

#[tokio::test]
async fn never_waits_beyond_its_deadline() {
    let never = Scripted::new(|_| async { std::future::pending().await });
    let server = serve("profile", config(), never.routes()).await;
    let config = ClientConfig {
        timeout: Duration::from_millis(50),
        ..quick()
    };
    let mut client = TenantServiceClient::new(
        connect("profile", &server.target(), &config)
            .unwrap()
            .idempotent(),
    );

    let status = tokio::time::timeout(PATIENCE, client.get_tenant(ask("a")))
        .await
        .unwrap()
        .unwrap_err();

    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn ends_a_stream_at_its_deadline() {
    let server = serve("profile", config(), Scripted::echo().routes()).await;
    let config = ClientConfig {
        stream_timeout: Duration::from_millis(300),
        ..quick()
    };
    let mut client =
        FeatureServiceClient::new(connect("profile", &server.target(), &config).unwrap());
    let mut changes = client
        .watch_profile_changes(WatchProfileChangesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(changes.message().await.unwrap().is_some());

    let status = tokio::time::timeout(PATIENCE, changes.message())
        .await
        .unwrap()
        .unwrap_err();

    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn connects_when_first_used_and_again_after_a_restart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut client = TenantServiceClient::new(
        connect("profile", &format!("http://{address}"), &quick()).unwrap(),
    );
    assert_eq!(
        client.get_tenant(ask("a")).await.unwrap_err().code(),
        Code::Unavailable
    );

    for _ in 0..2 {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = serve_on(listener, "profile", config(), Scripted::echo().routes());
        client.get_tenant(ask("a")).await.unwrap();
        server.stop().await;
    }
}

#[tokio::test]
async fn follows_a_name_to_its_addresses() {
    let server = serve("profile", config(), Scripted::echo().routes()).await;
    // The name may stand for ::1 too, where nobody listens: such attempts must not reach the caller.
    let target = format!("http://localhost:{}", server.address.port());
    let mut client = TenantServiceClient::new(
        connect(
            "profile",
            &target,
            &ClientConfig {
                attempts_max: 10,
                ..quick()
            },
        )
        .unwrap(),
    );

    for _ in 0..20 {
        client.get_tenant(ask("a")).await.unwrap();
    }
}

#[tokio::test]
async fn carries_tenant_and_deadline_to_the_next_service() {
    let inner = Scripted::new(|request| async move {
        let context = RequestContext::from_request(&request)?;
        let limit = Duration::from_secs(9);
        assert!(context.deadline.is_some_and(|it| it.left() <= limit));
        Ok(named(context.tenant.as_str()))
    });
    let inner = serve("inner", config(), inner.routes()).await;
    let next = inner.client();
    let outer = Scripted::new(move |request| {
        let mut next = next.clone();
        async move {
            let context = RequestContext::from_request(&request)?;
            next.get_tenant(context.request(ask("a"))).await
        }
    });
    let outer = serve("outer", config(), outer.routes()).await;

    let mut request = RequestContext::new(TenantId::parse("acme").unwrap()).request(ask("a"));
    request.set_timeout(Duration::from_secs(9));
    let answer = outer.client().get_tenant(request).await.unwrap();

    assert_eq!(answer.into_inner().tenant_id, "acme");
}

#[tokio::test]
async fn refuses_what_is_no_target() {
    for target in [
        "",
        "profile",
        "ftp://profile:1",
        "https://profile:1",
        "http://",
    ] {
        assert!(
            connect("profile", target, &ClientConfig::default()).is_err(),
            "{target}"
        );
    }
}

#[tokio::test]
async fn refuses_a_malformed_tenant() {
    let service = Scripted::new(|request| async move {
        Ok(named(
            RequestContext::from_request(&request)?.tenant.as_str(),
        ))
    });
    let server = serve("profile", config(), service.routes()).await;
    let mut request = Request::new(ask("a"));
    request
        .metadata_mut()
        .insert("x-clientele-tenant", "No Such".parse().unwrap());

    let status = server.client().get_tenant(request).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
}
