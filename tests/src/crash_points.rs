//! The named points at which the crash test kills a process.

/// Every point, the service that is killed there, and at which hit.
///
/// A point that several services pass is there once for each of them.
pub const CRASH_POINTS: [CrashPoint; 25] = [
    CrashPoint::new("received", "ingestion", 2),
    CrashPoint::new("committed", "ingestion", 3),
    CrashPoint::new("import_batch", "ingestion", 1),
    CrashPoint::new("claimed", "ingestion", 1),
    CrashPoint::new("sent", "ingestion", 2),
    CrashPoint::new("applied", "ingestion", 1),
    CrashPoint::new("cursor_applied", "ingestion", 2),
    CrashPoint::new("appending", "ingestion", 1),
    CrashPoint::new("appended", "ingestion", 1),
    CrashPoint::new("archived", "ingestion", 1),
    CrashPoint::new("quality_folding", "ingestion", 1),
    CrashPoint::new("quality_folded", "ingestion", 1),
    CrashPoint::new("replaying", "ingestion", 1),
    CrashPoint::new("replayed", "ingestion", 1),
    CrashPoint::new("quarantine_discarding", "ingestion", 1),
    CrashPoint::new("apply_begin", "profile", 2),
    CrashPoint::new("apply_marked", "profile", 1),
    CrashPoint::new("apply_committed", "profile", 1),
    CrashPoint::new("apply_cached", "profile", 2),
    CrashPoint::new("identity_appending", "profile", 1),
    CrashPoint::new("identity_appended", "profile", 1),
    CrashPoint::new("operation_started", "ingestion", 1),
    CrashPoint::new("operation_started", "profile", 1),
    CrashPoint::new("operation_started", "scoring", 1),
    CrashPoint::new("operation_started", "segmentation", 1),
];

/// The points of a pull, at which ingestion is killed for every kind of source.
pub const PULL_POINTS: [CrashPoint; 4] = [
    CrashPoint::new("pull_planned", "ingestion", 1),
    CrashPoint::new("pull_page", "ingestion", 1),
    CrashPoint::new("pull_page", "ingestion", 2),
    CrashPoint::new("pull_ended", "ingestion", 1),
];

/// A point of the program at which a service is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// Name in the sources.
    pub name: &'static str,
    /// Service that passes it.
    pub service: &'static str,
    /// Hit at which it dies, from 1.
    pub hit: u32,
}

impl CrashPoint {
    const fn new(name: &'static str, service: &'static str, hit: u32) -> Self {
        Self { name, service, hit }
    }
}
