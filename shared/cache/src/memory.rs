use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{CacheError, Entry, Epoch, FeatureCache, FillToken, Lookup, MarkToken, Orphan, Read};

const SHARDS: usize = 32;
/// What a key costs beside its state.
const KEY_BYTES: usize = 160;

/// The cache of one process. All who read and write must share this one instance.
#[derive(Debug)]
pub struct MemoryCache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    watermarks: Mutex<HashMap<Epoch, i64>>,
    nonces: AtomicU64,
    shard_bytes_max: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    epoch: Epoch,
    tenant: Box<str>,
    customer: Uuid,
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<Key, Slot>,
    /// Keys in the order in which they came; evicted from the front.
    order: VecDeque<(Key, u64)>,
    added: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Slot {
    /// Tells this slot's place in the order from those of earlier slots of its key.
    place: u64,
    entry: Option<Entry>,
    /// Nonce of the fill token that is out, if any.
    token: Option<u64>,
    marks: Vec<Mark>,
    /// A writer cleared its mark without an entry while another's was there: whatever that other one sets may be older.
    poisoned: bool,
}

#[derive(Debug)]
struct Mark {
    id: Uuid,
    since: Instant,
    set: bool,
}

impl MemoryCache {
    /// Keeps up to about `bytes_max` bytes; beyond, the oldest unmarked entries go.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            watermarks: Mutex::default(),
            nonces: AtomicU64::new(1),
            shard_bytes_max: bytes_max / SHARDS,
        }
    }

    /// Drops a customer's entry and fill token, as a full cache does; marks stay.
    #[doc(hidden)]
    pub fn evict(&self, epoch: Epoch, tenant: &str, customer: Uuid) {
        let key = key(epoch, tenant, customer);
        let mut shard = self.shard(&key);
        if shard.slots.get(&key).is_some_and(|it| it.marks.is_empty()) {
            shard.remove(&key);
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let at = self.hasher.hash_one(key.customer) as usize % SHARDS;
        self.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn watermarks(&self) -> MutexGuard<'_, HashMap<Epoch, i64>> {
        self.watermarks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn look_up(&self, key: Key) -> Lookup {
        let mut shard = self.shard(&key);
        let slot = shard.slot(&key);
        if !slot.marks.is_empty() {
            return Lookup::Marked;
        }
        if let Some(entry) = &slot.entry {
            return Lookup::Hit(entry.clone());
        }
        let nonce = *slot
            .token
            .get_or_insert_with(|| self.nonces.fetch_add(1, Ordering::Relaxed));
        shard.evict(self.shard_bytes_max);
        let Key {
            epoch,
            tenant,
            customer,
        } = key;
        Lookup::Miss(FillToken {
            epoch,
            tenant: tenant.into(),
            customer,
            nonce,
        })
    }
}

impl Shard {
    fn slot(&mut self, key: &Key) -> &mut Slot {
        self.slots.entry(key.clone()).or_insert_with(|| {
            self.added += 1;
            self.bytes += KEY_BYTES;
            self.order.push_back((key.clone(), self.added));
            Slot {
                place: self.added,
                ..Slot::default()
            }
        })
    }

    fn put(&mut self, key: &Key, entry: Option<Entry>) {
        let added = entry.as_ref().map_or(0, |it| it.state.len());
        let slot = self.slot(key);
        let removed = slot.entry.as_ref().map_or(0, |it| it.state.len());
        slot.entry = entry;
        self.bytes = (self.bytes + added).saturating_sub(removed);
    }

    /// The slot's place in the order stays behind and is dropped when its turn comes.
    fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.slots.remove(key) {
            let state = slot.entry.map_or(0, |it| it.state.len());
            self.bytes = self.bytes.saturating_sub(KEY_BYTES + state);
        }
    }

    fn evict(&mut self, bytes_max: usize) {
        let mut turns = self.order.len();
        while turns > 0 && (self.bytes > bytes_max || self.order.len() > 2 * self.slots.len() + 16)
        {
            turns -= 1;
            let Some((key, place)) = self.order.pop_front() else {
                return;
            };
            match self.slots.get(&key).filter(|it| it.place == place) {
                Some(slot) if slot.marks.is_empty() && self.bytes > bytes_max => self.remove(&key),
                Some(_) => self.order.push_back((key, place)),
                None => {}
            }
        }
    }
}

impl Slot {
    fn mark(&mut self, id: Uuid) -> Option<&mut Mark> {
        self.marks.iter_mut().find(|it| it.id == id)
    }
}

#[async_trait]
impl FeatureCache for MemoryCache {
    async fn read(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<Read, CacheError> {
        let watermark = self.watermarks().get(&epoch).copied();
        let lookups = customers
            .iter()
            .map(|it| self.look_up(key(epoch, tenant, *it)))
            .collect();
        Ok(Read { lookups, watermark })
    }

    async fn fill(&self, fills: Vec<(FillToken, Entry)>) -> Result<usize, CacheError> {
        let mut taken = 0;
        for (token, entry) in fills {
            let key = key(token.epoch, &token.tenant, token.customer);
            let mut shard = self.shard(&key);
            if let Some(slot) = shard
                .slots
                .get_mut(&key)
                .filter(|it| it.token == Some(token.nonce))
            {
                slot.token = None;
                shard.put(&key, Some(entry));
                shard.evict(self.shard_bytes_max);
                taken += 1;
            }
        }
        Ok(taken)
    }

    async fn mark(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<MarkToken, CacheError> {
        let id = Uuid::new_v4();
        for customer in customers {
            let key = key(epoch, tenant, *customer);
            let mut shard = self.shard(&key);
            let slot = shard.slot(&key);
            slot.token = None;
            if slot.mark(id).is_none() {
                slot.marks.push(Mark {
                    id,
                    since: Instant::now(),
                    set: false,
                });
            }
        }
        Ok(MarkToken {
            epoch,
            tenant: tenant.into(),
            customers: customers.to_vec(),
            id,
        })
    }

    async fn set_if_newer(
        &self,
        mark: &MarkToken,
        entries: Vec<(Uuid, Entry)>,
    ) -> Result<(), CacheError> {
        for (customer, entry) in entries {
            let key = key(mark.epoch, &mark.tenant, customer);
            let mut shard = self.shard(&key);
            let slot = shard.slot(&key);
            let older = slot
                .entry
                .as_ref()
                .is_none_or(|it| it.version <= entry.version);
            match slot.mark(mark.id) {
                Some(own) => {
                    own.set = true;
                    if older && !slot.poisoned {
                        shard.put(&key, Some(entry));
                    }
                }
                None => shard.lose(&key),
            }
            shard.evict(self.shard_bytes_max);
        }
        Ok(())
    }

    async fn clear(&self, mark: MarkToken) -> Result<(), CacheError> {
        for customer in &mark.customers {
            let key = key(mark.epoch, &mark.tenant, *customer);
            let mut shard = self.shard(&key);
            let slot = shard.slot(&key);
            let own = slot
                .marks
                .iter()
                .position(|it| it.id == mark.id)
                .map(|at| slot.marks.swap_remove(at));
            if own.is_none_or(|it| !it.set) {
                shard.lose(&key);
            }
            let slot = shard.slot(&key);
            if slot.marks.is_empty() && (slot.poisoned || slot.entry.is_none()) {
                shard.remove(&key);
            }
        }
        Ok(())
    }

    async fn orphans(&self, age: Duration, limit: usize) -> Result<Vec<Orphan>, CacheError> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, slot) in &shard.slots {
                if let Some(since) = slot
                    .marks
                    .iter()
                    .map(|it| it.since)
                    .min()
                    .filter(|it| it.elapsed() >= age)
                {
                    let Key {
                        epoch,
                        tenant,
                        customer,
                    } = key.clone();
                    found.push((
                        since,
                        Orphan {
                            epoch,
                            tenant: tenant.into(),
                            customer,
                        },
                    ));
                }
            }
        }
        found.sort_by_key(|(since, orphan)| (*since, orphan.customer));
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, orphan)| orphan).collect())
    }

    async fn repair(&self, orphan: &Orphan, entry: Option<Entry>) -> Result<(), CacheError> {
        let key = key(orphan.epoch, &orphan.tenant, orphan.customer);
        let mut shard = self.shard(&key);
        shard.remove(&key);
        if entry.is_some() {
            shard.put(&key, entry);
        }
        Ok(())
    }

    async fn put_watermark(&self, epoch: Epoch, millis: i64) -> Result<(), CacheError> {
        let mut watermarks = self.watermarks();
        watermarks.retain(|it, _| *it >= epoch);
        let now = watermarks.entry(epoch).or_insert(millis);
        *now = millis.max(*now);
        Ok(())
    }
}

impl Shard {
    /// Drops an entry that may be too old, and keeps others from setting theirs until the last mark is gone.
    fn lose(&mut self, key: &Key) {
        self.put(key, None);
        let slot = self.slot(key);
        slot.token = None;
        slot.poisoned = !slot.marks.is_empty();
        if slot.marks.is_empty() {
            self.remove(key);
        }
    }
}

fn key(epoch: Epoch, tenant: &str, customer: Uuid) -> Key {
    Key {
        epoch,
        tenant: tenant.into(),
        customer,
    }
}
