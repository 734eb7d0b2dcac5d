//! What one more unit of a bound is worth: the cheapest way for a unit through the residual network of a best plan.
//!
//! Adding one unit to a best circulation along a cheapest way gives a best circulation again, so these prices equal the
//! finite difference of the best profit for one minor unit, also where the node prices leave a choice.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::flow::Circulation;
use super::network::Network;

/// The residual network of a circulation.
pub struct Residual<'a> {
    network: &'a Network,
    circulation: &'a Circulation,
    /// Cost of one more unit on each arc, `None` at its maximum.
    more: Vec<Option<i128>>,
    /// Saving of one unit less on each arc, `None` at its minimum.
    less: Vec<Option<i128>>,
    /// Arcs at each node: `(arc, true)` where it leaves the node.
    ends: Vec<Vec<(usize, bool)>>,
}

/// Whether ways lead away from a node or to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the node to all others.
    From,
    /// From all others to the node.
    To,
}

impl<'a> Residual<'a> {
    /// Builds the residual network.
    pub fn new(network: &'a Network, circulation: &'a Circulation) -> Self {
        let mut ends = vec![Vec::new(); network.nodes];
        let (mut more, mut less) = (Vec::new(), Vec::new());
        for (i, arc) in network.arcs.iter().enumerate() {
            let flow = circulation.flow[i];
            more.push((flow < arc.max).then(|| network.unit_cost(i, flow)));
            less.push((flow > arc.min).then(|| network.unit_cost(i, flow - 1)));
            ends[arc.from].push((i, true));
            ends[arc.to].push((i, false));
        }
        Self {
            network,
            circulation,
            more,
            less,
            ends,
        }
    }

    /// Returns the cost of the cheapest way for one unit between `node` and every other, `None` where there is none.
    pub fn costs(&self, node: usize, way: Way) -> Vec<Option<i128>> {
        let price = &self.circulation.price;
        let mut cost: Vec<Option<i128>> = vec![None; self.network.nodes];
        let mut heap = BinaryHeap::from([(Reverse(0_i128), node)]);
        while let Some((Reverse(reduced), at)) = heap.pop() {
            if cost[at].is_some() {
                continue;
            }
            cost[at] = Some(reduced);
            for &(arc, leaves) in &self.ends[at] {
                let ends = &self.network.arcs[arc];
                let next = if leaves { ends.to } else { ends.from };
                // Along the arc with one more unit, or against it with one less.
                let along = leaves == (way == Way::From);
                let Some(step) = (if along {
                    self.more[arc]
                } else {
                    self.less[arc].map(|saved| -saved)
                }) else {
                    continue;
                };
                if cost[next].is_none() {
                    let (tail, head) = if way == Way::From {
                        (at, next)
                    } else {
                        (next, at)
                    };
                    let step = (step + price[tail] - price[head]).max(0);
                    heap.push((Reverse(reduced + step), next));
                }
            }
        }
        let shift = |other: usize| match way {
            Way::From => price[other] - price[node],
            Way::To => price[node] - price[other],
        };
        cost.into_iter()
            .enumerate()
            .map(|(other, cost)| cost.map(|cost| cost + shift(other)))
            .collect()
    }
}
