//! How sketches are stored: one version byte, then counts as variable-length integers. Equal sketches give equal bytes.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::column::{Column, Texts};
use crate::distinct::{Distinct, REGISTER_MAX, REGISTERS};
use crate::exact::{Moments, Wide};
use crate::lexicon::{Lexicon, Pairs};
use crate::numbers::{Buckets, Numbers, Ordered, Spread};
use crate::values::Values;

/// Version that is written; all up to it are read.
const VERSION: u8 = 1;

/// Bytes that are no sketch, or one of a later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no column sketch of a known version")]
pub struct Malformed;

impl Column {
    /// Returns the stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(vec![VERSION]);
        out.number(self.records);
        out.number(self.missing);
        out.numbers(&self.numbers);
        out.distinct(&self.distinct);
        out.values(&self.values);
        out.texts(&self.texts);
        out.0
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (version, rest) = bytes.split_first().ok_or(Malformed)?;
        if *version != VERSION {
            return Err(Malformed);
        }
        let mut input = Reader(rest);
        let column = Self {
            records: input.count()?,
            missing: input.count()?,
            numbers: input.numbers()?,
            distinct: input.distinct()?,
            values: input.values()?,
            texts: input.texts()?,
        };
        if input.0.is_empty() && column.missing <= column.records {
            Ok(column)
        } else {
            Err(Malformed)
        }
    }
}

impl Lexicon {
    /// Returns the stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(vec![VERSION]);
        out.number(self.words.len() as u64);
        for (name, words) in &self.words {
            out.text(name);
            out.values(words);
        }
        out.number(self.pairs.len() as u64);
        for (name, pairs) in &self.pairs {
            out.text(name);
            out.number(u64::from(pairs.most));
            out.number(u64::from(pairs.over));
            out.number(pairs.kept.len() as u64);
            for (hash, (count, values)) in &pairs.kept {
                out.0.extend_from_slice(&hash.to_be_bytes());
                out.number(*count);
                out.values(values);
            }
        }
        out.0
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (version, rest) = bytes.split_first().ok_or(Malformed)?;
        if *version != VERSION {
            return Err(Malformed);
        }
        let mut input = Reader(rest);
        let mut lexicon = Self::default();
        for _ in 0..input.number()? {
            let name = input.text()?;
            lexicon.words.insert(name, input.values()?);
        }
        for _ in 0..input.number()? {
            let name = input.text()?;
            let most = u16::try_from(input.number()?).map_err(|_| Malformed)?;
            let mut pairs = Pairs::new(most);
            pairs.over = input.number()? == 1;
            for _ in 0..input.number()? {
                let hash = u64::from_be_bytes(input.array()?);
                let count = input.count()?;
                pairs.kept.insert(hash, (count, input.values()?));
            }
            lexicon.pairs.insert(name, pairs);
        }
        if input.0.is_empty() {
            Ok(lexicon)
        } else {
            Err(Malformed)
        }
    }
}

impl Serialize for Column {
    /// As the hexadecimal text of its stored form.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let text: String = self
            .to_bytes()
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| char::from(DIGITS[usize::from(digit)]))
            .collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
            .collect();
        let bytes = bytes.filter(|_| rest.is_empty());
        bytes
            .ok_or(Malformed)
            .and_then(|bytes| Self::from_bytes(&bytes))
            .map_err(D::Error::custom)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    fn float(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_bits().to_be_bytes());
    }

    fn wide(&mut self, wide: &Wide) {
        self.number(wide.limbs.len() as u64);
        self.signed(i64::from(wide.low));
        wide.limbs
            .iter()
            .for_each(|limb| self.0.extend_from_slice(&limb.to_le_bytes()));
    }

    fn numbers(&mut self, numbers: &Numbers) {
        self.number(numbers.count);
        let Some((min, max)) = numbers.ends else {
            return;
        };
        self.float(min.0);
        self.float(max.0);
        self.wide(&numbers.moments.positive);
        self.wide(&numbers.moments.negative);
        self.wide(&numbers.moments.squares);
        match &numbers.spread {
            Spread::Exact(all) => {
                self.number(all.len() as u64);
                for (number, count) in all {
                    self.float(number.0);
                    self.number(*count);
                }
            }
            Spread::Buckets(buckets) => {
                self.number(0);
                self.number(buckets.zero);
                self.buckets(&buckets.negative);
                self.buckets(&buckets.positive);
            }
        }
    }

    fn buckets(&mut self, buckets: &BTreeMap<i32, u64>) {
        self.number(buckets.len() as u64);
        let mut last = 0;
        for (key, count) in buckets {
            self.signed(i64::from(*key) - last);
            self.number(*count);
            last = i64::from(*key);
        }
    }

    fn distinct(&mut self, distinct: &Distinct) {
        match distinct {
            Distinct::Few(hashes) => {
                self.number(hashes.len() as u64 + 1);
                hashes
                    .iter()
                    .for_each(|hash| self.0.extend_from_slice(&hash.to_be_bytes()));
            }
            // Six bits a register, four registers in three bytes.
            Distinct::Many(registers) => {
                self.number(0);
                for four in registers.chunks(4) {
                    let bits = four
                        .iter()
                        .fold(0u32, |bits, register| bits << 6 | u32::from(*register));
                    self.0.extend_from_slice(&bits.to_be_bytes()[1..]);
                }
            }
        }
    }

    fn values(&mut self, values: &Values) {
        self.number(u64::from(values.most));
        self.number(u64::from(values.text_max));
        self.number(u64::from(values.over));
        self.number(values.kept.len() as u64);
        for (hash, (value, count)) in &values.kept {
            self.0.extend_from_slice(&hash.to_be_bytes());
            self.number(*count);
            self.text(value);
        }
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &Texts) {
        self.number(texts.count);
        if texts.count > 0 {
            self.number(texts.characters);
            self.number(texts.shortest);
            self.number(texts.longest);
            self.values(&texts.shapes);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N as u64)?.try_into().map_err(|_| Malformed)
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let part = u64::from(byte & 0x7f);
            number |= part.checked_shl(shift).ok_or(Malformed)?;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    /// Reads a count: small enough that sums of all counts of a sketch cannot overflow.
    fn count(&mut self) -> Result<u64, Malformed> {
        self.number().and_then(|count| {
            if count < 1 << 48 {
                Ok(count)
            } else {
                Err(Malformed)
            }
        })
    }

    fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn float(&mut self) -> Result<Ordered, Malformed> {
        let number = f64::from_bits(u64::from_be_bytes(self.array()?));
        if number.is_finite() {
            Ok(Ordered(number))
        } else {
            Err(Malformed)
        }
    }

    fn wide(&mut self) -> Result<Wide, Malformed> {
        let length = self.number()?;
        // Ends of a double's square, in limbs.
        let low = i32::try_from(self.signed()?)
            .ok()
            .filter(|low| (-128..128).contains(low))
            .ok_or(Malformed)?;
        let bytes = self.take(length.checked_mul(4).ok_or(Malformed)?)?;
        let limbs: Vec<u32> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|limb| u32::from_le_bytes(*limb))
            .collect();
        if limbs.len() > 256 {
            return Err(Malformed);
        }
        let mut wide = Wide { low, limbs };
        wide.normalise();
        Ok(wide)
    }

    fn numbers(&mut self) -> Result<Numbers, Malformed> {
        let count = self.count()?;
        if count == 0 {
            return Ok(Numbers::default());
        }
        let (min, max) = (self.float()?, self.float()?);
        if min > max {
            return Err(Malformed);
        }
        let moments = Moments {
            positive: self.wide()?,
            negative: self.wide()?,
            squares: self.wide()?,
        };
        let spread = match self.number()? {
            0 => Spread::Buckets(Buckets {
                zero: self.count()?,
                negative: self.buckets()?,
                positive: self.buckets()?,
            }),
            different => {
                let mut all = BTreeMap::new();
                for _ in 0..different {
                    all.insert(self.float()?, self.count()?);
                }
                Spread::Exact(all)
            }
        };
        Ok(Numbers {
            count,
            moments,
            ends: Some((min, max)),
            spread,
        })
    }

    fn buckets(&mut self) -> Result<BTreeMap<i32, u64>, Malformed> {
        let mut buckets = BTreeMap::new();
        let mut last = 0i64;
        for _ in 0..self.number()? {
            last = last.checked_add(self.signed()?).ok_or(Malformed)?;
            let key = i32::try_from(last).map_err(|_| Malformed)?;
            buckets.insert(key, self.count()?);
        }
        Ok(buckets)
    }

    fn distinct(&mut self) -> Result<Distinct, Malformed> {
        let length = self.number()?;
        if length > 0 {
            let hashes = (1..length).map(|_| Ok(u64::from_be_bytes(self.array()?)));
            let hashes: Vec<u64> = hashes.collect::<Result<_, Malformed>>()?;
            return if hashes.is_sorted_by(|left, right| left < right) {
                Ok(Distinct::Few(hashes))
            } else {
                Err(Malformed)
            };
        }
        let mut registers = Vec::with_capacity(REGISTERS);
        for _ in 0..REGISTERS / 4 {
            let [high, middle, low] = self.array()?;
            let bits = u32::from_be_bytes([0, high, middle, low]);
            registers.extend([18, 12, 6, 0].map(|shift| ((bits >> shift) & 63) as u8));
        }
        if registers.iter().any(|register| *register > REGISTER_MAX) {
            return Err(Malformed);
        }
        Ok(Distinct::Many(registers.into_boxed_slice()))
    }

    fn values(&mut self) -> Result<Values, Malformed> {
        let mut bound = || u16::try_from(self.number()?).map_err(|_| Malformed);
        let mut values = Values::with_texts(bound()?, bound()?);
        values.over = self.number()? == 1;
        for _ in 0..self.number()? {
            let hash = u64::from_be_bytes(self.array()?);
            let count = self.count()?;
            values.kept.insert(hash, (self.text()?, count));
        }
        Ok(values)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let length = self.number()?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Malformed)?;
        Ok(text.to_owned())
    }

    fn texts(&mut self) -> Result<Texts, Malformed> {
        Ok(match self.count()? {
            0 => Texts::default(),
            count => Texts {
                count,
                characters: self.number()?,
                shortest: self.number()?,
                longest: self.number()?,
                shapes: self.values()?,
            },
        })
    }
}
