//! What happens when Redis is not there, keeps silent, comes back, or is set up wrongly.

use std::time::{Duration, Instant};

use bytes::Bytes;
use cache::{CacheConfig, CacheError, Entry, Epoch, FeatureCache, Lookup, MemoryCache, RedisCache};
use runtime::config::Secret;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use uuid::Uuid;

use super::harness;

const ONE: Epoch = Epoch(1);

async fn open(address: std::net::SocketAddr) -> RedisCache {
    let config = CacheConfig {
        url: Secret::new(format!("redis://{address}")),
        timeout: Duration::from_millis(150),
        ..CacheConfig::default()
    };
    RedisCache::open(&config).await.unwrap()
}

#[tokio::test]
async fn a_server_that_refuses_or_keeps_silent_fails_fast() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();

    for address in [silent.local_addr().unwrap(), refusing] {
        let cache = open(address).await;
        let started = Instant::now();
        for _ in 0..50 {
            let error = cache
                .mark(ONE, "acme", &[Uuid::new_v4()])
                .await
                .unwrap_err();
            assert!(matches!(error, CacheError::Unavailable(_)), "{error}");
        }
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let Some(url) = harness::redis_url() else {
        return;
    };
    let target = url
        .trim_start_matches("redis://")
        .trim_end_matches('/')
        .to_owned();
    let (address, proxy) = proxy("127.0.0.1:0", target.clone()).await;
    let cache = open(address).await;
    let customer = Uuid::new_v4();
    assert!(matches!(read(&cache, customer).await, Ok(Lookup::Miss(_))));

    proxy.abort();
    let _ = proxy.await;
    let cut = read(&cache, customer).await;
    assert!(matches!(cut, Err(CacheError::Unavailable(_))), "{cut:?}");

    let (_, _proxy) = self::proxy(&address.to_string(), target).await;
    let started = Instant::now();
    while read(&cache, customer).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn read(cache: &RedisCache, customer: Uuid) -> Result<Lookup, CacheError> {
    cache
        .read(ONE, "acme", &[customer])
        .await
        .map(|mut it| it.lookups.remove(0))
}

/// Passes connections on to `target` until it is aborted, which cuts them all.
async fn proxy(listen: &str, target: String) -> (std::net::SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let target = target.clone();
            connections.spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (address, task)
}

#[tokio::test]
async fn a_full_memory_evicts_entries_and_never_marks() {
    let cache = MemoryCache::new(1 << 20);
    let marked = Uuid::new_v4();
    let _mark = cache.mark(ONE, "acme", &[marked]).await.unwrap();
    let state = Bytes::from(vec![7; 1000]);
    let mut customers = Vec::new();
    for _ in 0..5000 {
        let customer = Uuid::new_v4();
        let Lookup::Miss(token) = cache
            .read(ONE, "acme", &[customer])
            .await
            .unwrap()
            .lookups
            .remove(0)
        else {
            panic!("a new customer is a miss");
        };
        let entry = Entry {
            version: 1,
            ordinal: 1,
            state: state.clone(),
        };
        cache.fill(vec![(token, entry)]).await.unwrap();
        customers.push(customer);
    }

    let lookups = cache.read(ONE, "acme", &customers).await.unwrap().lookups;

    let hits = lookups
        .iter()
        .filter(|it| matches!(it, Lookup::Hit(_)))
        .count();
    assert!((200..=1000).contains(&hits), "{hits}");
    assert_eq!(
        cache.read(ONE, "acme", &[marked]).await.unwrap().lookups,
        [Lookup::Marked]
    );
}
