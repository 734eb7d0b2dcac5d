//! gRPC: checks requests, asks store and peers, writes answers.

mod parse;
mod segments;

pub(crate) use parse::{Asked, parse};
pub(crate) use segments::SegmentRpc;
