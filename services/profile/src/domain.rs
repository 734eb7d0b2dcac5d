//! The decisions: who is who, what a batch does, and what can be said of a customer. Pure: no clock, no network, no
//! database, no random source. Start at [`identity`].

pub mod batch;
pub mod days;
pub mod identity;
pub mod persona;
