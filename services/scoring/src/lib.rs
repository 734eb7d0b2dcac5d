//! Models: trained, registered, served.

pub mod domain;
