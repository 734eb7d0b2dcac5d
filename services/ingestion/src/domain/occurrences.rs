//! How often each content came before in a file.

use std::collections::HashMap;
use std::fmt;

use super::keys::Hash;

/// Counts that do not fit in memory any more.
pub trait Past: Send {
    /// Returns how often a content came, 0 when it never did.
    fn count_of(&mut self, content: &Hash) -> u32;
    /// Keeps counts, in the order of their contents; a content that is kept already has the higher count from now on.
    fn keep(&mut self, counts: &[(Hash, u32)]);
    /// Says why the counts are not to be relied on any more.
    fn fault(&self) -> Option<String>;
}

/// How often each content has been seen in a file, exactly.
///
/// In memory alone it grows by about 40 bytes for each distinct row; with a [`Past`] it stops growing at a bound.
#[derive(Default)]
pub struct Occurrences {
    recent: HashMap<Hash, u32>,
    distinct: usize,
    past: Option<(usize, Box<dyn Past>)>,
}

impl Occurrences {
    /// Holds at most `most` contents in memory and the rest in `past`.
    pub fn bounded(most: usize, past: Box<dyn Past>) -> Self {
        Self {
            past: Some((most.max(1), past)),
            ..Self::default()
        }
    }

    /// Counts one more row of this content and returns how many there are now.
    pub fn count(&mut self, content: Hash) -> u32 {
        if let Some(count) = self.recent.get_mut(&content) {
            *count = count.saturating_add(1);
            return *count;
        }
        let before = match &mut self.past {
            None => 0,
            Some((most, past)) => {
                if self.recent.len() >= *most {
                    let mut counts: Vec<(Hash, u32)> = self.recent.drain().collect();
                    counts.sort_unstable();
                    past.keep(&counts);
                }
                past.count_of(&content)
            }
        };
        self.distinct += usize::from(before == 0);
        let count = before.saturating_add(1);
        self.recent.insert(content, count);
        count
    }

    /// Returns how many distinct contents were seen.
    pub fn distinct(&self) -> usize {
        self.distinct
    }

    /// Says why the counts are not to be relied on any more.
    pub fn fault(&self) -> Option<String> {
        self.past.as_ref().and_then(|(_, past)| past.fault())
    }
}

impl fmt::Debug for Occurrences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occurrences")
            .field("distinct", &self.distinct)
            .finish_non_exhaustive()
    }
}
