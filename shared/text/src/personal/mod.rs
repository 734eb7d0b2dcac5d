//! Personal data in free text: what it is, and where it stands.
//!
//! Numbers are told by their form (check digits, prefixes, dates, grouping) and by the words before them; addresses by their parts;
//! names only by what is configured: titles, introductions and lists. The test `personal` measures precision and recall.

mod address;
mod context;
mod internet;
mod name;
mod number;
mod phone;

pub use name::Names;
pub use number::{is_card, is_id_number};

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use address::Addresses;
use internet::Internet;
use name::NameSearch;

use crate::fold::{Case, Folded};

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A Chinese resident identity number, of 18 or 15 digits.
    IdNumber,
    /// The number of a bank card.
    Card,
    /// An IP address of either version.
    Ip,
    /// A telephone number.
    Phone,
    /// A postal address, from the street on.
    Address,
    /// The name of a person.
    Name,
}

impl Kind {
    /// All kinds; where two findings overlap, the earlier kind gives its name to both.
    pub const ALL: [Self; 7] = [
        Self::Email,
        Self::IdNumber,
        Self::Card,
        Self::Ip,
        Self::Phone,
        Self::Address,
        Self::Name,
    ];

    /// Returns its name: `email`, `id_number`, `card`, `ip`, `phone`, `address` or `name`.
    pub fn as_str(self) -> &'static str {
        self.placeholder().trim_matches(['[', ']'])
    }

    /// Returns what stands in its place: its name in brackets.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "[email]",
            Self::IdNumber => "[id_number]",
            Self::Card => "[card]",
            Self::Ip => "[ip]",
            Self::Phone => "[phone]",
            Self::Address => "[address]",
            Self::Name => "[name]",
        }
    }
}

/// Personal data found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the text.
    pub place: Range<usize>,
}

/// A text without the personal data that were found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted<'t> {
    /// The text with a placeholder for each finding; borrowed when nothing was found.
    pub text: Cow<'t, str>,
    /// What was found, in order; places in the original text.
    pub findings: Vec<Finding>,
}

/// Finds personal data.
#[derive(Clone, Debug)]
pub struct Detector {
    internet: Internet,
    addresses: Addresses,
    names: NameSearch,
}

/// The patterns do not compile, or the configured names are too many.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the detector of personal data cannot be built: {0}")]
pub struct DetectorError(String);

/// Knows the default names. Its patterns are fixed, so that it can always be built.
static PLAIN: LazyLock<Detector> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a test builds it")]
    Detector::new(&Names::default()).expect("the default patterns compile")
});

/// Returns a text without the personal data that a detector with default names finds in it: for messages.
pub fn hide(text: &str) -> Cow<'_, str> {
    PLAIN.redact(text).text
}

impl Default for Detector {
    /// Knows the default names.
    fn default() -> Self {
        PLAIN.clone()
    }
}

impl Detector {
    /// Prepares to find personal data; names as configured.
    pub fn new(names: &Names) -> Result<Self, DetectorError> {
        let fault = |error: regex::Error| DetectorError(error.to_string());
        Ok(Self {
            internet: Internet::new().map_err(fault)?,
            addresses: Addresses::new().map_err(fault)?,
            names: NameSearch::new(names).map_err(DetectorError)?,
        })
    }

    /// Returns what is found, in order and apart from each other.
    pub fn detect(&self, text: &str) -> Vec<Finding> {
        let signs = Signs::of(text);
        let word = !signs.at && signs.digits < 4 && !signs.colon && !signs.wide && !signs.blank;
        if word && !self.names.has_list() {
            return Vec::new();
        }
        let folded = Folded::new(text, Case::Kept);
        let searched = folded.as_str();
        let signs = Signs::of(searched);
        let mut found = Vec::new();
        if signs.at {
            self.internet.emails(searched, &mut found);
        }
        if signs.digits >= 4 || signs.colon {
            self.internet.ips(searched, &mut found);
        }
        if signs.digits >= 7 {
            number::find(searched, &mut found);
        }
        if signs.digits > 0 && signs.blank {
            self.addresses.western(searched, &mut found);
        }
        if signs.wide {
            self.addresses.chinese(searched, &mut found);
        }
        self.names.find(searched, &mut found);
        for finding in &mut found {
            finding.place = folded.origin(finding.place.clone());
        }
        apart(found)
    }

    /// Puts a placeholder in the place of everything that is found. A text without findings comes back as it is.
    pub fn redact<'t>(&self, text: &'t str) -> Redacted<'t> {
        self.redact_kinds(text, |_| true)
    }

    /// As [`Self::redact`], but for the kinds that `which` returns true for.
    pub fn redact_kinds<'t>(&self, text: &'t str, which: impl Fn(Kind) -> bool) -> Redacted<'t> {
        let mut findings = self.detect(text);
        findings.retain(|finding| which(finding.kind));
        if findings.is_empty() {
            return Redacted {
                text: Cow::Borrowed(text),
                findings,
            };
        }
        let mut redacted = String::with_capacity(text.len());
        let mut done = 0;
        for finding in &findings {
            redacted.push_str(&text[done..finding.place.start]);
            redacted.push_str(finding.kind.placeholder());
            done = finding.place.end;
        }
        redacted.push_str(&text[done..]);
        Redacted {
            text: Cow::Owned(redacted),
            findings,
        }
    }
}

/// Joins what overlaps.
fn apart(mut found: Vec<Finding>) -> Vec<Finding> {
    found.retain(|it| !it.place.is_empty());
    found.sort_by_key(|it| (it.place.start, it.kind));
    let mut all: Vec<Finding> = Vec::with_capacity(found.len());
    for next in found {
        match all.last_mut() {
            Some(last) if next.place.start < last.place.end => {
                last.place.end = last.place.end.max(next.place.end);
                last.kind = last.kind.min(next.kind);
            }
            _ => all.push(next),
        }
    }
    all
}

/// Which searches are worth their time, told by one look at the bytes.
#[derive(Default)]
struct Signs {
    at: bool,
    digits: usize,
    colon: bool,
    blank: bool,
    wide: bool,
}

impl Signs {
    fn of(text: &str) -> Self {
        let mut signs = Self::default();
        for byte in text.bytes() {
            match byte {
                b'@' | b'(' | b'[' => signs.at = true,
                b'0'..=b'9' => signs.digits += 1,
                b' ' => signs.blank = true,
                b':' => signs.colon = true,
                0x80.. => signs.wide = true,
                _ => {}
            }
        }
        signs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detector() -> Detector {
        let names = Names {
            names: vec!["Ann Lee".into(), "李雷".into()],
            ..Names::default()
        };
        Detector::new(&names).expect("detector")
    }

    fn redact(text: &str) -> String {
        detector().redact(text).text.into_owned()
    }

    #[test]
    fn takes_out_what_is_personal() {
        for (text, redacted) in [
            (
                "write to ann.lee+shop@example.co.uk, please",
                "write to [email], please",
            ),
            ("邮箱是ａｎｎ＠example.com。", "邮箱是[email]。"),
            ("ann (at) example.com", "[email]"),
            ("我的手机13812345678，请回电", "我的手机[phone]，请回电"),
            (
                "call +44 7700 900123 or (415) 555-0132",
                "call [phone] or [phone]",
            ),
            ("座机010-62345678", "座机[phone]"),
            ("身份证11010519491231002X", "身份证[id_number]"),
            (
                "card 4111 1111 1111 1111 exp 12/27",
                "card [card] exp 12/27",
            ),
            ("from 203.0.113.7 and 2001:db8::1", "from [ip] and [ip]"),
            ("送到北京市朝阳区建国路88号3号楼1201室。", "送到[address]。"),
            (
                "Send it to 221B Baker Street, London NW1 6XE.",
                "Send it to [address].",
            ),
            ("王小明先生和李雷", "[name]先生和[name]"),
            (
                "Dear Mrs. Smith, Ann Lee called",
                "Dear Mrs. [name], [name] called",
            ),
        ] {
            assert_eq!(redact(text), redacted, "{text}");
        }
    }

    #[test]
    fn leaves_what_only_looks_so() {
        for text in [
            "order 20231105123456 of 2023-11-05 10:30:45 for 1,299.00",
            "订单号202311051234567，3号线，12路公交",
            "version 1.2.3.4, ISBN 978-3-16-148410-0, 5 stars",
            "we waited 20 minutes on the street, 10 out of 10 way",
            "不错，物流很快，第2次购买",
            "std::vec and a@b, 127.0.0.1",
            "",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn changes_nothing_twice() {
        let text = "13812345678 ann@example.com 北京市建国路88号 Mr. Smith 4111111111111111";
        let once = redact(text);
        assert_eq!(redact(&once), once);
    }
}
