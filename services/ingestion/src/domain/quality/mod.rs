//! How good the data of a source are: four dimensions by field and day.
//!
//! Every record that is accepted or quarantined is observed once ([`super::observe`]); what a commit adds is gathered
//! ([`gather`]) into counts and sketches by day ([`counts`], [`delta`]). They are sums, so neither the order of records nor how
//! they were cut into commits changes them. From them come the score ([`score`]), the report ([`report`]), and what is out of
//! the usual ([`alerts`]).

pub mod alerts;
pub mod baseline;
pub mod counts;
pub mod delta;
pub mod gather;
pub mod report;
pub mod score;

pub use counts::{DayCounts, Dimension, FieldCounts, Tally};
pub use delta::{Day, Days, NO_DAY};
pub use gather::Gathering;
pub use score::Weights;
