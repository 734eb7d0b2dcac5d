//! Finds what would make a page run code or fetch something.

/// Lists everything in a page that runs code or refers to anything outside it; empty for a self-contained page.
pub fn offences(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some(end) = end_of_tag(rest) else {
            found.push("a tag that does not end".to_owned());
            break;
        };
        check_tag(&rest[..end], &mut found);
        let name = name_of(&rest[..end]);
        rest = &rest[end..];
        if name == "style" {
            let end = rest.find("</style").unwrap_or(rest.len());
            check_style(&rest[..end], &mut found);
            rest = &rest[end..];
        }
    }
    found
}

/// Returns where a tag ends, quotes heeded.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(index),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn name_of(tag: &str) -> String {
    let end = tag
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(tag.len());
    tag[..end].to_ascii_lowercase()
}

fn check_tag(tag: &str, found: &mut Vec<String>) {
    const FORBIDDEN: [&str; 13] = [
        "script", "iframe", "object", "embed", "link", "base", "form", "frame", "img", "image",
        "audio", "video", "use",
    ];
    let name = name_of(tag);
    if FORBIDDEN.contains(&name.as_str()) {
        found.push(format!("<{name}>"));
    }
    for (attribute, value) in attributes(tag) {
        let outward = matches!(
            attribute.as_str(),
            "src" | "srcset" | "action" | "formaction" | "data" | "poster" | "background"
        );
        let link = matches!(attribute.as_str(), "href" | "xlink:href") && !value.starts_with('#');
        if outward || link || attribute.starts_with("on") {
            found.push(format!("{attribute} of <{name}>"));
        }
        if attribute == "style" {
            check_style(&value, found);
        }
    }
}

/// Returns the attributes of a tag, names in lower case.
fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut rest = tag[name_of(tag).len()..].trim_start();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (body, close) = match quote {
                Some(quote) => (&after[1..], after[1..].find(quote)),
                None => (after, after.find(char::is_whitespace)),
            };
            value = &body[..close.unwrap_or(body.len())];
            let past = (close.unwrap_or(body.len()) + usize::from(quote.is_some())).min(body.len());
            rest = &body[past..];
        }
        if !name.is_empty() {
            all.push((name, value.to_owned()));
        }
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/' || c == '"');
    }
    all
}

fn check_style(style: &str, found: &mut Vec<String>) {
    let style = style.to_ascii_lowercase();
    for word in ["url(", "@import", "expression(", "image-set("] {
        if style.contains(word) {
            found.push(format!("{word} in a style"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_reaches_out() {
        for bad in [
            "<script>1</script>",
            "<SCRIPT src='x'></SCRIPT>",
            "<a href=\"https://example.org\">x</a>",
            "<a href=javascript:alert(1)>x</a>",
            "<p onclick='x()'>x</p>",
            "<img src=x>",
            "<link rel=stylesheet href=x>",
            "<style>@import 'x';</style>",
            "<p style=\"background:url(x)\">",
            "<svg><use href='y.svg#a'/></svg>",
            "<p title=\"never ends",
        ] {
            assert!(!offences(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn lets_a_quiet_page_be() {
        let quiet = "<!doctype html><style>p { color: red }</style><a href=\"#top\">x</a>\
            <p title=\"on = &lt;script&gt; 2 > 1\" class='a b'>1 &lt; 2</p><svg viewBox=\"0 0 1 1\"><path d=\"M0 0\"/></svg>";
        assert_eq!(offences(quiet), Vec::<String>::new());
    }
}
