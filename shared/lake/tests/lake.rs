//! Promises of the lake, kept on a real folder.

#![allow(clippy::unwrap_used)]

#[path = "lake/append.rs"]
mod append;
#[path = "lake/replay.rs"]
mod replay;
#[path = "lake/rows.rs"]
mod rows;
#[path = "lake/set_back.rs"]
mod set_back;
