//! Partial masks: enough left to recognise a value that one knows, too little to learn it.

/// How much of a value stays readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialRule {
    /// By what the value looks like: an e-mail address keeps its first letter and its domain, a number of eleven digits or
    /// more its first three and last four (`138****5678`), one of seven or more fewer, other texts their first character.
    Aware,
    /// So many characters at the beginning and at the end.
    Keep {
        /// Characters kept at the beginning.
        first: usize,
        /// Characters kept at the end.
        last: usize,
    },
}

/// Hides a value behind asterisks but for what the rule keeps.
///
/// Numbers of eleven digits or more hide at least four of them, as is the custom for telephone numbers; of everything else
/// at least half is hidden whatever the rule says, and a value of one or two characters wholly.
pub fn partial(rule: PartialRule, value: &str) -> String {
    match rule {
        PartialRule::Keep { first, last } => keep(value, first, last),
        PartialRule::Aware => match value.rsplit_once('@') {
            Some((local, domain)) if !local.is_empty() && domain.contains('.') => {
                let initial: String = match local.chars().count() {
                    1 => String::new(),
                    _ => local.chars().take(1).collect(),
                };
                format!("{initial}***@{domain}")
            }
            _ => match value.chars().filter(|c| is_digit(*c)).count() {
                digits if digits >= 7 => digits_of(value, digits),
                _ => keep(value, 1, 0),
            },
        },
    }
}

/// Keeps characters at both ends.
fn keep(value: &str, first: usize, last: usize) -> String {
    let count = value.chars().count();
    let (first, last) = bounded(count, first, last);
    let hide = |(at, c): (usize, char)| match at < first || at >= count - last {
        true => c,
        false => '*',
    };
    value.chars().enumerate().map(hide).collect()
}

/// Keeps the first and last digits; what is not a digit separates and stays, unless it is a letter.
fn digits_of(value: &str, count: usize) -> String {
    let (first, last) = match count {
        11.. => (3, 4),
        _ => bounded(count, 3, 4),
    };
    let mut seen = 0;
    let mut hide = |c: char| {
        if is_digit(c) {
            seen += 1;
            match seen <= first || seen > count - last {
                true => c,
                false => '*',
            }
        } else if c.is_alphanumeric() {
            '*'
        } else {
            c
        }
    };
    value.chars().map(&mut hide).collect()
}

/// Returns how many characters stay, so that at least half of all are hidden.
fn bounded(count: usize, first: usize, last: usize) -> (usize, usize) {
    let most = if count <= 2 { 0 } else { count / 2 };
    if first + last <= most {
        (first, last)
    } else {
        // What people compare first is the end of a number and the beginning of a word; both shrink alike.
        let first = first.min(most / 2);
        (first, last.min(most - first))
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || ('０'..='９').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_addresses_and_numbers() {
        for (value, masked) in [
            ("ann.lee@example.com", "a***@example.com"),
            ("a@example.com", "***@example.com"),
            ("13812345678", "138****5678"),
            ("+86 138-1234-5678", "+86 1**-****-5678"),
            ("6222 0212 3456 7894", "622* **** **** 7894"),
            ("555-0199", "5**-**99"),
            ("李雷", "**"),
            ("欧阳娜娜", "欧***"),
            ("Ann", "A**"),
            ("", ""),
        ] {
            assert_eq!(partial(PartialRule::Aware, value), masked);
        }
    }

    #[test]
    fn keeps_what_it_is_told_to() {
        let rule = PartialRule::Keep { first: 2, last: 2 };
        assert_eq!(partial(rule, "AB123456"), "AB****56");
        assert_eq!(partial(rule, "AB1"), "**1");
        assert_eq!(partial(rule, "AB"), "**");
    }

    proptest! {
        #[test]
        fn hides_at_least_half(value in "[\\PC]{0,40}", first in 0usize..50, last in 0usize..50) {
            let masked = partial(PartialRule::Keep { first, last }, &value);
            prop_assert_eq!(masked.chars().count(), value.chars().count());
            let shown = masked.chars().zip(value.chars()).filter(|(left, _)| *left != '*').count();
            prop_assert!(shown * 2 <= value.chars().count());
        }
    }
}
