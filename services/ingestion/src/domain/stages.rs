//! What every record goes through, in this order, whichever door it came through.

use super::clean::{Baseline, clean};
use super::contract::Contract;
use super::record::Record;
use super::standardise::standardise;
use super::{constraints, rules};

/// Runs a record through the stages: standard forms, types and constraints, cleaning, rules over several columns.
///
/// Nothing here looks at other records: the same record comes out the same in any order and in any batch.
pub fn run(contract: &Contract, baseline: Option<&Baseline>, record: &mut Record<'_>) {
    standardise(contract, record);
    constraints::check(contract, record);
    clean(contract, baseline, record);
    constraints::check_cleaned(contract, record);
    rules::check(contract, record);
}
