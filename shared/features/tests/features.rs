//! Promises of the state that hold for any customer.

#![allow(clippy::unwrap_used)]

#[path = "features/codec.rs"]
mod codec;
#[path = "features/history.rs"]
mod history;
#[path = "features/laws.rs"]
mod laws;
#[path = "features/size.rs"]
mod size;
#[path = "features/windows.rs"]
mod windows;
