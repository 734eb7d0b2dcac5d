//! Numbers as people read them.

/// Returns a whole number in groups of three digits: `1,234,567`.
pub fn group(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number with four significant digits, as short as it can be: `0.1235`, `12.5`, `1,234`, `1.5e9`; `-` for none.
pub fn short(number: f64) -> String {
    if !number.is_finite() {
        return "-".to_owned();
    }
    let size = number.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{number:.3e}");
    }
    if size >= 1000.0 {
        return group(number.round() as i64);
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Returns a share as per cent: `97.3 %`. Only what is exactly all or nothing is written as `100 %` or `0 %`.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "-".to_owned();
    }
    let percent = share * 100.0;
    if share <= 0.0 || share == 1.0 {
        return format!("{percent:.0} %");
    }
    let text = format!("{percent:.1}");
    match text.as_str() {
        "100.0" if share < 1.0 => "> 99.9 %".to_owned(),
        "0.0" => "< 0.1 %".to_owned(),
        _ => format!("{text} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits() {
        assert_eq!(group(0), "0");
        assert_eq!(group(999), "999");
        assert_eq!(group(1000), "1,000");
        assert_eq!(group(-1_234_567), "-1,234,567");
        assert_eq!(group(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn shortens_numbers() {
        let cases = [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (12.5, "12.5"),
            (100.0, "100"),
            (999.96, "1000"),
            (1234.5, "1,235"),
            (-0.5, "-0.5"),
            (1.5e9, "1.500e9"),
            (f64::NAN, "-"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text, "{number}");
        }
    }

    #[test]
    fn rounds_no_share_to_perfection() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.9999), "> 99.9 %");
        assert_eq!(percent(0.0001), "< 0.1 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.973), "97.3 %");
    }
}
