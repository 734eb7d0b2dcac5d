//! What end-to-end tests start and stop: PostgreSQL, Redis, the suite's own processes, and a proxy that breaks
//! connections on purpose. Everything listens on free loopback ports, lives in temporary folders and ends with its value.

pub mod crash_points;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod recovery;
pub mod servers;
pub mod suite;

use std::path::PathBuf;

/// Returns the root of the workspace.
pub fn workspace_root() -> PathBuf {
    // Asked for at run time first: a target folder may serve several checkouts.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    folder.parent().map(PathBuf::from).unwrap_or(folder)
}

/// Returns the folder of public data sets: `CLIENTELE_DATA`, or `../shared/data` beside the workspace; `None` when it is
/// absent, after printing the line that the summary looks for.
pub fn data_folder(suite: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("CLIENTELE_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => workspace_root().join("../shared/data"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    println!("{suite}: NOT RUN: no data");
    None
}
