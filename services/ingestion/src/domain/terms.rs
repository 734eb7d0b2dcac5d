//! On what terms the data of one source are taken.

use std::sync::{Arc, LazyLock};

use chrono::TimeDelta;

use super::clean::Baseline;
use super::contract::Contract;
use super::mask::Policies;
use super::rates::Rates;

/// By what the records of one source are judged. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Contract of the source; absent when it has none and sends plain events.
    pub contract: Option<Arc<Contract>>,
    /// Revision of the registered contract; 0 when it is not a registered one.
    pub revision: i64,
    /// How old data may be when they come, where the source has a target of its own beside its contract's.
    pub freshness: Option<TimeDelta>,
    /// Baseline in force.
    pub baseline: Option<Arc<Baseline>>,
    /// Exchange rates of the tenant.
    pub rates: Option<Arc<Rates>>,
}

static PLAIN: LazyLock<Policies> = LazyLock::new(Policies::default);

impl Terms {
    /// Terms of a contract that is not registered, such as that of a single import.
    pub fn of(contract: Contract) -> Self {
        Self {
            contract: Some(Arc::new(contract)),
            ..Self::default()
        }
    }

    /// Judges by a contract that was given with the data; the registered one stays where it is the same.
    #[must_use]
    pub fn with_contract(mut self, contract: Contract) -> Self {
        let known = self.contract.as_ref();
        if known.is_none_or(|known| known.digest != contract.digest) {
            self.contract = Some(Arc::new(contract));
            self.revision = 0;
        }
        self
    }

    /// Returns how old data may be when they come; absent means no target.
    pub fn freshness(&self) -> Option<TimeDelta> {
        let contract = self.contract.as_ref();
        self.freshness
            .or_else(|| contract.and_then(|contract| contract.freshness))
    }

    /// Returns what becomes of personal properties.
    pub fn policies(&self) -> &Policies {
        self.contract
            .as_ref()
            .map_or(&PLAIN, |contract| &contract.policies)
    }
}
