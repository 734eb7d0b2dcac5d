//! The decisions of this service. Read [`problem`] first, then [`allocate`].

pub mod allocate;
pub mod certificate;
pub mod curve;
pub mod defaults;
pub mod feasible;
pub mod flow;
pub mod network;
pub mod problem;
pub mod reason;
pub mod residual;
pub mod violation;
