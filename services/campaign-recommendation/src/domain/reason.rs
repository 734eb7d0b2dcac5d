//! Why a cell gets what it gets, in one sentence that a marketer can defend.

use super::allocate::Plan;
use super::problem::{Constraint, Problem, Side};

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
    (0..problem.cells.len()).map(|i| verdict(problem, plan, &prices, i)).collect()
}

/// The plan's prices by what they belong to.
struct Prices {
    cells: Vec<f64>,
    /// Strongest constraint beyond its own bounds that acts on each cell.
    outer: Vec<Option<(Constraint, f64)>>,
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
        let strongest = |i: usize| {
            let cell = &problem.cells[i];
            let candidates = [total, segments[cell.segment], channels[cell.channel]].into_iter().flatten();
            let noticeable = candidates.filter(|(_, price)| price.abs() > NOTICEABLE);
            noticeable.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        };
        Self { outer: (0..problem.cells.len()).map(strongest).collect(), cells }
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
        None if spend == 0 => format!("Nothing: {next}, less than it costs."),
        None => format!("Spend stops where it no longer pays: {next}, which is what it costs."),
        Some(Constraint::Cell(_, Side::Maximum)) => {
            format!("Its own maximum holds it: {next}, and each unit more would add {:.3} profit.", prices.cells[i])
        }
        Some(Constraint::Cell(_, Side::Minimum)) => {
            format!("Its own minimum forces it: {next}, and each unit less would save {:.3}.", -prices.cells[i])
        }
        Some(outer) => outer_reason(problem, outer, spend, &next, marginal_return),
    };
    let bound = match bound {
        None => String::new(),
        Some(Constraint::Cell(_, Side::Maximum)) => "cell maximum".to_owned(),
        Some(Constraint::Cell(_, Side::Minimum)) => "cell minimum".to_owned(),
        Some(outer) => problem.name(outer),
    };
    Verdict { revenue, profit: problem.margin * revenue - s, marginal_return, bound, reason }
}

/// Returns the constraint that keeps a cell from its own best spend.
fn holding(problem: &Problem, prices: &Prices, i: usize, spend: i64, marginal_return: f64) -> Option<Constraint> {
    let bounds = &problem.cells[i].bounds;
    if bounds.max == Some(spend) && prices.cells[i] > NOTICEABLE {
        return Some(Constraint::Cell(i, Side::Maximum));
    }
    if bounds.min == spend && prices.cells[i] < -NOTICEABLE {
        return Some(Constraint::Cell(i, Side::Minimum));
    }
    match prices.outer[i] {
        // A cell that would not pay even without the constraint is not held by it.
        Some((_, price)) if price > 0.0 && marginal_return <= 1.0 => None,
        Some((_, price)) if price < 0.0 && spend == 0 => None,
        outer => outer.map(|(constraint, _)| constraint),
    }
}

fn outer_reason(problem: &Problem, outer: Constraint, spend: i64, next: &str, marginal_return: f64) -> String {
    let name = match outer {
        Constraint::Total => "the budget".to_owned(),
        other => format!("the {}", problem.name(other)),
    };
    if spend == 0 {
        return format!("Nothing: {next}, and {name} is better used elsewhere.");
    }
    if marginal_return > 1.0 {
        return format!("{} holds it: {next}, as much as anywhere else that it could go.", capital(&name));
    }
    format!("{} forces it: {next}, less than it costs, yet nowhere else would lose less.", capital(&name))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
