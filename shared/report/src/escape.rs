//! Makes texts of strangers harmless.

/// Returns a text without what could deceive a reader: control characters and marks that turn the direction of writing
/// become `U+FFFD`; line ends and tabs become blanks.
pub fn clean(text: &str) -> String {
    text.chars().map(harmless).collect()
}

fn harmless(letter: char) -> char {
    match letter {
        '\n' | '\r' | '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    }
}

/// Returns a cleaned text with everything escaped that has a meaning in HTML or SVG, fit for contents and for attribute
/// values between quotes of either kind.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars().map(harmless) {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_nothing_that_has_a_meaning() {
        let hostile = "<script>alert('x')</script>\"&`";
        let safe = escape(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '`']), "{safe}");
        assert_eq!(escape("订单 <金额>"), "订单 &lt;金额&gt;");
    }

    #[test]
    fn shows_what_would_deceive() {
        assert_eq!(clean("abc\u{202e}cba\0\n"), "abc\u{fffd}cba\u{fffd} ");
    }
}
