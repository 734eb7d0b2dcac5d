//! Exact decimal numbers.

use std::fmt;

/// An exact decimal number, `mantissa / 10^scale`, without trailing zeros behind its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    mantissa: i128,
    scale: u32,
}

/// Largest scale, and largest power of ten that a number is raised by.
pub(super) const POWER_MAX: u32 = 30;

impl Exact {
    /// Returns `mantissa / 10^scale`, or `None` for a scale above 30.
    pub fn new(mantissa: i128, scale: u32) -> Option<Self> {
        (scale <= POWER_MAX).then(|| Self { mantissa, scale }.shortened())
    }

    fn shortened(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// Returns the number of whole units and of decimals: the number is `mantissa / 10^scale`.
    pub fn parts(self) -> (i128, u32) {
        (self.mantissa, self.scale)
    }

    /// Returns the number times `10^power`, or `None` when it does not fit.
    pub fn raised(self, power: u32) -> Option<Self> {
        if power <= self.scale {
            return Some(Self {
                mantissa: self.mantissa,
                scale: self.scale - power,
            });
        }
        let mantissa = self
            .mantissa
            .checked_mul(power_of_ten(power - self.scale)?)?;
        Some(Self { mantissa, scale: 0 })
    }

    /// Returns the number divided by `10^power`, or `None` when it has too many decimals then.
    pub fn lowered(self, power: u32) -> Option<Self> {
        Self::new(self.mantissa, self.scale.checked_add(power)?)
    }

    /// Returns the sum, or `None` when it does not fit.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let left = self
            .mantissa
            .checked_mul(power_of_ten(scale - self.scale)?)?;
        let right = other
            .mantissa
            .checked_mul(power_of_ten(scale - other.scale)?)?;
        Self::new(left.checked_add(right)?, scale)
    }

    /// Returns the number with its sign turned.
    pub fn negated(self) -> Self {
        Self {
            mantissa: -self.mantissa,
            scale: self.scale,
        }
    }

    /// Returns the number rounded half to even to `places` decimals.
    pub fn rounded(self, places: u32) -> Self {
        let Some(divisor) = self.scale.checked_sub(places).and_then(power_of_ten) else {
            return self;
        };
        let mantissa = divided_half_even(self.mantissa, divisor);
        Self {
            mantissa,
            scale: places,
        }
        .shortened()
    }

    /// Returns the number in units of `10^-places`, or `None` when it has more decimals or does not fit.
    pub fn in_units(self, places: u32) -> Option<i64> {
        let whole = self.raised(places)?;
        (whole.scale == 0)
            .then(|| i64::try_from(whole.mantissa).ok())
            .flatten()
    }
}

impl From<i128> for Exact {
    fn from(mantissa: i128) -> Self {
        Self { mantissa, scale: 0 }
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.mantissa, self.scale)
    }
}

/// Writes `mantissa / 10^scale` with exactly `scale` decimals.
pub(crate) fn write_scaled(f: &mut fmt::Formatter<'_>, mantissa: i128, scale: u32) -> fmt::Result {
    let digits = mantissa.unsigned_abs().to_string();
    let scale = scale as usize;
    let sign = if mantissa < 0 { "-" } else { "" };
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, parts) = padded.split_at(padded.len() - scale);
    let point = if scale == 0 { "" } else { "." };
    write!(f, "{sign}{whole}{point}{parts}")
}

/// Returns `number / divisor`, rounded half to even; the divisor is above zero and below 2^126.
pub(crate) fn divided_half_even(number: i128, divisor: i128) -> i128 {
    let quotient = number.div_euclid(divisor);
    let rest = number.rem_euclid(divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    quotient + i128::from(up)
}

/// Returns `10^power`, or `None` above 10^37.
pub(crate) fn power_of_ten(power: u32) -> Option<i128> {
    (power <= 37).then(|| 10i128.pow(power))
}
