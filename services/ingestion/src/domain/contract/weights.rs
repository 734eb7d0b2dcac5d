//! How the contract's section `weights` is written.

use super::Column;
use super::alerts::positive;
use super::node::Node;
use crate::domain::quality::counts::Dimension;
use crate::domain::quality::score;

/// How much what counts in the quality score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// Weights of the dimensions; equal where nothing is said.
    pub dimensions: score::Weights,
    /// Columns whose gaps do not count against completeness.
    pub may_be_missing: Vec<usize>,
}

/// Reads the section; absent means the defaults.
pub(super) fn read(node: Option<&Node<'_>>, columns: &[Column]) -> Weights {
    let mut weights = Weights::default();
    let Some(node) = node else {
        return weights;
    };
    node.only(&[
        "completeness",
        "accuracy",
        "consistency",
        "timeliness",
        "mayBeMissing",
    ]);
    for (place, dimension) in Dimension::ALL.into_iter().enumerate() {
        if let Some(weight) = node.get(dimension.name()).and_then(|node| positive(&node)) {
            weights.dimensions.0[place] = weight;
        }
    }
    if weights.dimensions.0.iter().sum::<f64>() <= 0.0 {
        node.wrong("OUT_OF_RANGE", "at least one weight must be above zero");
    }
    if let Some(node) = node.get("mayBeMissing") {
        let columns = node
            .list()
            .iter()
            .filter_map(|node| super::shape::column(node, columns))
            .collect();
        weights.may_be_missing = columns;
    }
    weights
}
