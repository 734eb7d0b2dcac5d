//! Reads the standard's `slaProperties`: how fresh the data must be.

use chrono::TimeDelta;

use super::node::Node;

/// Returns how old data may be when they come; `None` when nothing is promised.
pub(super) fn freshness(root: &Node<'_>) -> Option<TimeDelta> {
    let all = root.get("slaProperties")?;
    let named = |node: &Node<'_>| {
        let name = node.get("property").and_then(|name| name.value.as_str());
        matches!(name, Some("latency" | "freshness"))
    };
    let node = all.list().into_iter().find(named)?;
    let value = node.need("value")?;
    let Some(number) = value.text().and_then(|text| text.parse::<i64>().ok()) else {
        value.wrong("WRONG_TYPE", "a whole number is expected here");
        return None;
    };
    let unit = node.get("unit");
    let unit_text = unit.as_ref().and_then(Node::text);
    let length = match unit_text.as_deref().unwrap_or("d") {
        "s" | "second" | "seconds" => TimeDelta::try_seconds(number),
        "m" | "min" | "minute" | "minutes" => TimeDelta::try_minutes(number),
        "h" | "hour" | "hours" => TimeDelta::try_hours(number),
        "d" | "day" | "days" => TimeDelta::try_days(number),
        "w" | "week" | "weeks" => TimeDelta::try_weeks(number),
        _ => {
            unit.unwrap_or(node)
                .wrong("UNSUPPORTED", "use seconds, minutes, hours, days or weeks");
            return None;
        }
    };
    let length = length.filter(|it| *it > TimeDelta::zero() && *it <= TimeDelta::days(3660));
    if length.is_none() {
        value.wrong(
            "OUT_OF_RANGE",
            "a length of time above zero and of at most ten years is expected",
        );
    }
    length
}
