//! Counting distinct ids in bounded room.

/// How many distinct hashes there are: exact up to `MOST`, estimated beyond.
///
/// Keeps the smallest hashes, a function of the set alone: neither order nor repetition nor merging changes it. Hashes are
/// cut to 26 bits, so that one takes three bytes in store; two of 192 ids share one in one customer of four thousand.
/// Beyond `MOST` the count is estimated from the largest one kept, with a relative standard error of about
/// 1 / sqrt(MOST - 2) (Bar-Yossef et al. 2002, 'Counting distinct elements in a data stream').
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Distinct<const MOST: usize> {
    /// Sorted.
    pub(crate) hashes: Vec<u32>,
    /// Whether there were more than are kept.
    pub(crate) over: bool,
}

impl<const MOST: usize> Distinct<MOST> {
    const BITS: u32 = 26;

    pub(crate) fn insert(&mut self, hash: u32) {
        self.keep(hash >> (u32::BITS - Self::BITS));
    }

    fn keep(&mut self, hash: u32) {
        if let Err(at) = self.hashes.binary_search(&hash) {
            self.over |= self.hashes.len() >= MOST;
            if at < MOST {
                self.hashes.insert(at, hash);
                self.hashes.truncate(MOST);
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for hash in &other.hashes {
            self.keep(*hash);
        }
        self.over |= other.over;
    }

    /// Returns how many distinct hashes were inserted.
    pub(crate) fn count(&self) -> u64 {
        match self.hashes.last() {
            Some(largest) if self.over => {
                (MOST as u64 - 1) * (1 << Self::BITS) / (u64::from(*largest) + 1)
            }
            _ => self.hashes.len() as u64,
        }
    }
}

/// Which orders were made on which recent day. Older days fall out below a floor that only rises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecentOrders {
    /// First day that is kept.
    pub(crate) floor: i32,
    /// (day, hash of the order's id), sorted.
    pub(crate) orders: Vec<(i32, u32)>,
}

impl Default for RecentOrders {
    fn default() -> Self {
        Self {
            floor: i32::MIN,
            orders: Vec::new(),
        }
    }
}

impl RecentOrders {
    /// Most orders kept; beyond it the oldest days go.
    pub(crate) const MOST: usize = 512;

    pub(crate) fn insert(&mut self, day: i32, hash: u32) {
        if day < self.floor {
            return;
        }
        if let Err(at) = self.orders.binary_search(&(day, hash)) {
            self.orders.insert(at, (day, hash));
            self.limit();
        }
    }

    pub(crate) fn raise(&mut self, floor: i32) {
        if self.floor < floor {
            self.floor = floor;
            let split = self.orders.partition_point(|order| order.0 < floor);
            self.orders.drain(..split);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.raise(other.floor);
        let kept = other.orders.iter().filter(|order| self.floor <= order.0);
        self.orders.extend(kept);
        self.orders.sort_unstable();
        self.orders.dedup();
        self.limit();
    }

    /// Returns how many distinct orders were made in `from..=to`, `None` when those days are no longer kept.
    pub(crate) fn count(&self, from: i32, to: i32) -> Option<u64> {
        if from < self.floor {
            return None;
        }
        let first = self.orders.partition_point(|order| order.0 < from);
        let end = self.orders.partition_point(|order| order.0 <= to);
        let mut hashes: Vec<u32> = self.orders[first..end]
            .iter()
            .map(|order| order.1)
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        Some(hashes.len() as u64)
    }

    fn limit(&mut self) {
        if let Some(excess) = self.orders.len().checked_sub(Self::MOST + 1) {
            self.raise(self.orders[excess].0 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_exactly_to_the_bound_and_closely_beyond() {
        let mut distinct = Distinct::<256>::default();
        for id in 0..256_u32 {
            distinct.insert(crate::hash32(&id.to_le_bytes()));
        }
        assert_eq!(distinct.count(), 256);

        for id in 0..5_000_u32 {
            distinct.insert(crate::hash32(&id.to_le_bytes()));
        }
        let error = (distinct.count() as f64 - 5_000.0).abs() / 5_000.0;
        assert!(error < 0.2, "off by {error}");
    }

    #[test]
    fn recent_orders_never_outgrow_their_bound() {
        let mut recent = RecentOrders::default();
        for order in 0..2_000_u32 {
            recent.insert((order / 20) as i32, order);
        }
        assert!(recent.orders.len() <= RecentOrders::MOST);
        assert_eq!(recent.count(80, 99), Some(400));
        assert_eq!(recent.count(0, 99), None);
    }
}
