//! Texts: Unicode's composed forms, widths, blanks, invisible characters and case.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use crate::{Reason, Standardised, TEXT_BYTES_MAX, VALUE_BYTES_MAX};

/// What becomes of blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Blanks {
    /// They stay.
    Keep,
    /// Those at both ends are taken away.
    Trim,
    /// Those at both ends are taken away, and every other run of them becomes one space.
    #[default]
    Collapse,
}

/// What becomes of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Case {
    /// They stay.
    #[default]
    Keep,
    /// They become small.
    Lower,
    /// They become capital.
    Upper,
}

/// How texts are brought into standard form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextForm {
    /// Full-width letters, digits and signs become ordinary ones, half-width katakana becomes full; told as `width`.
    pub width: bool,
    /// Compatibility characters become what they stand for (NFKC), for example `①` and `㎏`; told as `compatibility`.
    pub compatibility: bool,
    /// Control characters, marks of direction and characters without width go; told as `controls`. Joiners stay, for they
    /// make other letters and other emoji.
    pub controls: bool,
    /// What becomes of blanks; told as `blanks`.
    pub blanks: Blanks,
    /// What becomes of letters; told as `case`.
    pub case: Case,
}

impl Default for TextForm {
    /// Everything but case.
    fn default() -> Self {
        Self {
            width: true,
            compatibility: true,
            controls: true,
            blanks: Blanks::Collapse,
            case: Case::Keep,
        }
    }
}

/// Most rounds until a text changes no more. Lower case can make characters that compose anew; no text needs four rounds.
const ROUNDS_MAX: usize = 6;

/// Returns the standard form of a text, which is composed (NFC) in any case; that alone is told as `composition`.
///
/// The answer may be empty. Fails for more than [`TEXT_BYTES_MAX`] bytes. O(n).
pub fn text(raw: &str, form: &TextForm) -> Result<Standardised, Reason> {
    if raw.len() > TEXT_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    let mut work = Work {
        value: raw.to_owned(),
        changes: Vec::new(),
    };
    for _ in 0..ROUNDS_MAX {
        if !work.round(form) {
            break;
        }
    }
    Ok(Standardised {
        value: work.value,
        changes: work.changes,
    })
}

/// A text on its way to its standard form.
struct Work {
    value: String,
    changes: Vec<&'static str>,
}

impl Work {
    /// Takes every step once; returns true when one of them changed the text.
    fn round(&mut self, form: &TextForm) -> bool {
        let mut changed = false;
        if form.controls && self.value.contains(is_invisible) {
            let visible = self.value.chars().filter(|c| !is_invisible(*c)).collect();
            changed |= self.step("controls", visible);
        }
        if !self.value.is_ascii() {
            if form.width && self.value.contains(has_other_width) {
                changed |= self.step("width", width_folded(&self.value));
            }
            if is_nfc_quick(self.value.chars()) != IsNormalized::Yes {
                changed |= self.step("composition", self.value.nfc().collect());
            }
            if form.compatibility && is_nfkc_quick(self.value.chars()) != IsNormalized::Yes {
                changed |= self.step("compatibility", self.value.nfkc().collect());
            }
        }
        changed |= match form.case {
            Case::Keep => false,
            Case::Lower => self.step("case", self.value.to_lowercase()),
            Case::Upper => self.step("case", self.value.to_uppercase()),
        };
        changed
            | match form.blanks {
                Blanks::Keep => false,
                Blanks::Trim => self.step("blanks", self.value.trim().to_owned()),
                Blanks::Collapse => self.step("blanks", collapsed(&self.value)),
            }
    }

    fn step(&mut self, name: &'static str, next: String) -> bool {
        let changed = next != self.value;
        if changed {
            self.value = next;
            if !self.changes.contains(&name) {
                self.changes.push(name);
            }
        }
        changed
    }
}

/// Returns true for control characters other than blanks, marks of direction, and characters that show nothing.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}')
        || matches!(c, '\u{fff9}'..='\u{fffb}')
}

/// Returns true for characters of another width than usual: the full-width and half-width forms, and the wide space.
fn has_other_width(c: char) -> bool {
    matches!(c, '\u{3000}' | '\u{ff00}'..='\u{ffef}')
}

fn width_folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if has_other_width(c) {
            folded.extend(c.nfkc());
        } else {
            folded.push(c);
        }
    }
    // Half-width katakana writes its voiced marks apart.
    folded.nfc().collect()
}

fn collapsed(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut collapsed = String::with_capacity(text.len());
    collapsed.extend(words.next());
    for word in words {
        collapsed.push(' ');
        collapsed.push_str(word);
    }
    collapsed
}

/// Returns a short value ready to be read: NFKC, no invisible characters, digits of every script as ASCII digits, blanks
/// collapsed. Fails when nothing is left or the value is longer than [`VALUE_BYTES_MAX`].
pub(crate) fn plain(raw: &str) -> Result<String, Reason> {
    if raw.len() > VALUE_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    let value = if raw.is_ascii() {
        raw.replace(is_invisible, "")
    } else {
        let visible = raw.chars().filter(|c| !is_invisible(*c));
        visible.nfkc().map(ascii_digit).collect()
    };
    let value = collapsed(&value);
    if value.is_empty() {
        Err(Reason::Empty)
    } else {
        Ok(value)
    }
}

/// First digits of scripts that count in tens and that compatibility does not fold: Arabic, Persian, Devanagari, Bengali,
/// Gurmukhi, Gujarati, Tamil, Thai, Lao, Tibetan, Burmese and Khmer.
const ZEROS: [u32; 12] = [
    0x0660, 0x06f0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0be6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x17e0,
];

/// Returns the ASCII digit of a decimal digit in another script, and every other character as it is.
fn ascii_digit(c: char) -> char {
    let code = u32::from(c);
    let zero = ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code));
    zero.and_then(|zero| char::from_digit(code - zero, 10))
        .unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &str, changes: &[&str]) {
        let answer = text(raw, &TextForm::default()).expect("text");
        assert_eq!(
            (answer.value.as_str(), answer.changes.as_slice()),
            (expected, changes),
            "{raw:?}"
        );
    }

    #[test]
    fn tells_apart_what_it_changed() {
        check("clean", "clean", &[]);
        check("曾惠", "曾惠", &[]);
        check("ＡＢＣ１２３", "ABC123", &["width"]);
        check("ｶﾞｲﾄﾞ", "ガイド", &["width"]);
        check("a\u{3000}b", "a b", &["width"]);
        check("①㎏", "1kg", &["compatibility"]);
        check("Zoe\u{308}", "Zoë", &["composition"]);
        check("  a \t b\r\n", "a b", &["blanks"]);
        check("\u{feff}a\u{200b}b\u{0}", "ab", &["controls"]);
        check(" Ｎｏ.① ", "No.1", &["width", "compatibility", "blanks"]);
        check("", "", &[]);
        check(" \u{200b} ", "", &["controls", "blanks"]);
    }

    #[test]
    fn keeps_what_joins_letters() {
        check("👩\u{200d}🚀", "👩\u{200d}🚀", &[]);
        check("می\u{200c}خواهم", "می\u{200c}خواهم", &[]);
    }

    #[test]
    fn changes_only_what_the_form_names() {
        let nothing = TextForm {
            width: false,
            compatibility: false,
            controls: false,
            blanks: Blanks::Keep,
            case: Case::Keep,
        };
        let raw = " Ａ① \u{0}";
        assert_eq!(text(raw, &nothing).expect("text").value, raw);
        let lower = TextForm {
            case: Case::Lower,
            ..TextForm::default()
        };
        assert_eq!(text("Ａ", &lower).expect("text").changes, ["width", "case"]);
    }

    #[test]
    fn refuses_what_is_too_long() {
        assert_eq!(
            text(&"a".repeat(TEXT_BYTES_MAX + 1), &TextForm::default()),
            Err(Reason::TooLong)
        );
    }

    #[test]
    fn folds_digits_of_other_scripts() {
        assert_eq!(plain("１٢۳४"), Ok("1234".to_owned()));
        assert_eq!(plain(" \u{200b} "), Err(Reason::Empty));
    }
}
