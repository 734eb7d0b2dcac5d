//! What is kept of quality: what appends add, the days that it is folded into, alerts and baselines.
//!
//! An append writes one row per source ([`append`]); [`fold`] adds it to the days and deletes it in one transaction. So a
//! figure is in exactly one of the two, and [`read`] reads both in one statement.

mod alerts;
mod append;
mod baselines;
mod fold;
mod read;

pub use alerts::{AlertRow, list as list_alerts, open_counts, settle as settle_alerts};
pub(super) use append::write;
pub use baselines::{
    BaselineRow, add as add_baseline, load as load_baseline, newest as newest_baseline,
};
pub use fold::{fold, forget_held};
pub use read::{SourceRow, counts, days, is_known, sources};

use store::StoreError;

use crate::domain::quality::delta::Malformed;

fn corrupt(error: Malformed) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
