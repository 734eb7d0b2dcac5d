//! Masks personal values: keyed hashes, partial masks, tokens of the same format, and sealing under keys that rotate.
//!
//! Everything here is computed from its arguments: the same value under the same key gives the same mask, so that an event
//! that is sent twice, or by another door, is stored alike. Only [`folder`] touches the disk and draws random bytes, for keys.

pub mod file;
pub mod folder;
mod partial;
mod ring;
mod seal;
mod secret;
mod token;

pub use partial::{PartialRule, partial};
pub use ring::{KeyRing, UnknownKey};
pub use seal::{OpenError, key_of};
pub use secret::{KeyId, Secret};
pub use token::TokenError;
