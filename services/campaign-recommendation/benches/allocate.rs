//! Exact allocation against a bare pass over the same cells, which values each curve once.

use std::hint::black_box;
use std::time::Instant;

use campaign_recommendation::domain::allocate::allocate;
use campaign_recommendation::domain::curve::Curve;
use campaign_recommendation::domain::problem::{Bounds, Cell, Problem, Slice};
use criterion::{Criterion, criterion_group, criterion_main};

/// `rows` segments by `columns` channels, every channel and every second segment with a maximum.
fn problem(rows: usize, columns: usize) -> Problem {
    let budget = 5_000 * (rows * columns) as i64;
    let slices = |name: &str, n: usize, every: usize, max: i64| -> Vec<Slice> {
        let bounds = |i: usize| Bounds {
            min: 0,
            max: i.is_multiple_of(every).then_some(max + 37 * i as i64),
        };
        (0..n)
            .map(|i| Slice {
                name: format!("{name}{i}"),
                bounds: bounds(i),
            })
            .collect()
    };
    let mut cells = Vec::with_capacity(rows * columns);
    for i in 0..rows * columns {
        let size = 2_000.0 + 90.0 * ((i * 7_919) % 331) as f64;
        let curve = match i % 5 {
            0 => Curve::Hill {
                ceiling: 3.0 * size,
                half: size,
                shape: 0.8,
            },
            1 => Curve::Exponential {
                ceiling: 2.5 * size,
                scale: size,
            },
            2 => Curve::Logistic {
                ceiling: 4.0 * size,
                scale: size,
            },
            3 => Curve::Log {
                gain: 2.0 * size,
                scale: size,
            },
            _ => Curve::Power {
                gain: 1.5 * size,
                scale: size,
                exponent: 0.6,
            },
        };
        cells.push(Cell {
            segment: i / columns,
            channel: i % columns,
            curve,
            bounds: Bounds::default(),
        });
    }
    Problem {
        budget,
        exactly: true,
        margin: 0.9,
        segments: slices("s", rows, 2, budget / rows as i64),
        channels: slices("c", columns, 1, budget / columns as i64 + budget / 50),
        cells,
    }
}

fn bare_pass(problem: &Problem) -> f64 {
    let share = problem.budget as f64 / problem.cells.len() as f64;
    problem
        .cells
        .iter()
        .map(|cell| problem.margin * cell.curve.value(share) - share)
        .sum()
}

fn benches(criterion: &mut Criterion) {
    for (rows, columns) in [(40, 5), (2_000, 5), (100, 100)] {
        let problem = problem(rows, columns);
        let name = format!("{rows}x{columns}");
        let start = Instant::now();
        let plan = allocate(&problem).expect("the bounds leave room");
        let solved = start.elapsed().as_secs_f64();
        let start = Instant::now();
        (0..100).for_each(|_| {
            black_box(bare_pass(black_box(&problem)));
        });
        let passed = start.elapsed().as_secs_f64() / 100.0;
        println!(
            "{name}: {:.1} ms, {:.0} bare passes, gap {:.2e} of {} minor units",
            1e3 * solved,
            solved / passed,
            plan.gap,
            problem.budget
        );
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        group.bench_function("allocate", |bencher| {
            bencher.iter(|| allocate(black_box(&problem)).is_ok())
        });
        group.bench_function("bare_pass", |bencher| {
            bencher.iter(|| bare_pass(black_box(&problem)))
        });
        group.finish();
    }
}

criterion_group!(allocation, benches);
criterion_main!(allocation);
