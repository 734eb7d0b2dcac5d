//! What free text holds: tags of a taxonomy, and personal data.
//!
//! Both look at a folded form of the text (compatibility forms and widths made one, for tags also capitals) and tell places in the
//! original. Both take time linear in the text: patterns run on automata, without backtracking.

mod fold;
pub mod personal;
pub mod taxonomy;

pub use fold::{Case, Folded};
pub use personal::{Detector, Finding, Kind, Names, Redacted, hide};
pub use taxonomy::{Example, Mistake, Tag, Tagged, Taxonomy};
