//! Background work: training, and watching who is champion.

pub mod refresh;
pub mod train;
