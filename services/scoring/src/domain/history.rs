//! A customer's purchases in the models' terms.

use super::fault::Invalid;
use std::collections::BTreeMap;

/// Days of a week: the models count in weeks, the calendar in days.
pub const DAYS_PER_WEEK: f64 = 7.0;

/// When a customer bought: valid by construction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct History {
    repeats: f64,
    recency: f64,
    age: f64,
}

impl History {
    /// - `repeats`: purchase days after the first, the papers' *x*;
    /// - `recency_weeks`: from the first purchase to the last, *t_x*; 0 when there was only one;
    /// - `age_weeks`: from the first purchase to the as-of day, *T*.
    ///
    /// Fails unless `0 <= recency_weeks <= age_weeks`, all finite, and the recency is 0 without repeats.
    pub fn new(repeats: u32, recency_weeks: f64, age_weeks: f64) -> Result<Self, Invalid> {
        if !(age_weeks.is_finite() && 0.0 <= age_weeks) {
            return Err(Invalid {
                field: "age_weeks",
                rule: "finite and not negative",
                value: age_weeks,
            });
        }
        if !(0.0 <= recency_weeks && recency_weeks <= age_weeks)
            || (repeats == 0 && 0.0 < recency_weeks)
        {
            let rule = "between 0 and the age, and 0 without a repeat purchase";
            return Err(Invalid {
                field: "recency_weeks",
                rule,
                value: recency_weeks,
            });
        }
        Ok(Self {
            repeats: f64::from(repeats),
            recency: recency_weeks,
            age: age_weeks,
        })
    }

    /// A history that nobody has but that the formulas answer for: repeats need not be whole. Out of range values are
    /// moved to the nearest in range.
    pub(super) fn imagined(repeats: f64, recency_weeks: f64, age_weeks: f64) -> Self {
        let age = age_weeks.max(0.0);
        let recency = if repeats > 0.0 {
            recency_weeks.clamp(0.0, age)
        } else {
            0.0
        };
        Self {
            repeats: repeats.max(0.0),
            recency,
            age,
        }
    }

    /// Purchase days after the first.
    pub fn repeats(&self) -> f64 {
        self.repeats
    }

    /// Weeks from the first purchase to the last.
    pub fn recency_weeks(&self) -> f64 {
        self.recency
    }

    /// Weeks from the first purchase to the as-of day.
    pub fn age_weeks(&self) -> f64 {
        self.age
    }

    /// Weeks since the last purchase.
    pub fn silence_weeks(&self) -> f64 {
        self.age - self.recency
    }
}

/// When and for how much a customer bought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Purchases {
    /// When.
    pub history: History,
    /// Mean total of a purchase day without the first, in minor units; 0 when there is none. The papers' *z*.
    pub mean_value_minor: f64,
}

impl Purchases {
    /// Counts the purchase days up to and including `as_of`, or `None` when there is none.
    ///
    /// `days`: days since 1970-01-01 in rising order, each once, with the day's net total in minor units. Cancellations
    /// are netted by the caller. Days after `as_of` are passed over.
    pub fn from_days(days: impl IntoIterator<Item = (i32, i64)>, as_of: i32) -> Option<Self> {
        let mut days = days.into_iter().filter(|(day, _)| *day <= as_of);
        let (first, _) = days.next()?;
        let mut last = first;
        let mut repeats = 0u32;
        let mut value = 0i64;
        for (day, total) in days {
            last = day;
            repeats += 1;
            value = value.saturating_add(total);
        }
        let weeks = |from: i32, to: i32| f64::from(to - from) / DAYS_PER_WEEK;
        let history = History {
            repeats: f64::from(repeats),
            recency: weeks(first, last),
            age: weeks(first, as_of),
        };
        let mean_value_minor = if repeats == 0 {
            0.0
        } else {
            (value as f64 / f64::from(repeats)).max(0.0)
        };
        Some(Self {
            history,
            mean_value_minor,
        })
    }
}

/// Histories with equal ones counted once, sorted: fits cost by distinct history, and the order of the input cannot
/// change a single bit of the answer.
#[derive(Debug, Clone)]
pub struct Grouped {
    /// Blocks of equal repeats, by rising repeats.
    pub(super) blocks: Vec<Block>,
    customers: usize,
    repeat_customers: usize,
}

/// Histories of equal repeats.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Repeats of all of them.
    pub(super) repeats: f64,
    /// (recency, age, customers).
    pub(super) rows: Vec<(f64, f64, f64)>,
    /// Sum of the customers.
    pub(super) customers: f64,
}

impl Grouped {
    /// Groups equal histories.
    pub fn new<'a>(histories: impl IntoIterator<Item = &'a History>) -> Self {
        // Non-negative floats sort as their bits do.
        let mut counts: BTreeMap<(u64, u64, u64), u32> = BTreeMap::new();
        let bits = |value: f64| (value + 0.0).to_bits();
        for history in histories {
            *counts
                .entry((
                    bits(history.repeats),
                    bits(history.recency),
                    bits(history.age),
                ))
                .or_default() += 1;
        }
        let mut grouped = Self {
            blocks: Vec::new(),
            customers: 0,
            repeat_customers: 0,
        };
        for ((repeats, recency, age), count) in counts {
            let repeats = f64::from_bits(repeats);
            if grouped
                .blocks
                .last()
                .is_none_or(|block| block.repeats != repeats)
            {
                grouped.blocks.push(Block {
                    repeats,
                    rows: Vec::new(),
                    customers: 0.0,
                });
            }
            let block = grouped
                .blocks
                .last_mut()
                .expect("a block was pushed when there was none");
            block.rows.push((
                f64::from_bits(recency),
                f64::from_bits(age),
                f64::from(count),
            ));
            block.customers += f64::from(count);
            grouped.customers += count as usize;
            if repeats > 0.0 {
                grouped.repeat_customers += count as usize;
            }
        }
        grouped
    }

    /// Customers in all.
    pub fn customers(&self) -> usize {
        self.customers
    }

    /// Customers who bought on more than one day.
    pub fn repeat_customers(&self) -> usize {
        self.repeat_customers
    }

    /// Mean age in weeks; 0 without customers.
    pub fn mean_age_weeks(&self) -> f64 {
        if self.customers == 0 {
            return 0.0;
        }
        let rows = self.blocks.iter().flat_map(|block| &block.rows);
        rows.map(|(_, age, count)| age * count).sum::<f64>() / self.customers as f64
    }
}
