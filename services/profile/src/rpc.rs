//! The gRPC services: each reads its request into what the rest of the crate speaks, asks, and answers.

pub(crate) mod features;
pub(crate) mod identity;
pub(crate) mod profiles;
pub(crate) mod questions;
pub(crate) mod tenants;
pub(crate) mod values;
