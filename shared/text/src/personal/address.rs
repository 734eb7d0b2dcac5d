//! Postal addresses: a street with a number, or a named place with a building, and what stands around them.

use std::ops::Range;

use regex::Regex;

use super::{Finding, Kind};

/// How far back the names of regions and streets are followed, in characters.
const BACK_MAX: usize = 30;
/// Characters that end the way back: they lead to an address and are hardly ever part of one.
const LEADS: &[char] = &[
    '在', '住', '到', '至', '往', '是', '于', '寄', '送', '址', '去', '从', '了', '的', '我', '你',
    '他', '她', '为', '给', '跟', '问', '这', '那', '店', '有', '请', '发', '您', '们', '把', '货',
    '过',
];
/// Regions of the first level, with which an address begins.
const PROVINCES: &[&str] = &[
    "北京",
    "天津",
    "上海",
    "重庆",
    "河北",
    "山西",
    "辽宁",
    "吉林",
    "黑龙江",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "海南",
    "四川",
    "贵州",
    "云南",
    "陕西",
    "甘肃",
    "青海",
    "台湾",
    "内蒙古",
    "广西",
    "西藏",
    "宁夏",
    "新疆",
    "香港",
    "澳门",
];
/// Between a number and `street`, these words show that it is none.
const NO_STREET: &[&str] = &[
    "minute", "minutes", "min", "mins", "hour", "hours", "day", "days", "week", "weeks", "month",
    "months", "year", "years", "time", "times", "on", "in", "at", "for", "from", "to", "my", "our",
    "your", "their", "items", "people", "star", "stars", "euro", "euros", "pounds", "dollars",
    "percent", "and", "was", "is", "are", "were", "a", "an", "out", "per", "this", "that", "with",
    "but", "or", "by", "it", "we", "i", "they", "miles", "km", "metres", "meters", "blocks",
    "shops", "if", "off", "along", "down", "across", "very", "good", "best", "only", "more",
    "other", "same", "every", "of", "pieces",
];
/// Ends of street names that are words of every day too; with them a name must begin with a capital.
const COMMON: &[&str] = &[
    "way", "place", "pl", "close", "row", "court", "ct", "drive", "dr", "st", "square", "sq",
    "lane", "gardens", "mews",
];

#[derive(Clone, Debug)]
pub(super) struct Addresses {
    chinese: Regex,
    chinese_rest: Regex,
    english: Regex,
    english_rest: Regex,
    others: Vec<Regex>,
}

impl Addresses {
    pub(super) fn new() -> Result<Self, regex::Error> {
        let number = r"(?:[0-9]{1,5}(?:-[0-9]{1,4})?|[一二三四五六七八九十百零〇]{1,6})";
        let chinese = format!(
            r"(?:(?:路|大道|大街|街|巷|弄|胡同|道)(?:[东西南北中]{{0,2}}段?)\s?{number}\s?[号弄]|(?:小区|花园|公寓|大厦|家园|新村|苑|村|庄园|宿舍|新城|华庭|府|湾)\s?(?:[0-9A-Za-z]{{1,4}}|[一二三四五六七八九十]{{1,3}})\s?(?:号楼|栋|幢|座|单元|号|组))"
        );
        let unit = r"(?:[0-9A-Za-z-]{1,6}|[一二三四五六七八九十]{1,3})\s?(?:号楼|栋|幢|座|单元|楼|层|室|房|户|门|号)";
        let street = "street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq|terrace|\
            close|crescent|parkway|pkwy|highway|hwy|way|row|mews|gardens";
        let capital = r"\p{Lu}\p{Ll}[\p{L}'-]*";
        Ok(Self {
            chinese: Regex::new(&chinese)?,
            chinese_rest: Regex::new(&format!(
                r"^(?:院|附[0-9]{{1,4}}号)?(?:\p{{Han}}{{0,10}}?\s?{unit})*(?:[- ]?[A-Z]?[0-9]{{3,4}}(?:室|房)?)?"
            ))?,
            english: Regex::new(&format!(
                r"(?i)(?-u:\b)[0-9]{{1,5}}[a-z]?(?:\s?[-/]\s?[0-9]{{1,4}}[a-z]?)?,?\s(?:[\p{{L}}0-9][\p{{L}}0-9'.-]*\s){{1,4}}(?:{street})(?-u:\b)\.?"
            ))?,
            english_rest: Regex::new(&format!(
                r"^(?:,?\s?(?:(?i:apt|apartment|suite|ste|unit|flat|floor|room)\.?\s|#)[0-9A-Za-z-]{{1,6}})?(?:,\s?{capital}(?:\s{capital}){{0,2}}){{0,3}}(?:,?\s(?:[A-Z]{{2}}\s)?[0-9]{{5}}(?:-[0-9]{{4}})?(?-u:\b)|,?\s[A-Z]{{1,2}}[0-9][A-Z0-9]?\s?[0-9][A-Z]{{2}}(?-u:\b))?"
            ))?,
            others: vec![
                Regex::new(r"(?i)(?-u:\b)p\.?\s?o\.?\s?box\s[0-9]{1,6}(?-u:\b)")?,
                Regex::new(&format!(
                    r"(?-u:\b)[0-9]{{1,4}}(?:\s?(?:bis|ter))?,?\s(?i:rue|avenue|boulevard|bd|place|chemin|allée|impasse|quai|cours|route)\s(?:(?:de|du|des|la|le|les|et)\s|[ld]'){{0,3}}{capital}(?:[\s-]{capital}){{0,3}}(?:,?\s[0-9]{{5}}\s{capital})?"
                ))?,
                Regex::new(&format!(
                    r"(?-u:\b)\p{{Lu}}[\p{{L}}-]+(?:straße|strasse|str\.|gasse|allee|platz|weg|damm)\s[0-9]{{1,4}}\s?[a-z]?(?-u:\b)(?:,?\s[0-9]{{5}}\s{capital})?"
                ))?,
            ],
        })
    }

    /// Adds Chinese addresses.
    pub(super) fn chinese(&self, text: &str, found: &mut Vec<Finding>) {
        let mut done = 0;
        for one in self.chinese.find_iter(text) {
            if one.start() < done {
                continue;
            }
            let start = done + way_back(&text[done..one.start()]);
            // `12路3号` is a bus: a street has a name.
            if !text[start..one.start()].is_ascii() {
                let rest = self.chinese_rest.find(&text[one.end()..]);
                done = one.end() + rest.map_or(0, |it| it.end());
                found.push(address(start..done));
            }
        }
    }

    /// Adds addresses of Britain, America, France and Germany.
    pub(super) fn western(&self, text: &str, found: &mut Vec<Finding>) {
        let mut from = 0;
        while let Some(one) = self.english.find_at(text, from) {
            if is_street(one.as_str()) {
                let rest = self.english_rest.find(&text[one.end()..]);
                from = one.end() + rest.map_or(0, |it| it.end());
                found.push(address(one.start()..from));
            } else {
                // Another may begin within, after this number.
                from = one.start() + one.as_str().find(' ').unwrap_or(one.len());
            }
        }
        for other in &self.others {
            found.extend(other.find_iter(text).map(|one| address(one.range())));
        }
    }
}

fn address(place: Range<usize>) -> Finding {
    Finding {
        kind: Kind::Address,
        place,
    }
}

/// Returns where the names before a street's kind begin.
fn way_back(before: &str) -> usize {
    let mut start = before.len();
    for (count, (at, c)) in before.char_indices().rev().enumerate() {
        let part = ('\u{4e00}'..='\u{9fff}').contains(&c) || c.is_ascii_alphanumeric();
        if count >= BACK_MAX || !part || LEADS.contains(&c) {
            break;
        }
        start = at;
    }
    let reached = &before[start..];
    let begins = |name: &&str| {
        let at = reached.find(*name)?;
        let (first, rest) = (&reached[..at], &reached[at + name.len()..]);
        // `中山东路` is in no `山东`, and `鼓楼区上海路` begins before `上海`.
        let whole = rest.starts_with(['省', '市']) || rest.starts_with("自治区");
        (whole && !first.contains(['省', '市', '区', '县', '州'])).then_some(at)
    };
    start + PROVINCES.iter().filter_map(begins).min().unwrap_or(0)
}

/// Returns whether what looks like a number and a street is one.
fn is_street(text: &str) -> bool {
    let mut words: Vec<&str> = text.trim_end_matches('.').split_whitespace().collect();
    let Some(kind) = words.pop() else {
        return false;
    };
    let names = words.get(1..).unwrap_or_default();
    let everyday = |word: &&str| {
        let word = word.trim_end_matches(['.', ',']).to_lowercase();
        NO_STREET.contains(&word.as_str())
    };
    let odd = |word: &&str| {
        // `6579. Dr Novak` is no drive.
        !word.contains(char::is_alphabetic) || (word.ends_with('.') && word.len() > 4)
    };
    let capital = |word: &&str| word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    let common = COMMON.contains(&kind.to_lowercase().as_str());
    !names.is_empty()
        && !names.iter().any(|word| everyday(word) || odd(word))
        && (!common || names.iter().all(capital))
}
