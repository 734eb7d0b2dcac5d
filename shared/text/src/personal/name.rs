//! Names of persons, as far as titles, introductions and lists tell them.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

use super::{Finding, Kind};

/// Most names of a list.
const NAMES_MAX: usize = 100_000;

/// How names are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Names that are always taken out, whole words in any case: staff, say. At most 100,000.
    pub names: Vec<String>,
    /// Words before a name in scripts with blanks: `Mr`, `Dr`.
    pub titles: Vec<String>,
    /// Words after a Chinese name: `先生`, `女士`.
    pub chinese_titles: Vec<String>,
    /// What introduces a name: `my name is`, `我叫`, `收件人`.
    pub introductions: Vec<String>,
}

impl Default for Names {
    fn default() -> Self {
        let texts = |all: &str| all.split('|').map(str::to_owned).collect();
        Self {
            names: Vec::new(),
            titles: texts("Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Mme|Mlle|Herr|Frau"),
            chinese_titles: texts("先生|女士|小姐|太太|老师|师傅|经理|医生|教授|阿姨"),
            introductions: texts(
                "my name is|my name's|name:|je m'appelle|ich heiße|我叫|我的名字是|我的名字叫|姓名:|姓名是|姓名为|姓名|\
                联系人:|联系人是|联系人|收件人:|收件人是|收件人|收货人:|收货人是|收货人",
            ),
        }
    }
}

/// The surnames that nearly all Chinese bear, those of two characters first.
const SURNAMES: &str = "欧阳|上官|司马|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|[王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐\
    许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万\
    钱严覃武戴莫孔向汤]";
/// Begin like a surname and a name, and are none.
const NO_NAMES: &[&str] = &[
    "高级", "高兴", "黄金", "金牌", "任何", "方便", "安全", "白色", "黄色", "石头", "马上", "于是",
    "江苏", "谢谢", "万一", "严重", "程序", "夏天", "毛病", "钱包", "龙虾", "顾客", "何时", "金额",
    "范围", "周末", "任性", "许多", "曾经", "余额", "陆续", "何必", "方面", "方式",
];
/// Characters after a surname and one more that are of the next word.
const NEXT: &[char] = &[
    '的', '电', '手', '住', '是', '在', '和', '与', '身', '卡', '邮', '地', '号', '我',
];

#[derive(Clone, Debug)]
pub(super) struct NameSearch {
    /// Titles and introductions: without any of them no pattern can fit.
    signs: Option<AhoCorasick>,
    list: Option<AhoCorasick>,
    patterns: Vec<Regex>,
    introduced: Regex,
}

impl NameSearch {
    pub(super) fn new(names: &Names) -> Result<Self, String> {
        if names.names.len() > NAMES_MAX {
            return Err(format!("at most {NAMES_MAX} names can be listed"));
        }
        let listed: Vec<&str> = names
            .names
            .iter()
            .map(|name| name.trim())
            .filter(|name| !name.is_empty())
            .collect();
        let search = |words: &[&str]| {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .ascii_case_insensitive(true)
                .build(words);
            let built = (!words.is_empty()).then_some(built).transpose();
            built.map_err(|error| error.to_string())
        };
        let signs: Vec<&str> = [&names.titles, &names.chinese_titles, &names.introductions]
            .into_iter()
            .flatten()
            .map(|word| word.trim())
            .filter(|word| !word.is_empty())
            .collect();
        let compile = |pattern: String| Regex::new(&pattern).map_err(|error| error.to_string());
        let (titles, after) = (any(&names.titles), any(&names.chinese_titles));
        let introductions = any(&names.introductions);
        let latin = r"\p{Lu}[\p{L}'-]+(?:\s\p{Lu}[\p{L}'-]+){0,2}";
        Ok(Self {
            signs: search(&signs)?,
            list: search(&listed)?,
            patterns: vec![
                compile(format!(r"(?-u:\b)(?:{titles})(?-u:\b)\.?\s({latin})"))?,
                compile(format!(r"(?i:{introductions})\s?({latin})"))?,
                compile(format!(r"((?:{SURNAMES})\p{{Han}}{{0,2}}?)(?:{after})"))?,
            ],
            introduced: compile(format!(
                r"(?:{introductions})\s?((?:{SURNAMES})\p{{Han}}{{1,2}})"
            ))?,
        })
    }

    /// Returns whether there are names that a single word can be.
    pub(super) fn has_list(&self) -> bool {
        self.list.is_some()
    }

    pub(super) fn find(&self, text: &str, found: &mut Vec<Finding>) {
        let mut add = |place: Range<usize>| {
            let none = NO_NAMES
                .iter()
                .any(|word| text[place.clone()].starts_with(word));
            if !none {
                found.push(Finding {
                    kind: Kind::Name,
                    place,
                });
            }
        };
        for one in self.list.iter().flat_map(|list| list.find_iter(text)) {
            if whole(text, one.range()) {
                add(one.range());
            }
        }
        if !self.signs.as_ref().is_some_and(|it| it.is_match(text)) {
            return;
        }
        for pattern in &self.patterns {
            for one in pattern.captures_iter(text).filter_map(|all| all.get(1)) {
                add(one.range());
            }
        }
        let introduced = self.introduced.captures_iter(text);
        for one in introduced.filter_map(|all| all.get(1)) {
            add(one.start()..end_of_name(text, one.range()));
        }
    }
}

/// Returns a pattern for any of the words, the longest first, so that none hides another.
fn any(words: &[String]) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric();
    let mut words: Vec<String> = words
        .iter()
        .map(|word| word.trim())
        .filter(|word| !word.is_empty())
        .map(|word| match word.starts_with(letter) {
            true => format!(r"(?-u:\b){}", regex::escape(word)),
            false => regex::escape(word),
        })
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    match words.is_empty() {
        // Fits nothing.
        true => r"[^\s\S]".to_owned(),
        false => words.join("|"),
    }
}

/// Returns whether a place is no part of a longer word.
fn whole(text: &str, place: Range<usize>) -> bool {
    let letter = |c: char| c.is_alphanumeric() && (c as u32) < 0x2e80;
    let inside = |one: Option<char>, other: Option<char>| {
        one.is_some_and(letter) && other.is_some_and(letter)
    };
    let name = &text[place.clone()];
    let (before, after) = (&text[..place.start], &text[place.end..]);
    !inside(before.chars().next_back(), name.chars().next())
        && !inside(name.chars().next_back(), after.chars().next())
}

/// Returns where a name of a surname and one or two characters ends: before what is of the next word.
fn end_of_name(text: &str, place: Range<usize>) -> usize {
    let name = &text[place.clone()];
    match name.char_indices().next_back() {
        Some((at, c)) if name.chars().count() > 2 && NEXT.contains(&c) => place.start + at,
        _ => place.end,
    }
}
