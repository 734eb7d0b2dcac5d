//! One form for texts that read alike, with the way back to the original.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// What becomes of capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They stay.
    Kept,
    /// They become small letters.
    Lower,
}

/// A text in NFKC (full width becomes half, ligatures and circled digits become plain), with plain apostrophes and hyphens, single
/// blanks and, where asked, small letters.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    text: Cow<'a, str>,
    /// For every byte where the piece of the original that it came from begins and ends; absent when nothing moved.
    origins: Option<Vec<(u32, u32)>>,
}

impl<'a> Folded<'a> {
    /// Folds a text of less than 4 GiB.
    pub fn new(text: &'a str, case: Case) -> Self {
        let ascii = text.is_ascii() && !text.contains('\t') && !has_wide_blanks(text);
        if ascii && (case == Case::Kept || !text.bytes().any(|it| it.is_ascii_uppercase())) {
            return Self {
                text: Cow::Borrowed(text),
                origins: None,
            };
        }
        let stays = |c: char| plain(c) == c && (case == Case::Kept || small(c) == Some(c));
        let quick = is_nfkc_quick(text.chars()) == IsNormalized::Yes && !has_wide_blanks(text);
        if quick && text.chars().all(stays) {
            return Self {
                text: Cow::Borrowed(text),
                origins: None,
            };
        }
        // Most texts only need other letters of the same length.
        let same_length = |c: char| {
            let to = plain(c);
            to.len_utf8() == c.len_utf8()
                && (case == Case::Kept || small(to).is_some_and(|s| s.len_utf8() == c.len_utf8()))
        };
        if quick && text.chars().all(same_length) {
            let fold = |c| match case {
                Case::Kept => plain(c),
                Case::Lower => small(plain(c)).unwrap_or(c),
            };
            return Self {
                text: Cow::Owned(text.chars().map(fold).collect()),
                origins: None,
            };
        }
        Self::slowly(text, case)
    }

    fn slowly(text: &str, case: Case) -> Self {
        let mut folded = String::with_capacity(text.len());
        let mut origins = Vec::with_capacity(text.len());
        let mut rest = text.char_indices().peekable();
        while let Some((begin, first)) = rest.next() {
            // A letter and its combining marks are folded together.
            let mut end = begin + first.len_utf8();
            while let Some((at, mark)) = rest.next_if(|(_, c)| canonical_combining_class(*c) != 0) {
                end = at + mark.len_utf8();
            }
            let origin = (begin as u32, end as u32);
            for c in text[begin..end].nfkc().map(plain) {
                if c == ' ' && folded.ends_with(' ') {
                    if let Some(last) = origins.last_mut() {
                        let (begin, _): (u32, u32) = *last;
                        *last = (begin, origin.1);
                    }
                    continue;
                }
                let before = folded.len();
                match case {
                    Case::Kept => folded.push(c),
                    Case::Lower => folded.extend(c.to_lowercase()),
                }
                origins.resize(origins.len() + folded.len() - before, origin);
            }
        }
        Self {
            text: Cow::Owned(folded),
            origins: Some(origins),
        }
    }

    /// Returns the folded text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the bytes of the original that bytes of the folded text came from, in whole letters.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        let Some(origins) = &self.origins else {
            return range;
        };
        let place = |at: usize| origins.get(at).copied();
        let end = range
            .end
            .checked_sub(1)
            .and_then(place)
            .map_or(0, |it| it.1);
        let begin = place(range.start).map_or(end, |it| it.0);
        begin as usize..(end as usize).max(begin as usize)
    }
}

/// Returns the small letter when there is exactly one.
fn small(c: char) -> Option<char> {
    let mut all = c.to_lowercase();
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// Returns the plain form of a blank, an apostrophe or a hyphen.
fn plain(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' | '\u{ff07}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\t' | '\u{a0}' | '\u{3000}' | '\u{2000}'..='\u{200a}' | '\u{202f}' => ' ',
        _ => c,
    }
}

/// Returns whether blanks follow each other.
fn has_wide_blanks(text: &str) -> bool {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t');
    text.as_bytes()
        .windows(2)
        .any(|pair| blank(pair[0]) && blank(pair[1]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(text: &str) -> String {
        Folded::new(text, Case::Lower).as_str().to_owned()
    }

    #[test]
    fn makes_one_of_what_reads_alike() {
        for (text, folded) in [
            ("ＡＢＣ１２３", "abc123"),
            ("Don’t", "don't"),
            ("e\u{301}t\u{e9}", "\u{e9}t\u{e9}"),
            ("a \t  b", "a b"),
            ("ﬁne", "fine"),
            ("物流 太慢", "物流 太慢"),
            ("İ", "i\u{307}"),
        ] {
            assert_eq!(fold(text), folded);
        }
        assert_eq!(Folded::new("ＡＢｃ", Case::Kept).as_str(), "ABc");
    }

    #[test]
    fn finds_the_way_back() {
        let text = "ＡＢ  ﬁne é!";
        let folded = Folded::new(text, Case::Lower);
        let at = folded.as_str().find("fine").expect("found");
        assert_eq!(&text[folded.origin(at..at + 4)], "ﬁne");
        // Half of a ligature is the whole of it.
        assert_eq!(&text[folded.origin(at..at + 1)], "ﬁ");
        assert_eq!(folded.origin(0..0), 0..0);
        let end = folded.as_str().len();
        assert_eq!(&text[folded.origin(0..end)], text);
    }

    proptest! {
        #[test]
        fn is_stable_and_stays_within_letters(text in "[\\PC ]{0,40}") {
            let folded = Folded::new(&text, Case::Lower);
            let once = folded.as_str();
            for (at, c) in once.char_indices() {
                let origin = folded.origin(at..at + c.len_utf8());
                prop_assert!(text.get(origin).is_some_and(|piece| !piece.is_empty()));
            }
            prop_assert_eq!(&text[folded.origin(0..once.len())], text.as_str());
        }
    }
}
