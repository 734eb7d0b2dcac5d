//! States of customers: from the cache in one round trip, and from the profile service where it does not have them.

use super::coalesce::Coalescer;
use super::profile::{PeerError, Profile};
use api::common::Freshness;
use api::profile::FeatureState;
use bytes::Bytes;
use cache::{CacheError, Entry, Epoch, EpochLease, FeatureCache, FillToken, Flights, Lookup};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use moka::future::Cache;
use runtime::context::RequestContext;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// The cache could not be asked; the database was.
pub const CACHE_UNAVAILABLE: &str = "CACHE_UNAVAILABLE";
/// The profile service did not confirm the cache's epoch; entries may be older than the last commit.
pub const EPOCH_UNCONFIRMED: &str = "CACHE_EPOCH_UNCONFIRMED";
/// Events wait longer than they should before they are in the states.
pub const WATERMARK_STUCK: &str = "WATERMARK_STUCK";
/// It is not known how far the states are complete.
pub const WATERMARK_UNKNOWN: &str = "WATERMARK_UNKNOWN";

/// How long the survivor of a merged-away id is remembered.
const ALIAS_AGE_MAX: Duration = Duration::from_secs(30);
const ALIASES_MAX: u64 = 100_000;

/// State of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Surviving id.
    pub customer_id: Uuid,
    /// Dense number within the tenant.
    pub ordinal: i64,
    /// `CustomerState` in its wire form.
    pub state: Bytes,
}

/// States of several customers.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// By the id asked for; customers that are not known are not in it.
    pub found: HashMap<Uuid, State>,
    /// Every event accepted before this time is in the states, where it is known.
    pub complete_through: Option<DateTime<Utc>>,
    /// Stable reasons why the answer may be older than promised.
    pub degraded: BTreeSet<String>,
}

impl States {
    /// Returns how fresh the states are, as callers see it.
    pub fn freshness(&self, now: DateTime<Utc>, stuck_after: Duration) -> Freshness {
        let mut degraded = self.degraded.clone();
        match self.complete_through {
            None => drop(degraded.insert(WATERMARK_UNKNOWN.to_owned())),
            Some(through) if (now - through).to_std().is_ok_and(|age| age > stuck_after) => {
                degraded.insert(WATERMARK_STUCK.to_owned());
            }
            Some(_) => {}
        }
        Freshness {
            complete_through: self.complete_through.map(runtime::time::to_proto),
            degraded: !degraded.is_empty(),
            degraded_reasons: degraded.into_iter().collect(),
        }
    }

    fn complete(&mut self, through: Option<DateTime<Utc>>) {
        // The oldest of all sources: the answer is as complete as its least complete part.
        self.complete_through = match (self.complete_through, through) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

type Loaded = Result<(FeatureState, Freshness), PeerError>;

/// Reads states.
#[derive(Clone)]
pub struct StateReader {
    profile: Profile,
    cache: Arc<dyn FeatureCache>,
    coalescer: Coalescer,
    lease: EpochLease,
    last_epoch: Arc<AtomicI64>,
    flights: Flights<FillToken, Loaded>,
    aliases: Cache<(Arc<str>, Uuid), Uuid>,
}

impl StateReader {
    /// Reads from a cache and, past it, from the profile service. Needs a tokio runtime.
    pub fn new(profile: Profile, cache: Arc<dyn FeatureCache>) -> Self {
        Self {
            lease: EpochLease::new(Arc::new(profile.clone())),
            coalescer: Coalescer::start(cache.clone()),
            last_epoch: Arc::default(),
            flights: Flights::default(),
            aliases: Cache::builder()
                .max_capacity(ALIASES_MAX)
                .time_to_live(ALIAS_AGE_MAX)
                .build(),
            profile,
            cache,
        }
    }

    /// Returns the states of customers, at most 1,000.
    ///
    /// Without the cache the profile service answers, and the states are degraded; without the profile service the cache's
    /// hits do, and the first customer that it does not have fails the whole with [`PeerError::Unavailable`].
    pub async fn read(
        &self,
        context: &RequestContext,
        customers: &[Uuid],
    ) -> Result<States, PeerError> {
        let tenant: Arc<str> = context.tenant.as_str().into();
        let mut pairs: Vec<(Uuid, Uuid)> = Vec::with_capacity(customers.len());
        for id in customers {
            let survivor = self.aliases.get(&(tenant.clone(), *id)).await;
            pairs.push((*id, survivor.unwrap_or(*id)));
        }
        let wanted: Vec<Uuid> = pairs
            .iter()
            .map(|(_, id)| *id)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();

        let mut states = States::default();
        let epoch = self.epoch(&mut states).await;
        let read = match epoch {
            Some(epoch) => self.coalescer.read(epoch, &tenant, wanted.clone()).await,
            None => Err(CacheError::Suspended),
        };
        match read {
            Ok((lookups, watermark)) => {
                states.complete(watermark.and_then(DateTime::from_timestamp_millis));
                self.sort(context, &wanted, lookups, &mut states).await?;
            }
            Err(_) => {
                states.degraded.insert(CACHE_UNAVAILABLE.to_owned());
                let (loaded, freshness) = self.profile.states(context, &wanted, false).await?;
                self.take(&tenant, &wanted, loaded, &freshness, &mut states)
                    .await;
            }
        }
        // What was asked for by a merged-away id is found under the survivor's.
        for (asked, id) in pairs {
            let found = if asked == id {
                None
            } else {
                states.found.get(&id).cloned()
            };
            if let Some(state) = found {
                states.found.insert(asked, state);
            }
        }
        Ok(states)
    }

    /// The epoch to read by; the last one known, told as a degradation, while the profile service is away.
    async fn epoch(&self, states: &mut States) -> Option<Epoch> {
        match self.lease.current().await {
            Ok(epoch) => {
                self.last_epoch.store(epoch.0, Ordering::Relaxed);
                Some(epoch)
            }
            Err(CacheError::EpochUnknown(_)) => {
                let last = Epoch(self.last_epoch.load(Ordering::Relaxed));
                states.degraded.insert(EPOCH_UNCONFIRMED.to_owned());
                last.is_open().then_some(last)
            }
            Err(_) => None,
        }
    }

    /// Takes the hits and loads the rest.
    async fn sort(
        &self,
        context: &RequestContext,
        wanted: &[Uuid],
        lookups: Vec<Lookup>,
        states: &mut States,
    ) -> Result<(), PeerError> {
        let (mut marked, mut missed) = (Vec::new(), Vec::new());
        for (id, lookup) in wanted.iter().zip(lookups) {
            match lookup {
                Lookup::Hit(entry) if entry.is_unknown() => {}
                Lookup::Hit(Entry { ordinal, state, .. }) => {
                    states.found.insert(
                        *id,
                        State {
                            customer_id: *id,
                            ordinal,
                            state,
                        },
                    );
                }
                Lookup::Marked => marked.push(*id),
                Lookup::Miss(token) => missed.push(token),
            }
        }
        if !marked.is_empty() {
            let (loaded, freshness) = self.profile.states(context, &marked, true).await?;
            self.take(context.tenant.as_str(), &marked, loaded, &freshness, states)
                .await;
        }
        if !missed.is_empty() {
            self.load(context, missed, states).await?;
        }
        Ok(())
    }

    /// Loads what was missed in one call, shared with whoever missed the same at the same time, and fills the cache.
    async fn load(
        &self,
        context: &RequestContext,
        missed: Vec<FillToken>,
        states: &mut States,
    ) -> Result<(), PeerError> {
        // Others may wait for this load too: it does not end with this caller's time, but with the client's own.
        let shared = RequestContext::new(context.tenant.clone());
        let ids: Vec<Uuid> = missed.iter().map(FillToken::customer).collect();
        let (reader, tokens) = (self.clone(), missed.clone());
        let call = async move {
            reader
                .load_and_fill(&shared, &ids, tokens)
                .await
                .map(Arc::new)
        }
        .boxed()
        .shared();
        let flights = missed.iter().enumerate().map(|(place, token)| {
            let call = call.clone();
            self.flights.run(token.clone(), async move {
                call.await
                    .map(|loaded| (loaded.0[place].clone(), loaded.1.clone()))
            })
        });
        let landed = futures::future::join_all(flights).await;
        for (token, loaded) in missed.iter().zip(landed) {
            let (state, freshness) = loaded?;
            self.take(
                context.tenant.as_str(),
                &[token.customer()],
                vec![state],
                &freshness,
                states,
            )
            .await;
        }
        Ok(())
    }

    async fn load_and_fill(
        &self,
        context: &RequestContext,
        ids: &[Uuid],
        tokens: Vec<FillToken>,
    ) -> Result<(Vec<FeatureState>, Freshness), PeerError> {
        let (loaded, freshness) = self.profile.states(context, ids, true).await?;
        // Only a customer's own id is filled: nobody would mark the entry of an alias when its survivor changes.
        let fills = tokens
            .into_iter()
            .zip(&loaded)
            .filter_map(|(token, state)| {
                let entry = match Uuid::parse_str(&state.customer_id) {
                    Ok(id) if id == token.customer() => Entry {
                        version: state.version,
                        ordinal: state.ordinal,
                        state: Bytes::copy_from_slice(&state.state),
                    },
                    Ok(_) => return None,
                    Err(_) => Entry::unknown(),
                };
                Some((token, entry))
            });
        if let Err(error) = self.cache.fill(fills.collect()).await {
            tracing::debug!(%error, "could not fill the cache");
        }
        Ok((loaded, freshness))
    }

    async fn take(
        &self,
        tenant: &str,
        asked: &[Uuid],
        loaded: Vec<FeatureState>,
        freshness: &Freshness,
        states: &mut States,
    ) {
        let through = freshness
            .complete_through
            .as_ref()
            .and_then(runtime::time::from_proto);
        states.complete(through);
        states
            .degraded
            .extend(freshness.degraded_reasons.iter().cloned());
        for (asked, state) in asked.iter().zip(loaded) {
            let Ok(customer_id) = Uuid::parse_str(&state.customer_id) else {
                continue;
            };
            if customer_id != *asked {
                self.aliases
                    .insert((tenant.into(), *asked), customer_id)
                    .await;
            }
            let state = State {
                customer_id,
                ordinal: state.ordinal,
                state: state.state.into(),
            };
            states.found.insert(*asked, state);
        }
    }
}
