//! Minor units of currencies.

/// Currencies of ISO 4217 whose minor unit is not a hundredth, with their decimals.
const DECIMALS: &[(&str, i32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Returns how many minor units make one major unit of a currency; 100 where the code is not known.
pub fn minor_per_major(code: &str) -> f64 {
    let decimals = DECIMALS
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(2, |(_, decimals)| *decimals);
    10f64.powi(decimals)
}

#[cfg(test)]
mod tests {
    #[test]
    fn knows_currencies_without_and_with_a_minor_unit() {
        assert_eq!(super::minor_per_major("GBP"), 100.0);
        assert_eq!(super::minor_per_major("JPY"), 1.0);
        assert_eq!(super::minor_per_major("KWD"), 1000.0);
    }
}
