//! Amounts of money between whole units, as people write them, and integer minor units.

use anyhow::bail;

/// Largest amount that the services take, in minor units.
const MINOR_UNITS_MAX: i64 = 1_000_000_000_000_000;

/// Returns how many decimals the minor unit of an ISO 4217 currency has.
pub(crate) fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Returns the minor units of an amount such as `25000` or `25000.50`; fails on anything else, on negative amounts and
/// on more decimals than the currency has.
pub(crate) fn parse(text: &str, currency: &str) -> anyhow::Result<i64> {
    let decimals = decimals(currency);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        bail!("'{text}' is no amount: write whole units, for example 25000 or 25000.50");
    }
    if fraction.len() > decimals as usize {
        bail!("'{text}' has more decimals than {currency} has: at most {decimals}");
    }
    let padded = format!("{whole}{fraction:0<width$}", width = decimals as usize);
    match padded.parse() {
        Ok(minor) if minor <= MINOR_UNITS_MAX => Ok(minor),
        _ => bail!(
            "'{text}' is too large an amount: at most {} {currency} are understood",
            format(MINOR_UNITS_MAX, currency)
        ),
    }
}

/// Returns an amount for people: thousands parted by commas, all decimals of the currency, no code.
pub(crate) fn format(minor: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let unit = 10_u64.pow(decimals);
    let magnitude = minor.unsigned_abs();
    let sign = if minor < 0 { "-" } else { "" };
    let whole = group(magnitude / unit);
    if decimals == 0 {
        return format!("{sign}{whole}");
    }
    format!(
        "{sign}{whole}.{:0width$}",
        magnitude % unit,
        width = decimals as usize
    )
}

/// Returns a fractional number of minor units, rounded to whole ones, for people.
pub(crate) fn format_f64(minor: f64, currency: &str) -> String {
    format(minor.round() as i64, currency)
}

/// Returns a number with its thousands parted by commas.
pub(crate) fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_by_currency() {
        assert_eq!(parse("25000", "GBP").unwrap(), 2_500_000);
        assert_eq!(parse("0.5", "GBP").unwrap(), 50);
        assert_eq!(parse("500", "JPY").unwrap(), 500);
        assert_eq!(parse("1.234", "KWD").unwrap(), 1_234);
        for wrong in [
            "",
            ".5",
            "5.",
            "-1",
            "1e3",
            "1.234",
            "1,000",
            "99999999999999999999",
        ] {
            assert!(parse(wrong, "GBP").is_err(), "{wrong}");
        }
        assert!(parse("1.5", "JPY").is_err());
    }

    #[test]
    fn formats_for_people() {
        assert_eq!(format(123_456_789, "GBP"), "1,234,567.89");
        assert_eq!(format(-5, "GBP"), "-0.05");
        assert_eq!(format(1_000, "JPY"), "1,000");
        assert_eq!(format_f64(99.6, "GBP"), "1.00");
    }
}
