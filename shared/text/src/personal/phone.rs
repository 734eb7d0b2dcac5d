//! Telephone numbers by their form.

use super::context::Said;
use super::number::Candidate;

/// Country codes by the least and most digits that follow them (recommendation E.164 and the national plans).
const COUNTRIES: &[(usize, usize, &[&str])] = &[
    (7, 7, &["220", "354", "960"]),
    (
        8,
        8,
        &[
            "45", "47", "53", "65", "216", "356", "357", "370", "371", "373", "374", "386", "387",
            "852", "853", "965", "968", "973", "974", "976",
        ],
    ),
    (
        9,
        9,
        &[
            "27", "31", "33", "34", "40", "41", "48", "56", "61", "93", "94", "212", "221", "237",
            "249", "250", "251", "254", "255", "256", "260", "263", "351", "375", "380", "420",
            "421", "992", "994", "995", "996", "998",
        ],
    ),
    (
        10,
        10,
        &["1", "7", "30", "57", "58", "90", "91", "98", "225"],
    ),
    (
        8,
        9,
        &[
            "32", "36", "51", "66", "213", "218", "353", "355", "359", "381", "385", "855", "886",
            "962", "963", "966", "971", "972",
        ],
    ),
    (9, 10, &["44", "81", "84", "92"]),
    (
        8,
        10,
        &[
            "20", "60", "63", "64", "82", "234", "856", "880", "964", "977",
        ],
    ),
    (10, 11, &["52", "54", "55"]),
    (9, 12, &["86"]),
    (
        7,
        12,
        &[
            "39", "43", "46", "49", "62", "95", "352", "358", "372", "961",
        ],
    ),
];

/// Returns how many bytes before and after a candidate belong to it when it is a telephone number, else nothing.
pub(super) fn extent(it: &Candidate<'_>) -> Option<(usize, usize)> {
    let opened = it.before().ends_with('(');
    let before = &it.before()[..it.before().len() - usize::from(opened)];
    let plus = before.ends_with('+');
    let found = match plus {
        true => international(it.digits),
        false if national(it) => it.said() != Said::Other,
        false => told(it) && it.said() == Said::Phone,
    };
    let closed = (0..it.groups.len() - 1).any(|at| it.between(at).starts_with(')'));
    let outer = usize::from(opened && (closed || plus)) + usize::from(plus);
    found.then(|| (outer, extension(it.after())))
}

/// Returns the bytes of an extension after the number: `转8001`, ` ext. 12`, ` x12`.
fn extension(after: &str) -> usize {
    for word in ["转", " 转", "-转", " ext. ", " ext.", " ext ", " x"] {
        if let Some(rest) = after.strip_prefix(word) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if (1..=6).contains(&digits) {
                return word.len() + digits;
            }
        }
    }
    0
}

/// Returns whether the digits are a country's code and as many as follow there.
fn international(digits: &[u8]) -> bool {
    let follows = |code: &str, least: usize, most: usize| {
        digits.strip_prefix(code.as_bytes()).is_some_and(|rest| {
            // `+44 (0)20` keeps the zero that is dialled at home.
            let rest = rest.strip_prefix(b"0").unwrap_or(rest);
            (least..=most).contains(&rest.len())
        })
    };
    COUNTRIES
        .iter()
        .any(|(least, most, codes)| codes.iter().any(|code| follows(code, *least, *most)))
}

/// Returns whether the form alone tells a telephone number.
fn national(it: &Candidate<'_>) -> bool {
    let lengths = it.lengths();
    let plain = it.separated_by(&[' ', '-']);
    let abroad = it
        .digits
        .strip_prefix(b"00")
        .is_some_and(|rest| !rest.starts_with(b"0") && international(rest));
    (plain && (abroad || chinese_mobile(it.digits, &lengths) || european(it.digits, &lengths)))
        || chinese_landline(it, &lengths)
        || american(it, &lengths)
}

fn chinese_mobile(digits: &[u8], lengths: &[usize]) -> bool {
    let (digits, lengths) = match (digits.strip_prefix(b"86"), lengths) {
        (Some(rest), [2, lengths @ ..]) if rest.len() == 11 => (rest, lengths),
        (Some(rest), [13]) => (rest, &[11][..]),
        _ => (digits, lengths),
    };
    let grouped = matches!(
        lengths,
        [11] | [3, 4, 4] | [4, 4, 3] | [3, 8] | [7, 4] | [3, 3, 5] | [5, 6]
    );
    grouped && matches!(digits, [b'1', b'3'..=b'9', ..]) && digits.len() == 11
}

/// An area code that there is, then seven or eight digits, then perhaps an extension.
fn chinese_landline(it: &Candidate<'_>, lengths: &[usize]) -> bool {
    let area = match (lengths[0], it.digits) {
        (3, [b'0', b'1', b'0', ..] | [b'0', b'2', ..]) => 3,
        (4, [b'0', b'3'..=b'9', ..]) => 4,
        _ => return false,
    };
    let local = match (area, &lengths[1..]) {
        (3, [8] | [4, 4]) | (4, [7 | 8] | [4, 4] | [3, 4]) => true,
        (_, [7 | 8, 1..=4]) => it.between(1) == "-",
        _ => false,
    };
    let first = it.digits.get(area).copied().unwrap_or_default();
    local && (b'2'..=b'8').contains(&first) && it.separated_by(&[' ', '-', '(', ')'])
}

/// Area, exchange and line of North America, with something between them.
fn american(it: &Candidate<'_>, lengths: &[usize]) -> bool {
    let digits = match (lengths, it.digits) {
        ([3, 3, 4], digits) | ([1, 3, 3, 4], [b'1', digits @ ..]) => digits,
        _ => return false,
    };
    let high = |byte: u8| (b'2'..=b'9').contains(&byte);
    high(digits[0]) && high(digits[3]) && it.separated_by(&[' ', '-', '.', '(', ')'])
}

/// Numbers that begin with the zero that is dialled at home: of Britain, France and their like.
fn european(digits: &[u8], lengths: &[usize]) -> bool {
    let [b'0', second @ b'1'..=b'9', ..] = digits else {
        return false;
    };
    match lengths {
        [10] => matches!(second, b'6' | b'7'),
        [11] => *second == b'7',
        [2, 2, 2, 2, 2] => true,
        [5, 6] | [5, 3, 3] | [4, 3, 4] | [3, 4, 4] | [4, 3, 3] | [4, 6] => true,
        _ => false,
    }
}

/// Returns whether a number that is said to be a telephone's may be one.
fn told(it: &Candidate<'_>) -> bool {
    let lengths = it.lengths();
    let date = match (lengths.as_slice(), it.digits) {
        ([4, 1 | 2, 1 | 2], [first, second, ..]) => {
            matches!((first, second), (b'1', b'9') | (b'2', b'0'))
        }
        ([8], [b'2', b'0', _, _, month @ ..]) => {
            matches!(month, [b'0', b'1'..=b'9', ..] | [b'1', b'0'..=b'2', ..])
        }
        (lengths, _) => matches!(lengths, [1 | 2, 1 | 2, 4]),
    };
    !date
        && it.groups.len() <= 5
        && (7..=13).contains(&it.digits.len())
        && it.separated_by(&[' ', '-', '.', '(', ')'])
        && it.digits.iter().any(|digit| *digit != b'0')
}
