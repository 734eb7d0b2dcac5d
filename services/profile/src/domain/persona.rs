//! Who this customer is, in words: five dimensions, each with the features that it rests on.

use features::{Row, Value};

/// One trait of a persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trait {
    /// `basic`, `behaviour`, `spending`, `interest` or `life_cycle`.
    pub dimension: &'static str,
    /// A short label.
    pub label: String,
    /// Features and values that it rests on, for a person to read.
    pub evidence: String,
}

/// Describes a customer by the features of one row. A dimension of which nothing is known says so.
#[must_use]
pub fn describe(row: &Row) -> Vec<Trait> {
    let mut traits = vec![
        basic(row),
        life_cycle(row),
        behaviour(row),
        spending(row),
        interest(row),
    ];
    traits.extend(rhythm(row));
    traits.extend(response(row));
    traits.extend(satisfaction(row));
    traits.sort_by_key(|it| {
        DIMENSIONS
            .iter()
            .position(|dimension| *dimension == it.dimension)
    });
    traits
}

const DIMENSIONS: [&str; 5] = ["basic", "behaviour", "spending", "interest", "life_cycle"];

fn basic(row: &Row) -> Trait {
    let label = match row.number("tenure_days") {
        None => "not heard of yet",
        Some(days) if days < 90.0 => "newly known",
        Some(days) if days < 365.0 => "known for months",
        Some(_) => "known for years",
    };
    made("basic", label, row, &["tenure_days", "first_purchase_day"])
}

fn behaviour(row: &Row) -> Trait {
    let label = match (
        row.number("purchase_days").unwrap_or(0.0),
        row.number("purchase_gap_mean"),
    ) {
        (0.0, _) => "looks around",
        (_, None) => "one-time buyer",
        (_, Some(gap)) if gap <= 14.0 => "buys every week or two",
        (_, Some(gap)) if gap <= 45.0 => "buys about monthly",
        (_, Some(gap)) if gap <= 120.0 => "buys each season",
        (_, Some(_)) => "buys now and then",
    };
    made(
        "behaviour",
        label,
        row,
        &[
            "orders",
            "purchase_days",
            "purchase_gap_mean",
            "active_days_90",
        ],
    )
}

fn rhythm(row: &Row) -> Option<Trait> {
    let hour = row.number("peak_hour")?;
    let label = match hour {
        hour if hour < 6.0 => "night shopper",
        hour if hour < 12.0 => "morning shopper",
        hour if hour < 18.0 => "afternoon shopper",
        _ => "evening shopper",
    };
    Some(made(
        "behaviour",
        label,
        row,
        &["peak_hour", "night_share", "weekend_share"],
    ))
}

fn response(row: &Row) -> Option<Trait> {
    let touches = row.number("touches_90").filter(|touches| *touches > 0.0)?;
    let clicks = row.number("click_rate_90").unwrap_or(0.0) * touches;
    let opens = row.number("open_rate_90").unwrap_or(0.0) * touches;
    let label = match (clicks >= 1.0, opens >= 1.0) {
        (true, _) => "responds to campaigns",
        (false, true) => "reads campaigns",
        (false, false) => "ignores campaigns",
    };
    Some(made(
        "behaviour",
        label,
        row,
        &[
            "touches_90",
            "open_rate_90",
            "click_rate_90",
            "channel_top_response",
        ],
    ))
}

fn spending(row: &Row) -> Trait {
    let label = match (
        row.number("orders").unwrap_or(0.0),
        row.number("discount_share").unwrap_or(0.0),
    ) {
        (0.0, _) => "has not spent",
        (_, discount) if discount >= 0.2 => "bargain hunter",
        _ if row.number("refund_share").unwrap_or(0.0) >= 0.3 => "returns much",
        _ => match row.number("revenue_trend_90") {
            Some(trend) if trend > 0.5 => "spends more of late",
            Some(trend) if trend < 0.15 => "spends less of late",
            _ => "spends steadily",
        },
    };
    made(
        "spending",
        label,
        row,
        &[
            "revenue",
            "revenue_per_purchase_day",
            "largest_order_value",
            "discount_share",
        ],
    )
}

fn interest(row: &Row) -> Trait {
    let label = match text(row, "category_top") {
        Some(category) => format!("mostly {category}"),
        None => "not known".to_owned(),
    };
    let names = [
        "category_top",
        "category_top_share",
        "categories",
        "products_bought",
    ];
    Trait {
        dimension: "interest",
        label,
        evidence: evidence(row, &names),
    }
}

fn satisfaction(row: &Row) -> Option<Trait> {
    let label = match (row.number("nps_last"), row.number("rating_mean")) {
        (Some(score), _) if score >= 9.0 => "promoter",
        (Some(score), _) if score <= 6.0 => "detractor",
        (Some(_), _) => "passive",
        (None, Some(rating)) if rating >= 4.0 => "satisfied",
        (None, Some(rating)) if rating < 3.0 => "dissatisfied",
        (None, Some(_)) => "neither satisfied nor dissatisfied",
        (None, None) => return None,
    };
    Some(made(
        "interest",
        label,
        row,
        &["nps_last", "rating_mean", "ratings", "tickets_90"],
    ))
}

fn life_cycle(row: &Row) -> Trait {
    let label = match text(row, "life_cycle_stage") {
        Some(stage) => stage.replace('_', " "),
        None => "not known".to_owned(),
    };
    let names = [
        "days_since_last_purchase",
        "purchase_gap_mean",
        "purchase_gap_overdue",
        "purchase_days",
    ];
    Trait {
        dimension: "life_cycle",
        label,
        evidence: evidence(row, &names),
    }
}

fn made(dimension: &'static str, label: &str, row: &Row, names: &[&str]) -> Trait {
    Trait {
        dimension,
        label: label.to_owned(),
        evidence: evidence(row, names),
    }
}

fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    match row.get(name)?.value.as_ref()? {
        Value::Text(text) => Some(text),
        Value::Number(_) | Value::Flag(_) | Value::Day(_) => None,
    }
}

/// Writes `name value` of the features that have a value, joined by commas.
fn evidence(row: &Row, names: &[&str]) -> String {
    let written = names.iter().filter_map(|name| {
        let value = match row.get(name)?.value.as_ref()? {
            Value::Number(number) if number.fract() == 0.0 => format!("{number:.0}"),
            Value::Number(number) => format!("{number:.2}"),
            Value::Text(text) => text.clone(),
            Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Value::Day(day) => chrono::NaiveDate::from_epoch_days(*day)?.to_string(),
        };
        Some(format!("{name} {value}"))
    });
    let written = written.collect::<Vec<_>>().join(", ");
    if written.is_empty() {
        "no data".to_owned()
    } else {
        written
    }
}

#[cfg(test)]
mod tests {
    use features::{AsOf, CustomerState, Event};

    use super::*;

    fn label(traits: &[Trait], dimension: &str) -> String {
        traits
            .iter()
            .find(|it| it.dimension == dimension)
            .map(|it| it.label.clone())
            .unwrap_or_default()
    }

    #[test]
    fn says_something_in_every_dimension_even_of_a_stranger() {
        let traits = describe(&CustomerState::default().features(AsOf::day(15_000)));

        for dimension in DIMENSIONS {
            assert!(!label(&traits, dimension).is_empty(), "{dimension}");
        }
        assert_eq!(label(&traits, "life_cycle"), "prospect");
        assert!(traits.windows(2).all(|pair| {
            let rank = |it: &Trait| {
                DIMENSIONS
                    .iter()
                    .position(|dimension| *dimension == it.dimension)
            };
            rank(&pair[0]) <= rank(&pair[1])
        }));
    }

    #[test]
    fn rests_on_features_with_their_values() {
        let mut state = CustomerState::default();
        for day in [14_900, 14_930, 14_960] {
            state.apply(&Event::order(day, 2_500, &day.to_string()));
        }
        let traits = describe(&state.features(AsOf::day(14_970)));

        assert_eq!(label(&traits, "life_cycle"), "active");
        assert_eq!(label(&traits, "behaviour"), "buys about monthly");
        let behaviour = traits
            .iter()
            .find(|it| it.dimension == "behaviour")
            .expect("a trait");
        assert!(
            behaviour.evidence.contains("purchase_gap_mean 30"),
            "{}",
            behaviour.evidence
        );
    }
}
