//! The decisions of this service. Read [`rfm`] first, then [`groups`] and [`summary`].

pub mod groups;
pub mod rfm;
pub mod summary;
