//! Brings the values of a record to their standard forms.

use super::contract::Contract;
use super::record::Record;

/// Brings the values to the standard forms of the contract and notes what was changed.
pub fn standardise(_contract: &Contract, _record: &mut Record<'_>) {}
