//! The allocation itself: the best plan in whole minor units, what holds each cell, and the proof.

use super::certificate::{self, Multipliers};
use super::feasible;
use super::flow::{self, Circulation};
use super::network::{BOTTOM, Network, Role, TOP, real};
use super::problem::{Bounds, Constraint, Problem, SPEND_MAX, Side};
use super::residual::{Residual, Way};

/// Prices below this are rounding, not money.
const PRICE_MIN: f64 = 1e-10;
/// Up to this many channels the prices of cell bounds are exact differences; beyond, they are the node prices.
const EXACT_CHANNELS_MAX: usize = 64;

/// A best plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Spend of each cell, in minor units.
    pub spend: Vec<i64>,
    /// Prices of the constraints that bind: profit per further minor unit of the bound. The total comes first.
    pub prices: Vec<(Constraint, f64)>,
    /// Price of the total; 0 when it does not bind.
    pub total_price: f64,
    /// Prices behind the proof.
    pub multipliers: Multipliers,
    /// Largest possible difference to the best profit, in minor units.
    pub gap: f64,
    /// Spend at which a further unit would lose, under the same bounds without the budget.
    pub profitable_spend: i64,
}

/// Finds the best plan, or a conflict that cannot be made smaller.
///
/// # Errors
/// Returns the constraints in conflict when no plan holds all bounds.
pub fn allocate(problem: &Problem) -> Result<Plan, Vec<Constraint>> {
    let total = Bounds {
        min: if problem.exactly { problem.budget } else { 0 },
        max: Some(problem.budget),
    };
    let network = Network::new(problem, total);
    let conflict = feasible::conflict(&network);
    if !conflict.is_empty() {
        return Err(conflict);
    }
    let circulation = flow::cheapest(&network);
    let spend: Vec<i64> = circulation.flow[..problem.cells.len()].to_vec();
    let multipliers = multipliers(&network, &circulation).admissible(problem);
    let gap = certificate::gap(problem, &multipliers, &spend);
    let prices = prices(problem, &network, &circulation, &multipliers);
    let total_price = prices
        .first()
        .filter(|(name, _)| *name == Constraint::Total)
        .map_or(0.0, |(_, price)| *price);
    let spent: i64 = spend.iter().sum();
    let profitable_spend = if problem.exactly || spent == problem.budget {
        profitable_spend(problem)
    } else {
        spent
    };
    Ok(Plan {
        spend,
        prices,
        total_price,
        multipliers,
        gap,
        profitable_spend,
    })
}

/// Returns the best spend when the budget does not matter.
fn profitable_spend(problem: &Problem) -> i64 {
    let network = Network::new(
        problem,
        Bounds {
            min: 0,
            max: Some(SPEND_MAX * 1_000),
        },
    );
    if !feasible::conflict(&network).is_empty() {
        return 0;
    }
    let flow = flow::cheapest(&network).flow;
    flow[..problem.cells.len()].iter().sum()
}

fn multipliers(network: &Network, circulation: &Circulation) -> Multipliers {
    let price = &circulation.price;
    Multipliers {
        total: real(price[TOP] - price[BOTTOM]),
        channels: network
            .channel_nodes
            .iter()
            .map(|&node| real(price[BOTTOM] - price[node]))
            .collect(),
        segments: network
            .segment_nodes
            .iter()
            .map(|&node| real(price[node] - price[TOP]))
            .collect(),
    }
}

/// Lists the prices of all binding constraints: total, segments, channels, cells.
fn prices(
    problem: &Problem,
    network: &Network,
    best: &Circulation,
    multipliers: &Multipliers,
) -> Vec<(Constraint, f64)> {
    let residual = Residual::new(network, best);
    let (from_bottom, to_top) = (
        residual.costs(BOTTOM, Way::From),
        residual.costs(TOP, Way::To),
    );
    let mut from_channel: Vec<Option<Vec<Option<i128>>>> = vec![None; network.nodes];
    let exact_cells = network
        .channel_nodes
        .iter()
        .filter(|&&node| node != BOTTOM)
        .count()
        <= EXACT_CHANNELS_MAX;
    let mut found = Vec::new();
    for (i, arc) in network.arcs.iter().enumerate() {
        let bounds = user_bounds(problem, arc.role);
        let flow = best.flow[i];
        let (at_min, at_max) = (
            bounds.min > 0 && flow == bounds.min,
            bounds.max == Some(flow),
        );
        if !at_min && !at_max {
            continue;
        }
        // What a unit more would cost on its way back; `None` where that is not computed.
        let (way_back, estimate) = match arc.role {
            Role::Total => (
                Some(residual.costs(TOP, Way::From)[BOTTOM]),
                multipliers.total,
            ),
            Role::Segment(s) => (Some(to_top[arc.to]), multipliers.segments[s]),
            Role::Channel(c) => (Some(from_bottom[arc.from]), multipliers.channels[c]),
            Role::Cell(c) => {
                let ways = &mut from_channel[arc.to];
                let mut way_back =
                    || ways.get_or_insert_with(|| residual.costs(arc.to, Way::From))[arc.from];
                let estimate =
                    -real(network.unit_cost(i, flow)) - multipliers.of(&problem.cells[c]);
                (exact_cells.then(&mut way_back), estimate)
            }
        };
        let price = match way_back {
            Some(Some(way_back)) => -real(way_back + network.unit_cost(i, flow)),
            // No way for one unit more: a higher maximum would not be used, a higher minimum could not be met.
            Some(None) if at_max && !at_min => 0.0,
            Some(None) => estimate.min(0.0),
            None => estimate,
        };
        let side = if at_max && (price > 0.0 || !at_min) {
            Side::Maximum
        } else {
            Side::Minimum
        };
        let real_side = matches!(arc.role, Role::Total) || (side == Side::Maximum) == (price > 0.0);
        if price.abs() >= PRICE_MIN && real_side {
            found.push((arc.role.constraint(side), price));
        }
    }
    found.sort_by_key(|(constraint, _)| *constraint);
    found
}

/// Returns the bounds that a person set on what an arc stands for.
fn user_bounds(problem: &Problem, role: Role) -> Bounds {
    match role {
        Role::Total => Bounds {
            min: if problem.exactly { problem.budget } else { 0 },
            max: Some(problem.budget),
        },
        Role::Segment(i) => problem.segments[i].bounds,
        Role::Channel(i) => problem.channels[i].bounds,
        Role::Cell(i) => problem.cells[i].bounds,
    }
}

#[cfg(test)]
mod tests;
