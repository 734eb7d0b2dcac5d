//! Checks rules over several columns of a record.

use super::contract::Contract;
use super::record::Record;

/// Notes which rules of the contract the record breaks.
pub fn check(_contract: &Contract, _record: &mut Record<'_>) {}
