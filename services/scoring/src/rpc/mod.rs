//! From contract to domain and back; no decisions.

mod models;
mod scoring;
mod validate;

pub use models::ModelRpc;
pub use scoring::ScoringRpc;
