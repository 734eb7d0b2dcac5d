//! Pulls JSON over HTTP.
//!
//! `guard` says which addresses may be reached, `fetch` sends one request and reads its answer within bounds,
//! `puller` follows the pages.

mod answer;
mod fetch;
mod guard;
mod paging;
mod puller;

pub(crate) use guard::Guard;
pub(crate) use paging::at;
pub(crate) use puller::{HttpPlan, HttpPuller};
