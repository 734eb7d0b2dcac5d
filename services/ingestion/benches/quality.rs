//! What quality costs: observing a record, beside mapping it without, and adding it to the figures of a commit.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ingestion::domain::keys::Keys;
use ingestion::domain::mapping::Mapper;
use ingestion::domain::observe::{Observation, observe};
use ingestion::domain::occurrences::Occurrences;
use ingestion::domain::quality::Gathering;
use ingestion::domain::{contract, reading, stages};
use runtime::identity::IdentityKey;

/// Records of one measurement, as many as a commit may have.
const RECORDS: usize = 2_000;

fn rows() -> Vec<[String; 8]> {
    let row = |n: usize| {
        [
            format!("{}", 536_000 + n / 7),
            format!("S{}", n * 31 % 900),
            format!("THING NUMBER {}", n * 31 % 900),
            format!("{}", n % 24 + 1),
            format!("2011-01-{:02} 10:00:00", n % 28 + 1),
            format!("{}.{:02}", n % 40, n % 100),
            format!("{}", 12_000 + n % 400),
            ["United Kingdom", "France", "Germany"][n % 3].to_owned(),
        ]
    };
    (0..RECORDS).map(row).collect()
}

fn bench(criterion: &mut Criterion) {
    let yaml = include_str!("../../../tests/contracts/online_retail.yaml");
    let contract = contract::parse(yaml).expect("a contract");
    let keys = Keys::new(IdentityKey::from_bytes([7; 32]));
    let rows = rows();
    let cells: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let positions: Vec<usize> = (0..8).collect();
    let mut group = criterion.benchmark_group("quality");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("map a row, observing it", |bencher| {
        bencher.iter(|| {
            let mapper = Mapper::new(&contract, "shop", &keys, positions.clone());
            let mut seen = Occurrences::default();
            for row in &cells {
                std::hint::black_box(mapper.draft(row, 1, &mut seen));
            }
        });
    });
    let observed = || -> Vec<Box<Observation>> {
        let observed = cells.iter().filter_map(|row| {
            let mut record = reading::row(&contract, &positions, row, 1)?;
            stages::run(&contract, None, &mut record);
            observe(&contract, &keys, &record)
        });
        observed.collect()
    };
    group.bench_function("read and observe a row", |bencher| {
        bencher.iter(|| std::hint::black_box(observed()));
    });
    let mut observations = observed();
    for (index, seen) in observations.iter_mut().enumerate() {
        seen.dated((15_000 + index as i32 % 3, 1), None);
    }
    group.bench_function("add a record to its commit's figures", |bencher| {
        bencher.iter(|| {
            let mut gathering = Gathering::default();
            for seen in &observations {
                gathering.accepted("shop", seen, false);
            }
            let days = gathering.finish();
            std::hint::black_box(
                days.values()
                    .map(|days| days.to_bytes().len())
                    .sum::<usize>(),
            )
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
