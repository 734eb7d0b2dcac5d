//! What values of a column may be, beyond their type.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use regex::{Regex, RegexBuilder};

use super::node::Node;
use super::{Column, LogicalType, jdk};
use crate::domain::decimal::Decimal;
use crate::domain::instant::{TimeFormat, read_iso};

/// Most bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 1000;
/// Most bytes of a compiled pattern; bounds what nested repetitions may cost.
const PATTERN_SIZE_MAX: usize = 256 * 1024;
/// Most values of an enumeration.
const VALUES_MAX: usize = 10_000;

/// Constraints on the values of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// Smallest and largest number.
    pub numbers: Range<Decimal>,
    /// First and last time.
    pub times: Range<DateTime<Utc>>,
    /// Number that every value is a multiple of.
    pub multiple_of: Option<Decimal>,
    /// Fewest characters.
    pub min_length: Option<usize>,
    /// Most characters.
    pub max_length: Option<usize>,
    /// Pattern that the whole value matches.
    pub pattern: Option<Pattern>,
    /// Known form of the text.
    pub form: Option<Form>,
    /// The only values that are allowed.
    pub among: Option<BTreeSet<String>>,
    /// Values that are not allowed.
    pub not_among: BTreeSet<String>,
    /// How times are written; the standard forms of ISO 8601 when empty.
    pub formats: Vec<TimeFormat>,
}

/// Two ends, either of which may be open.
#[derive(Clone, Debug, PartialEq)]
pub struct Range<T> {
    /// Lower end.
    pub from: Option<End<T>>,
    /// Upper end.
    pub to: Option<End<T>>,
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub struct End<T> {
    /// Value.
    pub value: T,
    /// Whether the value itself lies outside.
    pub exclusive: bool,
    /// Value as the contract writes it.
    pub text: String,
}

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(pub Regex);

/// A known form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An address of e-mail.
    Email,
    /// A UUID.
    Uuid,
    /// An absolute URI.
    Uri,
    /// A name of a host.
    Hostname,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// Reads `logicalTypeOptions` and `quality` of a column. Checks of the library may make it required or unique.
pub(super) fn read(node: &Node<'_>, column: &mut Column, zone: Tz) -> Constraints {
    let mut all = Constraints::default();
    if let Some(options) = node.get("logicalTypeOptions") {
        read_options(&options, column, zone, &mut all);
    }
    if let Some(quality) = node.get("quality") {
        for check in quality.list() {
            read_check(&check, column, &mut all);
        }
    }
    all
}

fn read_options(options: &Node<'_>, column: &Column, zone: Tz, all: &mut Constraints) {
    const NUMBER: &[&str] = &[
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "format",
    ];
    const TEXT: &[&str] = &["minLength", "maxLength", "pattern", "format"];
    const TIME: &[&str] = &[
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "format",
        "timezone",
        "defaultTimezone",
    ];
    match column.logical_type {
        LogicalType::Number | LogicalType::Integer => {
            options.only(NUMBER);
            all.numbers = range(options, number);
            all.multiple_of = options.get("multipleOf").and_then(|node| positive(&node));
        }
        LogicalType::Date | LogicalType::Timestamp => {
            options.only(TIME);
            all.formats = options
                .get("format")
                .map(|node| formats(&node))
                .unwrap_or_default();
            let read = |node: &Node<'_>| time(node, &all.formats, zone);
            all.times = range(options, read);
        }
        LogicalType::Time => {
            options.only(&["format"]);
            all.formats = options
                .get("format")
                .map(|node| formats(&node))
                .unwrap_or_default();
        }
        LogicalType::Text => {
            options.only(TEXT);
            read_text_options(options, all);
        }
        LogicalType::Boolean | LogicalType::Array => options.only(&[]),
    }
}

fn read_text_options(options: &Node<'_>, all: &mut Constraints) {
    all.min_length = options.get("minLength").and_then(|node| length(&node));
    all.max_length = options.get("maxLength").and_then(|node| length(&node));
    if let (Some(least), Some(most)) = (all.min_length, all.max_length)
        && least > most
    {
        options.wrong(
            "EMPTY_RANGE",
            "`minLength` is above `maxLength`: no text fits",
        );
    }
    all.pattern = options.get("pattern").and_then(|node| pattern(&node));
    if let Some(node) = options.get("format") {
        all.form = match node.text().as_deref() {
            Some("email") => Some(Form::Email),
            Some("uuid") => Some(Form::Uuid),
            Some("uri") => Some(Form::Uri),
            Some("hostname") => Some(Form::Hostname),
            Some("ipv4") => Some(Form::Ipv4),
            Some("ipv6") => Some(Form::Ipv6),
            Some("password" | "byte" | "binary") | None => None,
            Some(_) => {
                node.wrong(
                    "UNSUPPORTED",
                    "use email, uuid, uri, hostname, ipv4 or ipv6",
                );
                None
            }
        };
    }
}

/// Reads the ends of a range; `exclusiveMinimum` may be a value or, as in older documents, a flag beside `minimum`.
fn range<T: PartialOrd + Clone>(
    options: &Node<'_>,
    read: impl Fn(&Node<'_>) -> Option<T>,
) -> Range<T> {
    let end = |name: &str, exclusive_name: &str| {
        let exclusive = options.get(exclusive_name);
        let flag = exclusive.as_ref().and_then(|node| node.value.as_bool());
        let (node, exclusive) = match (options.get(name), exclusive) {
            (node, Some(_)) if flag.is_some() => (node?, flag == Some(true)),
            (Some(_), Some(node)) => {
                node.wrong(
                    "AMBIGUOUS",
                    format!("stands beside `{name}`; one of them is enough"),
                );
                return None;
            }
            (None, Some(node)) => (node, true),
            (node, None) => (node?, false),
        };
        Some(End {
            value: read(&node)?,
            exclusive,
            text: node.text()?,
        })
    };
    let found = Range {
        from: end("minimum", "exclusiveMinimum"),
        to: end("maximum", "exclusiveMaximum"),
    };
    if let (Some(from), Some(to)) = (&found.from, &found.to)
        && (from.value > to.value || (from.value == to.value && (from.exclusive || to.exclusive)))
    {
        options.wrong("EMPTY_RANGE", "no value lies in the range");
    }
    found
}

fn number(node: &Node<'_>) -> Option<Decimal> {
    let number = node.text().and_then(|text| Decimal::parse(&text));
    if number.is_none() {
        node.wrong("WRONG_TYPE", "a number is expected here");
    }
    number
}

fn positive(node: &Node<'_>) -> Option<Decimal> {
    let number = number(node)?;
    if number.signum() != 1 {
        node.wrong("OUT_OF_RANGE", "a number above zero is expected");
        return None;
    }
    Some(number)
}

fn length(node: &Node<'_>) -> Option<usize> {
    super::shape::small_number(node, 1 << 20).map(|length| length as usize)
}

fn time(node: &Node<'_>, formats: &[TimeFormat], zone: Tz) -> Option<DateTime<Utc>> {
    let text = node.text()?;
    let read = read_time(&text, formats, zone).or_else(|| read_iso(&text, zone));
    if read.is_none() {
        node.wrong("INVALID_TIME", "a day or a time is expected here");
    }
    read
}

/// Reads formats of times: patterns of `strftime`, or of the standard, such as `yyyy-MM-dd`.
pub(super) fn formats(node: &Node<'_>) -> Vec<TimeFormat> {
    let format = |node: &Node<'_>| {
        let format = node.text().and_then(|text| {
            TimeFormat::parse(&text)
                .or_else(|| jdk::to_strftime(&text).and_then(|pattern| TimeFormat::parse(&pattern)))
        });
        if format.is_none() {
            node.wrong(
                "INVALID_FORMAT",
                "use unix, unix_ms, rfc3339 or a pattern such as `%Y-%m-%d %H:%M:%S`",
            );
        }
        format
    };
    node.list_or_one().iter().filter_map(format).collect()
}

/// Reads a time in the first format that fits.
pub fn read_time(text: &str, formats: &[TimeFormat], zone: Tz) -> Option<DateTime<Utc>> {
    formats.iter().find_map(|format| format.read(text, zone))
}

/// Reads a time of day.
pub fn read_time_of_day(text: &str, formats: &[TimeFormat]) -> bool {
    if formats.is_empty() {
        return NaiveTime::parse_from_str(text, "%H:%M:%S%.f").is_ok()
            || NaiveTime::parse_from_str(text, "%H:%M").is_ok();
    }
    formats.iter().any(|format| format.is_time_of_day(text))
}

fn pattern(node: &Node<'_>) -> Option<Pattern> {
    let text = node.text()?;
    if text.len() > PATTERN_BYTES_MAX {
        node.wrong(
            "TOO_LONG",
            format!("a pattern has at most {PATTERN_BYTES_MAX} bytes"),
        );
        return None;
    }
    // The standard's patterns speak of the whole value.
    let built = bounded_regex(&format!("^(?:{text})$"));
    let regex = built.map_err(|(reason, problem)| node.wrong(reason, problem));
    regex.ok().map(Pattern)
}

/// Compiles a regular expression whose size is bounded. Fails with a reason and a sentence.
pub(super) fn bounded_regex(text: &str) -> Result<Regex, (&'static str, String)> {
    let built = RegexBuilder::new(text)
        .size_limit(PATTERN_SIZE_MAX)
        .dfa_size_limit(PATTERN_SIZE_MAX)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => (
            "TOO_LARGE",
            "the pattern is too large once its repetitions are written out".to_owned(),
        ),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let last = last.trim_start_matches("error: ");
            ("INVALID_PATTERN", format!("no regular expression: {last}"))
        }
    })
}

/// Reads a check of `quality`: those of the library that speak of single values, in the words of 3.0 and of 3.1.
fn read_check(check: &Node<'_>, column: &mut Column, all: &mut Constraints) {
    let kind = check.get("type").and_then(|node| node.text());
    match kind.as_deref() {
        None | Some("library") => {}
        // Words for people; nothing follows from them.
        Some("text") => return,
        Some(_) => {
            check.wrong(
                "UNSUPPORTED",
                "records are checked one by one: only checks of type library or text are taken; for conditions use `rules`",
            );
            return;
        }
    }
    let Some(name_node) = check.get("rule").or_else(|| check.get("metric")) else {
        check.wrong(
            "MISSING",
            "a check of the library needs a `rule` or `metric`",
        );
        return;
    };
    let arguments = check.get("arguments");
    let argument = |name: &str| {
        check
            .get(name)
            .or_else(|| arguments.as_ref().and_then(|node| node.get(name)))
    };
    match name_node.text().as_deref() {
        Some("validValues" | "invalidValues") => {
            let (valid, invalid) = (argument("validValues"), argument("invalidValues"));
            let found = argument("pattern");
            if valid.is_none() && invalid.is_none() && found.is_none() {
                check.wrong("MISSING", "`validValues`, `invalidValues` or `pattern`");
            }
            if let Some(node) = valid {
                all.among = Some(values(&node));
            }
            if let Some(node) = invalid {
                all.not_among.extend(values(&node));
            }
            if let Some(node) = found {
                all.pattern = pattern(&node);
            }
        }
        Some("nullCheck" | "nullValues" | "missingValues") => column.required = true,
        Some("uniqueCheck" | "duplicateCount" | "duplicateValues") => column.unique = true,
        _ => name_node.wrong(
            "UNSUPPORTED",
            "use validValues, invalidValues, nullValues, missingValues or duplicateValues",
        ),
    }
}

fn values(node: &Node<'_>) -> BTreeSet<String> {
    let all: BTreeSet<String> = node.list().iter().filter_map(Node::text).collect();
    if all.is_empty() {
        node.wrong("MISSING", "at least one value is expected");
    }
    if all.len() > VALUES_MAX {
        node.wrong("TOO_MANY", format!("at most {VALUES_MAX} values"));
    }
    all
}
