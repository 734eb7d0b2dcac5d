//! Addresses of mail.

use crate::text::plain;
use crate::{Reason, Standardised};

/// What becomes of the part before the `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LocalCase {
    /// It becomes small, as practically every provider reads it: one person's addresses match across sources.
    #[default]
    Lower,
    /// It stays as written, as RFC 5321 would have it.
    Keep,
}

/// Longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// Longest address, in bytes (RFC 5321, 4.5.3.1.3).
const ADDRESS_BYTES_MAX: usize = 254;

/// Returns an address as `local@domain` with the domain in lower-case ASCII (IDNA); told as `email`.
///
/// `mailto:`, a name before `<address>`, full-width signs and blanks around are taken away. Quoted local parts and
/// addresses at bare IP numbers are refused: no customer has one, and every typing error looks like one.
pub fn email(raw: &str, local_case: LocalCase) -> Result<Standardised, Reason> {
    let value = plain(raw)?;
    let address = bare(&value);
    let (local, domain) = address.rsplit_once('@').ok_or(Reason::Email)?;
    if !is_local(local) {
        return Err(Reason::Email);
    }
    let domain = domain_of(domain).ok_or(Reason::Email)?;
    let local = match local_case {
        LocalCase::Lower => settled(local.to_lowercase()),
        LocalCase::Keep => local.to_owned(),
    };
    let address = format!("{local}@{domain}");
    if local.len() > LOCAL_BYTES_MAX || address.len() > ADDRESS_BYTES_MAX || !is_local(&local) {
        return Err(Reason::Email);
    }
    Ok(Standardised::new(address, raw, "email"))
}

/// Takes away `mailto:` and a name before `<address>`.
fn bare(value: &str) -> &str {
    let value = match (value.rfind('<'), value.strip_suffix('>')) {
        (Some(open), Some(inside)) => inside[open + 1..].trim(),
        _ => value,
    };
    match value.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => value[7..].trim(),
        _ => value,
    }
}

/// Returns true for words of letters, digits and RFC 5322's signs, joined by single dots.
fn is_local(local: &str) -> bool {
    let sign = |c: char| "!#$%&'*+/=?^_`{|}~-".contains(c);
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || sign(c));
    local.split('.').all(word)
}

/// Returns a domain in ASCII, or `None` when it is no name of two labels at least.
fn domain_of(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let letters = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '.' | '-' | '。' | '\u{200c}' | '\u{200d}')
            || !c.is_ascii()
    };
    if !domain.chars().all(letters) || domain.contains(char::is_whitespace) {
        return None;
    }
    let url::Host::Domain(ascii) = url::Host::parse(domain).ok()? else {
        return None;
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let top = ascii.rsplit('.').next()?;
    let named = top.len() >= 2 && !top.bytes().all(|byte| byte.is_ascii_digit());
    (ascii.contains('.') && ascii.split('.').all(label) && named).then_some(ascii)
}

/// Lower case can make characters that compose anew.
fn settled(local: String) -> String {
    plain(&local).map_or(local, |once| once.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: Result<&str, Reason>) {
        assert_eq!(
            email(raw, LocalCase::Lower).map(|it| it.value),
            expected.map(str::to_owned),
            "{raw}"
        );
    }

    #[test]
    fn brings_addresses_into_one_form() {
        check("ana@example.com", Ok("ana@example.com"));
        check(" Ana.Lima@EXAMPLE.com ", Ok("ana.lima@example.com"));
        check("ｗａｎｇ＠例子.中国", Ok("wang@xn--fsqu00a.xn--fiqs8s"));
        check("wang@例子。中国", Ok("wang@xn--fsqu00a.xn--fiqs8s"));
        check("Ana Lima <ana@example.com>", Ok("ana@example.com"));
        check(
            "MAILTO:ana+news@example.co.uk",
            Ok("ana+news@example.co.uk"),
        );
        check("ana@example.com.", Ok("ana@example.com"));
        check("用户@例子.中国", Ok("用户@xn--fsqu00a.xn--fiqs8s"));
        let keep = email("Ana@Example.com", LocalCase::Keep).expect("address");
        assert_eq!(
            (keep.value.as_str(), keep.changes.as_slice()),
            ("Ana@example.com", &["email"][..])
        );
        assert!(
            !email("ana@example.com", LocalCase::Lower)
                .expect("address")
                .changed()
        );
    }

    #[test]
    fn refuses_what_is_no_address() {
        for raw in [
            "ana",
            "ana@",
            "@example.com",
            "ana@example",
            "ana@@example.com",
            "ana..lima@example.com",
            ".ana@example.com",
            "ana@example..com",
            "ana@-example.com",
            "ana@exam ple.com",
            "ana lima@example.com",
            "ana@127.0.0.1",
            "ana@[::1]",
            "ana@example.c",
            "ana@example.1",
            "\"ana lima\"@example.com",
            "ana@exa%41mple.com",
            "ana@example.com, bo@example.com",
            "ana@xn--a",
            "ana@例子",
        ] {
            check(raw, Err(Reason::Email));
        }
        check("", Err(Reason::Empty));
        check(
            &format!("{}@example.com", "a".repeat(65)),
            Err(Reason::Email),
        );
        check(&"a".repeat(600), Err(Reason::TooLong));
    }
}
