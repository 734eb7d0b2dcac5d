//! Sums of products of columns and numbers, evaluated exactly.

use crate::domain::decimal::Decimal;

/// A sum of products, such as `Quantity * UnitPrice` or `Wine + Meat + 2 * Gold`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    terms: Vec<Vec<Factor>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Factor {
    Column(usize),
    Number(Decimal),
}

impl Expression {
    /// Reads an expression; `column` gives the index of a column by its name, which may hold blanks but neither `+`
    /// nor `*`. A minus sign may stand before a term.
    ///
    /// Fails with the first name or sign that is not understood.
    pub fn parse(text: &str, column: impl Fn(&str) -> Option<usize>) -> Result<Self, String> {
        let term = |text: &str| -> Result<Vec<Factor>, String> {
            let (negative, text) = match text.trim().strip_prefix('-') {
                Some(rest)
                    if column(text.trim()).is_none() && Decimal::parse(text.trim()).is_none() =>
                {
                    (true, rest)
                }
                _ => (false, text),
            };
            let mut factors: Vec<Factor> = Vec::new();
            for name in text.split('*').map(str::trim) {
                let factor = match (column(name), Decimal::parse(name)) {
                    (Some(index), _) => Factor::Column(index),
                    (None, Some(number)) => Factor::Number(number),
                    (None, None) => {
                        return Err(format!("`{name}` is neither a column nor a number"));
                    }
                };
                factors.push(factor);
            }
            if negative {
                factors.push(Factor::Number(Decimal::ONE.negated()));
            }
            Ok(factors)
        };
        let terms = text.split('+').map(term).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// Returns the columns that it reads.
    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.terms
            .iter()
            .flatten()
            .filter_map(|factor| match factor {
                Factor::Column(index) => Some(*index),
                Factor::Number(_) => None,
            })
    }

    /// Computes the value, exactly. `number` gives a column's number, `None` when it has none.
    pub fn evaluate(&self, number: impl Fn(usize) -> Option<Decimal>) -> Option<Decimal> {
        let mut sum: Option<Decimal> = None;
        for factors in &self.terms {
            let mut product: Option<Decimal> = None;
            for factor in factors {
                let value = match factor {
                    Factor::Column(index) => number(*index)?,
                    Factor::Number(value) => *value,
                };
                product = Some(match product {
                    Some(product) => product.times(value)?,
                    None => value,
                });
            }
            let product = product?;
            sum = Some(match sum {
                Some(sum) => sum.plus(product)?,
                None => product,
            });
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(name: &str) -> Option<usize> {
        ["a", "b", "unit price"]
            .iter()
            .position(|known| *known == name)
    }

    #[track_caller]
    fn check(text: &str, expected: i64) {
        let values = ["2", "3.5", "0.01"].map(|text| Decimal::parse(text).expect("number"));
        let expression = Expression::parse(text, columns).expect("expression");
        assert_eq!(
            expression
                .evaluate(|index| values.get(index).copied())
                .and_then(|v| v.in_units(2)),
            Some(expected)
        );
    }

    #[test]
    fn multiplies_and_adds() {
        check("a", 200);
        check("-a", -200);
        check("a * b", 700);
        check("a + b", 550);
        check("a*unit price + -b", -348);
        check("0.5 * b", 175);
    }

    #[test]
    fn names_what_it_does_not_know() {
        assert_eq!(
            Expression::parse("a * c", columns),
            Err("`c` is neither a column nor a number".into())
        );
        assert!(Expression::parse("", columns).is_err());
        assert!(Expression::parse("a ** b", columns).is_err());
    }
}
