//! Cheapest circulation by cost scaling (Goldberg and Tarjan 1990), with arcs of convex cost.
//!
//! An arc of convex cost is a bundle of unit arcs of rising cost, so a push takes all units at once whose reduced cost is
//! negative. Prices are exact fixed-point numbers; the last round allows an error of [`PRECISION`] per unit, below what
//! 64-bit floating point tells apart in the curves themselves.

use std::collections::VecDeque;

use super::network::{Network, fixed};

/// Error of the prices in the last round: profit per unit of spend.
const PRECISION: f64 = 1.0 / (1_u64 << 44) as f64;
/// By how much the error shrinks from round to round.
const SCALING: i128 = 8;

/// A circulation and the node prices that prove it best.
#[derive(Debug, Clone)]
pub struct Circulation {
    /// Flow of each arc.
    pub flow: Vec<i64>,
    /// Price of each node, fixed point.
    pub price: Vec<i128>,
}

/// Finds the cheapest circulation. The network must have a feasible one (see [`super::feasible`]).
pub fn cheapest(network: &Network) -> Circulation {
    let mut state = State::new(network);
    let last = fixed(PRECISION).max(1);
    let mut error = state.largest_cost().max(last);
    loop {
        error = (error / SCALING).max(last);
        state.refine(error);
        if error == last {
            return Circulation {
                flow: state.flow,
                price: state.price,
            };
        }
    }
}

struct State<'a> {
    network: &'a Network,
    flow: Vec<i64>,
    /// Cost of the next unit of each arc.
    next_cost: Vec<i128>,
    /// What giving back the last unit of each arc saves; never above `next_cost`, so that rounding cannot make both pay.
    last_cost: Vec<i128>,
    price: Vec<i128>,
    excess: Vec<i128>,
    /// Arcs at each node: `(arc, true)` where it leaves the node.
    ends: Vec<Vec<(u32, bool)>>,
    cursor: Vec<usize>,
}

impl<'a> State<'a> {
    fn new(network: &'a Network) -> Self {
        let mut ends = vec![Vec::new(); network.nodes];
        let mut excess = vec![0_i128; network.nodes];
        for (i, arc) in network.arcs.iter().enumerate() {
            ends[arc.from].push((i as u32, true));
            ends[arc.to].push((i as u32, false));
            excess[arc.from] -= i128::from(arc.min);
            excess[arc.to] += i128::from(arc.min);
        }
        let arcs = network.arcs.len();
        let mut state = Self {
            network,
            flow: network.arcs.iter().map(|arc| arc.min).collect(),
            next_cost: vec![0; arcs],
            last_cost: vec![0; arcs],
            price: vec![0; network.nodes],
            excess,
            ends,
            cursor: vec![0; network.nodes],
        };
        (0..arcs).for_each(|arc| state.renew(arc, None, None));
        state
    }

    fn largest_cost(&self) -> i128 {
        self.next_cost
            .iter()
            .map(|cost| cost.abs())
            .max()
            .unwrap_or(0)
    }

    /// Takes the unit costs of an arc after its flow has changed: those that are known, and computes the rest.
    fn renew(&mut self, arc: usize, next: Option<i128>, last: Option<i128>) {
        let flow = self.flow[arc];
        let next = next.unwrap_or_else(|| self.network.unit_cost(arc, flow));
        let last = match last {
            _ if flow <= self.network.arcs[arc].min => 0,
            Some(last) => last,
            None => self.network.unit_cost(arc, flow - 1),
        };
        self.next_cost[arc] = next;
        self.last_cost[arc] = last.min(next);
    }

    /// Makes the prices right to `error`: saturates every arc that pays, then lets the excess flow off.
    fn refine(&mut self, error: i128) {
        for arc in 0..self.flow.len() {
            self.push(arc, true, i128::MAX);
            self.push(arc, false, i128::MAX);
        }
        self.cursor.fill(0);
        let mut active: VecDeque<usize> = (0..self.network.nodes)
            .filter(|&n| self.excess[n] > 0)
            .collect();
        let mut queued: Vec<bool> = self.excess.iter().map(|&excess| excess > 0).collect();
        while let Some(node) = active.pop_front() {
            queued[node] = false;
            self.discharge(node, error, &mut active, &mut queued);
        }
    }

    fn discharge(
        &mut self,
        node: usize,
        error: i128,
        active: &mut VecDeque<usize>,
        queued: &mut [bool],
    ) {
        while self.excess[node] > 0 {
            let Some(&(arc, forward)) = self.ends[node].get(self.cursor[node]) else {
                self.relabel(node, error);
                self.cursor[node] = 0;
                continue;
            };
            let (arc, other) = (arc as usize, self.other(arc as usize, forward));
            if self.push(arc, forward, self.excess[node])
                && self.excess[other] > 0
                && !queued[other]
            {
                queued[other] = true;
                active.push_back(other);
            }
            if self.excess[node] > 0 {
                self.cursor[node] += 1;
            }
        }
    }

    fn other(&self, arc: usize, forward: bool) -> usize {
        let arc = &self.network.arcs[arc];
        if forward { arc.to } else { arc.from }
    }

    /// Moves the units of an arc that pay at the present prices, up to `limit`; returns whether there were any.
    fn push(&mut self, arc: usize, forward: bool, limit: i128) -> bool {
        let ends = &self.network.arcs[arc];
        let flow = self.flow[arc];
        let threshold = self.price[ends.to] - self.price[ends.from];
        let target = if forward {
            if flow >= ends.max || self.next_cost[arc] >= threshold {
                return false;
            }
            self.network.crossing(arc, flow + 1, ends.max, threshold)
        } else {
            if flow <= ends.min || self.last_cost[arc] <= threshold {
                return false;
            }
            self.network
                .crossing(arc, ends.min, flow - 1, threshold + 1)
        };
        let wanted = i128::from(target.flow.abs_diff(flow));
        let amount = wanted.min(limit);
        let (giver, taker, step) = if forward {
            (ends.from, ends.to, amount)
        } else {
            (ends.to, ends.from, -amount)
        };
        self.flow[arc] += step as i64;
        self.excess[giver] -= amount;
        self.excess[taker] += amount;
        match amount == wanted {
            true => self.renew(arc, target.next, target.last),
            false => self.renew(arc, None, None),
        }
        true
    }

    /// Lowers the price of a node until something at it pays by `error`.
    fn relabel(&mut self, node: usize, error: i128) {
        let mut best = i128::MIN;
        for &(arc, forward) in &self.ends[node] {
            let arc = arc as usize;
            let ends = &self.network.arcs[arc];
            if forward && self.flow[arc] < ends.max {
                best = best.max(self.price[ends.to] - self.next_cost[arc]);
            } else if !forward && self.flow[arc] > ends.min {
                best = best.max(self.price[ends.from] + self.last_cost[arc]);
            }
        }
        debug_assert!(
            best > i128::MIN,
            "a node with excess has a way out, or the network is infeasible"
        );
        self.price[node] = best - error;
    }
}
