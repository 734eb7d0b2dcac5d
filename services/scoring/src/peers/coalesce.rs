//! Concurrent reads of the cache share round trips.
//!
//! A few workers take turns: each takes every request that waits, reads the cache once per tenant, and answers. While all
//! are on their way new requests gather, so the busier the service the fewer round trips it needs per request; an idle
//! one reads at once.

use cache::{CacheError, Epoch, FeatureCache, Lookup};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

/// Round trips at once.
const WORKERS: usize = 4;
/// Customers in one round trip.
const CUSTOMERS_MAX: usize = 2_000;

/// Answers of one read: a lookup per customer, in the order asked, and the watermark in milliseconds since 1970.
pub(super) type Looked = Result<(Vec<Lookup>, Option<i64>), CacheError>;

struct Ask {
    epoch: Epoch,
    tenant: Arc<str>,
    customers: Vec<Uuid>,
    answer: oneshot::Sender<Looked>,
}

/// Reads the cache for many requests at once. Cheap to clone; its workers end when the last clone is gone.
#[derive(Clone)]
pub(super) struct Coalescer {
    asks: mpsc::Sender<Ask>,
}

impl Coalescer {
    /// Starts the workers. Needs a tokio runtime.
    pub(super) fn start(cache: Arc<dyn FeatureCache>) -> Self {
        let (asks, waiting) = mpsc::channel(4_096);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WORKERS {
            tokio::spawn(work(cache.clone(), waiting.clone()));
        }
        Self { asks }
    }

    /// Looks customers up, which should not repeat.
    pub(super) async fn read(&self, epoch: Epoch, tenant: &str, customers: Vec<Uuid>) -> Looked {
        let gone = || CacheError::Unavailable("the readers of the cache have ended".to_owned());
        let (answer, answered) = oneshot::channel();
        let ask = Ask {
            epoch,
            tenant: tenant.into(),
            customers,
            answer,
        };
        self.asks.send(ask).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn work(cache: Arc<dyn FeatureCache>, waiting: Arc<Mutex<mpsc::Receiver<Ask>>>) {
    loop {
        let mut groups: HashMap<(Epoch, Arc<str>), Vec<Ask>> = HashMap::new();
        {
            let mut waiting = waiting.lock().await;
            let Some(mut ask) = waiting.recv().await else {
                return;
            };
            let mut customers = 0;
            loop {
                customers += ask.customers.len();
                groups
                    .entry((ask.epoch, ask.tenant.clone()))
                    .or_default()
                    .push(ask);
                if customers >= CUSTOMERS_MAX {
                    break;
                }
                match waiting.try_recv() {
                    Ok(next) => ask = next,
                    Err(_) => break,
                }
            }
        }
        // At once: no tenant waits for another's read, least of all for one that times out.
        let reads = groups.into_iter().map(|((epoch, tenant), asks)| {
            let cache = cache.clone();
            async move { read_once(&*cache, epoch, &tenant, asks).await }
        });
        futures::future::join_all(reads).await;
    }
}

async fn read_once(cache: &dyn FeatureCache, epoch: Epoch, tenant: &str, asks: Vec<Ask>) {
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    let mut customers = Vec::new();
    for customer in asks.iter().flat_map(|ask| &ask.customers) {
        places.entry(*customer).or_insert_with(|| {
            customers.push(*customer);
            customers.len() - 1
        });
    }
    let read = cache.read(epoch, tenant, &customers).await;
    for ask in asks {
        let answer = match &read {
            Ok(read) => {
                let lookups = ask
                    .customers
                    .iter()
                    .map(|customer| read.lookups[places[customer]].clone())
                    .collect();
                Ok((lookups, read.watermark))
            }
            Err(error) => Err(error.clone()),
        };
        // A caller that went away meanwhile wants no answer.
        let _ = ask.answer.send(answer);
    }
}
