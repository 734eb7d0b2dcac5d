//! What was gathered of a file, judged.

use super::column::ColumnGathered;
use super::meaning::Meaning;
use super::table::TableShape;
use crate::domain::decimal::Decimal;

/// One in so many values may break the rule of a type: more make it text.
const WRONG_SHARE: u64 = 1000;
/// Share of the searched values, in percent, from which on a column is personal.
const PERSONAL_PERCENT: u64 = 60;
/// Examples of a column, and their longest text in characters.
const EXAMPLES_MAX: usize = 5;
const EXAMPLE_CHARS_MAX: usize = 40;
/// Most different values of what may be an enumeration, and how often each must come on average.
const CHOICES_MAX: usize = 24;
const CHOICE_ROWS_MIN: u64 = 20;

/// Type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Flags.
    Boolean,
    /// Days or times.
    Time {
        /// Pattern of `strftime`, `rfc3339`, `unix` or `unix_ms`.
        pattern: String,
        /// The pattern of the other order of day and month, which fits as well.
        other: Option<String>,
        /// Whether there is a time of day.
        has_hours: bool,
    },
}

impl Kind {
    /// Returns the standard's word for the type.
    pub fn logical_type(&self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Time {
                has_hours: true, ..
            } => "timestamp",
            Self::Time {
                has_hours: false, ..
            } => "date",
        }
    }
}

/// What a column looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSurvey {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: Kind,
    /// What it is for, by its name.
    pub meaning: Option<Meaning>,
    /// Kind of personal data; `None` when there are none.
    pub personal: Option<&'static str>,
    /// Rows without a value, words for a missing one among them.
    pub missing: u64,
    /// Estimated number of different values.
    pub distinct: u64,
    /// Whether no value comes twice.
    pub unique: bool,
    /// Whether that is only likely.
    pub unsure: bool,
    /// Smallest and largest number or time, as text; empty for texts and personal columns.
    pub range: (String, String),
    /// Whether a number is below zero.
    pub negative: bool,
    /// Frequent values; none for personal columns.
    pub examples: Vec<String>,
    /// All values, where they are few and frequent.
    pub choices: Vec<String>,
    /// Words for a missing value.
    pub missing_words: Vec<String>,
    /// Values that do not fit the type.
    pub wrong: u64,
    /// Values that are amounts with signs of a currency or of thousands, kept as text.
    pub dressed: u64,
    /// Currency that the signs tell.
    pub currency: Option<&'static str>,
    /// Whether the values are sentences.
    pub prose: bool,
}

/// What makes a row the same as an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The values of these columns.
    Columns(Vec<usize>),
    /// The content and how often it came before.
    Content,
}

/// What a file looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// How it is written.
    pub shape: TableShape,
    /// Rows.
    pub rows: u64,
    /// Rows with another number of cells than most, or that are no JSON objects.
    pub odd_rows: u64,
    /// Whether there were more columns than are looked at.
    pub dropped_columns: bool,
    /// Fields that are lists, which no column holds.
    pub left_out: Vec<String>,
    /// Columns in their order.
    pub columns: Vec<ColumnSurvey>,
    /// What tells a row.
    pub key: Key,
}

impl Survey {
    /// Returns the first column that is for something.
    pub fn find(&self, meaning: Meaning) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.meaning == Some(meaning))
    }
}

pub(super) fn survey(
    shape: TableShape,
    rows: u64,
    gathered: &[(&String, &ColumnGathered)],
    pairs: Vec<(usize, usize)>,
) -> Survey {
    let columns: Vec<ColumnSurvey> = gathered
        .iter()
        .map(|(name, gathered)| column(name, gathered, rows, gathered.times().is_some()))
        .collect();
    let key = key(&columns, rows, pairs);
    Survey {
        shape,
        rows,
        odd_rows: 0,
        dropped_columns: false,
        left_out: Vec::new(),
        columns,
        key,
    }
}

fn column(name: &str, it: &ColumnGathered, rows: u64, timed: bool) -> ColumnSurvey {
    let meaning = Meaning::of(name);
    let nameless = name.starts_with("column_");
    let (kind, wrong) = kind(it, meaning, nameless, timed);
    let personal = personal(it, meaning, &kind);
    let text = |number: Option<Decimal>| number.map_or_else(String::new, |it| it.to_string());
    let range = match (&kind, it.times()) {
        _ if personal.is_some() => Default::default(),
        (Kind::Integer | Kind::Number, _) => (text(it.smallest), text(it.largest)),
        (Kind::Time { has_hours, .. }, Some(times)) => {
            let form = if *has_hours {
                "%Y-%m-%d %H:%M:%S"
            } else {
                "%Y-%m-%d"
            };
            let range = times.range;
            range.map_or_else(Default::default, |(first, last)| {
                (
                    first.format(form).to_string(),
                    last.format(form).to_string(),
                )
            })
        }
        _ => Default::default(),
    };
    let mut values: Vec<(&String, &u64)> = it.values.iter().collect();
    values.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let short = |text: &String| text.chars().take(EXAMPLE_CHARS_MAX).collect::<String>();
    let few =
        !it.many && values.len() <= CHOICES_MAX && it.told >= CHOICE_ROWS_MIN * values.len() as u64;
    let is_text = kind == Kind::Text && personal.is_none();
    let mut words: Vec<(&String, &u64)> = it.words.iter().collect();
    words.sort();
    let words_count: u64 = it.words.values().sum();
    // Two letters among other letters may well be a value.
    let words_count_as_missing =
        kind != Kind::Text || words_count * 200 >= it.present.max(1) || it.told == 0;
    let counted = if words_count_as_missing {
        words_count
    } else {
        0
    };
    let uncounted = it.told + words_count - counted;
    ColumnSurvey {
        name: name.to_owned(),
        meaning,
        personal,
        missing: rows.saturating_sub(uncounted),
        distinct: it.distinct.count(),
        unique: it.told == rows
            && rows > 0
            && !it.repeats.repeated
            && (!it.repeats.unsure || it.distinct.count() * 100 >= rows * 96),
        unsure: it.repeats.unsure,
        range,
        negative: it.smallest.is_some_and(|smallest| smallest.signum() < 0),
        examples: match personal {
            Some(_) => Vec::new(),
            None => values
                .iter()
                .take(EXAMPLES_MAX)
                .map(|(text, _)| short(text))
                .collect(),
        },
        choices: match few && is_text && values.len() > 1 {
            true => values.iter().map(|(text, _)| (*text).clone()).collect(),
            false => Vec::new(),
        },
        missing_words: match words_count_as_missing {
            true => words.iter().map(|(word, _)| (*word).clone()).collect(),
            false => Vec::new(),
        },
        wrong,
        dressed: match kind {
            Kind::Text => it.amounts,
            _ => 0,
        },
        currency: it
            .signs
            .iter()
            .max_by_key(|(code, count)| (**count, std::cmp::Reverse(**code)))
            .map(|(code, _)| *code),
        prose: it.told > 0 && it.blanks * 2 > it.told && it.characters / it.told > 25,
        kind,
    }
}

/// Decides on the type, and counts the values that break it.
fn kind(it: &ColumnGathered, meaning: Option<Meaning>, nameless: bool, timed: bool) -> (Kind, u64) {
    let fits = |count: u64| it.told > 0 && (it.told - count) * WRONG_SHARE <= it.told;
    if timed
        && fits(it.told - it.times().map_or(it.told, |times| times.wrong))
        && let Some(times) = it.times()
    {
        let by_digits = times.pattern.starts_with("unix") || times.pattern == "%Y%m%d";
        let named = matches!(
            meaning,
            Some(Meaning::EventTime | Meaning::OtherTime | Meaning::BirthDate)
        ) || nameless && times.pattern == "%Y%m%d";
        if !by_digits || named {
            let kind = Kind::Time {
                pattern: times.pattern,
                other: times.other,
                has_hours: times.has_hours,
            };
            return (kind, times.wrong);
        }
    }
    use Meaning::*;
    let is_name = matches!(
        meaning,
        Some(
            Customer
                | RowId
                | Order
                | Product
                | Code
                | Phone
                | IdNumber
                | BankCard
                | PersonName
                | Address
                | Category
        )
    );
    if is_name || it.codes > 0 || it.told == 0 {
        return (Kind::Text, 0);
    }
    let zero_or_one = it.flags == it.told && it.distinct.count() == 2;
    if zero_or_one {
        return (Kind::Boolean, 0);
    }
    if fits(it.whole) {
        return (Kind::Integer, it.told - it.whole);
    }
    if fits(it.numbers) {
        return (Kind::Number, it.told - it.numbers);
    }
    (Kind::Text, 0)
}

/// Tells personal data by the name of a column, and by what its values look like.
fn personal(it: &ColumnGathered, meaning: Option<Meaning>, kind: &Kind) -> Option<&'static str> {
    let measured = matches!(kind, Kind::Integer | Kind::Number | Kind::Boolean);
    let by_name = meaning.and_then(Meaning::personal).filter(|_| !measured);
    let most = it
        .personal
        .iter()
        .max_by_key(|(kind, count)| (**count, std::cmp::Reverse(**kind)));
    let by_value = most
        .filter(|(_, count)| **count * 100 >= it.searched * PERSONAL_PERCENT)
        .map(|(found, _)| *found);
    // Times, and numbers of orders, can look like phone numbers.
    let plain = matches!(kind, Kind::Time { .. }) || measured;
    let numbered = matches!(
        meaning,
        Some(Meaning::Order | Meaning::RowId | Meaning::Product | Meaning::Line)
    );
    by_name.or(by_value.filter(|_| !plain && !numbered))
}

/// Finds what tells a row: a column without repeats, else two together, else the whole content.
fn key(columns: &[ColumnSurvey], rows: u64, pairs: Vec<(usize, usize)>) -> Key {
    if rows < 2 {
        return Key::Content;
    }
    let rank = |index: &usize| {
        let column = &columns[*index];
        let meant = match column.meaning {
            Some(Meaning::RowId) => 0,
            Some(Meaning::Order) => 1,
            Some(Meaning::Customer) => 2,
            Some(Meaning::Code) => 4,
            None if column.name.starts_with("column_") => 3,
            _ => 9,
        };
        (meant, *index)
    };
    let unique = (0..columns.len()).filter(|index| columns[*index].unique);
    if let Some(best) = unique.min_by_key(rank).filter(|index| rank(index).0 < 9) {
        return Key::Columns(vec![best]);
    }
    let whole = |(left, right): &(usize, usize)| {
        columns[*left].missing == 0 && columns[*right].missing == 0
    };
    pairs
        .into_iter()
        .find(whole)
        .map_or(Key::Content, |(left, right)| {
            Key::Columns(vec![left, right])
        })
}
