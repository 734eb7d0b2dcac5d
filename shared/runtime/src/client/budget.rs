//! Bounds retries by what succeeds, so that a service in trouble is not buried under them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Thousandths of a token per failure.
const FAILURE: u64 = 1_000;
/// Thousandths of a token that a success earns.
const SUCCESS: u64 = 100;

/// A bucket of tokens, as in gRPC's retry throttling: retries are allowed while it is more than half full.
pub(super) struct Budget {
    full: u64,
    tokens: AtomicU64,
}

impl Budget {
    pub(super) fn new(tokens: u32) -> Self {
        let full = u64::from(tokens) * FAILURE;
        Self {
            full,
            tokens: AtomicU64::new(full),
        }
    }

    pub(super) fn spend(&self) {
        self.change(|it| it.saturating_sub(FAILURE));
    }

    pub(super) fn earn(&self) {
        // The common case writes nothing, so that callers on many cores do not share a cache line.
        if self.tokens.load(Ordering::Relaxed) < self.full {
            self.change(|it| (it + SUCCESS).min(self.full));
        }
    }

    pub(super) fn allows(&self) -> bool {
        self.tokens.load(Ordering::Relaxed) > self.full / 2
    }

    fn change(&self, next: impl Fn(u64) -> u64) {
        let _ = self
            .tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| Some(next(it)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_retries_when_half_is_spent_and_allows_them_when_earned_back() {
        let budget = Budget::new(10);

        (0..4).for_each(|_| budget.spend());
        assert!(budget.allows());
        budget.spend();
        assert!(!budget.allows());

        (0..10).for_each(|_| budget.earn());
        assert!(budget.allows());
    }

    #[test]
    fn never_leaves_its_bounds() {
        let budget = Budget::new(2);

        (0..10).for_each(|_| budget.spend());
        (0..1_000).for_each(|_| budget.earn());
        budget.spend();

        assert!(!budget.allows());
    }
}
