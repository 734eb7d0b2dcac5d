//! Why a cell gets what it gets, in one sentence that a marketer can defend.

use super::allocate::Plan;
use super::problem::{Cell, Constraint, Problem, Side};

/// Prices below this are not worth a sentence.
const NOTICEABLE: f64 = 1e-6;

/// What one cell gets, and why.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Incremental revenue, in minor units.
    pub revenue: f64,
    /// Margin on revenue less spend, in minor units.
    pub profit: f64,
    /// Margin on the next minor unit of spend, before its cost.
    pub marginal_return: f64,
    /// Constraint that holds the cell where it is; empty when none does.
    pub bound: String,
    /// One sentence.
    pub reason: String,
}

/// Explains every cell of a plan, in their order.
pub fn explain(problem: &Problem, plan: &Plan) -> Vec<Verdict> {
    let prices = Prices::new(problem, plan);
    (0..problem.cells.len())
        .map(|i| verdict(problem, plan, &prices, i))
        .collect()
}

/// The plan's prices by what they belong to.
struct Prices {
    cells: Vec<f64>,
    total: Option<(Constraint, f64)>,
    /// The stronger of segment and channel for each cell.
    slices: Vec<Option<(Constraint, f64)>>,
    /// The strongest maximum beyond its own for each cell: what keeps money away from it.
    maxima: Vec<Option<(Constraint, f64)>>,
}

impl Prices {
    fn new(problem: &Problem, plan: &Plan) -> Self {
        let mut total = None;
        let mut segments = vec![None; problem.segments.len()];
        let mut channels = vec![None; problem.channels.len()];
        let mut cells = vec![0.0; problem.cells.len()];
        for &(constraint, price) in &plan.prices {
            match constraint {
                Constraint::Total => total = Some((constraint, price)),
                Constraint::Segment(i, _) => segments[i] = Some((constraint, price)),
                Constraint::Channel(i, _) => channels[i] = Some((constraint, price)),
                Constraint::Cell(i, _) => cells[i] = price,
            }
        }
        let strongest = |candidates: &[Option<(Constraint, f64)>], all: bool| {
            let candidates = candidates.iter().flatten().copied();
            let noticeable =
                candidates.filter(|(_, price)| NOTICEABLE < if all { price.abs() } else { *price });
            noticeable.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        };
        let of = |cell: &Cell| (segments[cell.segment], channels[cell.channel]);
        let slices = problem
            .cells
            .iter()
            .map(of)
            .map(|(segment, channel)| strongest(&[segment, channel], true));
        let maxima = problem
            .cells
            .iter()
            .map(of)
            .map(|(segment, channel)| strongest(&[segment, channel, total], false));
        Self {
            slices: slices.collect(),
            maxima: maxima.collect(),
            total: strongest(&[total], true),
            cells,
        }
    }
}

fn verdict(problem: &Problem, plan: &Plan, prices: &Prices, i: usize) -> Verdict {
    let (cell, spend) = (&problem.cells[i], plan.spend[i]);
    let s = spend as f64;
    let revenue = cell.curve.value(s);
    let marginal_return = problem.margin * cell.curve.gain_between(s, s + 1.0);
    let bound = holding(problem, prices, i, spend, marginal_return);
    let channel = &problem.channels[cell.channel].name;
    let segment = &problem.segments[cell.segment].name;
    let next = format!("the next unit on {channel} for {segment} returns {marginal_return:.3}");
    let reason = match bound {
        None if spend == 0 => format!("Nothing: {next}, {}.", against_cost(marginal_return)),
        None => format!(
            "Spend stops where it no longer pays: {next}, {}.",
            against_cost(marginal_return)
        ),
        Some((Constraint::Cell(_, Side::Maximum), price)) => {
            format!(
                "Its own maximum holds it: {next}, and each unit more would add {price:.3} profit."
            )
        }
        Some((Constraint::Cell(_, Side::Minimum), price)) => {
            format!(
                "Its own minimum forces it: {next}, and each unit less would save {:.3}.",
                -price
            )
        }
        Some((outer, price)) => {
            outer_reason(problem, (outer, price), spend, &next, marginal_return)
        }
    };
    let bound = match bound.map(|(constraint, _)| constraint) {
        None => String::new(),
        Some(Constraint::Cell(_, Side::Maximum)) => "cell maximum".to_owned(),
        Some(Constraint::Cell(_, Side::Minimum)) => "cell minimum".to_owned(),
        Some(outer) => problem.name(outer),
    };
    Verdict {
        revenue,
        profit: problem.margin * revenue - s,
        marginal_return,
        bound,
        reason,
    }
}

/// Returns the constraint that keeps a cell from its own best spend, with its price.
///
/// The bound of a segment or channel says more of a cell than the budget, which holds all of them.
fn holding(
    problem: &Problem,
    prices: &Prices,
    i: usize,
    spend: i64,
    marginal_return: f64,
) -> Option<(Constraint, f64)> {
    let (bounds, price) = (&problem.cells[i].bounds, prices.cells[i]);
    if bounds.max == Some(spend) && price > NOTICEABLE {
        return Some((Constraint::Cell(i, Side::Maximum), price));
    }
    if bounds.min == spend && price < -NOTICEABLE {
        return Some((Constraint::Cell(i, Side::Minimum), price));
    }
    if spend == 0 {
        // A cell that would not pay even without the constraint is not held by it.
        return prices.maxima[i].filter(|_| marginal_return > 1.0);
    }
    prices.slices[i].or(prices.total)
}

fn outer_reason(
    problem: &Problem,
    (outer, price): (Constraint, f64),
    spend: i64,
    next: &str,
    marginal_return: f64,
) -> String {
    let name = match outer {
        Constraint::Total => "the budget".to_owned(),
        other => format!("the {}", problem.name(other)),
    };
    if spend == 0 {
        return format!("Nothing: {next}, and {name} is better used elsewhere.");
    }
    let start = capital(&name);
    match outer {
        Constraint::Total if price > 0.0 => {
            format!("{start} holds it: {next}, as much as anywhere else that it could go.")
        }
        Constraint::Total => {
            let cost = against_cost(marginal_return);
            format!("{start} forces it: {next}, {cost}, yet nowhere else would lose less.")
        }
        _ if price > 0.0 => format!(
            "{start} holds it: {next}, and each unit more of it would add {price:.3} profit."
        ),
        _ => format!(
            "{start} forces it: {next}, and each unit less of it would add {:.3} profit.",
            -price
        ),
    }
}

/// Compares what the next unit returns with what it costs, to the digits that are shown.
fn against_cost(marginal_return: f64) -> &'static str {
    if marginal_return < 0.9995 {
        "less than it costs"
    } else if marginal_return < 1.0005 {
        "about what it costs"
    } else {
        "more than it costs"
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
