//! The gRPC services: what comes in as protobuf goes to the domain, and back.

mod baselines;
mod events;
mod imports;
mod quality;
mod quarantine;
mod rates;
mod sources;
mod taxonomies;

pub(crate) use events::EventRpc;
pub(crate) use imports::ImportRpc;
pub(crate) use imports::invalid_contract;
pub(crate) use quality::QualityRpc;
pub(crate) use quarantine::{QuarantineRpc, not_corrected, read_filter};
pub(crate) use rates::RateRpc;
pub(crate) use sources::SourceRpc;
pub(crate) use taxonomies::TaxonomyRpc;
