//! gRPC: checks requests, asks the domain, writes answers.

mod budget;
mod curves;
mod parse;
mod plan;

pub(crate) use budget::BudgetRpc;
