//! Exchange rates of tenants, as stored, believed for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::{Store, StoreError};

use crate::domain::rates::Rates;
use crate::store::rates::{self, RateFilter};

/// Most tenants whose rates are remembered.
const TENANTS_MAX: usize = 10_000;
/// Rates that are read at once.
const PAGE: u64 = 10_000;

/// Knows the rates of tenants. Changes made by this process count at once.
pub struct RateBook {
    store: Store,
    believe: Duration,
    days: i32,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    read: Instant,
    version: i64,
    rates: Arc<Rates>,
}

impl RateBook {
    /// Reads rates from `store` and believes each answer for `believe`; a rate holds `days` days after its own.
    pub fn new(store: Store, believe: Duration, days: u16) -> Self {
        Self {
            store,
            believe,
            days: i32::from(days),
            known: Mutex::default(),
        }
    }

    /// Returns the store that they are kept in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns a tenant's rates. While the database is down, an older answer is believed.
    pub async fn get(&self, tenant: &str) -> Result<Arc<Rates>, StoreError> {
        let known = self.known().get(tenant).cloned();
        if let Some(known) = &known
            && known.read.elapsed() < self.believe
        {
            return Ok(known.rates.clone());
        }
        // The age of the answer counts from the question, so that it is never younger than what it says.
        let read = Instant::now();
        match (self.read(tenant, known.as_ref()).await, known) {
            (Ok((version, rates)), _) => {
                let mut all = self.known();
                if all.len() >= TENANTS_MAX {
                    all.clear();
                }
                let fresh = Known {
                    read,
                    version,
                    rates: rates.clone(),
                };
                all.insert(tenant.to_owned(), fresh);
                Ok(rates)
            }
            (Err(error), Some(known)) if error.is_retryable() => Ok(known.rates),
            (Err(error), _) => Err(error),
        }
    }

    /// Forgets a tenant's rates, which were changed.
    pub fn forget(&self, tenant: &str) {
        self.known().remove(tenant);
    }

    /// Reads the rates, unless those that are known are of the present version.
    async fn read(
        &self,
        tenant: &str,
        known: Option<&Known>,
    ) -> Result<(i64, Arc<Rates>), StoreError> {
        let db = self.store.reader();
        let version = rates::version(db, tenant).await?;
        if let Some(known) = known
            && known.version == version
        {
            return Ok((version, known.rates.clone()));
        }
        let mut all = Rates::new(self.days);
        let mut filter = RateFilter {
            currency: "",
            days: (i32::MIN, i32::MAX),
            after: (String::new(), i32::MIN),
        };
        if version == 0 {
            return Ok((version, Arc::new(all)));
        }
        // A change between two pages raises the version, and with it the next answer is read again.
        loop {
            let page = rates::list(db, tenant, &filter, PAGE).await?;
            for row in &page {
                if let Some(rate) = Rates::parse(&row.rate) {
                    all.set(&row.currency, row.day, rate);
                }
            }
            match page.last() {
                Some(last) if page.len() as u64 == PAGE => {
                    filter.after = (last.currency.clone(), last.day);
                }
                _ => break,
            }
        }
        Ok((version, Arc::new(all)))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
