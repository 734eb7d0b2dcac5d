//! The service over real gRPC, on SQLite and on PostgreSQL (`CLIENTELE_TEST_POSTGRES`), with a lake on disk, beside a peer
//! that stands in for the profile service.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]

mod scoring {
    mod faults;
    pub(crate) mod harness;
    pub(crate) mod peer;
    mod public_data;
    mod score;
    mod train;
}
