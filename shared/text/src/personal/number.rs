//! Identity numbers, bank cards and telephone numbers: digits in groups.

use std::cell::OnceCell;
use std::ops::Range;

use super::context::{self, Said};
use super::{Finding, Kind, phone};

/// Most groups of one number.
const GROUPS_MAX: usize = 7;

/// Digits without anything between them.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Bytes of the text.
    pub(super) place: Range<usize>,
    /// Whether it stands so near to the group before that both may be of one number.
    joined: bool,
}

/// Neighbouring groups that may be one number.
pub(super) struct Candidate<'t> {
    pub(super) text: &'t str,
    pub(super) groups: &'t [Group],
    /// All digits, and a final `X` of an identity number.
    pub(super) digits: &'t [u8],
    said: &'t OnceCell<Said>,
}

impl Candidate<'_> {
    /// Returns what the words before say that it is.
    pub(super) fn said(&self) -> Said {
        *self.said.get_or_init(|| context::said(self.before()))
    }

    /// Returns the lengths of the groups.
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.place.len()).collect()
    }

    /// Returns what stands between a group and the next.
    pub(super) fn between(&self, index: usize) -> &str {
        &self.text[self.groups[index].place.end..self.groups[index + 1].place.start]
    }

    /// Returns whether only these characters stand between the groups.
    pub(super) fn separated_by(&self, allowed: &[char]) -> bool {
        (0..self.groups.len() - 1).all(|at| self.between(at).chars().all(|c| allowed.contains(&c)))
    }

    /// Returns what stands before it.
    pub(super) fn before(&self) -> &str {
        &self.text[..self.groups[0].place.start]
    }

    /// Returns what stands after its last digit.
    pub(super) fn after(&self) -> &str {
        &self.text[self.groups[self.groups.len() - 1].place.end..]
    }
}

/// Adds the numbers of a text.
pub(super) fn find(text: &str, found: &mut Vec<Finding>) {
    let groups = groups(text);
    let mut at = 0;
    while at < groups.len() {
        match longest(text, &groups[at..]) {
            Some((count, kind, place)) => {
                found.push(Finding { kind, place });
                at += count;
            }
            None => at += 1,
        }
    }
}

/// Returns the longest number that begins with the first of the groups: how many groups it has, its kind and its place.
fn longest(text: &str, groups: &[Group]) -> Option<(usize, Kind, Range<usize>)> {
    let near = &groups[1..groups.len().min(GROUPS_MAX)];
    let most = 1 + near.iter().take_while(|group| group.joined).count();
    let digits: usize = groups[..most].iter().map(|it| it.place.len()).sum();
    let start = groups[0].place.start;
    if digits < 7 || !may_begin(&text[..start]) {
        return None;
    }
    let said = OnceCell::new();
    for count in (1..=most).rev() {
        let (groups, end) = (&groups[..count], groups[count - 1].place.end);
        if !may_end(&text[end..]) {
            continue;
        }
        let mut digits: Vec<u8> = groups
            .iter()
            .flat_map(|group| text[group.place.clone()].bytes())
            .collect();
        let check = text[end..].starts_with(['X', 'x']);
        if check {
            digits.push(b'X');
        }
        let candidate = Candidate {
            text,
            groups,
            digits: &digits,
            said: &said,
        };
        if let Some((kind, before, after)) = kind_of(&candidate, check) {
            let end = end + usize::from(check) + after;
            return Some((count, kind, start - before..end));
        }
    }
    None
}

/// Returns what a candidate is, and how many bytes before and after belong to it.
fn kind_of(it: &Candidate<'_>, check: bool) -> Option<(Kind, usize, usize)> {
    let grouped = it.separated_by(&[' ', '-']);
    let old = it.digits.len() == 15;
    if grouped && is_id_number(it.digits) {
        // Fifteen digits have no check digit, so they must stand together.
        let plausible = it.groups.len() == 1 && it.said() != Said::Other && !is_card(it.digits);
        if !old || plausible {
            return Some((Kind::IdNumber, 0, 0));
        }
    }
    if check {
        return None;
    }
    if grouped && card_groups(it) && is_card(it.digits) && it.said() != Said::Other {
        return Some((Kind::Card, 0, 0)).filter(|_| !context::is_counted(it.after()));
    }
    let (before, after) = phone::extent(it)?;
    (!context::is_counted(it.after())).then_some((Kind::Phone, before, after))
}

/// Returns the groups of digits of a text.
fn groups(text: &str) -> Vec<Group> {
    const BETWEEN: &[&str] = &[
        " ", "-", ".", "/", " (", "(", ") ", ")", ")-", " - ", "-(", " (0) ", ". ",
    ];
    let bytes = text.as_bytes();
    let mut groups: Vec<Group> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
        let joined = groups
            .last()
            .is_some_and(|last| BETWEEN.contains(&&text[last.place.end..start]));
        groups.push(Group {
            place: start..at,
            joined,
        });
    }
    groups
}

/// Returns whether a number may begin after this.
fn may_begin(before: &str) -> bool {
    let mut last = before.chars().rev();
    match last.next() {
        None => true,
        Some('.' | ',') => !last.next().is_some_and(|c| c.is_ascii_digit()),
        Some('$' | '€' | '£' | '¥' | '_' | '#' | '=') => false,
        Some('-' | '/') => !last.next().is_some_and(|c| c.is_ascii_alphanumeric()),
        Some(c) if c.is_ascii_alphabetic() => {
            // `tel13812345678` is one, `SKU13812345678` is none.
            let word = before
                .rsplit(|c: char| !c.is_ascii_alphabetic())
                .next()
                .unwrap_or_default();
            ["tel", "phone", "mobile", "cell", "call", "fax", "mob"]
                .iter()
                .any(|it| it.eq_ignore_ascii_case(word))
        }
        Some(_) => true,
    }
}

/// Returns whether a number may end before this.
fn may_end(after: &str) -> bool {
    let mut next = after.chars();
    match next.next() {
        None => true,
        Some('X' | 'x') => !next.next().is_some_and(|c| c.is_ascii_alphanumeric()),
        Some('.' | ',') => !next.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !(c.is_ascii_alphanumeric() || c == '_'),
    }
}

/// Returns whether cards are grouped so: all together, in fours, 4-6-5, 4-6-4 or 6-13.
fn card_groups(it: &Candidate<'_>) -> bool {
    match it.lengths().as_slice() {
        [_] | [4, 6, 5] | [4, 6, 4] | [6, 13] => true,
        [first @ .., last] => first.iter().all(|length| *length == 4) && *last <= 4,
        [] => false,
    }
}

/// Returns whether these are the digits of a Chinese resident identity number: 18 with check digit (GB 11643), or 15; of a province
/// that there is, and a day of birth that there was.
pub fn is_id_number(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let known = |province: u32| matches!(province, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    match digits {
        [body @ .., check] if digits.len() == 18 && body.iter().all(u8::is_ascii_digit) => {
            let sum: u32 = WEIGHTS
                .iter()
                .zip(body)
                .map(|(weight, byte)| weight * u32::from(byte - b'0'))
                .sum();
            known(number(&body[..2]))
                && b"10X98765432"[(sum % 11) as usize] == check.to_ascii_uppercase()
                && is_day(
                    number(&body[6..10]),
                    number(&body[10..12]),
                    number(&body[12..14]),
                )
        }
        _ if digits.len() == 15 && digits.iter().all(u8::is_ascii_digit) => {
            known(number(&digits[..2]))
                && number(&digits[2..6]) > 0
                && is_day(
                    1900 + number(&digits[6..8]),
                    number(&digits[8..10]),
                    number(&digits[10..12]),
                )
        }
        _ => false,
    }
}

/// Returns the value of at most nine digits.
fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'))
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    (1900..=2099).contains(&year) && (1..=days).contains(&day)
}

/// Returns whether these are the digits of a bank card: a known issuer's prefix and length, and Luhn's check digit.
pub fn is_card(digits: &[u8]) -> bool {
    if !(13..=19).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let (two, three, four) = (
        number(&digits[..2]),
        number(&digits[..3]),
        number(&digits[..4]),
    );
    let visa = two / 10 == 4;
    let chinese = two == 62 || three == 955 || three == 603;
    let issued = match digits.len() {
        13 => visa,
        14 => matches!(two, 30 | 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            visa || chinese
                || matches!(two, 35 | 51..=55 | 65 | 81)
                || matches!(three, 644..=649)
                || matches!(four, 2221..=2720 | 6011)
        }
        19 => visa || chinese,
        _ => chinese,
    };
    let luhn: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0') * (1 + at as u32 % 2);
            digit / 10 + digit % 10
        })
        .sum();
    issued && luhn.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_identity_numbers() {
        for good in [
            "11010519491231002X",
            "11010519491231002x",
            "110105491231002",
        ] {
            assert!(is_id_number(good.as_bytes()), "{good}");
        }
        for wrong in [
            "110105194912310021",
            "99010519491231002X",
            "11010519490230002X",
            // Born in 1880.
            "440524188001010014",
            "1101051949123100X",
            "110105491331002",
        ] {
            assert!(!is_id_number(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn checks_cards() {
        for good in [
            "4111111111111111",
            "5555555555554444",
            "378282246310005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
        ] {
            assert!(is_card(good.as_bytes()), "{good}");
        }
        for wrong in [
            "4111111111111112",
            "1234567812345670",
            "0000000000000000",
            "411111111111111",
        ] {
            assert!(!is_card(wrong.as_bytes()), "{wrong}");
        }
    }
}
