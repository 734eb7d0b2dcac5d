//! What scoring asks of others: states of customers, who an identifier belongs to, and the tenant's zone and currency.

mod coalesce;
mod identity;
mod profile;
pub mod states;

pub use identity::Identities;
pub use profile::{PeerError, Profile, Tenant};
