//! The service over real gRPC, on SQLite and on PostgreSQL (`CLIENTELE_TEST_POSTGRES`), beside a peer that stands in for
//! profile and records what it is given.

#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "ingestion/cleaning.rs"]
mod cleaning;
#[path = "ingestion/events.rs"]
mod events;
#[path = "ingestion/files.rs"]
mod files;
#[path = "ingestion/forms.rs"]
mod forms;
#[path = "ingestion/fuzz/mod.rs"]
mod fuzz;
#[path = "ingestion/harness.rs"]
mod harness;
#[path = "ingestion/hospital.rs"]
mod hospital;
#[path = "ingestion/http_pulls.rs"]
mod http_pulls;
#[path = "ingestion/limits.rs"]
mod limits;
#[path = "ingestion/one_path.rs"]
mod one_path;
#[path = "ingestion/peer.rs"]
mod peer;
#[path = "ingestion/profiles.rs"]
mod profiles;
#[path = "ingestion/public_data.rs"]
mod public_data;
#[path = "ingestion/pulls.rs"]
mod pulls;
#[path = "ingestion/quality.rs"]
mod quality;
#[path = "ingestion/quality_kept.rs"]
mod quality_kept;
#[path = "ingestion/quarantine.rs"]
mod quarantine;
#[path = "ingestion/rates.rs"]
mod rates;
#[path = "ingestion/segment.rs"]
mod segment;
#[path = "ingestion/sources.rs"]
mod sources;
#[path = "ingestion/taxonomies.rs"]
mod taxonomies;
