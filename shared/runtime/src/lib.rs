//! What makes a process a good gRPC server and a good client, and nothing that knows a business word.
//!
//! Read in this order: [`config`] (settings), [`server`] (one builder: health, deadlines, shedding, drain), [`context`]
//! (whose request it is), [`fault`] (errors as google.rpc details), [`client`] (deadlines, retries, new replicas),
//! [`operations`] (long-running work), [`telemetry`] and [`operations_port`] (logs, traces, metrics, probes).

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod any;
pub mod client;
pub mod clock;
pub mod config;
pub mod context;
pub mod crash;
mod deadline;
pub mod fault;
pub mod identity;
mod methods;
pub mod operations;
pub mod operations_port;
pub mod server;
pub mod telemetry;
pub mod time;
mod trace;

pub use deadline::Deadline;
