//! What the RPCs and jobs share, and the reads behind them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache::{FillToken, Flights, Lookup};
use runtime::identity::IdentityKey;
use runtime::operations::Operations;
use store::Store;
use uuid::Uuid;

use crate::apply::Applier;
use crate::domain::batch;
use crate::error::Error;
use crate::guard::CacheGuard;
use crate::metrics::Metrics;
use crate::signal::FeedSignal;
use crate::store::customers::{self, Asked, CustomerRow};
use crate::store::lanes;

/// How often customers are looked up again when they are merged while they are read.
const RESOLVE_ATTEMPTS: usize = 3;

/// Everything that the RPCs need.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) guard: Arc<CacheGuard>,
    pub(crate) applier: Applier,
    pub(crate) key: IdentityKey,
    pub(crate) signal: FeedSignal,
    pub(crate) metrics: Metrics,
    pub(crate) flights: Flights<FillToken, Option<StateRow>>,
    pub(crate) write_version: features::Version,
    pub(crate) operations: Operations,
    pub(crate) feed_poll: Duration,
    pub(crate) stuck_after: Duration,
}

/// How fresh an answer is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fresh {
    /// Every event accepted before this time is in the answer, in milliseconds since 1970.
    pub(crate) complete_through_ms: Option<i64>,
    /// Why the answer is degraded, if it is.
    pub(crate) reasons: Vec<&'static str>,
}

/// Merged state of one customer.
#[derive(Debug, Clone)]
pub(crate) struct StateRow {
    /// Surviving id.
    pub(crate) id: Uuid,
    /// Its dense number.
    pub(crate) ordinal: i64,
    /// Version that the state belongs to.
    pub(crate) version: i64,
    /// `CustomerState` in wire form.
    pub(crate) state: Bytes,
    /// Whether the cache had it.
    pub(crate) from_cache: bool,
}

/// States in the order asked; `None` for unknown customers.
#[derive(Debug)]
pub(crate) struct States {
    pub(crate) rows: Vec<Option<StateRow>>,
    pub(crate) fresh: Fresh,
}

/// What the cache knew.
#[derive(Default)]
struct Cached {
    found: HashMap<Uuid, StateRow>,
    tokens: HashMap<Uuid, FillToken>,
    watermark_ms: Option<i64>,
}

impl Core {
    /// How fresh a read of the database is that begins after this returns.
    pub(crate) async fn freshness(&self) -> Result<Fresh, Error> {
        Ok(self.judge(lanes::complete_through(self.store.reader()).await?))
    }

    fn judge(&self, complete_through_ms: Option<i64>) -> Fresh {
        let age_ms = complete_through_ms.map(|it| runtime::clock::now().timestamp_millis() - it);
        let stuck = age_ms
            .is_some_and(|it| u128::try_from(it).is_ok_and(|it| it > self.stuck_after.as_millis()));
        let reasons = if stuck {
            vec!["WATERMARK_STUCK"]
        } else {
            Vec::new()
        };
        Fresh {
            complete_through_ms,
            reasons,
        }
    }

    /// Reads customers with their fragments from the database, in the order asked.
    pub(crate) async fn customers(
        &self,
        tenant: &str,
        asked: &[Asked],
    ) -> Result<Vec<Option<Arc<CustomerRow>>>, Error> {
        let mut rows: HashMap<Asked, Arc<CustomerRow>> = HashMap::new();
        let mut left: Vec<Asked> = asked
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for _ in 0..RESOLVE_ATTEMPTS {
            let resolved = customers::resolve(self.store.reader(), tenant, &left).await?;
            let ids: BTreeSet<Uuid> = resolved.values().map(|it| it.id).collect();
            let read = customers::read(
                self.store.reader(),
                tenant,
                &ids.into_iter().collect::<Vec<_>>(),
            )
            .await?;
            let read: BTreeMap<Uuid, Arc<CustomerRow>> = read
                .into_iter()
                .map(|(id, row)| (id, Arc::new(row)))
                .collect();
            for (asked, customer) in &resolved {
                if let Some(row) = read.get(&customer.id) {
                    rows.insert(*asked, Arc::clone(row));
                }
            }
            // What was resolved but not read was merged away in between.
            left.retain(|it| resolved.contains_key(it) && !rows.contains_key(it));
            if left.is_empty() {
                break;
            }
        }
        Ok(asked.iter().map(|it| rows.get(it).cloned()).collect())
    }

    /// Reads merged states, from the cache where it has them and is allowed to answer.
    pub(crate) async fn states(
        self: &Arc<Self>,
        tenant: &str,
        asked: &[Asked],
        bypass_cache: bool,
    ) -> Result<States, Error> {
        let mut fresh = self.freshness().await?;
        let ids = if bypass_cache {
            HashMap::new()
        } else {
            self.cacheable(tenant, asked).await?
        };
        let cached = match ids.is_empty() {
            true => Some(Cached::default()),
            false => self.ask_cache(tenant, &ids).await,
        };
        let cached = cached.unwrap_or_else(|| {
            fresh.reasons.push("CACHE_UNAVAILABLE");
            Cached::default()
        });
        if !cached.found.is_empty() && cached.watermark_ms < fresh.complete_through_ms {
            let watermark = cached.watermark_ms;
            let reasons = std::mem::take(&mut fresh.reasons);
            fresh = self.judge(watermark);
            fresh
                .reasons
                .extend(reasons.into_iter().filter(|it| *it != "WATERMARK_STUCK"));
        }
        let hit = |it: &Asked| cached.found.get(ids.get(it)?).cloned();
        let mut rows: Vec<Option<StateRow>> = asked.iter().map(hit).collect();
        let missing: Vec<Asked> = asked
            .iter()
            .zip(&rows)
            .filter(|(_, row)| row.is_none())
            .map(|(asked, _)| *asked)
            .collect();
        self.metrics
            .served(asked.len() - missing.len(), missing.len());
        if !missing.is_empty() {
            let mut loaded = self
                .load_shared(tenant, &missing, cached.tokens)
                .await?
                .into_iter();
            for row in rows.iter_mut().filter(|it| it.is_none()) {
                *row = loaded.next().flatten();
            }
        }
        Ok(States { rows, fresh })
    }

    /// Ids under which the cache may have what is asked for.
    async fn cacheable(
        &self,
        tenant: &str,
        asked: &[Asked],
    ) -> Result<HashMap<Asked, Uuid>, Error> {
        let fragments: Vec<Asked> = asked
            .iter()
            .copied()
            .filter(|it| matches!(it, Asked::Fragment(_)))
            .collect();
        let mut ids: HashMap<Asked, Uuid> = HashMap::with_capacity(asked.len());
        if !fragments.is_empty() {
            let resolved = customers::resolve(self.store.reader(), tenant, &fragments).await?;
            ids.extend(
                resolved
                    .into_iter()
                    .map(|(asked, customer)| (asked, customer.id)),
            );
        }
        ids.extend(asked.iter().filter_map(|it| {
            if let Asked::Id(id) = it {
                Some((*it, *id))
            } else {
                None
            }
        }));
        Ok(ids)
    }

    /// Asks the cache; `None` when it cannot be asked.
    async fn ask_cache(&self, tenant: &str, ids: &HashMap<Asked, Uuid>) -> Option<Cached> {
        let ids: Vec<Uuid> = ids
            .values()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let epoch = self.guard.lease().current().await.ok()?;
        let read = self.guard.cache().read(epoch, tenant, &ids).await;
        let read = read
            .inspect_err(|error| tracing::debug!(%error, "cache not read"))
            .ok()?;
        let mut cached = Cached {
            watermark_ms: read.watermark,
            ..Cached::default()
        };
        for (id, lookup) in ids.into_iter().zip(read.lookups) {
            match lookup {
                Lookup::Hit(entry) if entry.is_unknown() => {}
                Lookup::Hit(cache::Entry {
                    version,
                    ordinal,
                    state,
                }) => {
                    cached.found.insert(
                        id,
                        StateRow {
                            id,
                            ordinal,
                            version,
                            state,
                            from_cache: true,
                        },
                    );
                }
                Lookup::Marked => {}
                Lookup::Miss(token) => {
                    cached.tokens.insert(id, token);
                }
            }
        }
        Some(cached)
    }

    /// As [`load`](Self::load); callers that miss the same customer at the same time share one load.
    async fn load_shared(
        self: &Arc<Self>,
        tenant: &str,
        asked: &[Asked],
        tokens: HashMap<Uuid, FillToken>,
    ) -> Result<Vec<Option<StateRow>>, Error> {
        if let ([only], Some(token)) = (asked, tokens.values().next()) {
            let (core, tenant, asked, tokens) =
                (Arc::clone(self), tenant.to_owned(), *only, tokens.clone());
            let load = async move {
                core.load(&tenant, &[asked], tokens)
                    .await
                    .ok()?
                    .pop()
                    .flatten()
            };
            let shared = self.flights.run(token.clone(), Box::pin(load)).await;
            if shared.is_some() {
                return Ok(vec![shared]);
            }
        }
        self.load(tenant, asked, tokens).await
    }

    /// Reads states from the database and fills the cache where tokens allow it.
    async fn load(
        &self,
        tenant: &str,
        asked: &[Asked],
        mut tokens: HashMap<Uuid, FillToken>,
    ) -> Result<Vec<Option<StateRow>>, Error> {
        let customers = self.customers(tenant, asked).await?;
        let merged = self.merge(customers).await?;
        let mut fills = Vec::new();
        for row in merged.iter().flatten() {
            if let Some(token) = tokens.remove(&row.id) {
                let StateRow {
                    version,
                    ordinal,
                    state,
                    ..
                } = row.clone();
                fills.push((
                    token,
                    cache::Entry {
                        version,
                        ordinal,
                        state,
                    },
                ));
            }
        }
        if !fills.is_empty()
            && let Err(error) = self.guard.cache().fill(fills).await
        {
            tracing::debug!(%error, "cache not filled");
        }
        Ok(merged)
    }

    /// Merges the fragments of customers.
    async fn merge(
        &self,
        customers: Vec<Option<Arc<CustomerRow>>>,
    ) -> Result<Vec<Option<StateRow>>, Error> {
        let version = self.write_version;
        let merge = move || {
            let one = |row: &Arc<CustomerRow>| {
                let state = merged_bytes(row, version)?;
                Ok(StateRow {
                    id: row.id,
                    ordinal: row.ordinal,
                    version: row.version,
                    state,
                    from_cache: false,
                })
            };
            customers
                .iter()
                .map(|it| it.as_ref().map(one).transpose())
                .collect::<Result<_, Error>>()
        };
        crate::blocking(merge).await?
    }
}

/// Merged state of a customer in wire form.
pub(crate) fn merged_bytes(row: &CustomerRow, version: features::Version) -> Result<Bytes, Error> {
    let mut holding = row.fragments.iter().filter(|it| !it.state.is_empty());
    if let (Some(only), None) = (holding.next(), holding.next()) {
        return Ok(only.state.clone().into());
    }
    Ok(merged_state(row)?.encode(version).into())
}

/// Merged state of a customer.
pub(crate) fn merged_state(row: &CustomerRow) -> Result<features::CustomerState, Error> {
    let states = row
        .fragments
        .iter()
        .map(|it| (&it.identifier.fragment, it.state.as_slice()));
    Ok(batch::merge_states(states)?)
}
