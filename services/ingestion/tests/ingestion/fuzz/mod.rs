//! Every parser against stored inputs and a bounded number of changed ones, the same in every run.
//!
//! `CLIENTELE_FUZZ_INPUTS` sets how many for each parser (default 150). A finding names its seed;
//! `CLIENTELE_FUZZ_SEED=csv:17` runs that input alone.

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::{Random, mutated};
use targets::{TARGETS, Target};

/// No input may take longer.
const TIME_MAX: Duration = Duration::from_secs(20);

fn input(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    // The stored inputs come first, as they are.
    if let Some(stored) = corpus.get(seed as usize) {
        return stored.clone();
    }
    let mut random = Random::new(seed);
    let (one, other) = (random.below(corpus.len()), random.below(corpus.len()));
    mutated(&corpus[one], &corpus[other], &mut random)
}

fn run(target: &Target) {
    let corpus = (target.corpus)();
    assert!(!corpus.is_empty(), "{} has no stored inputs", target.name);
    let many = std::env::var("CLIENTELE_FUZZ_INPUTS")
        .ok()
        .and_then(|it| it.parse().ok());
    let seeds = match std::env::var("CLIENTELE_FUZZ_SEED").ok() {
        None => 0..corpus.len() as u64 + many.unwrap_or(150),
        Some(one) => match one.split_once(':') {
            Some((name, seed)) if name == target.name => {
                let seed: u64 = seed.parse().unwrap();
                seed..seed + 1
            }
            _ => return,
        },
    };
    for seed in seeds {
        let bytes = input(&corpus, seed);
        let begun = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes)));
        assert!(
            ended.is_ok(),
            "CLIENTELE_FUZZ_SEED={}:{seed} panics",
            target.name
        );
        assert!(
            begun.elapsed() < TIME_MAX,
            "CLIENTELE_FUZZ_SEED={}:{seed} takes too long",
            target.name
        );
    }
}

fn named(name: &str) {
    run(TARGETS.iter().find(|target| target.name == name).unwrap());
}

macro_rules! targets {
    ($($name:ident),+) => {
        $(#[test]
        fn $name() {
            named(stringify!($name));
        })+

        #[test]
        fn every_target_is_run() {
            let mut run = vec![$(stringify!($name)),+];
            let mut known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            run.sort_unstable();
            known.sort_unstable();
            assert_eq!(run, known);
        }
    };
}

targets!(
    csv, ndjson, events, parquet, gzip, zstd, encoding, contract, times, json, survey
);
