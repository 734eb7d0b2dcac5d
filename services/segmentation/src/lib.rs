//! Keeps segments of customers and tells who is in them.
//!
//! Start at [`domain`]: scores, groups, summaries.

pub mod domain;
