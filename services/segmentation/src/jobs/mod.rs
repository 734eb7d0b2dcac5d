//! Background work.

pub(crate) mod compute;
mod values;
