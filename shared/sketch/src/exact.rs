//! Sums without rounding: the order of the summands cannot show.

/// A natural number times a power of two, as wide as it needs to be: the sum of any number of floating-point magnitudes.
///
/// Always in one form, so that equal sums are equal bit for bit: no zero limb at either end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wide {
    /// Weight of the first limb is `2^(32 * low)`; 0 for zero.
    pub(crate) low: i32,
    /// Digits to the base 2^32, lowest first.
    pub(crate) limbs: Vec<u32>,
}

impl Wide {
    /// Adds `mantissa * 2^exponent`.
    pub(crate) fn add(&mut self, mantissa: u128, exponent: i32) {
        let shift = exponent.rem_euclid(32);
        let mut index = exponent.div_euclid(32);
        let mut rest = mantissa;
        while rest != 0 {
            let part = ((rest as u32) as u64) << shift;
            self.add_limb(index, part as u32);
            self.add_limb(index + 1, (part >> 32) as u32);
            rest >>= 32;
            index += 1;
        }
        self.normalise();
    }

    /// Adds another sum.
    pub(crate) fn add_wide(&mut self, other: &Self) {
        for (at, limb) in other.limbs.iter().enumerate() {
            self.add_limb(other.low + at as i32, *limb);
        }
        self.normalise();
    }

    fn add_limb(&mut self, index: i32, value: u32) {
        let mut carry = value;
        let mut index = index;
        while carry != 0 {
            self.reach(index);
            let limb = &mut self.limbs[(index - self.low) as usize];
            let (sum, over) = limb.overflowing_add(carry);
            *limb = sum;
            carry = u32::from(over);
            index += 1;
        }
    }

    /// Makes room for a limb.
    fn reach(&mut self, index: i32) {
        if self.limbs.is_empty() {
            self.low = index;
        }
        if index < self.low {
            let missing = (self.low - index) as usize;
            self.limbs.splice(0..0, std::iter::repeat_n(0, missing));
            self.low = index;
        }
        let needed = (index - self.low) as usize + 1;
        if self.limbs.len() < needed {
            self.limbs.resize(needed, 0);
        }
    }

    pub(crate) fn normalise(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        let zeros = self.limbs.iter().take_while(|limb| **limb == 0).count();
        self.limbs.drain(..zeros);
        self.low = if self.limbs.is_empty() {
            0
        } else {
            self.low + zeros as i32
        };
    }

    /// Returns `|self - other|`.
    pub(crate) fn distance(&self, other: &Self) -> Self {
        let low = self.low.min(other.low);
        let high = self.high().max(other.high());
        let mut difference = Self {
            low,
            limbs: Vec::with_capacity((high - low).max(0) as usize),
        };
        let (large, small) = if self.is_below(other) {
            (other, self)
        } else {
            (self, other)
        };
        let mut borrow = 0;
        for index in low..high {
            let step = i64::from(large.limb(index)) - i64::from(small.limb(index)) - borrow;
            borrow = i64::from(step < 0);
            difference.limbs.push(step as u32);
        }
        difference.normalise();
        difference
    }

    /// Returns the exact product.
    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut product = Self::default();
        for (at, left) in self.limbs.iter().enumerate() {
            for (by, right) in other.limbs.iter().enumerate() {
                let part = u64::from(*left) * u64::from(*right);
                let index = self.low + other.low + (at + by) as i32;
                product.add_limb(index, part as u32);
                product.add_limb(index + 1, (part >> 32) as u32);
            }
        }
        product.normalise();
        product
    }

    /// Returns true when `self < other`.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        let (low, high) = (self.low.min(other.low), self.high().max(other.high()));
        (low..high)
            .rev()
            .map(|index| (self.limb(index), other.limb(index)))
            .find(|(left, right)| left != right)
            .is_some_and(|(left, right)| left < right)
    }

    /// Returns the nearest floating-point number but for a rounding of the last bit; infinity when it is beyond all.
    pub(crate) fn to_f64(&self) -> f64 {
        let top = self.limbs.len().saturating_sub(4);
        self.limbs[top..]
            .iter()
            .enumerate()
            .map(|(at, limb)| f64::from(*limb) * power_of_two(32 * (self.low + (top + at) as i32)))
            .sum()
    }

    fn high(&self) -> i32 {
        self.low + self.limbs.len() as i32
    }

    fn limb(&self, index: i32) -> u32 {
        usize::try_from(index - self.low)
            .ok()
            .and_then(|at| self.limbs.get(at))
            .copied()
            .unwrap_or(0)
    }
}

fn power_of_two(exponent: i32) -> f64 {
    2f64.powi(exponent)
}

/// Returns the magnitude of a finite number as `mantissa * 2^exponent`.
pub(crate) fn parts(number: f64) -> (u64, i32) {
    let bits = number.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    match exponent {
        0 => (fraction, -1074),
        _ => (fraction | (1 << 52), exponent - 1075),
    }
}

/// The exact sum of numbers and of their squares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moments {
    pub(crate) positive: Wide,
    pub(crate) negative: Wide,
    pub(crate) squares: Wide,
}

impl Moments {
    /// Adds a finite number.
    pub(crate) fn add(&mut self, number: f64) {
        let (mantissa, exponent) = parts(number);
        if mantissa == 0 {
            return;
        }
        let sum = if number < 0.0 {
            &mut self.negative
        } else {
            &mut self.positive
        };
        sum.add(u128::from(mantissa), exponent);
        self.squares
            .add(u128::from(mantissa) * u128::from(mantissa), 2 * exponent);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.positive.add_wide(&other.positive);
        self.negative.add_wide(&other.negative);
        self.squares.add_wide(&other.squares);
    }

    /// Returns the sum.
    pub(crate) fn sum(&self) -> f64 {
        let size = self.positive.distance(&self.negative).to_f64();
        if self.positive.is_below(&self.negative) {
            -size
        } else {
            size
        }
    }

    /// Returns the sum of the squared distances to the mean of `count` numbers. Nothing cancels: it is one exact
    /// difference, `(count * squares - sum^2) / count`.
    pub(crate) fn squared_distances(&self, count: u64) -> f64 {
        if count == 0 {
            return 0.0;
        }
        let sum = self.positive.distance(&self.negative);
        let mut times = Wide::default();
        times.add(u128::from(count), 0);
        let spread = times.times(&self.squares).distance(&sum.times(&sum));
        spread.to_f64() / count as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments(numbers: &[f64]) -> Moments {
        let mut moments = Moments::default();
        numbers.iter().for_each(|number| moments.add(*number));
        moments
    }

    #[test]
    fn loses_nothing_between_large_numbers() {
        assert_eq!(moments(&[1e100, 3.5, -1e100]).sum(), 3.5);
        assert_eq!(moments(&[0.5, -0.5]), {
            let mut other = moments(&[-0.5]);
            other.merge(&moments(&[0.5]));
            other
        });
        assert_eq!(moments(&[]).sum(), 0.0);
    }

    #[test]
    fn deviation_far_from_zero_is_exact() {
        let moments = moments(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
        assert_eq!(moments.squared_distances(4), 90.0);
    }

    proptest! {
        #[test]
        fn integers_sum_as_integers_do(numbers in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 0..50)) {
            let floats: Vec<f64> = numbers.iter().map(|number| *number as f64).collect();
            let sum: i64 = numbers.iter().sum();
            let all = moments(&floats);
            prop_assert_eq!(all.sum(), sum as f64);
            let squares: i128 = numbers.iter().map(|number| i128::from(*number) * i128::from(*number)).sum();
            let n = numbers.len() as i128;
            let spread = n * squares - i128::from(sum) * i128::from(sum);
            let found = all.squared_distances(n as u64) * n as f64;
            prop_assert!((found - spread as f64).abs() <= 4e-16 * spread as f64);
        }

        #[test]
        fn order_never_shows(mut numbers in prop::collection::vec(-1e60f64..1e60, 0..40), cut in 0usize..40) {
            let forward = moments(&numbers);
            numbers.reverse();
            let cut = cut.min(numbers.len());
            let mut parts = moments(&numbers[cut..]);
            parts.merge(&moments(&numbers[..cut]));
            prop_assert_eq!(forward, parts);
        }
    }
}
