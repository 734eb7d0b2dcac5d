//! The taxonomies that tenants have in force, believed for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use store::{Store, StoreError};
use text::Taxonomy;

use crate::domain::tag::Taxonomies;
use crate::store::taxonomies;

/// Most tenants whose taxonomies are remembered.
const TENANTS_MAX: usize = 10_000;

/// Knows the taxonomies in force. What it knows is believed for a while; changes made by this process count at once.
pub struct ActiveTaxonomies {
    store: Store,
    believe: Duration,
    known: Mutex<HashMap<String, (Instant, Arc<Taxonomies>)>>,
}

impl ActiveTaxonomies {
    /// Reads taxonomies from `store` and believes each answer for `believe`.
    pub fn new(store: Store, believe: Duration) -> Self {
        Self {
            store,
            believe,
            known: Mutex::default(),
        }
    }

    /// Returns what was known of a tenant when it was refreshed last.
    pub fn of(&self, tenant: &str) -> Arc<Taxonomies> {
        let known = self.known().get(tenant).cloned();
        known.map(|(_, taxonomies)| taxonomies).unwrap_or_default()
    }

    /// Brings what is known of a tenant up to date, unless it is young enough. While the database is down, what is known is
    /// believed on.
    pub async fn refresh(&self, tenant: &str) -> Result<(), StoreError> {
        let remembered = self.known().get(tenant).cloned();
        if let Some((read, _)) = &remembered
            && read.elapsed() < self.believe
        {
            return Ok(());
        }
        let asked = Instant::now();
        let before = remembered.map(|(_, taxonomies)| taxonomies);
        match (self.load(tenant, before.as_deref()).await, before) {
            (Err(error), Some(_)) if error.is_retryable() => Ok(()),
            (loaded, _) => {
                let loaded = Arc::new(loaded?);
                let mut known = self.known();
                if known.len() >= TENANTS_MAX {
                    known.clear();
                }
                known.insert(tenant.to_owned(), (asked, loaded));
                Ok(())
            }
        }
    }

    /// Forgets what is known of a tenant, whose taxonomies were changed, and reads it again.
    pub async fn changed(&self, tenant: &str) {
        let loaded = self.load(tenant, None).await;
        let mut known = self.known();
        match loaded {
            Ok(loaded) => drop(known.insert(tenant.to_owned(), (Instant::now(), Arc::new(loaded)))),
            // Then the next event asks.
            Err(_) => drop(known.remove(tenant)),
        }
    }

    async fn load(
        &self,
        tenant: &str,
        before: Option<&Taxonomies>,
    ) -> Result<Taxonomies, StoreError> {
        let reader = self.store.reader();
        let mut loaded = Taxonomies::default();
        for (id, number) in taxonomies::active(reader, tenant).await? {
            let known = before.and_then(|before| before.0.get(&id));
            let taxonomy = match known.filter(|(known, _)| *known == number) {
                Some((_, taxonomy)) => taxonomy.clone(),
                None => match taxonomies::load(reader, tenant, &id, Some(number)).await? {
                    Some(row) => Arc::new(parsed(&row.yaml, &id, number)?),
                    None => continue,
                },
            };
            loaded.0.insert(id, (number, taxonomy));
        }
        Ok(loaded)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<Taxonomies>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a taxonomy that was read before it was stored.
fn parsed(yaml: &str, id: &str, number: i64) -> Result<Taxonomy, StoreError> {
    Taxonomy::parse(yaml).map_err(|mistakes| {
        let first = mistakes
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        StoreError::Corrupt(format!("version {number} of the taxonomy `{id}`: {first}"))
    })
}
