//! Named groups: which box of scores carries which name.

use std::collections::HashSet;

use super::rfm::Scores;

/// Ranges of the recency, frequency and monetary scores, both ends included.
pub type Ranges = [(i32, i32); 3];

/// One named group. Of several that cover a customer's scores the first wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Segment id, 1 to 40 characters of `[a-z0-9-]`.
    pub segment_id: String,
    /// Name for people.
    pub display_name: String,
    /// Scores it covers, both ends included: recency, frequency, monetary.
    pub ranges: Ranges,
}

/// One thing that is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Path of the field, for example `groups[2].segment_id`.
    pub field: String,
    /// Stable reason.
    pub reason: &'static str,
    /// What is wrong, for a person.
    pub text: String,
}

/// A table that covers every score.
#[derive(Debug, Clone)]
pub struct GroupTable {
    groups: Vec<Group>,
    /// Index of the group of each of the 125 scores.
    cells: Vec<usize>,
}

const DISPLAY_NAME_CHARS_MAX: usize = 100;

/// The built-in table: id, name, and the ranges of recency, frequency and monetary scores.
///
/// Frequency scores 1 and 2 stand together, because where most customers bought once these have score 2 or 3 and nobody
/// has 1.
const BUILT_IN: [(&str, &str, Ranges); 11] = [
    ("champions", "Champions", [(4, 5), (4, 5), (4, 5)]),
    ("cannot-lose", "Cannot lose them", [(1, 2), (4, 5), (4, 5)]),
    ("loyal", "Loyal customers", [(3, 5), (4, 5), (1, 5)]),
    (
        "potential-loyalist",
        "Potential loyalists",
        [(4, 5), (3, 3), (1, 5)],
    ),
    ("new", "New customers", [(5, 5), (1, 2), (1, 5)]),
    ("promising", "Promising", [(4, 4), (1, 2), (1, 5)]),
    ("need-attention", "Need attention", [(3, 3), (3, 3), (1, 5)]),
    ("about-to-sleep", "About to sleep", [(3, 3), (1, 2), (1, 5)]),
    ("at-risk", "At risk", [(1, 2), (3, 5), (1, 5)]),
    ("hibernating", "Hibernating", [(2, 2), (1, 2), (1, 5)]),
    ("lost", "Lost", [(1, 1), (1, 2), (1, 5)]),
];

/// Returns the built-in groups.
pub fn built_in() -> Vec<Group> {
    let group = |&(id, name, ranges): &(&str, &str, Ranges)| Group {
        segment_id: id.to_owned(),
        display_name: name.to_owned(),
        ranges,
    };
    BUILT_IN.iter().map(group).collect()
}

impl GroupTable {
    /// Checks a table and indexes it.
    ///
    /// # Errors
    /// Returns every mistake: bad ids, names and ranges, ids named twice, and each score that no group covers.
    pub fn new(groups: Vec<Group>) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut ids = HashSet::new();
        for (i, group) in groups.iter().enumerate() {
            check(group, &format!("groups[{i}]"), &mut mistakes);
            if !ids.insert(group.segment_id.as_str()) {
                let text = format!("`{}` is named twice", group.segment_id);
                mistakes.push(mistake(
                    format!("groups[{i}].segment_id"),
                    "DUPLICATE",
                    text,
                ));
            }
        }
        let mut cells = Vec::with_capacity(125);
        for (r, f, m) in all_scores() {
            let covers = |group: &Group| {
                let within = |(low, high): (i32, i32), score: i32| low <= score && score <= high;
                within(group.ranges[0], r)
                    && within(group.ranges[1], f)
                    && within(group.ranges[2], m)
            };
            match groups.iter().position(covers) {
                Some(group) => cells.push(group),
                None => {
                    let text = format!("no group covers recency {r}, frequency {f}, monetary {m}");
                    mistakes.push(mistake("groups".to_owned(), "NOT_COVERED", text));
                }
            }
        }
        if mistakes.is_empty() {
            Ok(Self { groups, cells })
        } else {
            Err(mistakes)
        }
    }

    /// Returns the groups in their order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the index of the group that a customer with these scores is in.
    pub fn group_of(&self, scores: Scores) -> usize {
        let digit = |score: u8| usize::from(score.clamp(1, 5)) - 1;
        self.cells
            [(digit(scores.recency) * 5 + digit(scores.frequency)) * 5 + digit(scores.monetary)]
    }
}

fn all_scores() -> impl Iterator<Item = (i32, i32, i32)> {
    (0..125).map(|i| (i / 25 + 1, i / 5 % 5 + 1, i % 5 + 1))
}

fn mistake(field: String, reason: &'static str, text: String) -> Mistake {
    Mistake {
        field,
        reason,
        text,
    }
}

/// Returns whether `id` is 1 to 40 characters of `[a-z0-9-]`.
pub fn is_segment_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&id.len()) && id.bytes().all(allowed)
}

fn check(group: &Group, field: &str, mistakes: &mut Vec<Mistake>) {
    if !is_segment_id(&group.segment_id) {
        let text = format!(
            "must be 1 to 40 characters of [a-z0-9-], is `{}`",
            group.segment_id
        );
        mistakes.push(mistake(
            format!("{field}.segment_id"),
            "INVALID_FORMAT",
            text,
        ));
    }
    if group.display_name.chars().count() > DISPLAY_NAME_CHARS_MAX {
        let text = format!("must be at most {DISPLAY_NAME_CHARS_MAX} characters");
        mistakes.push(mistake(format!("{field}.display_name"), "TOO_LONG", text));
    }
    for ((low, high), name) in group
        .ranges
        .into_iter()
        .zip(["recency", "frequency", "monetary"])
    {
        for (value, end) in [(low, "min"), (high, "max")] {
            if !(1..=5).contains(&value) {
                let text = format!("must be from 1 to 5, is {value}");
                mistakes.push(mistake(
                    format!("{field}.{name}_{end}"),
                    "OUT_OF_RANGE",
                    text,
                ));
            }
        }
        if low > high {
            let text = format!("must not be below the minimum {low}, is {high}");
            mistakes.push(mistake(format!("{field}.{name}_max"), "CROSSED", text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_covers_all_scores_and_uses_every_group() {
        let table = GroupTable::new(built_in()).unwrap();
        let used: HashSet<usize> = table.cells.iter().copied().collect();
        assert_eq!((table.cells.len(), used.len()), (125, 11));
        let name = |recency, frequency, monetary| {
            table.groups()[table.group_of(Scores {
                recency,
                frequency,
                monetary,
            })]
            .segment_id
            .clone()
        };
        assert_eq!(name(5, 5, 5), "champions");
        assert_eq!(name(5, 5, 2), "loyal");
        assert_eq!(name(1, 5, 5), "cannot-lose");
        assert_eq!(name(1, 5, 1), "at-risk");
        assert_eq!(name(5, 2, 3), "new");
        assert_eq!(name(1, 1, 1), "lost");
    }

    #[test]
    fn every_hole_is_listed() {
        let mut groups = built_in();
        groups.retain(|group| group.segment_id != "lost");
        let mistakes = GroupTable::new(groups).unwrap_err();
        assert_eq!(mistakes.len(), 10);
        assert!(
            mistakes
                .iter()
                .all(|mistake| mistake.reason == "NOT_COVERED")
        );
        assert_eq!(
            mistakes[0].text,
            "no group covers recency 1, frequency 1, monetary 1"
        );
    }

    #[test]
    fn every_mistake_is_listed() {
        let mut groups = built_in();
        groups.push(groups[0].clone());
        groups.push(Group {
            segment_id: "No Good".into(),
            display_name: "x".repeat(101),
            ranges: [(0, 6), (4, 2), (1, 1)],
        });
        let mistakes = GroupTable::new(groups).unwrap_err();
        let found: Vec<_> = mistakes
            .iter()
            .map(|mistake| (mistake.field.as_str(), mistake.reason))
            .collect();
        let expected = [
            ("groups[11].segment_id", "DUPLICATE"),
            ("groups[12].segment_id", "INVALID_FORMAT"),
            ("groups[12].display_name", "TOO_LONG"),
            ("groups[12].recency_min", "OUT_OF_RANGE"),
            ("groups[12].recency_max", "OUT_OF_RANGE"),
            ("groups[12].frequency_max", "CROSSED"),
        ];
        assert_eq!(found, expected);
    }
}
