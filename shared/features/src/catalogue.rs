//! The catalogue: every feature with its name, meaning, unit and owner. Code, documents and answers all come from it.

mod behaviour;
mod governance;
mod habits;
mod value;

use std::sync::LazyLock;

use crate::compute::{Answer, Facts};
use crate::state::Accumulator;

/// Version of the catalogue. Rises when a feature is added, removed or changes its meaning.
pub const CATALOGUE_VERSION: i32 = 2;

/// Type of a feature's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// A number.
    Number,
    /// A label.
    Text,
    /// Yes or no.
    Flag,
    /// A day.
    Time,
}

impl ValueType {
    /// Returns its name: `number`, `text`, `flag`, `time`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "text",
            Self::Flag => "flag",
            Self::Time => "time",
        }
    }
}

/// Class of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonalData {
    /// About no person.
    None,
    /// About a person who is named by an id only.
    Pseudonymous,
    /// Tells something intimate even without a name.
    Personal,
}

impl PersonalData {
    /// Returns its name: `none`, `pseudonymous`, `personal`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pseudonymous => "pseudonymous",
            Self::Personal => "personal",
        }
    }
}

/// What of the facts that cleaning may fill or change a feature is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeOf {
    /// None of them.
    Other,
    /// Values, quantities and prices of orders and refunds.
    Amounts,
    /// Ratings.
    Ratings,
    /// Answers to the recommendation question.
    Recommendations,
}

impl MadeOf {
    /// Returns its name: `amounts`, `ratings`, `recommendations`, or nothing.
    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "",
            Self::Amounts => "amounts",
            Self::Ratings => "ratings",
            Self::Recommendations => "recommendations",
        }
    }
}

/// Definition of one feature.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Name, lower snake case, never reused.
    pub name: &'static str,
    /// Family, for example `recency`.
    pub family: &'static str,
    /// What it means, one sentence.
    pub meaning: &'static str,
    /// Unit: `days`, `count`, `minor_units`, `share`, `ratio`, `label`, `points`, `hour`, `day`.
    pub unit: &'static str,
    /// Days that it looks back; 0 is the whole life.
    pub window_days: u32,
    /// Type of its value.
    pub value_type: ValueType,
    /// Value when there is nothing to compute from; `None` means unknown.
    pub default: Option<f64>,
    /// Team that answers for it.
    pub owner: &'static str,
    /// Class of personal data.
    pub personal_data: PersonalData,
    /// Version of the catalogue that introduced it.
    pub since_version: i32,
    /// What decides whether its value is told to be corrected.
    pub made_of: MadeOf,
    pub(crate) accumulator: Option<Accumulator>,
    /// Computed from sums that keep no days: unknown as of a day before the newest event's.
    pub(crate) undated: bool,
    pub(crate) compute: fn(&Facts<'_>) -> Answer,
}

/// What the definitions of one family share.
#[derive(Clone, Copy)]
struct Family {
    name: &'static str,
    owner: &'static str,
}

impl Family {
    const fn number(
        self,
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
        compute: fn(&Facts<'_>) -> Answer,
    ) -> Definition {
        Definition {
            name,
            family: self.name,
            meaning,
            unit,
            window_days: 0,
            value_type: ValueType::Number,
            default: None,
            owner: self.owner,
            personal_data: PersonalData::Pseudonymous,
            since_version: 1,
            made_of: MadeOf::Other,
            accumulator: None,
            undated: false,
            compute,
        }
    }

    const fn label(
        self,
        name: &'static str,
        meaning: &'static str,
        compute: fn(&Facts<'_>) -> Answer,
    ) -> Definition {
        let mut definition = self.number(name, "label", meaning, compute);
        definition.value_type = ValueType::Text;
        definition
    }

    const fn time(
        self,
        name: &'static str,
        meaning: &'static str,
        compute: fn(&Facts<'_>) -> Answer,
    ) -> Definition {
        let mut definition = self.number(name, "day", meaning, compute);
        definition.value_type = ValueType::Time;
        definition
    }
}

impl Definition {
    const fn within(mut self, days: u32) -> Self {
        self.window_days = days;
        self
    }

    /// Nothing to compute from means zero.
    const fn or_zero(mut self) -> Self {
        self.default = Some(0.0);
        self
    }

    const fn of(mut self, what: MadeOf) -> Self {
        self.made_of = what;
        self
    }

    const fn since(mut self, version: i32) -> Self {
        self.since_version = version;
        self
    }

    const fn flag(mut self) -> Self {
        self.value_type = ValueType::Flag;
        self
    }

    const fn personal(mut self) -> Self {
        self.personal_data = PersonalData::Personal;
        self
    }

    const fn needs(mut self, accumulator: Accumulator) -> Self {
        self.accumulator = Some(accumulator);
        self
    }

    /// What happened later cannot be told from what happened before.
    const fn undated(mut self) -> Self {
        self.undated = true;
        self
    }

    /// Returns the default as text, empty when there is none.
    pub fn default_text(&self) -> String {
        self.default.map(|it| it.to_string()).unwrap_or_default()
    }
}

static CATALOGUE: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let mut all: Vec<Definition> = value::FAMILIES
        .iter()
        .chain(habits::FAMILIES)
        .chain(behaviour::FAMILIES)
        .chain(governance::FAMILIES)
        .flat_map(|it| it.iter().copied())
        .collect();
    all.sort_by_key(|it| it.name);
    all
});

/// Returns every definition, by name.
pub fn catalogue() -> &'static [Definition] {
    &CATALOGUE
}

/// Returns a definition by name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    position(name).map(|at| &CATALOGUE[at])
}

/// Returns the place of a name in the catalogue.
pub(crate) fn position(name: &str) -> Option<usize> {
    CATALOGUE.binary_search_by_key(&name, |it| it.name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AsOf, CustomerState, Status};

    #[test]
    fn every_definition_is_complete_and_named_once() {
        let all = catalogue();
        assert!(all.len() >= 60, "only {}", all.len());
        assert!(
            all.windows(2).all(|pair| pair[0].name < pair[1].name),
            "names repeat"
        );
        for it in all {
            assert!(
                it.meaning.ends_with('.') && it.meaning.len() > 20,
                "{}: says too little",
                it.name
            );
            assert!(
                it.name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{}",
                it.name
            );
            assert!(
                it.unit != "minor_units" || it.made_of == MadeOf::Amounts,
                "{}: money is made of amounts",
                it.name
            );
            assert!(
                !it.unit.is_empty() && !it.owner.is_empty(),
                "{}: unit or owner missing",
                it.name
            );
            let named = it
                .name
                .rsplit('_')
                .next()
                .and_then(|it| it.parse::<u32>().ok());
            assert_eq!(
                named.unwrap_or(0),
                it.window_days,
                "{}: name and window differ",
                it.name
            );
        }
    }

    #[test]
    fn a_stranger_has_defaults_and_unknowns_but_no_nonsense() {
        let row = CustomerState::default().features(AsOf::day(20_000));
        for (definition, cell) in row.iter() {
            if let Some(number) = row.number(definition.name) {
                assert!(
                    number == 0.0 || cell.status == Status::Default,
                    "{}: {number}",
                    definition.name
                );
            }
        }
        assert_eq!(
            row.get("days_since_last_purchase").map(|it| it.status),
            Some(Status::Unknown)
        );
        assert_eq!(row.number("orders"), Some(0.0));
    }
}
