//! The problem as a circulation: money flows from the budget through a segment and a channel and back.
//!
//! Node [`TOP`] stands before the segments, node [`BOTTOM`] behind the channels. A segment or channel without bounds
//! needs no node of its own: its cells hang directly on `TOP` or `BOTTOM`. So problems without crossing bounds are small.

use super::curve::Curve;
use super::problem::{Bounds, Constraint, Problem, SPEND_MAX, Side};

/// Where the budget comes in.
pub const TOP: usize = 0;
/// Where it ends.
pub const BOTTOM: usize = 1;

/// A flow that no sum of spends exceeds, so that "no bound" fits an integer.
pub const UNBOUNDED: i64 = 4_000_000_000_000_000_000;

/// Costs are fixed-point numbers with this many binary places: sums of them are exact and in no order.
const COST_PLACES: u32 = 52;
const COST_ONE: f64 = (1_u64 << COST_PLACES) as f64;

/// What an arc stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The budget.
    Total,
    /// Segment with this index.
    Segment(usize),
    /// Channel with this index.
    Channel(usize),
    /// Cell with this index.
    Cell(usize),
}

impl Role {
    /// Returns the constraint at one end of this arc's bounds.
    pub fn constraint(self, side: Side) -> Constraint {
        match self {
            Self::Total => Constraint::Total,
            Self::Segment(i) => Constraint::Segment(i, side),
            Self::Channel(i) => Constraint::Channel(i, side),
            Self::Cell(i) => Constraint::Cell(i, side),
        }
    }
}

/// One arc.
#[derive(Debug, Clone, Copy)]
pub struct Arc {
    /// Node it leaves.
    pub from: usize,
    /// Node it enters.
    pub to: usize,
    /// Least flow, minor units.
    pub min: i64,
    /// Most flow, minor units.
    pub max: i64,
    /// What it stands for.
    pub role: Role,
    /// Response of a cell; other arcs cost nothing.
    pub curve: Option<Curve>,
}

/// All arcs, with the nodes they join.
#[derive(Debug, Clone)]
pub struct Network {
    /// Number of nodes.
    pub nodes: usize,
    /// Arcs: cell `i` of the problem is arc `i`, then come segments, channels, and the total last.
    pub arcs: Vec<Arc>,
    /// Node of each segment.
    pub segment_nodes: Vec<usize>,
    /// Node of each channel.
    pub channel_nodes: Vec<usize>,
    /// Share of revenue that is margin.
    pub margin: f64,
}

impl Network {
    /// Builds the circulation of a problem. `total` are the bounds on the spend of all cells.
    pub fn new(problem: &Problem, total: Bounds) -> Self {
        let mut nodes = 2;
        let mut place = |bounds: &Bounds, otherwise: usize| {
            if !bounds.restrict() {
                return otherwise;
            }
            nodes += 1;
            nodes - 1
        };
        let segment_nodes: Vec<_> = problem
            .segments
            .iter()
            .map(|s| place(&s.bounds, TOP))
            .collect();
        let channel_nodes: Vec<_> = problem
            .channels
            .iter()
            .map(|c| place(&c.bounds, BOTTOM))
            .collect();

        let mut arcs = Vec::with_capacity(problem.cells.len() + nodes);
        for (i, cell) in problem.cells.iter().enumerate() {
            let (from, to) = (segment_nodes[cell.segment], channel_nodes[cell.channel]);
            let Bounds { min, max } = cell.bounds;
            let max = max.unwrap_or(SPEND_MAX);
            arcs.push(Arc {
                from,
                to,
                min,
                max,
                role: Role::Cell(i),
                curve: Some(cell.curve),
            });
        }
        let free = |from, to, bounds: Bounds, role| {
            let max = bounds.max.unwrap_or(UNBOUNDED);
            Arc {
                from,
                to,
                min: bounds.min,
                max,
                role,
                curve: None,
            }
        };
        for (i, segment) in problem
            .segments
            .iter()
            .enumerate()
            .filter(|(_, s)| s.bounds.restrict())
        {
            arcs.push(free(
                TOP,
                segment_nodes[i],
                segment.bounds,
                Role::Segment(i),
            ));
        }
        for (i, channel) in problem
            .channels
            .iter()
            .enumerate()
            .filter(|(_, c)| c.bounds.restrict())
        {
            arcs.push(free(
                channel_nodes[i],
                BOTTOM,
                channel.bounds,
                Role::Channel(i),
            ));
        }
        arcs.push(free(BOTTOM, TOP, total, Role::Total));
        Self {
            nodes,
            arcs,
            segment_nodes,
            channel_nodes,
            margin: problem.margin,
        }
    }

    /// Returns the cost of the unit that follows `flow` on an arc: its price less the margin it returns. Rising in `flow`.
    pub fn unit_cost(&self, arc: usize, flow: i64) -> i128 {
        match self.arcs[arc].curve {
            None => 0,
            Some(curve) => {
                let from = flow as f64;
                fixed(1.0 - self.margin * curve.gain_between(from, from + 1.0))
            }
        }
    }

    /// Finds the least flow in `[low, high]` whose next unit costs at least `threshold`; `high` when none does.
    pub fn crossing(&self, arc: usize, low: i64, high: i64, threshold: i128) -> Crossing {
        let Some(curve) = self.arcs[arc].curve else {
            let flow = if threshold <= 0 { low } else { high };
            return Crossing {
                flow,
                next: Some(0),
                last: Some(0),
            };
        };
        let guess = curve.spend_at_slope((1.0 - real(threshold)) / self.margin) - 0.5;
        let guess = (guess.clamp(low as f64, high as f64) as i64).clamp(low, high);
        // Widen from the guess until the crossing is between `below` (not reached) and `above` (reached, or the end). Each
        // is a flow with the cost of its next unit, where that was computed.
        let at = |flow: i64| (flow, Some(self.unit_cost(arc, flow)));
        let reached = |(_, cost): (i64, Option<i128>)| cost >= Some(threshold);
        let (mut below, mut above) = ((low - 1, None), (high, None));
        let mut stride = 1;
        let start = at(guess);
        if guess < high && !reached(start) {
            below = start;
            while below.0.saturating_add(stride) < high {
                let tried = at(below.0 + stride);
                if reached(tried) {
                    above = tried;
                    break;
                }
                below = tried;
                stride = stride.saturating_mul(2);
            }
        } else {
            above = start;
            while above.0 - stride >= low {
                let tried = at(above.0 - stride);
                if !reached(tried) {
                    below = tried;
                    break;
                }
                above = tried;
                stride = stride.saturating_mul(2);
            }
        }
        while above.0 - below.0 > 1 {
            let tried = at(below.0 + (above.0 - below.0) / 2);
            if reached(tried) {
                above = tried;
            } else {
                below = tried;
            }
        }
        Crossing {
            flow: above.0,
            next: above.1,
            last: below.1,
        }
    }
}

/// A flow at which the cost of the next unit reaches a threshold, with what was learned on the way.
#[derive(Debug, Clone, Copy)]
pub struct Crossing {
    /// The flow.
    pub flow: i64,
    /// Cost of the unit that follows it, where it was computed.
    pub next: Option<i128>,
    /// Cost of the unit before that, where it was computed.
    pub last: Option<i128>,
}

/// Converts a cost to fixed point; what is beyond any sensible return is cut off.
pub fn fixed(cost: f64) -> i128 {
    (cost * COST_ONE).clamp(-1e36, 1e36) as i128
}

/// Converts a cost back.
pub fn real(cost: i128) -> f64 {
    cost as f64 / COST_ONE
}
