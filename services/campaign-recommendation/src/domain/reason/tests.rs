//! Sentences hold: each is checked against the plan and the prices that it speaks of.

use super::*;
use crate::domain::allocate::allocate;
use crate::domain::curve::Curve;
use crate::domain::problem::{Bounds, Slice};

/// Two segments by two channels, of logarithmic response with these gains and a scale of 1,000.
fn four(budget: i64, exactly: bool, gains: [f64; 4]) -> Problem {
    let slice = |name: &str| Slice {
        name: name.to_owned(),
        bounds: Bounds::default(),
    };
    let cell = |(i, gain): (usize, f64)| Cell {
        segment: i / 2,
        channel: i % 2,
        curve: Curve::Log {
            gain,
            scale: 1_000.0,
        },
        bounds: Bounds::default(),
    };
    Problem {
        budget,
        exactly,
        margin: 1.0,
        segments: vec![slice("a"), slice("b")],
        channels: vec![slice("email"), slice("sms")],
        cells: gains.into_iter().enumerate().map(cell).collect(),
    }
}

fn verdicts(problem: &Problem) -> (Plan, Vec<Verdict>) {
    let plan = allocate(problem).unwrap();
    let verdicts = explain(problem, &plan);
    (plan, verdicts)
}

#[test]
fn the_budget_is_named_where_it_alone_holds() {
    let (_, told) = verdicts(&four(3_000, false, [9_000.0, 6_000.0, 4_000.0, 1_500.0]));

    assert_eq!(told[0].bound, "total");
    assert!(
        told[0]
            .reason
            .starts_with("The budget holds it: the next unit on email for a returns "),
        "{}",
        told[0].reason
    );
    assert!(
        told[0]
            .reason
            .ends_with("as much as anywhere else that it could go."),
        "{}",
        told[0].reason
    );
    assert_eq!(told[3].bound, "total");
    assert!(
        told[3].reason.starts_with("Nothing: ")
            && told[3]
                .reason
                .contains("the budget is better used elsewhere")
    );
}

#[test]
fn a_channel_maximum_is_named_though_the_budget_weighs_more() {
    let mut problem = four(3_000, false, [9_000.0, 6_000.0, 4_000.0, 1_500.0]);
    problem.channels[0].bounds.max = Some(2_000);

    let (plan, told) = verdicts(&problem);

    // Money elsewhere returns less: "as much as anywhere else" would be false here.
    assert!(
        told[0].marginal_return > told[1].marginal_return + 0.1,
        "{told:?}"
    );
    let price = plan
        .prices
        .iter()
        .find(|(of, _)| *of == Constraint::Channel(0, Side::Maximum))
        .unwrap()
        .1;
    assert!(price < plan.total_price, "{:?}", plan.prices);
    assert_eq!(told[0].bound, "channel email maximum");
    let ending = format!("and each unit more of it would add {price:.3} profit.");
    assert!(told[0].reason.ends_with(&ending), "{}", told[0].reason);
}

#[test]
fn a_segment_minimum_that_takes_from_better_cells_is_told() {
    let mut problem = four(3_000, false, [9_000.0, 9_000.0, 3_000.0, 3_000.0]);
    problem.segments[1].bounds.min = 600;

    let (plan, told) = verdicts(&problem);

    let price = plan
        .prices
        .iter()
        .find(|(of, _)| *of == Constraint::Segment(1, Side::Minimum))
        .unwrap()
        .1;
    assert!(
        price < 0.0
            && told[2].marginal_return > 1.0
            && told[2].marginal_return < told[0].marginal_return
    );
    assert_eq!(told[2].bound, "segment b minimum");
    let ending = format!("and each unit less of it would add {:.3} profit.", -price);
    assert!(
        told[2]
            .reason
            .starts_with("The segment b minimum forces it: "),
        "{}",
        told[2].reason
    );
    assert!(told[2].reason.ends_with(&ending), "{}", told[2].reason);
}

#[test]
fn a_budget_that_must_lose_says_that_it_forces() {
    let (plan, told) = verdicts(&four(40_000, true, [9_000.0, 6_000.0, 4_000.0, 0.5]));

    assert!(plan.total_price < 0.0);
    assert!(
        told[0].reason.starts_with("The budget forces it: "),
        "{}",
        told[0].reason
    );
    assert!(
        told[0]
            .reason
            .contains("less than it costs, yet nowhere else would lose less"),
        "{}",
        told[0].reason
    );
    assert_eq!((plan.spend[3], told[3].bound.as_str()), (0, ""));
    assert!(
        told[3].reason.ends_with("less than it costs."),
        "{}",
        told[3].reason
    );
}

#[test]
fn a_curve_as_steep_as_a_unit_is_not_said_to_return_what_it_costs() {
    let mut problem = four(100, false, [9.0, 0.0, 0.0, 0.0]);
    problem.cells[0].curve = Curve::Exponential {
        ceiling: 9.0,
        scale: 0.4,
    };

    let (plan, told) = verdicts(&problem);

    assert_eq!(plan.spend[0], 1);
    assert!(told[0].marginal_return < 0.9);
    assert!(
        told[0].reason.ends_with("less than it costs."),
        "{}",
        told[0].reason
    );
}

#[test]
fn own_bounds_come_first() {
    let mut problem = four(3_000, false, [9_000.0, 6_000.0, 100.0, 100.0]);
    problem.cells[0].bounds.max = Some(500);
    problem.cells[2].bounds.min = 200;

    let (_, told) = verdicts(&problem);

    assert_eq!(
        (told[0].bound.as_str(), told[2].bound.as_str()),
        ("cell maximum", "cell minimum")
    );
    assert!(
        told[0].reason.contains("each unit more would add"),
        "{}",
        told[0].reason
    );
    assert!(
        told[2].reason.contains("each unit less would save"),
        "{}",
        told[2].reason
    );
}
