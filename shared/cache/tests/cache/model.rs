//! Random interleavings, every step of which may be the last of whoever takes it.

use std::time::Duration;

use async_trait::async_trait;
use cache::{
    CacheError, Entry, Epoch, FeatureCache, FillToken, MarkToken, MemoryCache, Orphan, Read,
};
use uuid::Uuid;

use super::{
    harness::{self, Fixture},
    world::{Dice, Reader, TENANT, World, Writer, repair},
};

const STEPS: usize = 400;

/// Runs one world; fails when a reader was given less than was promised.
async fn run(seed: u64, fixture: &Fixture, cache: &dyn FeatureCache) -> Result<(), String> {
    run_in(World::new(false), seed, fixture, cache).await
}

async fn run_in(
    mut world: World,
    seed: u64,
    fixture: &Fixture,
    cache: &dyn FeatureCache,
) -> Result<(), String> {
    let mut dice = Dice::new(seed + 1);
    let mut writers: Vec<Writer> = (0..4).map(|_| Writer::default()).collect();
    let mut readers: Vec<Reader> = (0..4).map(|_| Reader::new()).collect();
    for step in 0..STEPS {
        let at = dice.below(4) as usize;
        match dice.below(100) {
            0..45 => writers[at].step(&mut world, cache, &mut dice).await,
            45..85 => {
                readers[at]
                    .step(&world, cache)
                    .await
                    .map_err(|it| format!("seed {seed}, step {step}: {it}"))?;
            }
            85..88 => writers[at].kill(&mut world),
            88 => readers[at].kill(),
            89..92 => {
                let customer = world.customers[dice.below(3) as usize];
                fixture.evict(world.epoch(), TENANT, customer).await;
            }
            92..94 => repair(&world, cache).await,
            94 => world.reopen(),
            _ => world.pass_time(&mut dice),
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_read_is_older_than_what_was_promised_in_memory() {
    for seed in 0..1500 {
        let fixture = harness::memory().unwrap();
        run(seed, &fixture, fixture.cache()).await.unwrap();
    }
}

#[tokio::test]
async fn no_read_is_older_than_what_was_promised_on_redis() {
    for seed in 0..30 {
        let Some(fixture) = harness::redis().await else {
            return;
        };
        run(seed, &fixture, fixture.cache()).await.unwrap();
    }
}

#[tokio::test]
async fn writers_that_do_not_wait_for_readers_of_the_epoch_before_are_found_out() {
    let mut found = false;
    for seed in 0..500 {
        let fixture = harness::memory().unwrap();
        found |= run_in(World::new(true), seed, &fixture, fixture.cache())
            .await
            .is_err();
    }
    assert!(found);
}

/// A cache that breaks one rule of the protocol.
struct Broken {
    cache: MemoryCache,
    rule: Rule,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    MarksHide,
    SetsAreNewer,
    TokensAreVoided,
    EpochsAreApart,
    UnsetIsRemoved,
}

impl Broken {
    async fn put(&self, epoch: Epoch, customer: Uuid, entry: Entry) -> Result<(), CacheError> {
        let orphan = Orphan {
            epoch,
            tenant: TENANT.into(),
            customer,
        };
        self.cache.repair(&orphan, Some(entry)).await
    }

    fn epoch(&self, epoch: Epoch) -> Epoch {
        if matches!(self.rule, Rule::EpochsAreApart) {
            Epoch(1)
        } else {
            epoch
        }
    }
}

#[async_trait]
impl FeatureCache for Broken {
    async fn read(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<Read, CacheError> {
        self.cache.read(self.epoch(epoch), tenant, customers).await
    }

    async fn fill(&self, fills: Vec<(FillToken, Entry)>) -> Result<usize, CacheError> {
        if !matches!(self.rule, Rule::TokensAreVoided) {
            return self.cache.fill(fills).await;
        }
        for (token, entry) in fills {
            self.put(Epoch(1), token.customer(), entry).await?;
        }
        Ok(0)
    }

    async fn mark(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<MarkToken, CacheError> {
        let customers = if matches!(self.rule, Rule::MarksHide) {
            &[]
        } else {
            customers
        };
        self.cache.mark(self.epoch(epoch), tenant, customers).await
    }

    async fn set_if_newer(
        &self,
        mark: &MarkToken,
        entries: Vec<(Uuid, Entry)>,
    ) -> Result<(), CacheError> {
        if !matches!(self.rule, Rule::SetsAreNewer) {
            return self.cache.set_if_newer(mark, entries).await;
        }
        for (customer, entry) in entries {
            self.put(mark.epoch(), customer, entry).await?;
        }
        Ok(())
    }

    async fn clear(&self, mark: MarkToken) -> Result<(), CacheError> {
        if matches!(self.rule, Rule::UnsetIsRemoved) {
            // Setting something ancient counts as set, and changes nothing that is there.
            let entries = self.cache.orphans(Duration::ZERO, 10).await?;
            let ancient = Entry {
                version: -1,
                ..Entry::unknown()
            };
            let entries = entries
                .into_iter()
                .map(|it| (it.customer, ancient.clone()))
                .collect();
            self.cache.set_if_newer(&mark, entries).await?;
        }
        self.cache.clear(mark).await
    }

    async fn orphans(&self, age: Duration, limit: usize) -> Result<Vec<Orphan>, CacheError> {
        self.cache.orphans(age, limit).await
    }

    async fn repair(&self, orphan: &Orphan, entry: Option<Entry>) -> Result<(), CacheError> {
        self.cache.repair(orphan, entry).await
    }

    async fn put_watermark(&self, epoch: Epoch, millis: i64) -> Result<(), CacheError> {
        self.cache.put_watermark(epoch, millis).await
    }
}

#[tokio::test]
async fn a_cache_that_breaks_a_rule_is_found_out() {
    for rule in [
        Rule::MarksHide,
        Rule::SetsAreNewer,
        Rule::TokensAreVoided,
        Rule::EpochsAreApart,
        Rule::UnsetIsRemoved,
    ] {
        let mut found = false;
        for seed in 0..500 {
            let cache = Broken {
                cache: MemoryCache::new(64 << 20),
                rule,
            };
            let fixture = harness::memory().unwrap();
            if run(seed, &fixture, &cache).await.is_err() {
                found = true;
                break;
            }
        }
        assert!(found, "{rule:?}");
    }
}
