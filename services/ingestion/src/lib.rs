//! Takes data in, cleans it, judges it, and keeps the event log.
//!
//! Read [`domain`] first: it decides what becomes of an event. [`file`] reads files row by row, [`sources`] knows where data
//! comes from, [`store`] keeps the log, [`jobs`] bring events from the log to profile and to the lake, [`rpc`] serves callers.

pub mod backup;
pub mod baselines;
pub mod config;
pub mod domain;
pub mod file;
mod http;
pub mod intake;
pub mod jobs;
mod limits;
mod masking;
mod metrics;
pub mod places;
mod pull;
mod rate_book;
mod rejudge;
mod rpc;
mod service;
pub mod sources;
pub mod store;
mod taxonomies;
mod tenants;
mod uploads;

pub use config::Config;
pub use service::Service;

/// Every setting with its default.
pub const DEFAULTS: &str = include_str!("../defaults.toml");
