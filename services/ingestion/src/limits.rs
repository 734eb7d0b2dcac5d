//! How much tenants and sources may send.
//!
//! Every source and every tenant has a bucket of allowances that fills steadily and holds ten seconds' worth. A call that
//! finds too few is refused whole, before anything of it is judged, and is told when to come back; a stream is read on only
//! when there are enough. Buckets are of this process: with several, a tenant may send that many times as much.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use runtime::fault::Fault;
use tonic::Code;

use crate::config::LimitsConfig;
use crate::metrics::Metrics;

/// Seconds' worth of allowances that a bucket holds.
const BURST_SECONDS: u32 = 10;
/// Least that a bucket holds: one whole message.
const BURST_MIN: u32 = 1_000;
/// Most buckets that are kept; beyond them all begin anew.
const BUCKETS_MAX: usize = 20_000;

/// What happens to a call that sends too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// It is refused.
    #[default]
    Refuse,
    /// It waits.
    Wait,
}

/// A tenant or source has sent more than it may.
#[derive(Debug, thiserror::Error)]
#[error("{who} sends more than {rate} events per second: nothing of this call was taken")]
pub struct RateLimited {
    /// Who, for a person.
    who: String,
    /// What it may.
    rate: u32,
    /// When there will be enough.
    wait: Duration,
}

impl Fault for RateLimited {
    fn code(&self) -> Code {
        Code::ResourceExhausted
    }

    fn reason(&self) -> &'static str {
        "RATE_LIMITED"
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(self.wait.max(Duration::from_millis(10)))
    }
}

struct Bucket {
    rate: u32,
    limiter: DefaultDirectRateLimiter,
}

/// Keeps the buckets.
pub struct Limiter {
    config: LimitsConfig,
    clock: DefaultClock,
    /// By tenant and source; the tenant's own stands under the empty source.
    buckets: Mutex<HashMap<(String, String), Arc<Bucket>>>,
    metrics: Metrics,
}

impl Limiter {
    /// Limits by the operator's defaults where sources have no bounds of their own.
    pub fn new(config: LimitsConfig, metrics: Metrics) -> Self {
        Self {
            config,
            clock: DefaultClock::default(),
            buckets: Mutex::default(),
            metrics,
        }
    }

    /// Returns the most bytes of one event, by a source's own bound where it has one.
    pub fn event_bytes_max(&self, own: i64) -> usize {
        match usize::try_from(own) {
            Ok(own) if own > 0 => own.min(self.config.event_bytes_max),
            _ => self.config.event_bytes_max,
        }
    }

    /// Takes allowances for events, given by source with the source's own rate (0 means the operator's default). At `Wait` it
    /// returns when there were enough; at `Refuse` it fails when there are too few.
    pub async fn take(
        &self,
        tenant: &str,
        events: &BTreeMap<&str, (i64, usize)>,
        pace: Pace,
    ) -> Result<(), RateLimited> {
        let mut all = 0;
        for (source, (own, count)) in events {
            all += count;
            let rate = match u32::try_from(*own) {
                Ok(own) if own > 0 => own,
                _ => self.config.source_events_per_second,
            };
            self.take_from(tenant, source, rate, *count, pace).await?;
        }
        let rate = self.config.tenant_events_per_second;
        self.take_from(tenant, "", rate, all, pace).await
    }

    async fn take_from(
        &self,
        tenant: &str,
        source: &str,
        rate: u32,
        count: usize,
        pace: Pace,
    ) -> Result<(), RateLimited> {
        let Some(bucket) = self.bucket(tenant, source, rate) else {
            return Ok(());
        };
        let mut left = u32::try_from(count).unwrap_or(u32::MAX);
        while let Some(wanted) = NonZeroU32::new(left.min(BURST_MIN)) {
            let wait = match bucket.limiter.check_n(wanted) {
                Ok(Ok(_)) => {
                    left -= wanted.get();
                    continue;
                }
                Ok(Err(until)) => until.wait_time_from(self.clock.now()),
                Err(_) => Duration::from_secs(1),
            };
            if pace == Pace::Refuse {
                self.metrics.limited(tenant, count);
                let who = match source {
                    "" => format!("the tenant `{tenant}`"),
                    source => format!("the source `{source}`"),
                };
                return Err(RateLimited { who, rate, wait });
            }
            self.metrics.slowed(tenant);
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
        Ok(())
    }

    /// Returns the bucket of a rate; none where nothing is limited.
    fn bucket(&self, tenant: &str, source: &str, rate: u32) -> Option<Arc<Bucket>> {
        let per_second = NonZeroU32::new(rate)?;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), source.to_owned());
        if let Some(bucket) = buckets.get(&key).filter(|it| it.rate == rate) {
            return Some(bucket.clone());
        }
        if buckets.len() >= BUCKETS_MAX {
            buckets.clear();
        }
        let burst = NonZeroU32::new(rate.saturating_mul(BURST_SECONDS).max(BURST_MIN))?;
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let bucket = Arc::new(Bucket {
            rate,
            limiter: RateLimiter::direct(quota),
        });
        buckets.insert(key, bucket.clone());
        Some(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(source: u32, tenant: u32) -> Limiter {
        let config = LimitsConfig {
            source_events_per_second: source,
            tenant_events_per_second: tenant,
            event_bytes_max: 1_000,
        };
        Limiter::new(config, Metrics::default())
    }

    #[tokio::test]
    async fn refuses_what_is_too_much_and_says_when_to_come_back() {
        let limiter = limiter(100, 0);
        let thousand = BTreeMap::from([("web", (0, 1_000))]);
        assert!(limiter.take("a", &thousand, Pace::Refuse).await.is_ok());
        let refused = limiter
            .take("a", &thousand, Pace::Refuse)
            .await
            .unwrap_err();
        assert_eq!(refused.reason(), "RATE_LIMITED");
        let wait = refused.retry_after().unwrap();
        assert!(
            wait > Duration::from_secs(8) && wait <= Duration::from_secs(10),
            "{wait:?}"
        );
        // Others have buckets of their own, and a source's own rate goes before the default.
        assert!(limiter.take("b", &thousand, Pace::Refuse).await.is_ok());
        let own = BTreeMap::from([("app", (500, 5_000))]);
        assert!(limiter.take("a", &own, Pace::Refuse).await.is_ok());
        assert!(limiter.take("a", &own, Pace::Refuse).await.is_err());
    }

    #[tokio::test]
    async fn a_stream_waits_and_a_tenant_has_a_bound_over_all_its_sources() {
        let limiter = limiter(0, 10_000);
        let begin = std::time::Instant::now();
        for source in ["a", "b", "c"] {
            let events = BTreeMap::from([(source, (0, 34_000))]);
            limiter.take("t", &events, Pace::Wait).await.unwrap();
        }
        let took = begin.elapsed();
        assert!(
            took > Duration::from_millis(100),
            "102,000 of 100,000 and 10,000 a second: {took:?}"
        );
    }

    #[test]
    fn a_source_may_lower_the_size_of_events_but_not_raise_it() {
        let limiter = limiter(0, 0);
        assert_eq!(limiter.event_bytes_max(0), 1_000);
        assert_eq!(limiter.event_bytes_max(10), 10);
        assert_eq!(limiter.event_bytes_max(5_000), 1_000);
        assert_eq!(limiter.event_bytes_max(-5), 1_000);
    }
}
