//! The decisions: models of repeat buying and spend, their fits, and what they say of one customer.
//!
//! Pure: no I/O, no clock, and nothing random but what a caller's seed decides. Start at [`model::CustomerValueModel`],
//! which joins BG/NBD, MBG/NBD and Gamma-Gamma into the four values that the service answers with.

pub mod currency;
pub mod dropout;
pub mod expected;
pub mod fault;
pub mod fit;
pub mod history;
pub mod laplace;
pub mod model;
pub mod optimise;
pub mod population;
pub mod predictive;
pub mod reasons;
mod special;
pub mod spend;
#[cfg(test)]
mod tests;
