//! How the contract's section `clean` is written.

use sketch::fence::Method;

use super::node::Node;
use super::{Column, LogicalType};

/// How gaps of one column are filled, and how its outliers and misspelt words are treated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clean {
    /// What becomes of gaps.
    pub missing: Gaps,
    /// How outliers are found, in the order in which they are looked for.
    pub outliers: Vec<Outliers>,
    /// How misspelt words are found; absent means not at all.
    pub spelling: Option<Spelling>,
}

/// What becomes of gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// They stay, and nothing is noted.
    #[default]
    Leave,
    /// Where less than 5 % of the baseline's records have none, the median of numbers and the most frequent of other values;
    /// elsewhere unknown.
    Auto,
    /// Arithmetic mean.
    Mean,
    /// Median.
    Median,
    /// Most frequent value.
    Mode,
    /// This value.
    Constant(String),
    /// The text `unknown`; numbers, flags and times stay missing. Both are noted.
    Unknown,
}

/// One way to look for outliers.
#[derive(Clone, Debug, PartialEq)]
pub struct Outliers {
    /// How they are told from the rest.
    pub method: Method,
    /// How many multiples of its measure are usual.
    pub k: f64,
    /// Whether magnitudes are judged by their logarithms.
    pub log: bool,
    /// What becomes of them.
    pub action: Treatment,
}

/// What becomes of a value that is probably wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Treatment {
    /// It stays and is noted.
    #[default]
    Flag,
    /// It is replaced by what it must have been: the number with its decimal point moved back, the word that it resembles, the
    /// value that usually goes with the others; otherwise the median.
    Correct,
    /// It is replaced by the nearest usual number.
    Winsorise,
    /// Its record is kept aside.
    Quarantine,
    /// It is taken out.
    Drop,
}

/// When a word is misspelt: when it is rare and resembles a frequent one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spelling {
    /// Most edits between the two: characters put in, left out or exchanged. A share of the longer word's characters, rounded
    /// up, when it is below 1.
    pub distance: f64,
    /// How many times as frequent the other word must be.
    pub ratio: u64,
    /// What becomes of it.
    pub action: Treatment,
}

impl Spelling {
    /// Returns the most edits for a word of so many characters.
    pub fn edits(&self, characters: usize) -> usize {
        let most = if self.distance < 1.0 {
            (self.distance * characters as f64).ceil()
        } else {
            self.distance
        };
        most as usize
    }
}

/// Reads the entry of one column.
pub(super) fn read(node: &Node<'_>, column: &Column) -> Option<Clean> {
    node.only(&["missing", "outliers", "spelling"]);
    if column.logical_type == LogicalType::Array {
        node.wrong("UNSUPPORTED", "a list cannot be cleaned");
        return None;
    }
    Some(Clean {
        missing: node
            .get("missing")
            .and_then(|node| gaps(&node, column))
            .unwrap_or_default(),
        outliers: node
            .get("outliers")
            .map(|node| {
                let ways = node.list_or_one();
                ways.iter()
                    .filter_map(|way| outliers(way, column))
                    .collect()
            })
            .unwrap_or_default(),
        spelling: node
            .get("spelling")
            .and_then(|node| spelling(&node, column)),
    })
}

fn is_number(column: &Column) -> bool {
    matches!(
        column.logical_type,
        LogicalType::Number | LogicalType::Integer
    )
}

fn gaps(node: &Node<'_>, column: &Column) -> Option<Gaps> {
    if let Some(constant) = node.get("constant") {
        node.only(&["constant"]);
        return constant.text().map(Gaps::Constant);
    }
    let learned = match node.text()?.as_str() {
        "leave" => return Some(Gaps::Leave),
        "unknown" => return Some(Gaps::Unknown),
        "auto" => Gaps::Auto,
        "mean" if is_number(column) => Gaps::Mean,
        "median" if is_number(column) => Gaps::Median,
        "mode" => Gaps::Mode,
        "mean" | "median" => {
            node.wrong("UNSUPPORTED", "only numbers have a mean and a median");
            return None;
        }
        text => {
            let constant = text.strip_prefix("constant:").map(str::trim);
            let constant = constant.filter(|text| !text.is_empty());
            if constant.is_none() {
                node.wrong(
                    "UNSUPPORTED",
                    "use leave, auto, mean, median, mode, unknown or `constant: value`",
                );
            }
            return constant.map(|text| Gaps::Constant(text.to_owned()));
        }
    };
    not_personal(node, column).then_some(learned)
}

/// Says that nothing may be learned of personal values, where they are.
fn not_personal(node: &Node<'_>, column: &Column) -> bool {
    if column.personal {
        node.wrong(
            "PERSONAL",
            "the column is personal: its values are not kept, so that nothing is learned of them",
        );
    }
    !column.personal
}

/// Reads what becomes of a value; one of `allowed`.
pub(super) fn treatment(node: &Node<'_>, allowed: &[(&str, Treatment)]) -> Treatment {
    let Some(action) = node.get("action") else {
        return Treatment::Flag;
    };
    let name = action.text().unwrap_or_default();
    let found = allowed.iter().find(|(known, _)| *known == name);
    if found.is_none() {
        let names: Vec<&str> = allowed.iter().map(|(name, _)| *name).collect();
        action.wrong("UNSUPPORTED", format!("use {}", names.join(", ")));
    }
    found.map_or(Treatment::Flag, |(_, treatment)| *treatment)
}

/// Reads a number within a range.
fn number(node: &Node<'_>, name: &str, usual: f64, from: f64, to: f64) -> f64 {
    let Some(node) = node.get(name) else {
        return usual;
    };
    let number = node.value.as_f64().filter(|it| (from..=to).contains(it));
    if number.is_none() {
        let text = format!("a number from {from} to {to} is expected");
        node.wrong("OUT_OF_RANGE", text);
    }
    number.unwrap_or(usual)
}

fn outliers(node: &Node<'_>, column: &Column) -> Option<Outliers> {
    node.only(&["method", "k", "action", "scale"]);
    if !is_number(column) {
        node.wrong("UNSUPPORTED", "only numbers have outliers");
        return None;
    }
    if !not_personal(node, column) {
        return None;
    }
    let named = node.need("method")?;
    let Some(method) = named.text().and_then(|name| Method::named(&name)) else {
        let names: Vec<&str> = Method::ALL.iter().map(|it| it.name()).collect();
        named.wrong("UNSUPPORTED", format!("use {}", names.join(", ")));
        return None;
    };
    let mut allowed = vec![
        ("flag", Treatment::Flag),
        ("correct", Treatment::Correct),
        ("quarantine", Treatment::Quarantine),
        ("drop", Treatment::Drop),
    ];
    if method != Method::DecimalShift {
        allowed.push(("winsorise", Treatment::Winsorise));
    }
    let scale = node.get("scale");
    let log = match scale.as_ref().and_then(|node| node.text()).as_deref() {
        None | Some("linear") => false,
        Some("log") if !matches!(method, Method::DecimalShift | Method::MultipleOfMean) => true,
        Some(_) => {
            if let Some(node) = &scale {
                let text = "use linear, or log with box_plot, sigma and robust_sigma";
                node.wrong("UNSUPPORTED", text);
            }
            false
        }
    };
    Some(Outliers {
        k: number(node, "k", method.usual_multiple(), 0.1, 1000.0),
        log,
        action: treatment(node, &allowed),
        method,
    })
}

/// Treatments of values that disagree with others.
pub(super) const MENDED: &[(&str, Treatment)] = &[
    ("flag", Treatment::Flag),
    ("correct", Treatment::Correct),
    ("quarantine", Treatment::Quarantine),
];

fn spelling(node: &Node<'_>, column: &Column) -> Option<Spelling> {
    node.only(&["distance", "ratio", "action"]);
    if !not_personal(node, column) {
        return None;
    }
    Some(Spelling {
        distance: number(node, "distance", 1.0, 0.01, 20.0),
        ratio: number(node, "ratio", 10.0, 2.0, 1e6) as u64,
        action: treatment(node, MENDED),
    })
}
