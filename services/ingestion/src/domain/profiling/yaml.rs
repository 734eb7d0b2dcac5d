//! Writes texts so that YAML reads them as what they are.

/// Words that mean something else than themselves.
const WORDS: [&str; 12] = [
    "true", "false", "yes", "no", "on", "off", "null", "~", "y", "n", ".nan", ".inf",
];

/// Returns a text as a YAML scalar that is safe within `{}` and `[]` too.
pub(super) fn scalar(text: &str) -> String {
    match is_plain(text) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if is_unprintable(letter) => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn is_plain(text: &str) -> bool {
    let starts = text
        .chars()
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_');
    let ends = text.chars().last().is_some_and(|last| last != ' ');
    starts
        && ends
        && text.chars().all(|letter| {
            letter.is_alphanumeric()
                || matches!(letter, ' ' | '_' | '-' | '.' | '/' | '(' | ')' | '+')
        })
        && !WORDS.contains(&text.to_lowercase().as_str())
}

/// Returns scalars as a list in one line.
pub(super) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let all: Vec<String> = texts.into_iter().map(scalar).collect();
    format!("[{}]", all.join(", "))
}

/// Returns a text for a comment: one line of what can be printed.
pub(super) fn comment(text: &str) -> String {
    let printed = |letter| {
        if is_unprintable(letter) { ' ' } else { letter }
    };
    text.chars().map(printed).collect()
}

/// Says whether YAML takes a letter only by its number.
fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_what_cannot_be_printed() {
        let text = "a\u{ffff}\u{fffe}\u{feff}\u{2028}\u{85}\u{0}b";
        let document = format!("one: {} # {}\n", scalar(text), comment(text));
        let read: serde_json::Value = serde_saphyr::from_str(&document).expect("YAML");
        assert_eq!(read["one"], serde_json::json!(text));
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(texts in prop::collection::vec(".{0,20}", 1..5)) {
            let document = format!("all: {}\none: {{name: {}}}\n", list(texts.iter().map(String::as_str)), scalar(&texts[0]));
            let options = serde_saphyr::options! { strict_booleans: true };
            let read: serde_json::Value =
                serde_saphyr::from_str_with_options(&document, options).expect("YAML");
            prop_assert_eq!(&read["all"], &serde_json::json!(texts));
            prop_assert_eq!(&read["one"]["name"], &serde_json::json!(texts[0]));
        }
    }
}
