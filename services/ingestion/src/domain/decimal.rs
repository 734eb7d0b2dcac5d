//! Exact decimal numbers: money never passes through floating point.

use std::cmp::Ordering;
use std::fmt;

/// A decimal number, `mantissa / 10^scale`, exact.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// Most digits that a number may have, so that a product of three still fits.
const DIGITS_MAX: usize = 30;
/// Largest exponent and scale that are read.
const SCALE_MAX: i32 = 30;

impl Decimal {
    /// The number one.
    pub const ONE: Self = Self {
        mantissa: 1,
        scale: 0,
    };

    /// Reads `12`, `-0.5`, `+3.`, `.25` or `1.2e-3`. Returns `None` for anything else, and for more than 30 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (digits, exponent) = match digits.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (
                &digits[..at],
                std::str::from_utf8(&digits[at + 1..])
                    .ok()?
                    .parse::<i32>()
                    .ok()?,
            ),
            None => (digits, 0),
        };
        let mut mantissa: i128 = 0;
        let mut seen = 0;
        let mut fraction: Option<i32> = None;
        for &byte in digits {
            match byte {
                b'0'..=b'9' => {
                    seen += 1;
                    mantissa = mantissa * 10 + i128::from(byte - b'0');
                    fraction = fraction.map(|places| places + 1);
                }
                b'.' if fraction.is_none() => fraction = Some(0),
                _ => return None,
            }
            if seen > DIGITS_MAX {
                return None;
            }
        }
        if seen == 0 || exponent.abs() > SCALE_MAX {
            return None;
        }
        let scale = fraction.unwrap_or(0) - exponent;
        let signed = if negative { -mantissa } else { mantissa };
        if scale >= 0 {
            Some(Self {
                mantissa: signed,
                scale: scale.unsigned_abs(),
            })
        } else {
            let raised = signed.checked_mul(power_of_ten(scale.unsigned_abs())?)?;
            Some(Self {
                mantissa: raised,
                scale: 0,
            })
        }
    }

    /// Returns the exact product, or `None` when it is too large to hold.
    pub fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            mantissa: self.mantissa.checked_mul(other.mantissa)?,
            scale: self.scale + other.scale,
        })
    }

    /// Returns the exact sum, or `None` when it is too large to hold.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let left = self
            .mantissa
            .checked_mul(power_of_ten(scale - self.scale)?)?;
        let right = other
            .mantissa
            .checked_mul(power_of_ten(scale - other.scale)?)?;
        Some(Self {
            mantissa: left.checked_add(right)?,
            scale,
        })
    }

    /// Returns the number with its sign turned.
    pub fn negated(self) -> Self {
        Self {
            mantissa: -self.mantissa,
            scale: self.scale,
        }
    }

    /// Returns the number in units of `10^-places`, rounded half to even, or `None` when it does not fit.
    ///
    /// Money in a currency with two decimals is `in_units(2)`, its minor units.
    pub fn in_units(self, places: u32) -> Option<i64> {
        if self.scale <= places {
            let raised = self
                .mantissa
                .checked_mul(power_of_ten(places - self.scale)?)?;
            return i64::try_from(raised).ok();
        }
        let Some(divisor) = power_of_ten(self.scale - places) else {
            return Some(0);
        };
        i64::try_from(rounded_quotient(self.mantissa, divisor)?).ok()
    }

    /// Returns `units` of `10^-places`: money of a currency with two decimals is `of_units(minor, 2)`.
    pub fn of_units(units: i64, places: u32) -> Self {
        Self {
            mantissa: i128::from(units),
            scale: places,
        }
    }

    /// Returns the quotient rounded half to even at `places` decimals, or `None` for a division by zero and when it is too
    /// large to hold.
    pub fn divided_by(self, other: Self, places: u32) -> Option<Self> {
        if other.mantissa == 0 {
            return None;
        }
        // self / other = (self.mantissa * 10^other.scale) / (other.mantissa * 10^self.scale)
        let up = places + other.scale;
        let (up, down) = (up.saturating_sub(self.scale), self.scale.saturating_sub(up));
        let mut numerator = self.mantissa.checked_mul(power_of_ten(up)?)?;
        let mut divisor = other.mantissa.checked_mul(power_of_ten(down)?)?;
        if divisor < 0 {
            (numerator, divisor) = (numerator.checked_neg()?, divisor.checked_neg()?);
        }
        Some(Self {
            mantissa: rounded_quotient(numerator, divisor)?,
            scale: places,
        })
    }

    /// Returns the remainder of a division, with the sign of the dividend, or `None` for a division by zero and when it is
    /// too large to hold.
    pub fn remainder(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let raised = |it: Self| it.mantissa.checked_mul(power_of_ten(scale - it.scale)?);
        Some(Self {
            mantissa: raised(self)?.checked_rem(raised(other)?)?,
            scale,
        })
    }

    /// Returns whether the number is a whole multiple of another, which is not zero.
    pub fn is_multiple_of(self, other: Self) -> bool {
        let scale = self.scale.max(other.scale);
        let raised = |it: Self| it.mantissa.checked_mul(power_of_ten(scale - it.scale)?);
        match (raised(self), raised(other)) {
            (Some(number), Some(step)) => step != 0 && number % step == 0,
            // Too far apart to tell exactly, hence no multiple that anybody meant.
            _ => false,
        }
    }

    /// Returns -1, 0 or 1, as the number is below, at or above zero.
    pub fn signum(self) -> i64 {
        match self.mantissa.signum() {
            1 => 1,
            0 => 0,
            _ => -1,
        }
    }

    /// Returns true when the number has no fraction, as `3` and `3.00`.
    pub fn is_whole(self) -> bool {
        power_of_ten(self.scale).is_none_or(|divisor| self.mantissa % divisor == 0)
    }

    /// Returns the nearest floating-point number, for properties that are not money.
    pub fn to_f64(self) -> f64 {
        let scale = i32::try_from(self.scale).unwrap_or(i32::MAX);
        self.mantissa as f64 / 10f64.powi(scale)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        // What is too large to be brought to the common scale is farther from zero than all that is not.
        let raised = |it: &Self| match power_of_ten(scale - it.scale) {
            Some(factor) => it.mantissa.saturating_mul(factor),
            None => it.mantissa.saturating_mul(i128::MAX),
        };
        raised(self).cmp(&raised(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let places = self.scale as usize;
        let digits = format!(
            "{:0>width$}",
            self.mantissa.unsigned_abs(),
            width = places + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if self.mantissa < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}.{fraction}")
    }
}

/// Divides by a number above zero, rounded half to even.
fn rounded_quotient(number: i128, divisor: i128) -> Option<i128> {
    let quotient = number.div_euclid(divisor);
    let remainder = number.rem_euclid(divisor);
    let up = match remainder.cmp(&(divisor - remainder)) {
        Ordering::Less => false,
        Ordering::Equal => quotient % 2 != 0,
        Ordering::Greater => true,
    };
    quotient.checked_add(i128::from(up))
}

/// Returns `10^exponent`, or `None` above 10^37.
fn power_of_ten(exponent: u32) -> Option<i128> {
    if exponent > 37 {
        None
    } else {
        10i128.checked_pow(exponent)
    }
}

/// Returns how many decimals a currency of ISO 4217 has, 2 unless the standard says otherwise.
pub fn currency_decimals(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// Returns true for the shape of an ISO 4217 code: three capital letters.
pub fn is_currency_code(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, places: u32, expected: Option<i64>) {
        assert_eq!(
            Decimal::parse(text).and_then(|number| number.in_units(places)),
            expected,
            "{text}"
        );
    }

    #[test]
    fn reads_what_files_write() {
        check("2.55", 2, Some(255));
        check("-2.55", 2, Some(-255));
        check("+3.", 2, Some(300));
        check(".25", 2, Some(25));
        check("1e3", 2, Some(100_000));
        check("1.25e-1", 3, Some(125));
        check("125.43999999999998", 2, Some(12_544));
        check("0.001", 2, Some(0));
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in [
            "", "-", ".", "abc", "1.2.3", "1,5", "0x10", "NaN", "inf", "1e", "1e99", "１",
        ] {
            check(text, 2, None);
        }
        check(&"9".repeat(31), 0, None);
        check("99999999999999999999", 0, None);
    }

    #[test]
    fn rounds_half_to_even_on_both_sides_of_zero() {
        for (text, expected) in [
            ("0.5", 0),
            ("1.5", 2),
            ("2.5", 2),
            ("-0.5", 0),
            ("-1.5", -2),
            ("-2.5", -2),
            ("2.51", 3),
            ("-2.51", -3),
        ] {
            check(text, 0, Some(expected));
        }
    }

    #[test]
    fn multiplies_exactly() {
        let price = Decimal::parse("0.001").expect("number");
        let pieces = Decimal::parse("12540").expect("number");
        assert_eq!(
            price.times(pieces).and_then(|value| value.in_units(2)),
            Some(1254)
        );
    }

    #[test]
    fn compares_by_value() {
        let number = |text| Decimal::parse(text).expect("number");
        assert_eq!(number("3"), number("3.00"));
        assert!(number("-0.1") < number("0") && number("2.5") < number("10"));
        assert!(number("1e30") > number("1e-30"));
        assert!(number("-1e30") < number("-1e-30"));
    }

    #[test]
    fn knows_multiples() {
        let multiple = |text, step| {
            let number = |text| Decimal::parse(text).expect("number");
            number(text).is_multiple_of(number(step))
        };
        assert!(multiple("1.25", "0.05") && multiple("-3", "1.5") && multiple("0", "7"));
        assert!(!multiple("1.26", "0.05"));
    }

    #[test]
    fn writes_what_it_read() {
        for text in ["0", "-0.05", "12.50", "1000000", "0.001", "-7"] {
            assert_eq!(Decimal::parse(text).expect("number").to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn writes_and_reads_minor_units(minor in -1_000_000_000_000i64..1_000_000_000_000) {
            let text = format!("{}{}.{:02}", if minor < 0 { "-" } else { "" }, minor.abs() / 100, minor.abs() % 100);
            prop_assert_eq!(Decimal::parse(&text).and_then(|number| number.in_units(2)), Some(minor));
        }

        #[test]
        fn never_panics(text in "[-+0-9.eE]{0,40}") {
            if let Some(number) = Decimal::parse(&text) {
                let _ = number.in_units(2);
                let _ = number.times(number);
                let _ = number.plus(number.negated());
                let _ = number.is_whole();
            }
        }
    }
}
