//! Background work: one dispatcher and one archiver per lane, each under a fenced lease, a caretaker, imports and pulls.

mod archiver;
mod caretaker;
mod dispatcher;
mod import;
mod learning;
mod log_alert;
mod profile_file;
mod pulls;
mod quality;
mod quarantine;
pub(crate) mod reading;
mod worker;

pub use archiver::Archiver;
pub use caretaker::Caretaker;
pub use dispatcher::Dispatcher;
pub(crate) use import::receipts;
pub use import::{IMPORT_KIND, Importer};
pub use profile_file::{PROFILE_FILE_KIND, Profiler, profile_response};
pub(crate) use pulls::Pulls;
pub use quality::QualityKeeper;
pub use quarantine::{DISCARD_KIND, REPLAY_KIND};
pub(crate) use quarantine::{Discarder, Replayer};
pub use worker::{LaneWorker, Pace, run_lane};
