//! Flags in several languages.

use crate::text::plain;
use crate::{Reason, Standardised};

/// Words for true in English, Chinese, French, German, Spanish, Italian, Portuguese, Dutch, Russian, Japanese and Korean.
const TRUE: &[&str] = &[
    "true",
    "t",
    "yes",
    "y",
    "1",
    "1.0",
    "on",
    "x",
    "enabled",
    "active",
    "是",
    "真",
    "对",
    "對",
    "有",
    "开",
    "開",
    "启用",
    "啟用",
    "已启用",
    "已",
    "√",
    "✓",
    "✔",
    "☑",
    "✅",
    "oui",
    "o",
    "vrai",
    "ja",
    "j",
    "wahr",
    "sí",
    "si",
    "s",
    "verdadero",
    "vero",
    "sim",
    "verdadeiro",
    "waar",
    "да",
    "истина",
    "はい",
    "예",
    "네",
];

/// Words for false in the same languages.
const FALSE: &[&str] = &[
    "false",
    "f",
    "no",
    "n",
    "0",
    "0.0",
    "off",
    "disabled",
    "inactive",
    "否",
    "假",
    "错",
    "錯",
    "不是",
    "无",
    "無",
    "没有",
    "关",
    "關",
    "停用",
    "禁用",
    "未启用",
    "未",
    "×",
    "✗",
    "✘",
    "☐",
    "❌",
    "non",
    "faux",
    "nein",
    "falsch",
    "falso",
    "não",
    "nao",
    "nee",
    "onwaar",
    "нет",
    "ложь",
    "いいえ",
    "아니오",
    "아니요",
];

/// Returns `true` or `false` for a flag in one of eleven languages; told as `boolean`.
pub fn flag(raw: &str) -> Result<Standardised<bool>, Reason> {
    let word = plain(raw)?.to_lowercase();
    // A tick is followed at times by the selector of its coloured picture.
    let word = word.trim_end_matches('\u{fe0f}');
    let value = if TRUE.contains(&word) {
        true
    } else if FALSE.contains(&word) {
        false
    } else {
        return Err(Reason::Flag);
    };
    Ok(Standardised::new(value, raw, "boolean"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_flags_of_many_languages() {
        for (raw, expected) in [
            ("true", true),
            ("TRUE", true),
            ("Ｙ", true),
            ("是", true),
            ("否", false),
            ("Oui", true),
            ("NON", false),
            ("nein", false),
            ("sí", true),
            ("Não", false),
            ("да", true),
            ("はい", true),
            ("０", false),
            ("✔\u{fe0f}", true),
            (" off ", false),
        ] {
            assert_eq!(flag(raw).map(|it| it.value), Ok(expected), "{raw}");
        }
        assert!(!flag("true").expect("flag").changed());
        assert_eq!(flag("是").expect("flag").changes, ["boolean"]);
    }

    #[test]
    fn no_word_means_both() {
        assert!(TRUE.iter().all(|word| !FALSE.contains(word)));
        for word in TRUE.iter().chain(FALSE) {
            assert!(flag(word).is_ok(), "{word}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        assert_eq!(flag("maybe"), Err(Reason::Flag));
        assert_eq!(flag("2"), Err(Reason::Flag));
        assert_eq!(flag(" "), Err(Reason::Empty));
    }
}
