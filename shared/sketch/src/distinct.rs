//! How many different values there are, in bounded room.

/// Different values that are counted exactly.
const EXACT_MAX: usize = 256;
/// Bits of a hash that choose the register.
const INDEX_BITS: u32 = 12;
/// Registers.
pub(crate) const REGISTERS: usize = 1 << INDEX_BITS;

/// Counts different hashes: exactly up to 256, by HyperLogLog with 4,096 registers beyond (relative standard error 1.63 %).
///
/// A function of the set of hashes alone. Sources: Flajolet et al. (2007); the estimator is Ertl's (2017, 'New cardinality
/// estimation algorithms for HyperLogLog sketches', algorithm 6), which needs no tables of corrections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distinct {
    /// The hashes, ascending.
    Few(Vec<u64>),
    /// The registers: per index the longest run of zeros, plus one.
    Many(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Distinct {
    /// Adds a hash; its bits must be evenly spread.
    pub fn add(&mut self, hash: u64) {
        match self {
            Self::Many(registers) => register(registers, hash),
            Self::Few(hashes) => {
                if let Err(at) = hashes.binary_search(&hash) {
                    hashes.insert(at, hash);
                    if hashes.len() > EXACT_MAX {
                        self.registers();
                    }
                }
            }
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        match other {
            Self::Few(hashes) => hashes.iter().for_each(|hash| self.add(*hash)),
            Self::Many(theirs) => {
                for (ours, theirs) in self.registers().iter_mut().zip(theirs) {
                    *ours = (*ours).max(*theirs);
                }
            }
        }
    }

    fn registers(&mut self) -> &mut [u8] {
        if let Self::Few(hashes) = self {
            let mut registers = vec![0; REGISTERS].into_boxed_slice();
            hashes
                .iter()
                .for_each(|hash| register(&mut registers, *hash));
            *self = Self::Many(registers);
        }
        match self {
            Self::Many(registers) => registers,
            Self::Few(_) => unreachable!("it was replaced above"),
        }
    }

    /// Returns how many different hashes there were.
    pub fn count(&self) -> u64 {
        match self {
            Self::Few(hashes) => hashes.len() as u64,
            Self::Many(registers) => estimate(registers).round() as u64,
        }
    }
}

/// Largest value of a register.
pub(crate) const REGISTER_MAX: u8 = (64 - INDEX_BITS + 1) as u8;

fn register(registers: &mut [u8], hash: u64) {
    let index = (hash >> (64 - INDEX_BITS)) as usize;
    let run = ((hash << INDEX_BITS).leading_zeros() + 1).min(u32::from(REGISTER_MAX));
    registers[index] = registers[index].max(run as u8);
}

fn estimate(registers: &[u8]) -> f64 {
    let m = REGISTERS as f64;
    let mut histogram = [0u32; REGISTER_MAX as usize + 1];
    for register in registers {
        histogram[usize::from(*register).min(usize::from(REGISTER_MAX))] += 1;
    }
    let top = usize::from(REGISTER_MAX);
    let mut z = m * tau((m - f64::from(histogram[top])) / m);
    for count in histogram[1..top].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
