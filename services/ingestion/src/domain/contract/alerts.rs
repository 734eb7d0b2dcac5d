//! How the contract's section `alerts` is written.

use super::Column;
use super::node::Node;
use super::shape::small_number;
use crate::domain::quality::alerts::{Metric, Rule, Test};

/// Most rules of a contract.
const RULES_MAX: usize = 100;

/// When somebody is told that the data are worse than they should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerts {
    /// Rules; those of [`Rule::defaults`] where the contract has none.
    pub rules: Vec<Rule>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            rules: Rule::defaults(),
        }
    }
}

/// Reads the section; absent means the defaults, an empty list means no alerts.
pub(super) fn read(node: Option<&Node<'_>>, columns: &[Column]) -> Alerts {
    let Some(node) = node else {
        return Alerts::default();
    };
    let nodes = node.list();
    if nodes.len() > RULES_MAX {
        node.wrong("TOO_MANY", format!("at most {RULES_MAX} rules"));
    }
    let rules = nodes.iter().filter_map(|node| rule(node, columns));
    Alerts {
        rules: rules.collect(),
    }
}

fn rule(node: &Node<'_>, columns: &[Column]) -> Option<Rule> {
    node.only(&[
        "metric",
        "field",
        "rule",
        "min",
        "max",
        "fall",
        "rise",
        "deviations",
        "days",
        "period",
        "periods",
        "minRecords",
    ]);
    let metric = node.need("metric").and_then(|node| {
        let metric = Metric::named(&node.text()?);
        if metric.is_none() {
            node.wrong(
                "UNSUPPORTED",
                "use score, completeness, accuracy, consistency, timeliness, records or missing",
            );
        }
        metric
    });
    let field = node.get("field").and_then(|node| {
        super::shape::column(&node, columns).map(|index| columns[index].name.clone())
    });
    let test = node.need("rule").and_then(|name| test(node, &name));
    let records_min = match node.get("minRecords") {
        Some(node) => small_number(&node, 1_000_000_000)?.into(),
        None => 20,
    };
    Some(Rule {
        metric: metric?,
        field,
        test: test?,
        records_min,
    })
}

fn test(node: &Node<'_>, name: &Node<'_>) -> Option<Test> {
    let number = |key: &str| node.get(key).and_then(|node| positive(&node));
    let whole = |key: &str, usual: u32| match node.get(key) {
        Some(node) => small_number(&node, 366),
        None => Some(usual),
    };
    match name.text()?.as_str() {
        "threshold" => {
            let (min, max) = (number("min"), number("max"));
            if min.is_none() && max.is_none() {
                node.wrong("INCOMPLETE", "a threshold needs `min` or `max`");
            }
            Some(Test::Threshold { min, max })
        }
        "rate_of_change" => {
            let (fall, rise) = (number("fall"), number("rise"));
            if fall.is_none() && rise.is_none() {
                node.wrong("INCOMPLETE", "a rate of change needs `fall` or `rise`");
            }
            Some(Test::RateOfChange { fall, rise })
        }
        "online_normal" => Some(Test::OnlineNormal {
            deviations: number("deviations").unwrap_or(3.0),
            days: whole("days", 14)?.max(2) as usize,
        }),
        "seasonal" => Some(Test::Seasonal {
            period: whole("period", 7)?.max(1).into(),
            deviations: number("deviations").unwrap_or(3.0),
            periods: whole("periods", 3)?.max(3) as usize,
        }),
        _ => {
            name.wrong(
                "UNSUPPORTED",
                "use threshold, rate_of_change, online_normal or seasonal",
            );
            None
        }
    }
}

/// Reads a number that is zero or more.
pub(super) fn positive(node: &Node<'_>) -> Option<f64> {
    let number = node
        .value
        .as_f64()
        .filter(|it| it.is_finite() && *it >= 0.0);
    if number.is_none() {
        node.wrong("OUT_OF_RANGE", "a number of zero or more is expected");
    }
    number
}
