//! End to end: from events to an allocation, on every way to run the suite, and through crashes and outages.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at what must not happen"
)]

mod backup;
mod bad_input;
mod cluster;
mod crashes;
mod embedded;
mod outages;
mod partitions;
mod privacy;
mod public_data;
mod pulls;
mod shop;
mod story;
