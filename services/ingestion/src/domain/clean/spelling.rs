//! Treats rare words that resemble frequent ones.

use super::super::baseline::FieldBaseline;
use super::super::contract::{Contract, Spelling};
use super::super::record::Record;
use super::{Finding, mend};

/// Most frequent words that a rare one is compared with.
const COMPARED_MAX: usize = 1000;
/// Longest word that is compared, in characters.
const CHARACTERS_MAX: usize = 256;

/// Checks one word.
pub(super) fn check(
    contract: &Contract,
    index: usize,
    rule: &Spelling,
    field: &FieldBaseline,
    record: &mut Record<'_>,
) {
    let Some(word) = record.cells[index].text() else {
        return;
    };
    let Some(proper) = proper(word, rule, field).map(str::to_owned) else {
        return;
    };
    let finding = Finding {
        method: "spelling",
        reason: "MISSPELT",
        problem: "is rare and resembles a frequent value",
    };
    mend(
        contract,
        index,
        (rule.action, Some(&proper)),
        &finding,
        record,
    );
}

/// Returns the frequent word that a rare one resembles most: the fewest edits away, then the most frequent.
fn proper<'a>(word: &str, rule: &Spelling, field: &'a FieldBaseline) -> Option<&'a str> {
    let needed = field.count(word).max(1).saturating_mul(rule.ratio);
    let letters: Vec<char> = word.chars().take(CHARACTERS_MAX + 1).collect();
    if letters.len() > CHARACTERS_MAX {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    // Most frequent first: the first of several that are equally near is the most frequent.
    for (known, count) in field.words.iter().take(COMPARED_MAX) {
        if *count < needed {
            break;
        }
        let other: Vec<char> = known.chars().collect();
        let most = rule.edits(letters.len().max(other.len()));
        let most = best.map_or(most, |(edits, _)| most.min(edits.saturating_sub(1)));
        if let Some(edits) = edits(&letters, &other, most).filter(|edits| *edits > 0) {
            best = Some((edits, known));
        }
    }
    best.map(|(_, known)| known)
}

/// Returns the edits between two words (Levenshtein 1965), `None` above `most`. Looks only where that can still be.
fn edits(left: &[char], right: &[char], most: usize) -> Option<usize> {
    if left.len().abs_diff(right.len()) > most {
        return None;
    }
    const FAR: usize = usize::MAX / 2;
    let mut above: Vec<usize> = (0..=right.len())
        .map(|at| if at <= most { at } else { FAR })
        .collect();
    for (row, one) in left.iter().enumerate() {
        let (from, to) = (row.saturating_sub(most), (row + most + 1).min(right.len()));
        let mut line = vec![FAR; right.len() + 1];
        if row < most {
            line[0] = row + 1;
        }
        for at in from..to {
            let exchanged = above[at] + usize::from(*one != right[at]);
            line[at + 1] = exchanged.min(above[at + 1] + 1).min(line[at] + 1);
        }
        if line.iter().all(|edits| *edits > most) {
            return None;
        }
        above = line;
    }
    above.last().copied().filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(left: &[char], right: &[char]) -> usize {
        let mut above: Vec<usize> = (0..=right.len()).collect();
        for (row, one) in left.iter().enumerate() {
            let mut line = vec![row + 1];
            for (at, other) in right.iter().enumerate() {
                let exchanged = above[at] + usize::from(one != other);
                line.push(exchanged.min(above[at + 1] + 1).min(line[at] + 1));
            }
            above = line;
        }
        above[right.len()]
    }

    proptest! {
        #[test]
        fn few_edits_are_counted_and_many_are_not(left in "[abc]{0,9}", right in "[abc]{0,9}", most in 0usize..6) {
            let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
            let all = plain(&left, &right);
            prop_assert_eq!(edits(&left, &right, most), (all <= most).then_some(all));
        }
    }
}
