//! Numbers with Chinese signs: 万, 亿, 十五, 壹佰.

use super::{DIGITS_MAX, Exact, Mark, digits_of};
use crate::Reason;

/// Reads Chinese numbers: `12.3万`, `3亿5000万`, `一万二千三百`, `壹仟贰佰`. Returns `None` for a number without a Chinese sign.
pub(super) fn chinese(value: &str, mark: Mark) -> Result<Option<Exact>, Reason> {
    if !value
        .chars()
        .any(|c| "十拾百佰千仟万萬亿億".contains(c) || chinese_digit(c).is_some())
    {
        return Ok(None);
    }
    // Chinese groups by four; a point before three digits is none of thousands here.
    let mark = if mark == Mark::Certain {
        Mark::Point
    } else {
        mark
    };
    large(value, mark).map(Some)
}

/// Reads what stands on both sides of 亿 and 万.
fn large(value: &str, mark: Mark) -> Result<Exact, Reason> {
    for (signs, power) in [(['亿', '億'], 8), (['万', '萬'], 4)] {
        let Some(at) = value.rfind(signs) else {
            continue;
        };
        let (left, right) = (
            &value[..at],
            value[at..].trim_start_matches(signs).trim_start(),
        );
        if value[at..].chars().filter(|c| signs.contains(c)).count() > 1 {
            return Err(Reason::Number);
        }
        let left = large(left.trim_end(), mark)?
            .raised(power)
            .ok_or(Reason::OutOfRange)?;
        if right.is_empty() {
            return Ok(left);
        }
        if right.chars().count() == 1 {
            // Spoken, 一万五 means 15,000; written, it may be 10,005.
            return Err(Reason::AmbiguousNumber);
        }
        return left.plus(large(right, mark)?).ok_or(Reason::OutOfRange);
    }
    section(value, mark)
}

/// Reads a number below ten thousand with its 千, 百 and 十, or plain digits.
fn section(value: &str, mark: Mark) -> Result<Exact, Reason> {
    let mut sum = Exact::from(0);
    let mut rest = value;
    let mut before = None;
    for (signs, power) in [(['千', '仟'], 3), (['百', '佰'], 2), (['十', '拾'], 1)] {
        let Some((left, right)) = rest.split_once(signs) else {
            continue;
        };
        let left = match left.trim_end().trim_start_matches(['零', '〇']) {
            "" if power == 1 => Exact::from(1),
            left => simple(left, mark)?,
        };
        let raised = left.raised(power).ok_or(Reason::OutOfRange)?;
        sum = sum.plus(raised).ok_or(Reason::OutOfRange)?;
        rest = right.trim_start();
        before = Some(power);
    }
    match (before, rest.chars().count()) {
        (Some(_), 0) => Ok(sum),
        (Some(power), 1) if power > 1 => Err(Reason::AmbiguousNumber),
        _ => sum.plus(simple(rest, mark)?).ok_or(Reason::OutOfRange),
    }
}

/// Reads digits of one script.
fn simple(value: &str, mark: Mark) -> Result<Exact, Reason> {
    let digits: Option<String> = value
        .chars()
        .map(|c| chinese_digit(c).map(char::from))
        .collect();
    match digits {
        Some(digits) if (1..=DIGITS_MAX).contains(&digits.len()) => Ok(Exact::from(
            digits.parse::<i128>().map_err(|_| Reason::Number)?,
        )),
        _ => digits_of(value, mark),
    }
}

/// Returns the ASCII digit of a Chinese one, plain or as written on cheques.
pub(crate) fn chinese_digit(c: char) -> Option<u8> {
    let value = match c {
        '零' | '〇' => 0,
        '一' | '壹' => 1,
        '二' | '贰' | '貳' | '两' | '兩' => 2,
        '三' | '叁' | '參' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' | '陸' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    };
    Some(b'0' + value)
}
