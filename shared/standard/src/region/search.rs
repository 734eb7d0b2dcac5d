//! Finds the place that a text names.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{PLACES, Place};
use crate::Reason;

/// Names of one kind of place, each with the places that have it.
type Names = HashMap<String, Vec<&'static Place>>;

static PROVINCES: LazyLock<Names> = LazyLock::new(|| names(true));
static CITIES: LazyLock<Names> = LazyLock::new(|| names(false));

fn names(provinces: bool) -> Names {
    let mut names = Names::new();
    for place in PLACES
        .iter()
        .filter(|place| place.is_province() == provinces)
    {
        let own = [place.name, place.short, place.latin]
            .into_iter()
            .chain(place.others.split_whitespace());
        for name in own {
            let places = names.entry(key(name)).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    names
}

/// Returns a name without blanks, signs, marks on letters and case, so that `Xi'an`, `Xi An` and `XIAN` are one.
pub(super) fn key(name: &str) -> String {
    let kept = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase);
    kept.map(|c| match c {
        'ü' => 'u',
        'ê' | 'é' | 'è' => 'e',
        c => c,
    })
    .collect()
}

/// Words that say of which kind a place is, in Latin letters, longest first.
const KINDS: &[&str] = &[
    "zhuangautonomousregion",
    "huiautonomousregion",
    "uyghurautonomousregion",
    "uygurautonomousregion",
    "autonomousregion",
    "autonomousprefecture",
    "specialadministrativeregion",
    "municipality",
    "prefecture",
    "province",
    "league",
    "sheng",
    "city",
    "shi",
    "sar",
];

/// Returns the place of a text, a city where there is one and `wants_city`.
pub(super) fn find(value: &str, wants_city: bool) -> Result<&'static Place, Reason> {
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return coded(value);
    }
    if value.contains(|c: char| ('\u{4e00}'..='\u{9fff}').contains(&c)) {
        chinese(value, wants_city)
    } else {
        latin(value, wants_city)
    }
}

/// Reads a code of two, four or six digits; districts count for their city, or their province where it has no such city.
fn coded(value: &str) -> Result<&'static Place, Reason> {
    let number: u32 = value.parse().map_err(|_| Reason::Region)?;
    let code = match value.len() {
        2 => number * 10_000,
        4 => number * 100,
        6 => number,
        _ => return Err(Reason::Region),
    };
    let known = |code: u32| PLACES.iter().find(|place| place.code == code);
    let at = known(code)
        .or_else(|| known(code / 100 * 100))
        .or_else(|| known(code / 10_000 * 10_000));
    at.ok_or(Reason::Region)
}

/// Reads Chinese names one after the other: country, province, city, and whatever follows.
fn chinese(value: &str, wants_city: bool) -> Result<&'static Place, Reason> {
    let text: String = value.chars().filter(|c| c.is_alphanumeric()).collect();
    let rest = ["中华人民共和国", "中国"]
        .iter()
        .find_map(|country| text.strip_prefix(country))
        .unwrap_or(&text);
    // 吉林市 lies in 吉林: a city's full name comes before its province's short one.
    if let Some(city) = city_called_in_full(rest) {
        return Ok(city);
    }
    let (province, after) = match longest(&PROVINCES, rest) {
        Some(found) if certain(&found, rest) => (found.0.first().copied(), found.1),
        _ => (None, rest),
    };
    // After a province come its cities; without one a city's own name must do.
    let city = longest(&CITIES, after).map(|(places, _)| match (province, places) {
        (Some(province), _) => places
            .iter()
            .copied()
            .find(|place| place.province() == province.province()),
        (None, [city]) => Some(*city),
        (None, _) => None,
    });
    match (province, city) {
        (Some(_), Some(Some(city))) => Ok(city),
        // 北京朝阳区 is no mistake: districts and counties are not in the table, and a name that is followed by its kind
        // of place below a city is one of them.
        (Some(_), Some(None)) if city_called_in_full(after).is_some() => {
            Err(Reason::RegionsDisagree)
        }
        (Some(province), _) if wants_city && same_name(rest, province) => {
            Ok(city_called(province).unwrap_or(province))
        }
        (Some(province), _) => Ok(province),
        (None, Some(Some(city))) => Ok(city),
        (None, Some(None)) => Err(Reason::AmbiguousRegion),
        (None, None) => Err(Reason::Region),
    }
}

/// Returns the city with whose full name a text begins, as 杭州市.
fn city_called_in_full(text: &str) -> Option<&'static Place> {
    PLACES
        .iter()
        .find(|place| !place.is_province() && text.starts_with(place.name))
}

/// A single character is a province only on its own, or before its kind.
fn certain((_, after): &(&'static [&'static Place], &str), rest: &str) -> bool {
    let length = rest.len() - after.len();
    length > '京'.len_utf8() || after.is_empty() || *after == "省"
}

fn same_name(rest: &str, province: &Place) -> bool {
    rest == province.short
}

/// Returns the city that has its province's name, as 吉林市 in 吉林省.
fn city_called(province: &Place) -> Option<&'static Place> {
    PLACES.iter().find(|place| {
        !place.is_province()
            && place.province() == province.province()
            && place.short == province.short
    })
}

/// Returns the places of the longest name that the text begins with, and what follows it without the word for its kind.
fn longest<'t>(
    names: &'static Names,
    text: &'t str,
) -> Option<(&'static [&'static Place], &'t str)> {
    let ends: Vec<usize> = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take(16)
        .collect();
    let found = ends
        .iter()
        .rev()
        .find_map(|end| Some((names.get(&text[..*end])?, &text[*end..])));
    let (places, after) = found?;
    let kinds = ["自治区", "特别行政区", "自治州", "地区", "省", "市"];
    let after = kinds
        .iter()
        .find_map(|kind| after.strip_prefix(kind))
        .unwrap_or(after);
    Some((places.as_slice(), after))
}

/// Reads names in Latin letters, in either order, separated by commas or as one.
fn latin(value: &str, wants_city: bool) -> Result<&'static Place, Reason> {
    let parts: Vec<String> = value
        .split([',', ';', '/'])
        .map(named)
        .filter(|part| !matches!(part.as_str(), "" | "china" | "cn" | "prc"))
        .collect();
    if parts.is_empty() || parts.len() > 4 {
        return Err(Reason::Region);
    }
    let province = parts
        .iter()
        .find_map(|part| PROVINCES.get(part)?.first().copied());
    let cities = parts
        .iter()
        .filter(|part| province.is_none_or(|it| key(it.latin) != **part || wants_city))
        .find_map(|part| CITIES.get(part));
    match (province, cities) {
        (Some(province), Some(cities)) => {
            let inside = cities
                .iter()
                .find(|city| city.province() == province.province())
                .copied();
            match inside {
                Some(city) => Ok(city),
                None if parts.len() == 1 => Ok(province),
                None => Err(Reason::RegionsDisagree),
            }
        }
        (Some(province), None) => Ok(province),
        (None, Some(cities)) => match cities.as_slice() {
            [city] => Ok(city),
            several
                if several
                    .iter()
                    .all(|city| city.province() == several[0].province()) =>
            {
                Ok(several[0])
            }
            _ => Err(Reason::AmbiguousRegion),
        },
        (None, None) => Err(Reason::Region),
    }
}

/// Returns the key of a name without the word for its kind.
fn named(part: &str) -> String {
    let key = key(part);
    let known = |name: &str| PROVINCES.contains_key(name) || CITIES.contains_key(name);
    if known(&key) {
        return key;
    }
    let stripped = KINDS
        .iter()
        .find_map(|kind| key.strip_suffix(kind).filter(|name| known(name)));
    stripped.map_or(key.clone(), str::to_owned)
}
