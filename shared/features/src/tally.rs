//! Counts by name, for the few names that matter.

use std::collections::BTreeMap;

/// Longest name kept, in bytes; longer ones are cut at a character.
pub(crate) const NAME_BYTES_MAX: usize = 32;

/// What one channel did with a customer, and the customer with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Channel {
    /// Messages sent or shown.
    pub(crate) sent: u64,
    /// Messages opened.
    pub(crate) opened: u64,
    /// Messages clicked.
    pub(crate) clicked: u64,
    /// Order lines that came by it.
    pub(crate) purchases: u64,
    /// Last day of any of these.
    pub(crate) last_day: i32,
}

/// Interest in one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Category {
    /// Order lines.
    pub(crate) lines: u64,
    /// Views, searches and baskets.
    pub(crate) views: u64,
    /// Spent on it, in minor units.
    pub(crate) value_minor: i64,
    /// Last day of any of these.
    pub(crate) last_day: i32,
}

/// Something that can be added up.
pub(crate) trait Add: Copy {
    fn add(&mut self, other: &Self);
}

impl Add for Channel {
    fn add(&mut self, other: &Self) {
        self.sent = self.sent.wrapping_add(other.sent);
        self.opened = self.opened.wrapping_add(other.opened);
        self.clicked = self.clicked.wrapping_add(other.clicked);
        self.purchases = self.purchases.wrapping_add(other.purchases);
        self.last_day = self.last_day.max(other.last_day);
    }
}

impl Add for Category {
    fn add(&mut self, other: &Self) {
        self.lines = self.lines.wrapping_add(other.lines);
        self.views = self.views.wrapping_add(other.views);
        self.value_minor = self.value_minor.wrapping_add(other.value_minor);
        self.last_day = self.last_day.max(other.last_day);
    }
}

/// Counts of all names up to `MOST`; of more, those that come first in the alphabet, and the rest in one sum.
///
/// Which names are kept depends on the set of names alone, so that order and merging do not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ByName<V, const MOST: usize> {
    pub(crate) named: BTreeMap<String, V>,
    pub(crate) rest: Option<V>,
}

impl<V, const MOST: usize> Default for ByName<V, MOST> {
    fn default() -> Self {
        Self {
            named: BTreeMap::new(),
            rest: None,
        }
    }
}

impl<V: Add, const MOST: usize> ByName<V, MOST> {
    pub(crate) fn add(&mut self, name: &str, value: &V) {
        let name = cut(name);
        if let Some(found) = self.named.get_mut(name) {
            return found.add(value);
        }
        // Once full, the last name kept is the bound that all later names are measured by.
        self.named.insert(name.to_owned(), *value);
        if self.named.len() > MOST
            && let Some((_, last)) = self.named.pop_last()
        {
            self.add_rest(&last);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (name, value) in &other.named {
            self.add(name, value);
        }
        if let Some(rest) = &other.rest {
            self.add_rest(rest);
        }
    }

    fn add_rest(&mut self, value: &V) {
        match &mut self.rest {
            Some(rest) => rest.add(value),
            None => self.rest = Some(*value),
        }
    }
}

/// Counts of the categories that weigh most: exact while there are at most `MOST`, approximate beyond.
///
/// Beyond the bound the lightest is dropped whenever a new one comes, so that what is kept then depends on the order of
/// events and on merging; `dropped` says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TopCategories {
    pub(crate) named: BTreeMap<String, Category>,
    pub(crate) dropped: bool,
}

impl TopCategories {
    /// Most categories kept.
    pub(crate) const MOST: usize = 24;

    pub(crate) fn add(&mut self, path: &str, value: &Category) {
        let name = cut(path.split('/').next().unwrap_or_default().trim());
        if name.is_empty() {
            return;
        }
        match self.named.get_mut(name) {
            Some(found) => found.add(value),
            None => {
                self.named.insert(name.to_owned(), *value);
                self.limit();
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.dropped |= other.dropped;
        for (name, value) in &other.named {
            match self.named.get_mut(name) {
                Some(found) => found.add(value),
                None => {
                    self.named.insert(name.clone(), *value);
                }
            }
        }
        self.limit();
    }

    fn limit(&mut self) {
        while self.named.len() > Self::MOST {
            let lightest = self
                .named
                .iter()
                .min_by_key(|(_, it)| (it.lines, it.views, it.last_day))
                .map(|it| it.0.clone());
            if let Some(name) = lightest {
                self.named.remove(&name);
            }
            self.dropped = true;
        }
    }
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(count: u64) -> Channel {
        Channel {
            sent: count,
            opened: 0,
            clicked: 0,
            purchases: 0,
            last_day: 0,
        }
    }

    #[test]
    fn names_beyond_the_bound_are_summed_in_one() {
        let mut tally = ByName::<Channel, 2>::default();
        for name in ["sms", "email", "push", "email", "display"] {
            tally.add(name, &sent(1));
        }
        assert_eq!(tally.named.keys().collect::<Vec<_>>(), ["display", "email"]);
        assert_eq!(tally.named["email"], sent(2));
        assert_eq!(tally.rest, Some(sent(2)));
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(cut(&"é".repeat(40)).len(), NAME_BYTES_MAX);
    }
}
