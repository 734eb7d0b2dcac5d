//! A world of writers, readers, a repairer and a clock around one cache, stepped one at a time in any order.
//!
//! The database is exact and simple: a version per customer, row locks, an epoch. Time is virtual. What is checked: a
//! reader is never given a version below the newest that was committed, and told to be done, before its read began.

use cache::{Entry, Epoch, FeatureCache, FillToken, LEASE, Lookup, MarkToken, Orphan};
use uuid::Uuid;

use super::harness::entry;

pub(crate) const TENANT: &str = "acme";
const CUSTOMERS: usize = 3;

/// A small generator of numbers; the same seed gives the same run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }

    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }
}

/// The database, the clock, and what has been promised so far.
pub(crate) struct World {
    pub(crate) customers: Vec<Uuid>,
    versions: Vec<i64>,
    locked: Vec<bool>,
    epoch: Epoch,
    /// When the epoch was last raised.
    raised_ms: Option<u64>,
    now_ms: u64,
    /// What is committed and may be told to be done at a time.
    waiting: Vec<(u64, Vec<(Uuid, Entry)>)>,
    /// Writers do not wait for readers of the epoch before.
    hasty: bool,
    /// Newest version of each customer whose commit is done.
    promised: Vec<i64>,
}

impl World {
    pub(crate) fn new(hasty: bool) -> Self {
        Self {
            hasty,
            customers: (0..CUSTOMERS).map(|_| Uuid::new_v4()).collect(),
            versions: vec![0; CUSTOMERS],
            locked: vec![false; CUSTOMERS],
            epoch: Epoch(1),
            raised_ms: None,
            now_ms: 0,
            waiting: Vec::new(),
            promised: vec![0; CUSTOMERS],
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn pass_time(&mut self, dice: &mut Dice) {
        self.now_ms += dice.below(700);
        let (due, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(at, _)| *at <= self.now_ms);
        self.waiting = waiting;
        due.iter()
            .for_each(|(_, entries): &(u64, _)| self.promise(entries));
    }

    /// An operator, or a writer that reaches the cache again, opens a suspended one.
    pub(crate) fn reopen(&mut self) {
        if !self.epoch.is_open() {
            self.raise(1);
        }
    }

    fn raise(&mut self, by: i64) {
        self.epoch.0 += by;
        self.raised_ms = Some(self.now_ms);
    }

    fn lease_ended(&self, since_ms: u64) -> bool {
        self.now_ms >= since_ms + LEASE.as_millis() as u64
    }

    /// Tells that a commit is done as soon as no reader acts on an earlier epoch.
    fn tell(&mut self, entries: Vec<(Uuid, Entry)>) {
        match self.raised_ms {
            Some(at) if !self.hasty && !self.lease_ended(at) => {
                self.waiting.push((at + LEASE.as_millis() as u64, entries))
            }
            _ => self.promise(&entries),
        }
    }

    fn commit(&mut self, rows: &[usize]) -> Vec<(Uuid, Entry)> {
        for row in rows {
            self.versions[*row] += 1;
            self.locked[*row] = false;
        }
        rows.iter()
            .map(|row| (self.customers[*row], entry(self.versions[*row])))
            .collect()
    }

    fn promise(&mut self, entries: &[(Uuid, Entry)]) {
        for (customer, entry) in entries {
            let row = self.customers.iter().position(|it| it == customer).unwrap();
            self.promised[row] = self.promised[row].max(entry.version);
        }
    }

    fn unlock(&mut self, rows: &[usize]) {
        rows.iter().for_each(|row| self.locked[*row] = false);
    }
}

/// Where a writer stands between two steps.
#[derive(Default)]
pub(crate) enum Writer {
    #[default]
    Idle,
    Locked {
        rows: Vec<usize>,
        epoch: Epoch,
    },
    Marked {
        rows: Vec<usize>,
        mark: MarkToken,
    },
    Suspending {
        rows: Vec<usize>,
        epoch: Epoch,
    },
    Committed {
        entries: Vec<(Uuid, Entry)>,
        mark: MarkToken,
    },
    Clearing {
        mark: MarkToken,
    },
}

impl Writer {
    pub(crate) async fn step(
        &mut self,
        world: &mut World,
        cache: &dyn FeatureCache,
        dice: &mut Dice,
    ) {
        *self = match std::mem::take(self) {
            Self::Idle => Self::lock(world, dice),
            Self::Locked { rows, epoch } => Self::mark(world, cache, dice, rows, epoch).await,
            Self::Marked { rows, mark } => Self::commit(world, dice, rows, mark),
            // The cache is suspended: commits need no marks.
            Self::Suspending { rows, epoch } if world.epoch == epoch => {
                let entries = world.commit(&rows);
                world.tell(entries);
                Self::Idle
            }
            Self::Suspending { rows, .. } => {
                world.unlock(&rows);
                Self::Idle
            }
            Self::Committed { mut entries, mark } => {
                if dice.one_in(6) {
                    entries.pop();
                }
                cache.set_if_newer(&mark, entries).await.unwrap();
                Self::Clearing { mark }
            }
            Self::Clearing { mark } => {
                cache.clear(mark).await.unwrap();
                Self::Idle
            }
        };
    }

    /// Kills the writer: the database undoes what is not committed, the cache keeps what it has.
    pub(crate) fn kill(&mut self, world: &mut World) {
        match std::mem::take(self) {
            Self::Locked { rows, .. }
            | Self::Marked { rows, .. }
            | Self::Suspending { rows, .. } => world.unlock(&rows),
            _ => {}
        }
    }

    fn lock(world: &mut World, dice: &mut Dice) -> Self {
        let first = dice.below(CUSTOMERS as u64) as usize;
        let last = if dice.one_in(2) { first } else { CUSTOMERS - 1 };
        let rows: Vec<usize> = (first..=last).collect();
        if rows.iter().any(|row| world.locked[*row]) {
            return Self::Idle;
        }
        rows.iter().for_each(|row| world.locked[*row] = true);
        Self::Locked {
            rows,
            epoch: world.epoch,
        }
    }

    async fn mark(
        world: &mut World,
        cache: &dyn FeatureCache,
        dice: &mut Dice,
        rows: Vec<usize>,
        epoch: Epoch,
    ) -> Self {
        if !epoch.is_open() {
            return Self::Suspending { rows, epoch };
        }
        if !dice.one_in(12) {
            let customers: Vec<Uuid> = rows.iter().map(|row| world.customers[*row]).collect();
            let mark = cache.mark(epoch, TENANT, &customers).await.unwrap();
            if !dice.one_in(12) {
                return Self::Marked { rows, mark };
            }
            // The mark is there, but its answer got lost.
        }
        if world.epoch != epoch {
            world.unlock(&rows);
            Self::Idle
        } else if dice.one_in(2) {
            world.raise(1);
            Self::Suspending {
                rows,
                epoch: world.epoch,
            }
        } else {
            world.raise(2);
            let entries = world.commit(&rows);
            world.tell(entries);
            Self::Idle
        }
    }

    fn commit(world: &mut World, dice: &mut Dice, rows: Vec<usize>, mark: MarkToken) -> Self {
        if world.epoch != mark.epoch() || dice.one_in(8) {
            world.unlock(&rows);
            return Self::Clearing { mark };
        }
        let entries = world.commit(&rows);
        world.tell(entries.clone());
        Self::Committed { entries, mark }
    }
}

/// A reader, and what it knows of the epoch.
pub(crate) struct Reader {
    lease: Option<(Epoch, u64)>,
    state: Reading,
}

enum Reading {
    Idle,
    /// `least`: what each customer must at least be.
    Began {
        epoch: Option<Epoch>,
        rows: Vec<usize>,
        least: Vec<i64>,
    },
    Loading {
        rows: Vec<(usize, Option<FillToken>)>,
        least: Vec<i64>,
    },
    Filling {
        fills: Vec<(FillToken, Entry)>,
    },
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            lease: None,
            state: Reading::Idle,
        }
    }

    pub(crate) fn kill(&mut self) {
        *self = Self::new();
    }

    /// Fails with what was read and what should have been.
    pub(crate) async fn step(
        &mut self,
        world: &World,
        cache: &dyn FeatureCache,
    ) -> Result<(), String> {
        self.state = match std::mem::replace(&mut self.state, Reading::Idle) {
            Reading::Idle => self.begin(world),
            Reading::Began {
                epoch: Some(epoch),
                rows,
                least,
            } => Self::look(world, cache, epoch, rows, least).await?,
            Reading::Began {
                epoch: None,
                rows,
                least,
            } => Reading::Loading {
                rows: rows.into_iter().map(|row| (row, None)).collect(),
                least,
            },
            Reading::Loading { rows, least } => {
                let mut fills = Vec::new();
                for (row, token) in rows {
                    let version = world.versions[row];
                    check(version, least[row], "the database")?;
                    fills.extend(token.map(|token| (token, entry(version))));
                }
                Reading::Filling { fills }
            }
            Reading::Filling { fills } => {
                cache.fill(fills).await.map_err(|error| error.to_string())?;
                Reading::Idle
            }
        };
        Ok(())
    }

    fn begin(&mut self, world: &World) -> Reading {
        let (epoch, _) = match self.lease {
            Some(lease) if !world.lease_ended(lease.1) => lease,
            _ => *self.lease.insert((world.epoch, world.now_ms)),
        };
        let rows = (0..CUSTOMERS).collect();
        Reading::Began {
            epoch: epoch.is_open().then_some(epoch),
            rows,
            least: world.promised.clone(),
        }
    }

    async fn look(
        world: &World,
        cache: &dyn FeatureCache,
        epoch: Epoch,
        rows: Vec<usize>,
        least: Vec<i64>,
    ) -> Result<Reading, String> {
        let customers: Vec<Uuid> = rows.iter().map(|row| world.customers[*row]).collect();
        let read = cache
            .read(epoch, TENANT, &customers)
            .await
            .map_err(|error| error.to_string())?;
        let mut missing = Vec::new();
        for (row, lookup) in rows.into_iter().zip(read.lookups) {
            match lookup {
                Lookup::Hit(found) if found != entry(found.version) => {
                    return Err(format!("a mixed entry: {found:?}"));
                }
                Lookup::Hit(found) if found.version > world.versions[row] => {
                    return Err(format!("version {} was never committed", found.version));
                }
                Lookup::Hit(found) => check(found.version, least[row], "the cache")?,
                Lookup::Marked => missing.push((row, None)),
                Lookup::Miss(token) => missing.push((row, Some(token))),
            }
        }
        Ok(Reading::Loading {
            rows: missing,
            least,
        })
    }
}

fn check(version: i64, least: i64, source: &str) -> Result<(), String> {
    if version >= least {
        Ok(())
    } else {
        Err(format!(
            "{source} gave version {version} after version {least} was promised"
        ))
    }
}

/// Repairs every mark whose row is free, also those of writers that live.
pub(crate) async fn repair(world: &World, cache: &dyn FeatureCache) {
    for orphan in cache.orphans(std::time::Duration::ZERO, 10).await.unwrap() {
        let Orphan {
            epoch, customer, ..
        } = &orphan;
        let row = world
            .customers
            .iter()
            .position(|it| it == customer)
            .unwrap();
        if *epoch != world.epoch {
            cache.repair(&orphan, None).await.unwrap();
        } else if !world.locked[row] {
            cache
                .repair(&orphan, Some(entry(world.versions[row])))
                .await
                .unwrap();
        }
    }
}
