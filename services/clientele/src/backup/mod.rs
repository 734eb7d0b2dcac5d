//! Backups of the embedded suite, their restoration, and putting a restored database and the lake together again.
//!
//! A backup is a folder: the databases as they were at one moment, the files of the lake's tables at one version, what was
//! uploaded, and a manifest with a checksum of every file and with where every store stood. It is taken while the suite
//! runs: dispatching stops between two batches for as long as copying the databases takes, events are taken in all the
//! while. The keys are not in it: whoever finds a backup can read no sealed value and link no hash to a person. They are
//! written apart, with `--keys-to`, and belong in another place.
//!
//! A restore ([`restore`]) refuses a folder that holds anything, verifies every checksum before it touches one, and marks
//! the folder until it is whole, so that an interrupted one is repeated and never served. What comes back is another
//! history than the one that was lost: lanes, the writer of identity lines and the cache's epoch get new names
//! ([`realign`]), so that nothing of the lost history can be taken for it.

mod create;
mod files;
mod manifest;
mod places;
mod realign;
mod restore;

pub(crate) use create::backup;
pub(crate) use realign::realign;
pub(crate) use restore::restore;

/// File that marks a folder whose restoration has not ended.
pub(crate) const RESTORING: &str = "restoring";
