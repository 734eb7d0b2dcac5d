//! How many customers a second the value models are fitted to: CDNOW's 2,357 where the public data are there, made-up ones
//! otherwise. With and without the quantiles of the whole population that a registered version holds.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Gamma};
use scoring::domain::currency::minor_per_major;
use scoring::domain::dropout::Form;
use scoring::domain::fit::{self, Sampling};
use scoring::domain::history::{Grouped, History, Purchases};
use scoring::domain::model::{self, ClvSettings};
use scoring::domain::spend::Spends;
use std::path::PathBuf;

const SAMPLING: Sampling = Sampling {
    draws: 500,
    seed: 1,
};

fn cdnow() -> Option<Vec<Purchases>> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = std::env::var_os("CLIENTELE_DATA").map_or_else(beside, PathBuf::from);
    let file = folder.join("cdnow/cdnow_customers_summary_with_transactions.csv");
    let text = std::fs::read_to_string(file).ok()?;
    let customer = |line: &str| {
        let fields: Vec<f64> = line
            .split(',')
            .map(|field| field.parse().expect("a number"))
            .collect();
        let history = History::new(fields[1] as u32, fields[2], fields[3]).expect("a history");
        Purchases {
            history,
            mean_value_minor: fields[4] * 100.0,
        }
    };
    Some(
        text.lines()
            .skip(1)
            .filter(|line| !line.is_empty())
            .map(customer)
            .collect(),
    )
}

fn made_up(count: usize) -> Vec<Purchases> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let rate = Gamma::new(0.5, 1.0 / 6.0).expect("parameters of a gamma distribution");
    (0..count)
        .map(|_| {
            let age = f64::from(random.random_range(180..280)) / 7.0;
            let rate: f64 = rate.sample(&mut random);
            let (mut at, mut last, mut repeats) = (0.0, 0.0, 0);
            loop {
                at += -(1.0 - random.random::<f64>()).ln() / rate;
                if at > age {
                    break;
                }
                (last, repeats) = ((at * 7.0_f64).floor() / 7.0, repeats + 1);
                if random.random::<f64>() < random.random::<f64>().powi(3) {
                    break;
                }
            }
            let recency = if repeats == 0 { 0.0 } else { last };
            let history = History::new(repeats, recency, age).expect("a history");
            Purchases {
                history,
                mean_value_minor: if repeats == 0 {
                    0.0
                } else {
                    random.random_range(500.0..9_000.0)
                },
            }
        })
        .collect()
}

fn fits(criterion: &mut Criterion) {
    let customers = cdnow().unwrap_or_else(|| {
        println!("NOT RUN: no data; fitting 2,357 made-up customers instead");
        made_up(2_357)
    });
    let mut group = criterion.benchmark_group("clv");
    group
        .throughput(Throughput::Elements(customers.len() as u64))
        .sample_size(20);
    group.bench_function("fit", |bencher| {
        bencher.iter_batched(
            || customers.clone(),
            |customers| {
                let histories = Grouped::new(customers.iter().map(|one| &one.history));
                let spends = customers
                    .iter()
                    .map(|one| (one.history.repeats(), one.mean_value_minor / 100.0));
                let bgnbd = fit::repeat_buying(Form::BgNbd, &histories, SAMPLING).expect("a fit");
                let mbgnbd = fit::repeat_buying(Form::MbgNbd, &histories, SAMPLING).expect("a fit");
                let spend = fit::spend(&Spends::new(spends), SAMPLING).expect("a fit");
                (bgnbd, mbgnbd, spend)
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("train", |bencher| {
        let settings = ClvSettings::default();
        bencher.iter(|| {
            model::train(&customers, settings, minor_per_major("USD"), SAMPLING).expect("a model")
        });
    });
    group.finish();
}

criterion_group!(benches, fits);
criterion_main!(benches);
