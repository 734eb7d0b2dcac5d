//! Patterns of times as the standard writes them, those of Java's `DateTimeFormatter`.

/// Translates a pattern such as `yyyy-MM-dd HH:mm:ss` to one of `strftime`. Returns `None` for letters that have no
/// counterpart.
pub(super) fn to_strftime(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut fields = 0;
    while let Some(first) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix("''") {
            out.push('\'');
            rest = inner;
        } else if first == '\'' {
            rest = quoted(&rest[1..], &mut out)?;
        } else if first.is_ascii_alphabetic() {
            let count = rest.bytes().take_while(|byte| *byte == first as u8).count();
            out.push_str(field(first, count)?);
            fields += 1;
            rest = &rest[count..];
        } else if matches!(first, '[' | ']' | '{' | '}' | '#' | '%') {
            return None;
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    (fields > 0).then_some(out)
}

/// Copies a text up to its closing quotation mark; two of them are one that belongs to the text. Returns what follows.
fn quoted<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let end = rest.find('\'')?;
        out.push_str(&rest[..end].replace('%', "%%"));
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some(rest),
        }
    }
}

fn field(letter: char, count: usize) -> Option<&'static str> {
    Some(match (letter, count) {
        ('y' | 'u', 1 | 4) => "%Y",
        ('y' | 'u', 2) => "%y",
        ('M' | 'L', 1) => "%-m",
        ('M' | 'L', 2) => "%m",
        ('M' | 'L', 3) => "%b",
        ('M' | 'L', 4) => "%B",
        ('d', 1) => "%-d",
        ('d', 2) => "%d",
        ('H', 1) => "%-H",
        ('H', 2) => "%H",
        ('h', 1) => "%-I",
        ('h', 2) => "%I",
        ('m', 1) => "%-M",
        ('m', 2) => "%M",
        ('s', 1) => "%-S",
        ('s', 2) => "%S",
        ('S', 3) => "%3f",
        ('S', 6) => "%6f",
        ('S', 9) => "%9f",
        ('a', 1) => "%p",
        ('E', 1..=3) => "%a",
        ('E', 4) => "%A",
        ('X' | 'x', 2) | ('Z', 1..=3) => "%z",
        ('X' | 'x', 3) | ('Z', 5) => "%:z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: Option<&str>) {
        assert_eq!(to_strftime(pattern).as_deref(), expected, "{pattern}");
    }

    #[test]
    fn translates_what_contracts_write() {
        check("yyyy-MM-dd", Some("%Y-%m-%d"));
        check("dd/MM/yyyy HH:mm", Some("%d/%m/%Y %H:%M"));
        check(
            "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            Some("%Y-%m-%dT%H:%M:%S.%3f%:z"),
        );
        check("d MMM yyyy", Some("%-d %b %Y"));
        check("yyyy年MM月dd日", Some("%Y年%m月%d日"));
        check("h 'o''clock' a", Some("%-I o'clock %p"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        check("yyyy-DDD", None);
        check("yyyy-MM-dd[ HH:mm]", None);
        check("'open", None);
        check("--", None);
    }
}
