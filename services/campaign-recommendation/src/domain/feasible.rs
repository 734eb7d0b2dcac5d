//! Can all bounds hold at once? If not, which of them are in conflict?
//!
//! A circulation with lower bounds exists unless some set of nodes must take in more than can leave it (Hoffman 1960).
//! The minimum cut of a maximum flow (Dinic 1970) names such a set; a deletion filter makes it irreducible.

use super::network::{Arc, Network};
use super::problem::{Constraint, Side};

/// Up to this many constraints the filter tries each alone; a larger conflict is only thinned out by sums.
const FILTER_MAX: usize = 200;
/// More than any sum of bounds.
const ENDLESS: i128 = 1 << 100;

/// Returns the constraints of an irreducible conflict, empty when the network is feasible.
pub fn conflict(network: &Network) -> Vec<Constraint> {
    let everything = |_: usize, _: Side| true;
    let Some(inside) = overfull(network, &everything) else {
        return Vec::new();
    };
    let mut kept = thinned(network, &inside);
    if kept.len() <= FILTER_MAX {
        let mut i = 0;
        while i < kept.len() {
            let tried = kept[i];
            let rest = |arc: usize, side: Side| (arc, side) != tried && kept.contains(&(arc, side));
            if overfull(network, &rest).is_some() {
                kept.remove(i);
            } else {
                i += 1;
            }
        }
    }
    let mut named: Vec<_> = kept
        .into_iter()
        .map(|(arc, side)| network.arcs[arc].role.constraint(side))
        .collect();
    named.sort_unstable();
    named.dedup();
    named
}

/// Lists the bounds at the edge of an overfull set of nodes, without minima that are not needed to overfill it.
fn thinned(network: &Network, inside: &[bool]) -> Vec<(usize, Side)> {
    let (mut minima, mut maxima) = (Vec::new(), Vec::new());
    for (i, arc) in network.arcs.iter().enumerate() {
        match (inside[arc.from], inside[arc.to]) {
            (false, true) if arc.min > 0 => minima.push(i),
            (true, false) => maxima.push(i),
            _ => {}
        }
    }
    let room: i128 = maxima
        .iter()
        .map(|&i| i128::from(network.arcs[i].max))
        .sum();
    let mut demand: i128 = minima
        .iter()
        .map(|&i| i128::from(network.arcs[i].min))
        .sum();
    minima.sort_by_key(|&i| network.arcs[i].min);
    minima.retain(|&i| {
        let without = demand - i128::from(network.arcs[i].min);
        let needed = without <= room;
        if !needed {
            demand = without;
        }
        needed
    });
    let minima = minima.into_iter().map(|i| (i, Side::Minimum));
    minima
        .chain(maxima.into_iter().map(|i| (i, Side::Maximum)))
        .collect()
}

/// Returns the nodes of an overfull set, `None` when a circulation exists under the bounds that `keep` tells.
fn overfull(network: &Network, keep: &dyn Fn(usize, Side) -> bool) -> Option<Vec<bool>> {
    let (source, sink) = (network.nodes, network.nodes + 1);
    let mut graph = Graph::new(network.nodes + 2);
    let mut excess = vec![0_i128; network.nodes];
    for (i, arc) in network.arcs.iter().enumerate() {
        let &Arc { from, to, .. } = arc;
        let min = if keep(i, Side::Minimum) {
            i128::from(arc.min)
        } else {
            0
        };
        let max = if keep(i, Side::Maximum) {
            i128::from(arc.max)
        } else {
            ENDLESS
        };
        excess[from] -= min;
        excess[to] += min;
        graph.join(from, to, max - min);
    }
    let mut demand = 0;
    for (node, &excess) in excess.iter().enumerate() {
        if excess > 0 {
            demand += excess;
            graph.join(source, node, excess);
        } else {
            graph.join(node, sink, -excess);
        }
    }
    if graph.maximum_flow(source, sink) == demand {
        return None;
    }
    let levels = graph.levels(source);
    Some(
        (0..network.nodes)
            .map(|node| levels[node] != usize::MAX)
            .collect(),
    )
}

/// Residual graph: edge `e` and its reverse `e ^ 1` lie side by side.
struct Graph {
    head: Vec<usize>,
    room: Vec<i128>,
    edges: Vec<Vec<usize>>,
}

impl Graph {
    fn new(nodes: usize) -> Self {
        Self {
            head: Vec::new(),
            room: Vec::new(),
            edges: vec![Vec::new(); nodes],
        }
    }

    fn join(&mut self, from: usize, to: usize, room: i128) {
        self.edges[from].push(self.head.len());
        self.edges[to].push(self.head.len() + 1);
        self.head.extend([to, from]);
        self.room.extend([room, 0]);
    }

    /// Distance of each node from `source` over edges with room; `usize::MAX` when there is no way.
    fn levels(&self, source: usize) -> Vec<usize> {
        let mut levels = vec![usize::MAX; self.edges.len()];
        levels[source] = 0;
        let mut queue = std::collections::VecDeque::from([source]);
        while let Some(node) = queue.pop_front() {
            for &edge in &self.edges[node] {
                let next = self.head[edge];
                if self.room[edge] > 0 && levels[next] == usize::MAX {
                    levels[next] = levels[node] + 1;
                    queue.push_back(next);
                }
            }
        }
        levels
    }

    fn maximum_flow(&mut self, source: usize, sink: usize) -> i128 {
        let mut total = 0;
        loop {
            let levels = self.levels(source);
            if levels[sink] == usize::MAX {
                return total;
            }
            let mut cursor = vec![0; self.edges.len()];
            while let Some(path) = self.path(source, sink, &levels, &mut cursor) {
                let amount = path.iter().map(|&edge| self.room[edge]).min().unwrap_or(0);
                for edge in path {
                    self.room[edge] -= amount;
                    self.room[edge ^ 1] += amount;
                }
                total += amount;
            }
        }
    }

    /// Finds a way with room along rising levels, leaving dead ends behind for good.
    fn path(
        &self,
        source: usize,
        sink: usize,
        levels: &[usize],
        cursor: &mut [usize],
    ) -> Option<Vec<usize>> {
        let mut path: Vec<usize> = Vec::new();
        let mut node = source;
        while node != sink {
            match self.edges[node].get(cursor[node]) {
                Some(&edge)
                    if self.room[edge] > 0
                        && levels[self.head[edge]] == levels[node].wrapping_add(1) =>
                {
                    path.push(edge);
                    node = self.head[edge];
                }
                Some(_) => cursor[node] += 1,
                None => {
                    let back = path.pop()?;
                    node = self.head[back ^ 1];
                    cursor[node] += 1;
                }
            }
        }
        Some(path)
    }
}
