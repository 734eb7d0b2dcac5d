//! Whether a phrase is denied: by a word of denial shortly before it in the same clause.
//!
//! Two denials cancel out (`不是不快`). Words that only look like a denial (`不错`, `不仅`, `not only`) do not count.

use aho_corasick::{AhoCorasick, MatchKind};

use super::search::is_word;

/// How many Chinese characters may stand between a denial and what it denies.
const CHINESE_REACH: usize = 6;
/// How many words of other scripts may.
const WORD_REACH: usize = 4;

const CHINESE: &[&str] = &[
    "不", "没", "未", "无", "非", "别", "勿", "没有", "不是", "并非", "从未", "毫无", "绝不",
    "毫不", "並非", "沒", "沒有", "無", "毋",
];
const ENGLISH: &[&str] = &[
    "not",
    "never",
    "no",
    "none",
    "nothing",
    "without",
    "hardly",
    "barely",
    "neither",
    "nor",
    "cannot",
    "cant",
    "dont",
    "doesnt",
    "didnt",
    "isnt",
    "wasnt",
    "arent",
    "werent",
    "wont",
    "wouldnt",
    "couldnt",
    "shouldnt",
    "hasnt",
    "havent",
    "hadnt",
    "ain't",
    "can't",
    "don't",
    "doesn't",
    "didn't",
    "isn't",
    "wasn't",
    "aren't",
    "weren't",
    "won't",
    "wouldn't",
    "couldn't",
    "shouldn't",
    "hasn't",
    "haven't",
    "hadn't",
];
/// Look like a denial and are none.
const OTHERWISE: &[&str] = &[
    "不错",
    "没错",
    "不仅",
    "不但",
    "不只",
    "不光",
    "不过",
    "不得不",
    "不管",
    "不论",
    "无论",
    "不禁",
    "不断",
    "不愧",
    "差不多",
    "不好意思",
    "对不起",
    "不如",
    "不妨",
    "没事",
    "没问题",
    "没关系",
    "不用说",
    "不知道为什么",
    "不知为何",
    "非常",
    "无比",
    "别人",
    "别的",
    "特别",
    "分别",
    "类别",
    "级别",
    "区别",
    "性别",
    "未来",
    "未免",
    "莫非",
    "除非",
    "无疑",
    "毫无疑问",
    "不可思议",
    "不少",
    "不久",
    "从来没有这么",
    "不亏",
    "不容易",
    "好不容易",
    "不同",
    "不愁",
    "是不是",
    "有没有",
    "不一会",
    "不到",
    "不出",
    "not only",
    "not just",
    "not to mention",
    "not least",
    "no doubt",
    "no wonder",
    "no question",
    "why not",
    "if not",
    "no matter",
    "no less than",
    "nothing but",
    "not bad",
    "can't wait",
    "cannot wait",
    "couldn't agree more",
    "no. ",
    "no.",
];
/// Begin a new clause without a mark.
const TURNS: &[&str] = &[
    "但是",
    "但",
    "可是",
    "然而",
    "而且",
    "虽然",
    "尽管",
    "因为",
    "所以",
    "不过",
    "而是",
    "却",
    "就是",
    " but ",
    " however ",
    " although ",
    " though ",
    " because ",
    " since ",
    " yet ",
    " and ",
    " while ",
    " so ",
];

/// A mark in a text that decides about denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Denial,
    Otherwise,
    Turn,
}

/// Words of denial.
#[derive(Clone, Debug)]
pub(super) struct Negation {
    signs: AhoCorasick,
    kinds: Vec<Sign>,
}

/// Where denials and the ends of clauses stand in one folded text.
pub(super) struct Clauses<'t> {
    text: &'t str,
    /// Ends of denials, in order.
    denials: Vec<(usize, usize)>,
    /// Ends of clauses, in order.
    ends: Vec<usize>,
}

impl Negation {
    /// Knows the usual words of both languages, and `more`, which must be folded.
    pub(super) fn new(more: &[String]) -> Option<Self> {
        let denials = CHINESE.iter().chain(ENGLISH).copied();
        let denials = denials.chain(more.iter().map(String::as_str));
        let signs: Vec<(&str, Sign)> = denials
            .map(|word| (word, Sign::Denial))
            .chain(OTHERWISE.iter().map(|word| (*word, Sign::Otherwise)))
            .chain(TURNS.iter().map(|word| (*word, Sign::Turn)))
            .collect();
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(signs.iter().map(|(word, _)| *word))
            .ok()?;
        Some(Self {
            signs: built,
            kinds: signs.into_iter().map(|(_, sign)| sign).collect(),
        })
    }

    /// Reads a folded text once.
    pub(super) fn clauses<'t>(&self, text: &'t str) -> Clauses<'t> {
        let mut denials = Vec::new();
        let mut ends: Vec<usize> = text
            .char_indices()
            .filter(|(at, c)| is_end(text, *at, *c))
            .map(|(at, c)| at + c.len_utf8())
            .collect();
        let marks = ends.len();
        for found in self.signs.find_iter(text) {
            match self.kinds[found.pattern().as_usize()] {
                Sign::Denial if is_word(text, found.range()) => {
                    denials.push((found.start(), found.end()))
                }
                Sign::Denial | Sign::Otherwise => {}
                Sign::Turn => ends.push(found.end()),
            }
        }
        if ends.len() > marks {
            ends.sort_unstable();
        }
        Clauses {
            text,
            denials,
            ends,
        }
    }
}

impl Clauses<'_> {
    /// Returns whether what begins at `start` is denied.
    pub(super) fn denies(&self, start: usize) -> bool {
        let clause = match self.ends.partition_point(|end| *end <= start) {
            0 => 0,
            before => self.ends[before - 1],
        };
        let mut until = self.denials.partition_point(|(_, end)| *end <= start);
        let mut count = 0;
        let mut reached = start;
        while until > 0 {
            let (begin, end) = self.denials[until - 1];
            if begin < clause || !within_reach(&self.text[end..reached]) {
                break;
            }
            count += 1;
            reached = begin;
            until -= 1;
        }
        count % 2 == 1
    }
}

/// Returns whether a denial before this piece of text reaches over it.
fn within_reach(between: &str) -> bool {
    let (mut characters, mut words, mut inside) = (0, 0, false);
    for c in between.chars() {
        let wide = c as u32 >= 0x2e80;
        let letter = c.is_alphanumeric() && !wide;
        characters += usize::from(wide);
        words += usize::from(letter && !inside);
        inside = letter || (inside && c == '\'');
        if characters > CHINESE_REACH || words > WORD_REACH {
            return false;
        }
    }
    true
}

/// Returns whether a clause ends with this character. A point between digits (`2.5`) ends none.
fn is_end(text: &str, at: usize, c: char) -> bool {
    match c {
        ',' | ';' | '!' | '?' | ':' | '\n' | '\r' | '。' | '、' | '…' | '(' | ')' | '~' | '～'
        | '，' | '！' | '？' | '；' | '：' => true,
        '.' => !text[at + 1..].starts_with(|next: char| next.is_alphanumeric()),
        _ => false,
    }
}
