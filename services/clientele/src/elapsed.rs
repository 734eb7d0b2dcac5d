//! How long the stages of a job took.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A stopwatch with named stages.
#[derive(Clone, Debug)]
pub(crate) struct Elapsed {
    begin: Instant,
    last: Instant,
    stages: Vec<(&'static str, Duration)>,
}

impl Elapsed {
    /// Starts the watch.
    pub(crate) fn begin() -> Self {
        let now = Instant::now();
        Self {
            begin: now,
            last: now,
            stages: Vec::new(),
        }
    }

    /// Ends a stage that began where the one before ended.
    pub(crate) fn stage(&mut self, name: &'static str) {
        let now = Instant::now();
        self.stages.push((name, now - self.last));
        self.last = now;
    }

    /// Returns the stages in order.
    pub(crate) fn stages(&self) -> &[(&'static str, Duration)] {
        &self.stages
    }

    /// Returns the time from the start to the end of the last stage.
    pub(crate) fn total(&self) -> Duration {
        self.last - self.begin
    }

    /// Returns milliseconds by stage, and in all as `total`.
    pub(crate) fn milliseconds(&self) -> BTreeMap<String, u64> {
        let stages = self
            .stages
            .iter()
            .map(|(name, time)| ((*name).to_owned(), time.as_millis() as u64));
        stages
            .chain([("total".to_owned(), self.total().as_millis() as u64)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_add_up() {
        let mut elapsed = Elapsed::begin();
        elapsed.stage("one");
        elapsed.stage("two");

        let sum: Duration = elapsed.stages().iter().map(|(_, time)| *time).sum();
        assert_eq!(sum, elapsed.total());
        assert_eq!(elapsed.milliseconds().len(), 3);
    }
}
