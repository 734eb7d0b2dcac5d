//! The settings of each form.

use chrono_tz::Tz;
use standard::money::{Excess, MoneyRule, is_code};
use standard::number::Mark;
use standard::phone::PhoneRule;
use standard::region::{Answer, RegionRule, Scheme};
use standard::text::{Blanks, Case, TextForm};
use standard::time::{Gap, Numbers, Order, Overlap, TimeRule};
use standard::unit::{PLACES, PLACES_MAX, Unit, UnitRule};
use standard::{Form, LocalCase, Synonyms, Unknown};

use super::super::node::Node;
use super::super::shape::small_number;

/// Reads a form without settings.
pub(super) fn bare(node: &Node<'_>, form: Form) -> Option<Form> {
    known(node, &[]);
    Some(form)
}

pub(super) fn text(node: &Node<'_>) -> Option<Form> {
    known(
        node,
        &["width", "compatibility", "controls", "blanks", "case"],
    );
    let flag = |name: &str| node.get(name).and_then(|node| node.flag()).unwrap_or(true);
    Some(Form::Text(TextForm {
        width: flag("width"),
        // Compatibility folds widths too, so whoever keeps widths keeps both.
        compatibility: flag("compatibility") && flag("width"),
        controls: flag("controls"),
        blanks: choice(
            node,
            "blanks",
            &[
                ("collapse", Blanks::Collapse),
                ("trim", Blanks::Trim),
                ("keep", Blanks::Keep),
            ],
        ),
        case: choice(
            node,
            "case",
            &[
                ("keep", Case::Keep),
                ("lower", Case::Lower),
                ("upper", Case::Upper),
            ],
        ),
    }))
}

pub(super) fn phone(node: &Node<'_>) -> Option<Form> {
    known(node, &["region", "extension"]);
    let region = node.get("region");
    let code = region.as_ref().and_then(|node| node.text());
    let Some(mut rule) = PhoneRule::new(code.as_deref()) else {
        region?.wrong(
            "INVALID_REGION",
            "a country's code of two letters is expected, for example `CN`",
        );
        return None;
    };
    rule.drop_extension = choice(node, "extension", &[("keep", false), ("drop", true)]);
    Some(Form::Phone(rule))
}

pub(super) fn email(node: &Node<'_>) -> Option<Form> {
    known(node, &["local"]);
    let local = [("lower", LocalCase::Lower), ("keep", LocalCase::Keep)];
    Some(Form::Email(choice(node, "local", &local)))
}

pub(super) fn time(node: &Node<'_>, zone: Tz) -> Option<TimeRule> {
    known(node, &["order", "zone", "numbers", "gap", "overlap"]);
    let own = node.get("zone").map(|node| {
        let zone = node.text().and_then(|name| name.parse().ok());
        if zone.is_none() {
            node.wrong(
                "INVALID_ZONE",
                "an IANA time zone is expected, for example `Asia/Shanghai`",
            );
        }
        zone.unwrap_or(Tz::UTC)
    });
    Some(TimeRule {
        order: choice(
            node,
            "order",
            &[
                ("certain", Order::Certain),
                ("ymd", Order::Ymd),
                ("dmy", Order::Dmy),
                ("mdy", Order::Mdy),
            ],
        ),
        zone: own.unwrap_or(zone),
        gap: choice(
            node,
            "gap",
            &[
                ("as_if_not_set", Gap::AsIfNotSet),
                ("next", Gap::Next),
                ("refuse", Gap::Refuse),
            ],
        ),
        overlap: choice(
            node,
            "overlap",
            &[
                ("first", Overlap::First),
                ("second", Overlap::Second),
                ("refuse", Overlap::Refuse),
            ],
        ),
        numbers: choice(
            node,
            "numbers",
            &[
                ("digits", Numbers::Digits),
                ("excel_1900", Numbers::Excel1900),
                ("excel_1904", Numbers::Excel1904),
                ("unix", Numbers::UnixSeconds),
                ("unix_ms", Numbers::UnixMillis),
            ],
        ),
    })
}

pub(super) fn number(node: &Node<'_>) -> Option<Form> {
    known(node, &["mark"]);
    Some(Form::Number(mark(node)))
}

pub(super) fn money(node: &Node<'_>, currency: &str) -> Option<Form> {
    known(node, &["currency", "decimals", "mark", "excess"]);
    let declared = match node.get("currency") {
        Some(node) => {
            let code = node.text()?;
            if !is_code(&code) {
                node.wrong(
                    "INVALID_CURRENCY",
                    "an ISO 4217 code is expected, for example `CNY`",
                );
            }
            code
        }
        None if currency.is_empty() => {
            node.wrong("MISSING", "a `currency` is required, here or at the top");
            return None;
        }
        None => currency.to_owned(),
    };
    let decimals = node.get("decimals");
    Some(Form::Money(MoneyRule {
        currency: Some(declared),
        decimals: decimals.and_then(|node| small_number(&node, 6)),
        mark: mark(node),
        excess: choice(
            node,
            "excess",
            &[("refuse", Excess::Refuse), ("round", Excess::Round)],
        ),
    }))
}

pub(super) fn unit(node: &Node<'_>, column: Option<&str>) -> Option<Form> {
    known(node, &["to", "bare", "places", "mark"]);
    let find = |node: &Node<'_>| {
        let unit = node.text().and_then(|name| Unit::find(&name));
        if unit.is_none() {
            node.wrong(
                "UNKNOWN_UNIT",
                "a unit is expected, for example `kg`, `m`, `l`, `°C`, `min` or `MB`",
            );
        }
        unit
    };
    let to = match (node.get("to"), column.and_then(Unit::find)) {
        (Some(node), _) => find(&node)?,
        (None, Some(unit)) => unit,
        (None, None) => find(&node.need("to")?)?,
    };
    let bare = match node.get("bare") {
        None => Some(to),
        Some(bare) if bare.value.as_str() == Some("refuse") => None,
        Some(bare) => {
            let unit = find(&bare)?;
            if unit.dimension != to.dimension {
                bare.wrong("WRONG_TYPE", "the two units measure different things");
            }
            Some(unit)
        }
    };
    let places = node.get("places");
    let places = places.and_then(|node| small_number(&node, PLACES_MAX));
    Some(Form::Unit(UnitRule {
        bare,
        places: places.unwrap_or(PLACES),
        mark: mark(node),
        ..UnitRule::new(to)
    }))
}

pub(super) fn region(node: &Node<'_>) -> Option<Form> {
    known(node, &["to", "scheme"]);
    Some(Form::Region(RegionRule {
        to: choice(
            node,
            "to",
            &[
                ("province", Answer::Province),
                ("province_short", Answer::ProvinceShort),
                ("province_latin", Answer::ProvinceLatin),
                ("province_code", Answer::ProvinceCode),
                ("city", Answer::City),
                ("city_code", Answer::CityCode),
                ("macro_region", Answer::MacroRegion),
            ],
        ),
        scheme: choice(
            node,
            "scheme",
            &[
                ("seven", Scheme::Seven),
                ("six", Scheme::Six),
                ("four", Scheme::Four),
            ],
        ),
    }))
}

pub(super) fn synonyms(node: &Node<'_>) -> Option<Form> {
    known(node, &["synonyms", "unknown"]);
    let table = node.need("synonyms")?;
    let entry = |(value, names): (&str, Node<'_>)| {
        let names = names.list_or_one();
        let names = names.iter().filter_map(Node::text).collect();
        (value.to_owned(), names)
    };
    let entries: Vec<(String, Vec<String>)> = table.entries().into_iter().map(entry).collect();
    if entries.is_empty() {
        table.wrong("MISSING", "at least one value is required");
    }
    let unknown = match node.get("unknown") {
        None => Unknown::Refuse,
        Some(node) => match node.get("become").and_then(|value| value.text()) {
            Some(value) => Unknown::Become(value),
            None => match node.value.as_str() {
                Some("refuse") => Unknown::Refuse,
                Some("keep") => Unknown::Keep,
                _ => {
                    node.wrong(
                        "UNSUPPORTED",
                        "use refuse, keep or a mapping such as `become: other`",
                    );
                    return None;
                }
            },
        },
    };
    Synonyms::new(entries, unknown)
        .map(Form::Enum)
        .map_err(|overlap| table.wrong("DUPLICATE", overlap.to_string()))
        .ok()
}

fn mark(node: &Node<'_>) -> Mark {
    let marks = [
        ("certain", Mark::Certain),
        ("point", Mark::Point),
        ("comma", Mark::Comma),
    ];
    choice(node, "mark", &marks)
}

/// Says which keys nobody knows, where there are keys.
fn known(node: &Node<'_>, keys: &[&str]) {
    if node.value.is_object() {
        let mut all = vec!["as"];
        all.extend(keys);
        node.only(&all);
    }
}

/// Reads one of a few words; the first is what holds without one.
fn choice<T: Copy>(node: &Node<'_>, name: &str, words: &[(&str, T)]) -> T {
    let first = words[0].1;
    let Some(node) = node.get(name) else {
        return first;
    };
    let text = node.text();
    match words
        .iter()
        .find(|(word, _)| Some(*word) == text.as_deref())
    {
        Some((_, value)) => *value,
        None => {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            node.wrong("UNSUPPORTED", format!("use one of {}", all.join(", ")));
            first
        }
    }
}
