//! Says where the next unit of marketing budget earns most.
//!
//! Start at [`domain`]: the problem, the exact solver, the proof. `rpc` checks requests and writes answers.

pub mod domain;
