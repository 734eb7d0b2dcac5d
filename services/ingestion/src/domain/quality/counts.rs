//! Counts of a day: whole numbers that add up in any order, and that can be taken back.

use std::collections::BTreeMap;

/// Most fields of events without a contract that are told apart.
pub const FIELDS_MAX: usize = 64;
/// Most kinds of reasons, of changes to a field and of event types that are told apart.
pub const KINDS_MAX: usize = 64;

/// Checks made and checks passed.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Tally {
    /// Checks that passed.
    #[prost(int64, tag = "1")]
    pub good: i64,
    /// Checks made.
    #[prost(int64, tag = "2")]
    pub checked: i64,
}

impl Tally {
    /// Counts a check.
    pub fn check(&mut self, good: bool) {
        self.checked += 1;
        self.good += i64::from(good);
    }

    /// Adds another tally `times` times; -1 takes it back.
    pub fn add(&mut self, other: Self, times: i64) {
        self.good += other.good * times;
        self.checked += other.checked * times;
    }

    /// Returns the share of checks that passed; `None` when nothing was checked.
    pub fn share(&self) -> Option<f64> {
        (self.checked > 0).then(|| self.good as f64 / self.checked as f64)
    }
}

/// Counts of the records of a day.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DayCounts {
    /// Records accepted or quarantined, each once.
    #[prost(int64, tag = "1")]
    pub records: i64,
    /// Records, and of these those whose key was not there with other content, and that no other record came near to.
    #[prost(message, required, tag = "3")]
    pub keys: Tally,
    /// Records that came in time, where there is a target.
    #[prost(message, required, tag = "4")]
    pub timely: Tally,
    /// Fields by name.
    #[prost(btree_map = "string, message", tag = "5")]
    pub fields: BTreeMap<String, FieldCounts>,
    /// Records by `REASON|field` for which they were quarantined.
    #[prost(btree_map = "string, int64", tag = "6")]
    pub reasons: BTreeMap<String, i64>,
    /// Records by event type, for sources without columns.
    #[prost(btree_map = "string, int64", tag = "7")]
    pub types: BTreeMap<String, i64>,
    /// Values of fields that are not told apart, because there are too many fields.
    #[prost(int64, tag = "8")]
    pub untold: i64,
}

/// Counts of a field.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FieldCounts {
    /// Records that have the field by their contract; 0 for fields of events that any record may lack.
    #[prost(int64, tag = "1")]
    pub records: i64,
    /// Records that have a value.
    #[prost(int64, tag = "2")]
    pub present: i64,
    /// Values that are there where they are expected.
    #[prost(message, required, tag = "3")]
    pub complete: Tally,
    /// Values that are what they can be.
    #[prost(message, required, tag = "4")]
    pub accurate: Tally,
    /// Values that agree with other fields, where the contract says how.
    #[prost(message, required, tag = "5")]
    pub consistent: Tally,
    /// Values changed by standardising, by what was done.
    #[prost(btree_map = "string, int64", tag = "6")]
    pub standardised: BTreeMap<String, i64>,
    /// Values changed by cleaning, by `action:method`.
    #[prost(btree_map = "string, int64", tag = "7")]
    pub cleaned: BTreeMap<String, i64>,
    /// Outliers by method.
    #[prost(btree_map = "string, int64", tag = "8")]
    pub outliers: BTreeMap<String, i64>,
    /// Records that have a value, by event type, for sources without columns.
    #[prost(btree_map = "string, int64", tag = "9")]
    pub by_type: BTreeMap<String, i64>,
}

impl FieldCounts {
    /// Adds other counts `times` times; -1 takes them back.
    pub fn add(&mut self, other: &Self, times: i64) {
        self.records += other.records * times;
        self.present += other.present * times;
        self.complete.add(other.complete, times);
        self.accurate.add(other.accurate, times);
        self.consistent.add(other.consistent, times);
        add_all(&mut self.standardised, &other.standardised, times);
        add_all(&mut self.cleaned, &other.cleaned, times);
        add_all(&mut self.outliers, &other.outliers, times);
        add_all(&mut self.by_type, &other.by_type, times);
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl DayCounts {
    /// Adds other counts `times` times; -1 takes them back. What comes to nothing leaves no trace, so that counts that were
    /// taken back equal counts that never were. Returns the fields that are left out now.
    pub fn add(&mut self, other: &Self, times: i64) -> Vec<String> {
        self.records += other.records * times;
        self.keys.add(other.keys, times);
        self.timely.add(other.timely, times);
        for (name, field) in &other.fields {
            if !self.fields.contains_key(name) {
                self.fields.insert(name.clone(), FieldCounts::default());
            }
            if let Some(mine) = self.fields.get_mut(name) {
                mine.add(field, times);
            }
        }
        self.fields.retain(|_, field| !field.is_empty());
        add_all(&mut self.reasons, &other.reasons, times);
        add_all(&mut self.types, &other.types, times);
        self.untold += other.untold * times;
        self.bound()
    }

    /// Leaves out fields of events beyond the bound: those last in the alphabet, so that what is left does not depend on the
    /// order in which they came. Returns their names.
    pub fn bound(&mut self) -> Vec<String> {
        let mut left_out = Vec::new();
        let is_open = |field: &FieldCounts| field.records == 0 && !field.by_type.is_empty();
        let mut open = self.fields.values().filter(|it| is_open(it)).count();
        while open > FIELDS_MAX {
            let last = self.fields.iter().rev().find(|(_, it)| is_open(it));
            let Some(name) = last.map(|(name, _)| name.clone()) else {
                break;
            };
            if let Some(field) = self.fields.remove(&name) {
                self.untold += field.present;
            }
            left_out.push(name);
            open -= 1;
        }
        left_out
    }

    /// Returns the tally of a dimension over all fields.
    pub fn tally(&self, dimension: Dimension) -> Tally {
        let over_fields = |of: fn(&FieldCounts) -> Tally| {
            let mut sum = Tally::default();
            self.fields.values().for_each(|field| sum.add(of(field), 1));
            sum
        };
        match dimension {
            Dimension::Completeness => over_fields(|field| field.complete),
            Dimension::Accuracy => over_fields(|field| field.accurate),
            Dimension::Consistency => {
                let mut sum = over_fields(|field| field.consistent);
                sum.add(self.keys, 1);
                sum
            }
            Dimension::Timeliness => self.timely,
        }
    }

    /// Returns how many records could have had a value of a field.
    pub fn records_of(&self, field: &FieldCounts) -> i64 {
        if field.records > 0 {
            return field.records;
        }
        let types = field.by_type.keys();
        let could: i64 = types.filter_map(|kind| self.types.get(kind)).sum();
        could.max(field.present)
    }
}

/// One of the four dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Values are there where they are expected.
    Completeness,
    /// Values are what they can be.
    Accuracy,
    /// Values agree with each other and with earlier ones.
    Consistency,
    /// Values came in time.
    Timeliness,
}

impl Dimension {
    /// All four, in their usual order.
    pub const ALL: [Self; 4] = [
        Self::Completeness,
        Self::Accuracy,
        Self::Consistency,
        Self::Timeliness,
    ];

    /// Returns the name that contracts, alerts and formulas use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Accuracy => "accuracy",
            Self::Consistency => "consistency",
            Self::Timeliness => "timeliness",
        }
    }

    /// Returns the dimension that a violation speaks of.
    pub fn of_reason(reason: &str) -> Self {
        let consistency = reason.starts_with("RULE_")
            || reason.starts_with("DEPENDENCY_")
            || reason.ends_with("CONFLICT")
            || reason.contains("DUPLICATE");
        match reason {
            _ if reason.starts_with("MISSING_") => Self::Completeness,
            _ if consistency => Self::Consistency,
            _ => Self::Accuracy,
        }
    }
}

/// Adds counts by kind; beyond the bound those last in the alphabet are left out.
fn add_all(mine: &mut BTreeMap<String, i64>, other: &BTreeMap<String, i64>, times: i64) {
    for (kind, count) in other {
        match mine.get_mut(kind) {
            Some(mine) => *mine += count * times,
            None => {
                mine.insert(kind.clone(), count * times);
            }
        }
    }
    if !other.is_empty() {
        mine.retain(|_, count| *count != 0);
        while mine.len() > KINDS_MAX {
            mine.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(field: &str, good: bool) -> DayCounts {
        let mut day = DayCounts {
            records: 1,
            ..DayCounts::default()
        };
        let mut counts = FieldCounts {
            records: 1,
            present: 1,
            ..FieldCounts::default()
        };
        counts.accurate.check(good);
        counts.standardised.insert("phone".into(), 1);
        day.fields.insert(field.into(), counts);
        day.reasons.insert(format!("WRONG|{field}"), 1);
        day
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace() {
        let mut sum = day("a", true);
        let before = sum.clone();
        sum.add(&day("b", false), 1);
        assert_eq!(
            sum.tally(Dimension::Accuracy),
            Tally {
                good: 1,
                checked: 2
            }
        );
        sum.add(&day("b", false), -1);
        assert_eq!(sum, before);
    }

    #[test]
    fn too_many_fields_are_left_out_in_any_order() {
        let open = |number: usize| {
            let mut day = DayCounts::default();
            let mut field = FieldCounts {
                present: 1,
                ..FieldCounts::default()
            };
            field.by_type.insert("Page Viewed".into(), 1);
            day.fields.insert(format!("properties.{number:03}"), field);
            day
        };
        let (mut up, mut down) = (DayCounts::default(), DayCounts::default());
        for number in 0..100 {
            up.add(&open(number), 1);
            down.add(&open(99 - number), 1);
        }
        assert_eq!(up, down);
        assert_eq!((up.fields.len(), up.untold), (FIELDS_MAX, 36));
    }

    #[test]
    fn reasons_have_their_dimension() {
        for (reason, dimension) in [
            ("MISSING_VALUE", Dimension::Completeness),
            ("INVALID_NUMBER", Dimension::Accuracy),
            ("OUTLIER", Dimension::Accuracy),
            ("RULE_BROKEN", Dimension::Consistency),
            ("NEAR_DUPLICATE", Dimension::Consistency),
            ("DEPENDENCY_VIOLATED", Dimension::Consistency),
        ] {
            assert_eq!(Dimension::of_reason(reason), dimension, "{reason}");
        }
    }
}
