//! Standard forms of fields: phone numbers, addresses of mail, days and times, money, units, regions, flags and texts.
//!
//! Every form reads one text and answers with its standard form and what was changed on the way, or with the reason why it
//! cannot be read. Three laws hold for each of them, for every input:
//!
//! - it is total: no text makes it panic, and its work and its answer are bounded by the length of the text;
//! - it is idempotent: the standard form of a standard form is itself, and nothing is told to have changed;
//! - it is a function of the text and the rule alone: no clock, no locale of the machine, no random source.
//!
//! A form never guesses. What can be read in two ways is refused with a reason that says so, unless the rule settles it.

mod email;
mod flag;
mod form;
pub mod money;
pub mod number;
pub mod phone;
pub mod region;
mod synonyms;
pub mod text;
pub mod time;
pub mod unit;

use std::fmt;

pub use email::{LocalCase, email};
pub use flag::flag;
pub use form::Form;
pub use synonyms::{Overlapping, Synonyms, Unknown};

/// Longest value, in bytes, of every form but texts.
pub const VALUE_BYTES_MAX: usize = 512;
/// Longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// A value in its standard form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standardised<T = String> {
    /// The standard form.
    pub value: T,
    /// What was changed on the way there, each change once, for example `phone` or `width`; empty when the text was in
    /// standard form already.
    pub changes: Vec<&'static str>,
}

impl<T> Standardised<T> {
    /// Returns true when the text was not in standard form.
    pub fn changed(&self) -> bool {
        !self.changes.is_empty()
    }
}

impl<T: fmt::Display> Standardised<T> {
    /// Notes the change `what` when the value's text is not `raw`.
    fn new(value: T, raw: &str, what: &'static str) -> Self {
        let changes = if value.to_string() == raw {
            Vec::new()
        } else {
            vec![what]
        };
        Self { value, changes }
    }
}

/// Why a text has no standard form. Its text continues the sentence 'the value ...'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Reason {
    /// Nothing is left once blanks and control characters are taken out.
    #[error("is empty")]
    Empty,
    /// Longer than the form reads.
    #[error("is too long to be read")]
    TooLong,
    /// No phone number, or one that its country does not give out.
    #[error("is no phone number")]
    Phone,
    /// A phone number without a country, and the rule names none.
    #[error("is a phone number without a country code")]
    PhoneWithoutCountry,
    /// No address of mail.
    #[error("is no e-mail address")]
    Email,
    /// No number.
    #[error("is no number")]
    Number,
    /// A number whose separators can be read in two ways, such as `1.234`.
    #[error("is a number that can be read in two ways")]
    AmbiguousNumber,
    /// A number too large or too small to hold exactly.
    #[error("is out of range")]
    OutOfRange,
    /// No amount of money.
    #[error("is no amount of money")]
    Money,
    /// An amount in another currency than the rule's.
    #[error("is in another currency than declared")]
    OtherCurrency,
    /// An amount whose currency is neither told nor declared, or whose sign several currencies share.
    #[error("has no certain currency")]
    CurrencyUnknown,
    /// An amount with a part of a minor unit.
    #[error("has more decimals than its currency")]
    PartOfMinorUnit,
    /// No quantity with a unit of the rule's kind.
    #[error("is no quantity of the declared kind")]
    Quantity,
    /// No day or time, or none of the calendar.
    #[error("is no date or time")]
    Time,
    /// A day that can be read in two ways, such as `03/04/2026` without a declared order.
    #[error("is a date that can be read in two ways")]
    AmbiguousDate,
    /// A name of a time zone that several zones share, such as `CST`.
    #[error("names a time zone that is not certain")]
    AmbiguousZone,
    /// A local time that the clocks left out, and the rule refuses such times.
    #[error("is a local time that never was")]
    Gap,
    /// A local time that the clocks showed twice, and the rule refuses such times.
    #[error("is a local time that was twice")]
    Overlap,
    /// No administrative region of China.
    #[error("is no known region")]
    Region,
    /// A name that several regions share.
    #[error("is a name that several regions share")]
    AmbiguousRegion,
    /// A city together with a province that it does not lie in.
    #[error("names a city and a province that do not fit")]
    RegionsDisagree,
    /// Neither true nor false.
    #[error("is neither true nor false")]
    Flag,
    /// A value that the table of synonyms does not know.
    #[error("is not among the known values")]
    Unknown,
}

impl Reason {
    /// Returns the reason's name, upper snake case, which callers may match on.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "MISSING_VALUE",
            Self::TooLong => "TOO_LONG",
            Self::Phone => "INVALID_PHONE",
            Self::PhoneWithoutCountry => "PHONE_WITHOUT_COUNTRY",
            Self::Email => "INVALID_EMAIL",
            Self::Number => "INVALID_NUMBER",
            Self::AmbiguousNumber => "AMBIGUOUS_NUMBER",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Money => "INVALID_MONEY",
            Self::OtherCurrency => "OTHER_CURRENCY",
            Self::CurrencyUnknown => "CURRENCY_UNKNOWN",
            Self::PartOfMinorUnit => "PART_OF_MINOR_UNIT",
            Self::Quantity => "INVALID_QUANTITY",
            Self::Time => "INVALID_TIME",
            Self::AmbiguousDate => "AMBIGUOUS_DATE",
            Self::AmbiguousZone => "AMBIGUOUS_ZONE",
            Self::Gap => "TIME_IN_GAP",
            Self::Overlap => "TIME_TWICE",
            Self::Region => "UNKNOWN_REGION",
            Self::AmbiguousRegion => "AMBIGUOUS_REGION",
            Self::RegionsDisagree => "REGIONS_DISAGREE",
            Self::Flag => "INVALID_FLAG",
            Self::Unknown => "UNKNOWN_VALUE",
        }
    }
}
