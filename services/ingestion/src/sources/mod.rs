//! Where data comes from: the sources that a tenant has registered, and the keys that may send for them.

mod changes;
mod check;
mod error;
mod registered;
mod registry;
mod write_keys;

pub(crate) use changes::Changes;
pub(crate) use check::{Facts, SECRET_MARK};
pub use error::SourceError;
pub use registered::{RegisteredSource, Sources};
pub(crate) use registry::{Registry, finish, sight};
pub(crate) use write_keys::make as make_write_key;
pub use write_keys::{KeyHolder, WriteKeys};
