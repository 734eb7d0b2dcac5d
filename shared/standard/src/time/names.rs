//! Words of days and times.

use crate::number::chinese_digit;

/// Returns the month of a name or abbreviation in English, French, German, Spanish, Italian, Portuguese or Dutch, lower
/// case.
pub(super) fn month(word: &str) -> Option<u32> {
    const MONTHS: [&[&str]; 12] = [
        &[
            "jan", "january", "janvier", "janv", "januar", "jänner", "jän", "enero", "ene",
            "gennaio", "gen", "janeiro", "januari",
        ],
        &[
            "feb",
            "february",
            "février",
            "fevrier",
            "févr",
            "fevr",
            "fév",
            "februar",
            "febrero",
            "febbraio",
            "fevereiro",
            "fev",
            "februari",
        ],
        &[
            "mar", "march", "mars", "märz", "mär", "mrz", "marzo", "março", "maart", "mrt",
        ],
        &["apr", "april", "avril", "avr", "abril", "abr", "aprile"],
        &["may", "mai", "mayo", "maggio", "mag", "maio", "mei"],
        &[
            "jun", "june", "juin", "juni", "junio", "giugno", "giu", "junho",
        ],
        &[
            "jul", "july", "juillet", "juil", "juli", "julio", "luglio", "lug", "julho",
        ],
        &["aug", "august", "août", "aout", "agosto", "ago", "augustus"],
        &[
            "sep",
            "sept",
            "september",
            "septembre",
            "septiembre",
            "settembre",
            "set",
            "setembro",
        ],
        &[
            "oct", "october", "octobre", "oktober", "okt", "octubre", "ottobre", "ott", "outubro",
            "out",
        ],
        &["nov", "november", "novembre", "noviembre", "novembro"],
        &[
            "dec",
            "december",
            "décembre",
            "decembre",
            "déc",
            "dezember",
            "dez",
            "diciembre",
            "dic",
            "dicembre",
            "dezembro",
        ],
    ];
    let at = MONTHS.iter().position(|names| names.contains(&word))?;
    u32::try_from(at + 1).ok()
}

/// Returns true for words that say nothing which the numbers do not: days of the week, articles and prepositions.
pub(super) fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "mon"
            | "monday"
            | "tue"
            | "tues"
            | "tuesday"
            | "wed"
            | "wednesday"
            | "thu"
            | "thur"
            | "thurs"
            | "thursday"
            | "fri"
            | "friday"
            | "sat"
            | "saturday"
            | "sun"
            | "sunday"
            | "lundi"
            | "mardi"
            | "mercredi"
            | "jeudi"
            | "vendredi"
            | "samedi"
            | "dimanche"
            | "montag"
            | "dienstag"
            | "mittwoch"
            | "donnerstag"
            | "freitag"
            | "samstag"
            | "sonntag"
            | "of"
            | "de"
            | "del"
            | "le"
            | "the"
            | "at"
            | "on"
            | "um"
            | "uhr"
            | "à"
    )
}

/// Returns true for endings of ordinal numbers.
pub(super) fn is_ordinal(word: &str) -> bool {
    matches!(word, "st" | "nd" | "rd" | "th" | "er" | "º" | "ª")
}

/// Half of the day that a word names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// Before noon; twelve is midnight.
    Morning,
    /// After noon; twelve is noon.
    Afternoon,
    /// Evening; twelve would be midnight of the next day and is refused.
    Evening,
    /// Around noon: eleven and twelve as they are, one and two after noon.
    Noon,
}

/// Returns the half of the day of a word.
pub(super) fn half(word: &str) -> Option<Half> {
    Some(match word {
        "am" | "a.m" | "a.m." => Half::Morning,
        "pm" | "p.m" | "p.m." => Half::Afternoon,
        "evening" => Half::Evening,
        "noon" => Half::Noon,
        _ => return None,
    })
}

/// Chinese and Japanese words, with the words or signs that stand for them.
const WORDS: &[(&str, &str)] = &[
    ("北京时间", " Asia/Shanghai "),
    ("上午", " am "),
    ("凌晨", " am "),
    ("早上", " am "),
    ("早晨", " am "),
    ("清晨", " am "),
    ("午前", " am "),
    ("下午", " pm "),
    ("午后", " pm "),
    ("午後", " pm "),
    ("傍晚", " evening "),
    ("晚上", " evening "),
    ("晚间", " evening "),
    ("中午", " noon "),
    ("年", "年 "),
    ("月", "月 "),
    ("號", "日 "),
    ("号", "日 "),
    ("点钟", "时 "),
    ("點鐘", "时 "),
    ("點", "时 "),
    ("点", "时 "),
    ("時", "时 "),
    ("分钟", "分 "),
    ("分鐘", "分 "),
    ("秒钟", "秒 "),
    ("半", "30分"),
    ("整", " "),
];

/// Puts ASCII words and digits in the place of Chinese ones, and takes days of the week away.
pub(super) fn reworded(value: &str) -> String {
    let mut value = value.to_owned();
    if value.is_ascii() {
        return value;
    }
    for week in ["星期", "礼拜", "周"] {
        while let Some(at) = value.find(week) {
            let after = at + week.len();
            let day = value[after..]
                .chars()
                .next()
                .filter(|c| "一二三四五六日天末".contains(*c));
            value.replace_range(at..after + day.map_or(0, char::len_utf8), " ");
        }
    }
    let mut digits = String::new();
    let mut reworded = String::with_capacity(value.len());
    for c in value.chars().chain(['\0']) {
        if chinese_digit(c).is_some() || c == '十' {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            reworded.push_str(&counted(&digits));
            digits.clear();
        }
        if c != '\0' {
            reworded.push(c);
        }
    }
    WORDS.iter().fold(reworded, |text, (word, meaning)| {
        text.replace(word, meaning)
    })
}

/// Returns the ASCII digits of a Chinese number below a hundred, or of digits in a row.
fn counted(digits: &str) -> String {
    let ascii = |text: &str| -> String {
        text.chars()
            .filter_map(chinese_digit)
            .map(char::from)
            .collect()
    };
    match digits.split_once('十') {
        None => ascii(digits),
        Some((tens, ones))
            if tens.chars().count() <= 1 && ones.chars().count() <= 1 && !ones.contains('十') =>
        {
            let or = |text: String, other: &str| {
                if text.is_empty() {
                    other.to_owned()
                } else {
                    text
                }
            };
            format!("{}{}", or(ascii(tens), "1"), or(ascii(ones), "0"))
        }
        // No day has such a number.
        Some(_) => "x".to_owned(),
    }
}
