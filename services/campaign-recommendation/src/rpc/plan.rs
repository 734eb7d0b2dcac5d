//! From a checked request to the problem, and from the plan to the answer.

use std::collections::{BTreeSet, HashMap, HashSet};

use api::campaign as pb;
use api::common::{Freshness, Money};
use api::segmentation::Segment;

use super::parse::{Asked, AskedCell, known_names};
use crate::domain::allocate::Plan;
use crate::domain::defaults;
use crate::domain::problem::{Bounds, Cell, Problem, Slice};
use crate::domain::reason;
use crate::domain::violation::Violation;

/// A problem with what the answer has to say beyond it.
#[derive(Debug)]
pub(super) struct Posed {
    pub(super) problem: Problem,
    pub(super) currency: String,
    assumed: Vec<bool>,
    assumptions: Vec<String>,
    freshness: Option<Freshness>,
}

/// Builds the cells of segments and channels.
///
/// # Errors
/// Returns a violation for each segment asked for that does not exist, and for currencies that differ.
pub(super) fn build_cells(
    asked: &Asked,
    segments: &[Segment],
) -> Result<(Vec<AskedCell>, Vec<String>), Vec<Violation>> {
    let mut found = Vec::new();
    let known: HashMap<&str, &Segment> = segments
        .iter()
        .map(|segment| (segment.name.as_str(), segment))
        .collect();
    for (i, name) in asked
        .segments
        .iter()
        .enumerate()
        .filter(|(_, name)| !known.contains_key(name.as_str()))
    {
        found.push(Violation::new(
            format!("segments[{i}]"),
            "UNKNOWN",
            format!("there is no segment `{name}`"),
        ));
    }
    let wanted: HashSet<&str> = asked.segments.iter().map(String::as_str).collect();
    let mut chosen: Vec<&Segment> = segments.iter().collect();
    chosen.retain(|segment| wanted.is_empty() || wanted.contains(segment.name.as_str()));
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    let names: HashSet<&str> = chosen.iter().map(|segment| segment.name.as_str()).collect();
    known_names(&asked.segment_bounds, "segment_bounds", &names, &mut found);

    let mut notes = Vec::new();
    let mut cells = Vec::new();
    for segment in chosen {
        let (customers, worth) = worth(segment, &asked.currency, &mut notes, &mut found);
        for channel in &asked.channels {
            cells.push(AskedCell {
                segment: segment.name.clone(),
                channel: channel.channel.clone(),
                curve: defaults::for_group(&channel.per_customer, customers, worth),
                bounds: Bounds::default(),
                assumed: channel.defaulted,
                defaulted: channel.defaulted,
            });
        }
    }
    cells.sort_by(|a, b| (&a.segment, &a.channel).cmp(&(&b.segment, &b.channel)));
    if found.is_empty() {
        Ok((cells, notes))
    } else {
        Err(found)
    }
}

/// Returns a segment's customers and what they are worth in minor units: lifetime value, or net spend in its absence.
fn worth(
    segment: &Segment,
    currency: &str,
    notes: &mut Vec<String>,
    found: &mut Vec<Violation>,
) -> (i64, i64) {
    let Some(summary) = &segment.summary else {
        return (0, 0);
    };
    let money = match (&summary.clv, &summary.net_spend) {
        (None, Some(spent)) => {
            let name = &segment.name;
            notes.push(format!(
                "{name} has no lifetime value yet: its net spend so far is taken for it"
            ));
            spent
        }
        (Some(clv), _) => clv,
        (None, None) => return (summary.customers, 0),
    };
    if !money.currency_code.is_empty() && money.currency_code != currency {
        let text = format!(
            "{} is valued in {}, the budget is in {currency}",
            segment.name, money.currency_code
        );
        found.push(Violation::new(
            "budget.currency_code",
            "MIXED_CURRENCIES",
            text,
        ));
    }
    (summary.customers, money.minor_units)
}

/// Poses the problem.
pub(super) fn pose(
    mut asked: Asked,
    mut notes: Vec<String>,
    segments: Option<&[Segment]>,
) -> Posed {
    let cells = std::mem::take(&mut asked.cells);
    let mut assumptions = Vec::new();
    let defaulted: BTreeSet<&str> = cells
        .iter()
        .filter(|c| c.defaulted)
        .map(|c| c.channel.as_str())
        .collect();
    for default in defaulted.iter().filter_map(|channel| defaults::of(channel)) {
        assumptions.push(format!("No history was used: {}.", default.sentence));
    }
    let given = cells
        .iter()
        .filter(|cell| cell.assumed && !cell.defaulted)
        .count();
    if given > 0 {
        assumptions.push(format!(
            "{given} given curves are guesses by the caller's own mark."
        ));
    }
    assumptions.extend(notes.drain(..).map(|note| format!("{note}.")));

    let mut segment_index = Index::new(asked.segment_bounds);
    let mut channel_index = Index::new(asked.channel_bounds);
    let mut assumed = Vec::with_capacity(cells.len());
    let mut posed = Vec::with_capacity(cells.len());
    for cell in cells {
        assumed.push(cell.assumed);
        let (segment, channel) = (
            segment_index.of(cell.segment),
            channel_index.of(cell.channel),
        );
        posed.push(Cell {
            segment,
            channel,
            curve: cell.curve,
            bounds: cell.bounds,
        });
    }
    let problem = Problem {
        budget: asked.budget,
        exactly: asked.exactly,
        margin: asked.margin,
        segments: segment_index.slices,
        channels: channel_index.slices,
        cells: posed,
    };
    Posed {
        problem,
        currency: asked.currency,
        assumed,
        assumptions,
        freshness: segments.map(freshness),
    }
}

/// Numbers names in the order they come.
struct Index {
    bounds: HashMap<String, Bounds>,
    numbers: HashMap<String, usize>,
    slices: Vec<Slice>,
}

impl Index {
    fn new(bounds: Vec<(String, Bounds)>) -> Self {
        Self {
            bounds: bounds.into_iter().collect(),
            numbers: HashMap::new(),
            slices: Vec::new(),
        }
    }

    fn of(&mut self, name: String) -> usize {
        if let Some(&number) = self.numbers.get(&name) {
            return number;
        }
        let bounds = self.bounds.get(&name).copied().unwrap_or_default();
        self.slices.push(Slice {
            name: name.clone(),
            bounds,
        });
        self.numbers.insert(name, self.slices.len() - 1);
        self.slices.len() - 1
    }
}

/// The segments' freshness as one: as old as the oldest, degraded if any is.
fn freshness(segments: &[Segment]) -> Freshness {
    let all: Vec<&Freshness> = segments
        .iter()
        .filter_map(|segment| segment.freshness.as_ref())
        .collect();
    let reasons: BTreeSet<&String> = all.iter().flat_map(|one| &one.degraded_reasons).collect();
    let times = all.iter().filter_map(|one| one.complete_through.as_ref());
    Freshness {
        complete_through: times.min_by_key(|time| (time.seconds, time.nanos)).cloned(),
        degraded: all.iter().any(|one| one.degraded),
        degraded_reasons: reasons.into_iter().cloned().collect(),
    }
}

/// Writes the answer.
pub(super) fn answer(posed: Posed, plan: &Plan) -> pb::AllocateBudgetResponse {
    let problem = &posed.problem;
    let verdicts = reason::explain(problem, plan);
    let expected_profit_minor = verdicts.iter().map(|verdict| verdict.profit).sum();
    let mut cells = Vec::with_capacity(verdicts.len());
    for (i, verdict) in verdicts.into_iter().enumerate() {
        let cell = &problem.cells[i];
        cells.push(pb::AllocatedCell {
            segment: problem.segments[cell.segment].name.clone(),
            channel: problem.channels[cell.channel].name.clone(),
            spend_minor: plan.spend[i],
            expected_profit_minor: verdict.profit,
            expected_revenue_minor: verdict.revenue,
            marginal_return: verdict.marginal_return,
            assumed: posed.assumed[i],
            bound: verdict.bound,
            reason: verdict.reason,
        });
    }
    let prices = plan.prices.iter();
    let shadow_prices = prices
        .map(|&(of, price)| pb::ShadowPrice {
            constraint: problem.name(of),
            price,
        })
        .collect();
    pb::AllocateBudgetResponse {
        cells,
        budget: Some(Money {
            currency_code: posed.currency,
            minor_units: problem.budget,
        }),
        spend_minor: plan.spend.iter().sum(),
        expected_profit_minor,
        shadow_prices,
        shadow_price_total: plan.total_price,
        gap: plan.gap,
        profitable_spend_minor: plan.profitable_spend,
        assumptions: posed.assumptions,
        freshness: posed.freshness,
    }
}
