//! Where a customer stands in the life of a customer.

use crate::state::CustomerState;

/// Stage of the life-cycle, judged by the customer's own rhythm where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Known, never bought.
    Prospect,
    /// Bought on one day, at most 30 days ago.
    New,
    /// Bought on two days or more, the last within twice the usual gap.
    Active,
    /// Silent for two to four usual gaps; after one purchase day, for 31 to 180 days.
    AtRisk,
    /// Silent for longer.
    Lapsed,
}

/// Shortest usual gap in days that is believed: a burst of orders does not make every pause a loss.
const GAP_DAYS_MIN: i64 = 14;
/// Longest usual gap in days that is believed.
const GAP_DAYS_MAX: i64 = 180;

impl Stage {
    /// Returns the stage as of the end of a day, by the purchase days until then.
    pub fn of(state: &CustomerState, as_of_day: i32) -> Self {
        let days: Vec<i32> = state
            .purchase_days()
            .iter()
            .map(|it| it.day)
            .filter(|day| *day <= as_of_day)
            .collect();
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Self::Prospect;
        };
        let silent = i64::from(as_of_day - last);
        if days.len() == 1 {
            return match silent {
                ..=30 => Self::New,
                31..=180 => Self::AtRisk,
                _ => Self::Lapsed,
            };
        }
        let gap =
            (i64::from(last - first) / (days.len() as i64 - 1)).clamp(GAP_DAYS_MIN, GAP_DAYS_MAX);
        match silent {
            _ if silent <= 2 * gap => Self::Active,
            _ if silent <= 4 * gap => Self::AtRisk,
            _ => Self::Lapsed,
        }
    }

    /// Returns its name in lower snake case, as features and segments write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prospect => "prospect",
            Self::New => "new",
            Self::Active => "active",
            Self::AtRisk => "at_risk",
            Self::Lapsed => "lapsed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    #[track_caller]
    fn check(purchase_days: &[i32], as_of_day: i32, stage: Stage) {
        let mut state = CustomerState::default();
        for day in purchase_days {
            state.apply(&Event::order(*day, 1_000, &day.to_string()));
        }
        assert_eq!(Stage::of(&state, as_of_day), stage);
    }

    #[test]
    fn follows_the_customers_own_rhythm() {
        check(&[], 100, Stage::Prospect);
        check(&[100], 130, Stage::New);
        check(&[100], 131, Stage::AtRisk);
        check(&[100], 281, Stage::Lapsed);
        check(&[0, 20, 40], 80, Stage::Active);
        check(&[0, 20, 40], 120, Stage::AtRisk);
        check(&[0, 20, 40], 121, Stage::Lapsed);
        check(&[0, 100, 200], 400, Stage::Active);
        check(&[0, 100, 200], 50, Stage::AtRisk);
    }
}
