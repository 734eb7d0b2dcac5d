//! Why a customer's value is what it is, in words.
//!
//! Each respect (how often, how long ago, for how long, for how much) is set to the average customer's in turn; the
//! difference that it makes is its contribution. They need not add up: respects act together.

use super::history::{DAYS_PER_WEEK, History, Purchases};
use super::model::{CustomerValueModel, Value};
use super::population::Average;

/// One reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// Stable code.
    pub code: &'static str,
    /// Sentence for a person.
    pub text: String,
    /// The value less what it would be for a customer who is average in this respect.
    pub contribution: f64,
}

/// Returns the reasons for one value, those that move it most first.
pub fn reasons(
    model: &CustomerValueModel,
    average: &Average,
    value: Value,
    purchases: &Purchases,
    horizon_days: i32,
) -> Vec<Reason> {
    let horizon = f64::from(horizon_days) / DAYS_PER_WEEK;
    let actual = model.value(value, purchases, horizon);
    let mut reasons: Vec<Reason> = respects(model, average, value, purchases)
        .into_iter()
        .map(|(code, text, otherwise)| Reason {
            code,
            text,
            contribution: actual - model.value(value, &otherwise, horizon),
        })
        .filter(|reason| reason.contribution.abs() > 1e-9 * actual.abs())
        .collect();
    reasons.sort_by(|one, other| {
        let size = |reason: &Reason| reason.contribution.abs();
        size(other)
            .total_cmp(&size(one))
            .then(one.code.cmp(other.code))
    });
    reasons
}

type Respect = (&'static str, String, Purchases);

fn respects(
    model: &CustomerValueModel,
    average: &Average,
    value: Value,
    purchases: &Purchases,
) -> Vec<Respect> {
    let history = &purchases.history;
    let with = |history: History| Purchases {
        history,
        ..*purchases
    };
    let mut found = vec![
        often(average, history, with),
        silent(average, history, with),
    ];
    if history.repeats() > 0.0 {
        found.push(aged(average, history, with));
    }
    if value == Value::ClvMinor && history.repeats() > 0.0 && purchases.mean_value_minor > 0.0 {
        found.push(spent(model, average, purchases));
    }
    found
}

fn often(average: &Average, history: &History, with: impl Fn(History) -> Purchases) -> Respect {
    let (repeats, age) = (history.repeats(), history.age_weeks());
    let usual = average.repeats;
    if repeats == 0.0 {
        let text = format!(
            "Bought on one day only; the average customer came back on {usual:.1} more days."
        );
        let otherwise = History::imagined(usual, average.recency_share * age, age);
        return ("NO_REPEAT_PURCHASE", text, with(otherwise));
    }
    let times = if repeats == 1.0 {
        "1 more day".to_owned()
    } else {
        format!("{repeats:.0} more days")
    };
    let text = format!("Came back on {times}; the average customer on {usual:.1}.");
    let code = if repeats < usual {
        "FEW_PURCHASES"
    } else {
        "MANY_PURCHASES"
    };
    (
        code,
        text,
        with(History::imagined(usual, history.recency_weeks(), age)),
    )
}

fn silent(average: &Average, history: &History, with: impl Fn(History) -> Purchases) -> Respect {
    let (silence, usual) = (history.silence_weeks(), average.silence_weeks);
    let code = if silence < usual {
        "RECENT_PURCHASE"
    } else {
        "LONG_SILENCE"
    };
    let text =
        format!("Last bought {silence:.1} weeks ago; the average customer {usual:.1} weeks ago.");
    let otherwise = if history.repeats() > 0.0 {
        History::imagined(
            history.repeats(),
            history.age_weeks() - usual,
            history.age_weeks(),
        )
    } else {
        History::imagined(0.0, 0.0, usual)
    };
    (code, text, with(otherwise))
}

fn aged(average: &Average, history: &History, with: impl Fn(History) -> Purchases) -> Respect {
    let (age, usual) = (history.age_weeks(), average.age_weeks);
    let code = if age < usual {
        "SHORT_RELATIONSHIP"
    } else {
        "LONG_RELATIONSHIP"
    };
    let text =
        format!("First bought {age:.1} weeks ago; the average customer {usual:.1} weeks ago.");
    (
        code,
        text,
        with(History::imagined(
            history.repeats(),
            usual - history.silence_weeks(),
            usual,
        )),
    )
}

fn spent(model: &CustomerValueModel, average: &Average, purchases: &Purchases) -> Respect {
    let (value, usual) = (purchases.mean_value_minor, average.value_minor);
    let code = if value < usual {
        "LOW_SPEND"
    } else {
        "HIGH_SPEND"
    };
    let major = model.minor_per_major;
    let digits = major.log10().round() as usize;
    let (spends, usually) = (value / major, usual / major);
    let text =
        format!("Spends {spends:.digits$} on a purchase day; the average is {usually:.digits$}.");
    (
        code,
        text,
        Purchases {
            mean_value_minor: usual,
            ..*purchases
        },
    )
}
