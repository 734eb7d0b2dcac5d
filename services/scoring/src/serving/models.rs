//! Models in memory: the champion of every tenant that was asked for, and versions asked for by name.

use super::days::{day_of, parse_day};
use crate::domain::model::CustomerValueModel;
use crate::domain::population::Population;
use crate::store::artefact::{self, BadArtefact};
use crate::store::registry::{Registered, Registry, VersionName, Which, version_name};
use chrono_tz::Tz;
use moka::future::Cache;
use runtime::context::TenantId;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use store::StoreError;

/// Versions kept beside the champions.
const VERSIONS_MAX: u64 = 64;
/// Days between the end of the history and its registration up to which a tenant's data are taken to go on.
const LIVE_DAYS: i32 = 2;

/// A version ready to score with.
#[derive(Debug)]
pub struct LoadedModel {
    /// Name of the version.
    pub name: String,
    /// Number of the version.
    pub number: i64,
    /// The model.
    pub model: CustomerValueModel,
    /// What scores are compared with.
    pub population: Population,
    /// Last day of the history that it was trained on.
    pub as_of_day: i32,
    /// Whether that day was recent when it was registered: scores then hold as of now.
    pub live: bool,
    /// The tenant's zone.
    pub zone: Tz,
    /// Seed of what intervals draw.
    pub seed: u64,
}

impl LoadedModel {
    fn new(registered: &Registered) -> Result<Self, BadArtefact> {
        let malformed = BadArtefact::Malformed;
        let (model, population) = artefact::to_model(&registered.artefact)?;
        let version = registered
            .artefact
            .version
            .as_ref()
            .ok_or(malformed("version"))?;
        let zone: Tz = version
            .time_zone
            .parse()
            .map_err(|_| malformed("time_zone"))?;
        let as_of_day = parse_day(&version.as_of).ok_or(malformed("as_of"))?;
        Ok(Self {
            name: version_name(&registered.model, registered.number),
            number: registered.number,
            live: day_of(registered.created, zone).saturating_sub(as_of_day) <= LIVE_DAYS,
            seed: version.seed,
            model,
            population,
            as_of_day,
            zone,
        })
    }
}

type Key = (TenantId, String);

/// Keeps models in memory. Cheap to clone.
#[derive(Clone)]
pub struct Models {
    registry: Registry,
    champions: Arc<RwLock<HashMap<Key, Arc<LoadedModel>>>>,
    versions: Cache<(TenantId, String, i64), Arc<LoadedModel>>,
}

impl Models {
    /// Keeps models of a registry.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            champions: Arc::default(),
            versions: Cache::new(VERSIONS_MAX),
        }
    }

    /// Returns a version, or `None` when there is none of that name.
    ///
    /// A champion in memory is at most as old as the last [`Models::refresh`]; one that is not in memory is looked up.
    pub async fn get(
        &self,
        tenant: &TenantId,
        name: &VersionName,
    ) -> Result<Option<Arc<LoadedModel>>, StoreError> {
        match name.which {
            Which::Champion => {
                let key = (tenant.clone(), name.model.clone());
                let held = self
                    .champions
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get(&key)
                    .cloned();
                match held {
                    Some(model) => Ok(Some(model)),
                    None => self.load_champion(key).await,
                }
            }
            Which::Number(number) => {
                let key = (tenant.clone(), name.model.clone(), number);
                if let Some(model) = self.versions.get(&key).await {
                    return Ok(Some(model));
                }
                let Some(registered) = self.registry.find(tenant.as_str(), name).await? else {
                    return Ok(None);
                };
                let model = Arc::new(load(&registered)?);
                self.versions.insert(key, model.clone()).await;
                Ok(Some(model))
            }
        }
    }

    /// Looks the champion of a model up anew, because it was just promoted here.
    pub async fn promoted(&self, tenant: &TenantId, model: &str) -> Result<(), StoreError> {
        self.load_champion((tenant.clone(), model.to_owned()))
            .await
            .map(drop)
    }

    /// Looks up which champions in memory are champions no more, and replaces them.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let held: HashSet<(Key, i64)> = {
            let champions = self
                .champions
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            champions
                .iter()
                .map(|(key, model)| (key.clone(), model.number))
                .collect()
        };
        if held.is_empty() {
            return Ok(());
        }
        let stored = self.registry.champions().await?;
        let stored: HashMap<(String, String), i64> = stored
            .into_iter()
            .map(|row| ((row.tenant, row.model), row.number))
            .collect();
        for (key, number) in held {
            if stored.get(&(key.0.as_str().to_owned(), key.1.clone())) != Some(&number) {
                self.load_champion(key).await?;
            }
        }
        Ok(())
    }

    async fn load_champion(&self, key: Key) -> Result<Option<Arc<LoadedModel>>, StoreError> {
        let name = VersionName {
            model: key.1.clone(),
            which: Which::Champion,
        };
        let found = self.registry.find(key.0.as_str(), &name).await?;
        let model = found.as_ref().map(load).transpose()?.map(Arc::new);
        let mut champions = self
            .champions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match &model {
            Some(model) => champions.insert(key, model.clone()),
            None => champions.remove(&key),
        };
        Ok(model)
    }
}

fn load(registered: &Registered) -> Result<LoadedModel, StoreError> {
    LoadedModel::new(registered).map_err(|error| {
        StoreError::Corrupt(format!(
            "{}: {error}",
            version_name(&registered.model, registered.number)
        ))
    })
}
