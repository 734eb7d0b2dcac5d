//! Plans against enumeration, against an independent solver, and against their own finite differences.

use super::*;
use crate::domain::curve::Curve;
use crate::domain::problem::{Cell, Slice};

/// A small generator of repeatable problems.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, n: i64) -> i64 {
        (self.next() % n as u64) as i64
    }

    fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() as f64 / (1_u64 << 53) as f64)
    }

    fn curve(&mut self, size: f64) -> Curve {
        let ceiling = size * self.real(0.2, 4.0);
        let scale = size * self.real(0.1, 1.5);
        match self.below(6) {
            0 => Curve::Hill {
                ceiling,
                half: scale,
                shape: 1.0,
            },
            1 => Curve::Hill {
                ceiling,
                half: scale,
                shape: self.real(0.3, 0.95),
            },
            2 => Curve::Exponential { ceiling, scale },
            3 => Curve::Logistic { ceiling, scale },
            4 => Curve::Log {
                gain: ceiling,
                scale,
            },
            _ => Curve::Power {
                gain: ceiling,
                scale,
                exponent: self.real(0.2, 0.9),
            },
        }
    }

    fn bounds(&mut self, size: i64) -> Bounds {
        let min = if self.below(3) == 0 {
            self.below(size / 2 + 1)
        } else {
            0
        };
        let max = (self.below(2) == 0).then(|| min + self.below(size + 1));
        Bounds { min, max }
    }

    /// A problem of `rows` segments and `columns` channels with bounds of every kind.
    fn problem(&mut self, rows: usize, columns: usize, budget: i64) -> Problem {
        let share = budget / (rows * columns) as i64 + 1;
        let slices = |dice: &mut Self, kind: &str, n: usize, size: i64| -> Vec<Slice> {
            (0..n)
                .map(|i| Slice {
                    name: format!("{kind}{i}"),
                    bounds: dice.bounds(size),
                })
                .collect()
        };
        let segments = slices(self, "s", rows, share * columns as i64);
        let channels = slices(self, "c", columns, share * rows as i64);
        let mut cells = Vec::new();
        for segment in 0..rows {
            for channel in 0..columns {
                if self.below(6) > 0 {
                    let curve = self.curve(share as f64 * 2.0);
                    cells.push(Cell {
                        segment,
                        channel,
                        curve,
                        bounds: self.bounds(share * 2),
                    });
                }
            }
        }
        let margin = if self.below(2) == 0 {
            1.0
        } else {
            self.real(0.2, 1.0)
        };
        Problem {
            budget,
            exactly: self.below(2) == 0,
            margin,
            segments,
            channels,
            cells,
        }
    }
}

fn holds(problem: &Problem, spend: &[i64]) -> bool {
    let within = |bounds: &Bounds, s: i64| s >= bounds.min && bounds.max.is_none_or(|max| s <= max);
    let total: i64 = spend.iter().sum();
    let sum = |pick: &dyn Fn(&Cell) -> bool| -> i64 {
        problem
            .cells
            .iter()
            .zip(spend)
            .filter(|(cell, _)| pick(cell))
            .map(|(_, &s)| s)
            .sum()
    };
    (if problem.exactly {
        total == problem.budget
    } else {
        total <= problem.budget
    }) && problem
        .cells
        .iter()
        .zip(spend)
        .all(|(cell, &s)| within(&cell.bounds, s))
        && (0..problem.segments.len())
            .all(|i| within(&problem.segments[i].bounds, sum(&|cell| cell.segment == i)))
        && (0..problem.channels.len())
            .all(|i| within(&problem.channels[i].bounds, sum(&|cell| cell.channel == i)))
}

/// Best profit by trying every plan.
fn enumerated(problem: &Problem) -> Option<f64> {
    let mut best: Option<f64> = None;
    let mut spend = vec![0_i64; problem.cells.len()];
    loop {
        if holds(problem, &spend) {
            let profit = problem.profit(&spend);
            best = Some(best.map_or(profit, |best| best.max(profit)));
        }
        let mut i = 0;
        loop {
            if i == spend.len() {
                return best;
            }
            spend[i] += 1;
            if spend[i] <= problem.budget {
                break;
            }
            spend[i] = 0;
            i += 1;
        }
    }
}

/// Best profit by cancelling negative cycles unit by unit (Klein 1967), with a large reward for filling minima: slow,
/// simple, and with nothing in common with the solver. `None` when a minimum stays unfilled.
fn cancelled(problem: &Problem) -> Option<f64> {
    const REWARD: f64 = 1e4;
    let (rows, columns) = (problem.segments.len(), problem.channels.len());
    let (top, bottom, nodes) = (rows + columns, rows + columns + 1, rows + columns + 2);
    // (from, to, bounds, cell)
    let mut arcs: Vec<(usize, usize, Bounds, Option<usize>)> = Vec::new();
    for (i, cell) in problem.cells.iter().enumerate() {
        arcs.push((cell.segment, rows + cell.channel, cell.bounds, Some(i)));
    }
    for (i, segment) in problem.segments.iter().enumerate() {
        arcs.push((top, i, segment.bounds, None));
    }
    for (i, channel) in problem.channels.iter().enumerate() {
        arcs.push((rows + i, bottom, channel.bounds, None));
    }
    let min = if problem.exactly { problem.budget } else { 0 };
    arcs.push((
        bottom,
        top,
        Bounds {
            min,
            max: Some(problem.budget),
        },
        None,
    ));

    let mut flow = vec![0_i64; arcs.len()];
    let unit = |arc: usize, s: i64| {
        let (_, _, bounds, cell) = &arcs[arc];
        let reward = if s < bounds.min { REWARD } else { 0.0 };
        let cost = cell.map_or(0.0, |i| {
            let gain = problem.cells[i]
                .curve
                .gain_between(s as f64, s as f64 + 1.0);
            1.0 - problem.margin * gain
        });
        cost - reward
    };
    loop {
        // Bellman and Ford from everywhere at once.
        let mut distance = vec![0.0_f64; nodes];
        let mut by: Vec<Option<(usize, bool)>> = vec![None; nodes];
        let mut changed = None;
        for _ in 0..=nodes {
            changed = None;
            for (i, &(from, to, bounds, _)) in arcs.iter().enumerate() {
                if bounds.max.is_none_or(|max| flow[i] < max)
                    && distance[from] + unit(i, flow[i]) < distance[to] - 1e-9
                {
                    distance[to] = distance[from] + unit(i, flow[i]);
                    by[to] = Some((i, true));
                    changed = Some(to);
                }
                if flow[i] > 0 && distance[to] - unit(i, flow[i] - 1) < distance[from] - 1e-9 {
                    distance[from] = distance[to] - unit(i, flow[i] - 1);
                    by[from] = Some((i, false));
                    changed = Some(from);
                }
            }
            if changed.is_none() {
                break;
            }
        }
        let Some(mut node) = changed else { break };
        let back = |node: usize| {
            let (arc, forward) = by[node].unwrap();
            if forward { arcs[arc].0 } else { arcs[arc].1 }
        };
        for _ in 0..nodes {
            node = back(node);
        }
        let start = node;
        loop {
            let (arc, forward) = by[node].unwrap();
            flow[arc] += if forward { 1 } else { -1 };
            node = back(node);
            if node == start {
                break;
            }
        }
    }
    let filled = arcs
        .iter()
        .zip(&flow)
        .all(|((_, _, bounds, _), &s)| s >= bounds.min);
    filled.then(|| problem.profit(&flow[..problem.cells.len()]))
}

#[track_caller]
fn check(problem: &Problem, expected: Option<f64>, tolerance: f64) {
    match (allocate(problem), expected) {
        (Ok(plan), Some(expected)) => {
            assert!(
                holds(problem, &plan.spend),
                "bounds broken: {problem:?} {plan:?}"
            );
            let profit = problem.profit(&plan.spend);
            let allowed = tolerance * (1.0 + expected.abs());
            assert!(
                (profit - expected).abs() <= allowed,
                "{profit} is not {expected}: {problem:?} {plan:?}"
            );
            assert!(
                plan.gap >= 0.0 && plan.gap <= allowed,
                "gap {}: {problem:?} {plan:?}",
                plan.gap
            );
        }
        (Err(conflict), None) => assert!(!conflict.is_empty()),
        (got, expected) => panic!("{got:?} where {expected:?} was expected: {problem:?}"),
    }
}

#[test]
fn small_problems_equal_enumeration() {
    let mut dice = Dice(7);
    let mut solved = 0;
    for round in 0..400 {
        let (rows, columns) = [(1, 3), (2, 2), (3, 1), (2, 3)][round % 4];
        let problem = dice.problem(rows, columns, 1 + round as i64 % 6);
        let expected = enumerated(&problem);
        solved += usize::from(expected.is_some());
        check(&problem, expected, 1e-9);
    }
    assert!(solved > 100, "only {solved} of 400 had a plan");
}

#[test]
fn two_hundred_problems_equal_cycle_cancelling() {
    let mut dice = Dice(11);
    let mut solved = 0;
    let mut round = 0;
    while solved < 200 {
        round += 1;
        let (rows, columns) = [(2, 3), (4, 3), (5, 5), (1, 8)][round % 4];
        let budget = 20 + dice.below(180);
        let problem = dice.problem(rows, columns, budget);
        let expected = cancelled(&problem);
        solved += usize::from(expected.is_some());
        check(&problem, expected, 1e-8);
    }
}

#[test]
fn prices_equal_finite_differences() {
    let mut dice = Dice(13);
    let mut compared = 0;
    for round in 0..300 {
        let budget = if round % 2 == 0 {
            50 + dice.below(100)
        } else {
            1_000_000 + dice.below(1_000_000)
        };
        let problem = dice.problem(3, 4, budget);
        let Ok(plan) = allocate(&problem) else {
            continue;
        };
        let base = problem.profit(&plan.spend);
        for &(constraint, price) in &plan.prices {
            let mut more = problem.clone();
            let raise = |bounds: &mut Bounds, side: Side| match side {
                Side::Minimum => bounds.min += 1,
                Side::Maximum => bounds.max = bounds.max.map(|max| max + 1),
            };
            match constraint {
                Constraint::Total => more.budget += 1,
                Constraint::Segment(i, side) => raise(&mut more.segments[i].bounds, side),
                Constraint::Channel(i, side) => raise(&mut more.channels[i].bounds, side),
                Constraint::Cell(i, side) => raise(&mut more.cells[i].bounds, side),
            }
            let Ok(raised) = allocate(&more) else {
                continue;
            };
            let difference = more.profit(&raised.spend) - base;
            let allowed = 1e-6 * price.abs() + 1e-14 * base.abs().max(budget as f64) * 10.0 + 1e-9;
            assert!(
                (difference - price).abs() <= allowed,
                "{constraint:?}: {price} is not {difference}: {problem:?}"
            );
            compared += 1;
        }
    }
    assert!(compared > 300, "only {compared} prices");
}

#[test]
fn profit_stops_growing_at_the_profitable_spend() {
    let mut dice = Dice(17);
    for _ in 0..60 {
        let mut problem = dice.problem(3, 3, 200);
        problem.exactly = false;
        let Ok(plan) = allocate(&problem) else {
            continue;
        };
        // Room for any spend: the bounds stay, "absent" no longer means the small budget.
        problem.budget = SPEND_MAX;
        let free = allocate(&problem).unwrap();
        assert_eq!(
            plan.profitable_spend,
            free.spend.iter().sum::<i64>(),
            "{problem:?}"
        );
    }
}

fn one(curve: Curve, budget: i64, exactly: bool) -> Problem {
    let slice = |name: &str| Slice {
        name: name.to_owned(),
        bounds: Bounds::default(),
    };
    Problem {
        budget,
        exactly,
        margin: 1.0,
        segments: vec![slice("a"), slice("b")],
        channels: vec![slice("x")],
        cells: (0..2)
            .map(|segment| Cell {
                segment,
                channel: 0,
                curve,
                bounds: Bounds::default(),
            })
            .collect(),
    }
}

#[test]
fn budgets_from_nothing_to_the_largest_are_spent_to_the_unit() {
    for budget in [0, 1, 2, 3, 1_000, 999_999_999_999_999, SPEND_MAX] {
        let size = budget.max(1) as f64;
        let problem = one(
            Curve::Log {
                gain: 3.0 * size,
                scale: size,
            },
            budget,
            true,
        );
        let plan = allocate(&problem).unwrap();
        assert_eq!(plan.spend.iter().sum::<i64>(), budget);
        assert!(
            (plan.spend[0] - plan.spend[1]).abs() <= 1 + budget / 1_000_000_000,
            "{:?}",
            plan.spend
        );
        assert!(plan.gap <= 1e-9 * size, "{}", plan.gap);
    }
}

#[test]
fn a_plan_that_must_lose_says_so_by_a_negative_price() {
    let problem = one(
        Curve::Exponential {
            ceiling: 1_000.0,
            scale: 500.0,
        },
        10_000,
        true,
    );
    let plan = allocate(&problem).unwrap();
    assert_eq!(plan.spend, [5_000, 5_000]);
    assert!(
        (-1.0..-0.99).contains(&plan.total_price),
        "{}",
        plan.total_price
    );
    assert!(
        (690..=694).contains(&plan.profitable_spend),
        "{}",
        plan.profitable_spend
    );
}

#[test]
fn equal_problems_give_equal_bytes() {
    let mut dice = Dice(23);
    for _ in 0..20 {
        let problem = dice.problem(6, 5, 100_000);
        assert_eq!(
            format!("{:?}", allocate(&problem)),
            format!("{:?}", allocate(&problem))
        );
    }
}

#[test]
fn conflicts_cannot_be_made_smaller() {
    let mut dice = Dice(29);
    let mut seen = 0;
    for _ in 0..400 {
        let problem = dice.problem(3, 3, 40);
        let Err(conflict) = allocate(&problem) else {
            continue;
        };
        seen += 1;
        let only = |kept: &[Constraint]| {
            let bounds = |bounds: Bounds, low: Constraint, high: Constraint| Bounds {
                min: if kept.contains(&low) { bounds.min } else { 0 },
                max: bounds.max.filter(|_| kept.contains(&high)),
            };
            let mut part = problem.clone();
            for (i, s) in part.segments.iter_mut().enumerate() {
                let (low, high) = (
                    Constraint::Segment(i, Side::Minimum),
                    Constraint::Segment(i, Side::Maximum),
                );
                s.bounds = bounds(s.bounds, low, high);
            }
            for (i, c) in part.channels.iter_mut().enumerate() {
                let (low, high) = (
                    Constraint::Channel(i, Side::Minimum),
                    Constraint::Channel(i, Side::Maximum),
                );
                c.bounds = bounds(c.bounds, low, high);
            }
            for (i, c) in part.cells.iter_mut().enumerate() {
                c.bounds = bounds(
                    c.bounds,
                    Constraint::Cell(i, Side::Minimum),
                    Constraint::Cell(i, Side::Maximum),
                );
            }
            if !kept.contains(&Constraint::Total) {
                part.exactly = false;
                part.budget = SPEND_MAX;
            }
            part
        };
        assert!(
            allocate(&only(&conflict)).is_err(),
            "{conflict:?} is no conflict: {problem:?}"
        );
        for i in 0..conflict.len() {
            let mut fewer = conflict.clone();
            fewer.remove(i);
            assert!(
                allocate(&only(&fewer)).is_ok(),
                "{conflict:?} is not the smallest: {problem:?}"
            );
        }
    }
    assert!(seen > 40, "only {seen} conflicts");
}

#[test]
fn ten_thousand_cells_take_well_under_a_second() {
    let mut dice = Dice(31);
    let mut problem = dice.problem(120, 100, 500_000_000);
    problem.exactly = true;
    for slice in problem.segments.iter_mut().chain(&mut problem.channels) {
        slice.bounds.min = 0;
        slice.bounds.max = slice.bounds.max.map(|max| max + 1_000_000);
    }
    problem
        .cells
        .iter_mut()
        .for_each(|cell| cell.bounds.min = 0);
    problem.cells.truncate(10_000);
    let start = std::time::Instant::now();
    let plan = allocate(&problem).unwrap();
    let elapsed = start.elapsed();
    assert_eq!(plan.spend.iter().sum::<i64>(), problem.budget);
    assert!(plan.gap <= 1e-9 * problem.budget as f64, "{}", plan.gap);
    println!("10,000 cells with crossing bounds: {elapsed:?}");
    assert!(elapsed.as_secs_f64() < 10.0, "{elapsed:?}");
}
