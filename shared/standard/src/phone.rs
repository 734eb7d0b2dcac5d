//! Phone numbers in the form of ITU-T E.164.

use std::fmt;

use phonenumber::country;

use crate::text::plain;
use crate::{Reason, Standardised};

/// A phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// `+`, country code and national number: E.164, at most 15 digits.
    pub number: String,
    /// Digits of the extension, one to seven.
    pub extension: Option<String>,
}

impl fmt::Display for Phone {
    /// Writes `+861012345678`, with an extension as RFC 3966 has it: `+861012345678;ext=12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)?;
        match &self.extension {
            Some(extension) => write!(f, ";ext={extension}"),
            None => Ok(()),
        }
    }
}

/// How phone numbers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PhoneRule {
    region: Option<country::Id>,
    /// Whether extensions are left out.
    pub drop_extension: bool,
}

/// Words before an extension, longest first.
const EXTENSION_WORDS: &[&str] = &[
    ";ext=",
    "extension",
    "分机号",
    "内线",
    "分机",
    "extn",
    "ext",
    "poste",
    "доб",
    "转",
    "轉",
    "x",
    "#",
];
/// What may stand between digits.
const SEPARATORS: &str = " -.()/·~_,[]:;\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}";

impl PhoneRule {
    /// Returns the rule for numbers of a country (ISO 3166-1 alpha-2) when they name none themselves; `None` for an
    /// unknown country.
    pub fn new(region: Option<&str>) -> Option<Self> {
        let region = match region {
            Some(code) => Some(code.parse::<country::Id>().ok()?),
            None => None,
        };
        Some(Self {
            region,
            drop_extension: false,
        })
    }

    /// Returns the number in E.164; told as `phone`.
    ///
    /// Full-width digits, separators, `00` or the country's own prefix of international calls, a repeated trunk zero in
    /// brackets and a country code without `+` are understood. A number that its country does not give out is refused.
    pub fn read(&self, raw: &str) -> Result<Standardised<Phone>, Reason> {
        let value = plain(raw)?.to_lowercase();
        let value = value.trim_start_matches("tel:").trim();
        let (number, extension) = split_extension(value);
        let dialled = dialled(number).ok_or(Reason::Phone)?;
        let number = self.international(&dialled)?;
        let extension = extension
            .filter(|_| !self.drop_extension)
            .map(str::to_owned);
        Ok(Standardised::new(Phone { number, extension }, raw, "phone"))
    }

    fn international(&self, dialled: &str) -> Result<String, Reason> {
        if let Some(mobile) = chinese_mobile(dialled, self.region == Some(country::CN)) {
            return Ok(format!("+86{mobile}"));
        }
        if dialled.starts_with('+') {
            return certain(None, dialled).ok_or(Reason::Phone);
        }
        let abroad = dialled
            .strip_prefix("00")
            .filter(|rest| !rest.starts_with('0'))
            .map(|rest| format!("+{rest}"));
        let home = self
            .region
            .and_then(|region| certain(Some(region), dialled));
        let found = home.or_else(|| abroad.as_deref().and_then(|number| certain(None, number)));
        found.ok_or(match (self.region, abroad) {
            (None, None) => Reason::PhoneWithoutCountry,
            _ => Reason::Phone,
        })
    }
}

/// Splits a number from its extension.
fn split_extension(value: &str) -> (&str, Option<&str>) {
    for word in EXTENSION_WORDS {
        let Some((number, rest)) = value.rsplit_once(word) else {
            continue;
        };
        let rest = rest.trim_matches(|c: char| c.is_whitespace() || ".:=-".contains(c));
        if (1..=7).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit()) {
            return (
                number.trim_end_matches(|c: char| c.is_whitespace() || ",;".contains(c)),
                Some(rest),
            );
        }
    }
    (value, None)
}

/// Returns the digits of a number with a leading `+` if it has one, or `None` when other characters stand among them.
fn dialled(number: &str) -> Option<String> {
    let number = number.trim_start_matches(['(', '[', ' ']);
    let (plus, rest) = match number.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let without_trunk;
    let rest = if plus || rest.starts_with("00") {
        without_trunk = rest.replacen("(0)", "", 1);
        without_trunk.as_str()
    } else {
        rest
    };
    if !rest
        .chars()
        .all(|c| c.is_ascii_digit() || SEPARATORS.contains(c))
    {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    // `+0086` is written now and then.
    let digits = if plus {
        digits.trim_start_matches('0')
    } else {
        digits.as_str()
    };
    (4..=20)
        .contains(&digits.len())
        .then(|| format!("{}{digits}", if plus { "+" } else { "" }))
}

/// Returns the eleven digits of a Chinese mobile number: with its country code in one of the usual forms, or bare `at_home`.
///
/// They are most of what a Chinese source holds, and reading them here costs a hundredth of the general way. Ranges: numbering
/// plan of the Ministry of Industry and Information Technology, the same as in libphonenumber's metadata.
fn chinese_mobile(dialled: &str, at_home: bool) -> Option<&str> {
    let mobile = match dialled
        .strip_prefix("+86")
        .or_else(|| dialled.strip_prefix("0086"))
    {
        Some(rest) => rest,
        None if at_home && dialled.len() == 13 => dialled.strip_prefix("86")?,
        None if at_home => dialled,
        None => return None,
    };
    let [b'1', second, third, rest @ ..] = mobile.as_bytes() else {
        return None;
    };
    let given_out = match second {
        b'3' | b'8' => true,
        b'4' => matches!(third, b'5' | b'7'),
        b'5' | b'9' => *third != b'4',
        b'6' => matches!(third, b'2' | b'5'..=b'7'),
        b'7' => matches!(third, b'0'..=b'3' | b'5'..=b'8'),
        _ => false,
    };
    (given_out && rest.len() == 8).then_some(mobile)
}

/// Returns a valid number in E.164 that reads back as itself.
fn certain(region: Option<country::Id>, dialled: &str) -> Option<String> {
    let found = valid(region, dialled)?;
    let settled = found == dialled || valid(None, &found).as_deref() == Some(&found);
    settled.then_some(found)
}

fn valid(region: Option<country::Id>, dialled: &str) -> Option<String> {
    let number = phonenumber::parse(region, dialled).ok()?;
    if !number.is_valid() {
        return None;
    }
    let text = number.format().mode(phonenumber::Mode::E164).to_string();
    let digits = text.strip_prefix('+')?;
    ((7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(region: Option<&str>, raw: &str, expected: Result<&str, Reason>) {
        let rule = PhoneRule::new(region).expect("country");
        let read = rule.read(raw).map(|it| it.value.to_string());
        assert_eq!(read, expected.map(str::to_owned), "{raw}");
    }

    #[test]
    fn reads_chinese_mobiles_in_every_usual_form() {
        for raw in [
            "13812345678",
            "138 1234 5678",
            "138-1234-5678",
            "+86 138 1234 5678",
            "+8613812345678",
            "0086-138-1234-5678",
            "86 13812345678",
            "８６１３８１２３４５６７８",
            "(+86) 138-1234-5678",
            "tel:+86-138-1234-5678",
            "+86 (0)138 1234 5678",
            "+0086 13812345678",
            "\u{202d}138\u{a0}1234\u{2011}5678\u{202c}",
        ] {
            check(Some("CN"), raw, Ok("+8613812345678"));
        }
        check(Some("US"), "+86 138 1234 5678", Ok("+8613812345678"));
        check(None, "0086 138 1234 5678", Ok("+8613812345678"));
    }

    #[test]
    fn reads_numbers_of_other_countries() {
        check(Some("CN"), "010-6552 9988", Ok("+861065529988"));
        check(
            Some("CN"),
            "(021) 6233-1234 转 801",
            Ok("+862162331234;ext=801"),
        );
        check(
            Some("CN"),
            "021-62331234 分机12",
            Ok("+862162331234;ext=12"),
        );
        check(Some("US"), "(415) 555-2671 x42", Ok("+14155552671;ext=42"));
        check(Some("US"), "1-415-555-2671", Ok("+14155552671"));
        check(Some("US"), "011 44 20 7946 0958", Ok("+442079460958"));
        check(Some("GB"), "020 7946 0958", Ok("+442079460958"));
        check(Some("GB"), "+44 (0)20 7946 0958", Ok("+442079460958"));
        check(Some("FR"), "01 42 68 53 00", Ok("+33142685300"));
        check(Some("IT"), "06 6982", Ok("+39066982"));
        check(None, "+1 415 555 2671", Ok("+14155552671"));
        check(Some("JP"), "03-3581-5111", Ok("+81335815111"));
    }

    #[test]
    fn refuses_what_is_no_number() {
        for raw in [
            "abc",
            "123",
            "1381234567",
            "138123456789",
            "+86 1541234567",
            "1-800-FLOWERS",
            "ana@example.com",
            "12345678901234567890",
            "+",
            "0000000000",
        ] {
            check(Some("CN"), raw, Err(Reason::Phone));
        }
        check(None, "13812345678", Err(Reason::PhoneWithoutCountry));
        check(Some("CN"), "", Err(Reason::Empty));
        assert_eq!(PhoneRule::new(Some("XX")), None);
        assert_eq!(PhoneRule::new(Some("China")), None);
    }

    #[test]
    fn leaves_extensions_out_when_told() {
        let rule = PhoneRule {
            drop_extension: true,
            ..PhoneRule::new(Some("CN")).expect("country")
        };
        assert_eq!(
            rule.read("021-62331234-转-12")
                .expect("number")
                .value
                .to_string(),
            "+862162331234"
        );
    }
}
