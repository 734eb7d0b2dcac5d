//! One number out of four dimensions, with the formula that it comes from.

use super::counts::{DayCounts, Dimension, FieldCounts, Tally};

/// How much each dimension counts, in the order of [`Dimension::ALL`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights(pub [f64; 4]);

impl Default for Weights {
    fn default() -> Self {
        Self([1.0; 4])
    }
}

/// The four dimensions of a source with their tallies.
pub fn dimensions(counts: &DayCounts) -> [(Dimension, Tally); 4] {
    Dimension::ALL.map(|dimension| (dimension, counts.tally(dimension)))
}

/// The dimensions of a field with their tallies; timeliness is the source's alone.
pub fn field_dimensions(field: &FieldCounts) -> [(Dimension, Tally); 3] {
    [
        (Dimension::Completeness, field.complete),
        (Dimension::Accuracy, field.accurate),
        (Dimension::Consistency, field.consistent),
    ]
}

impl Weights {
    fn of(&self, dimension: Dimension) -> f64 {
        self.0[Dimension::ALL
            .iter()
            .position(|it| *it == dimension)
            .unwrap_or_default()]
    }

    /// Returns the weighted mean of the dimensions in which something was checked, 0 to 100; `None` when nothing was.
    pub fn score(&self, dimensions: &[(Dimension, Tally)]) -> Option<f64> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (dimension, tally) in dimensions {
            if let Some(share) = tally.share() {
                sum += self.of(*dimension) * share;
                weights += self.of(*dimension);
            }
        }
        (weights > 0.0).then(|| 100.0 * sum / weights)
    }

    /// Writes the score as a formula with its numbers.
    pub fn formula(&self, dimensions: &[(Dimension, Tally)]) -> String {
        let Some(score) = self.score(dimensions) else {
            return "nothing was checked, so there is no score".to_owned();
        };
        let checked = |(dimension, tally): &(Dimension, Tally)| {
            let weight = self.of(*dimension);
            tally.share().filter(|_| weight > 0.0)?;
            let Tally { good, checked } = tally;
            Some((
                weight,
                format!("{weight} * {good}/{checked} {}", dimension.name()),
            ))
        };
        let parts: Vec<(f64, String)> = dimensions.iter().filter_map(checked).collect();
        let weights: f64 = parts.iter().map(|(weight, _)| weight).sum();
        let parts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
        format!("100 * ({}) / {weights} = {score:.2}", parts.join(" + "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(good: i64, checked: i64) -> Tally {
        Tally { good, checked }
    }

    #[test]
    fn only_what_was_checked_counts() {
        let dimensions = [
            (Dimension::Completeness, tally(9, 10)),
            (Dimension::Accuracy, tally(1, 2)),
            (Dimension::Timeliness, tally(0, 0)),
        ];
        let even = Weights::default();
        assert_eq!(even.score(&dimensions), Some(70.0));
        assert_eq!(
            even.formula(&dimensions),
            "100 * (1 * 9/10 completeness + 1 * 1/2 accuracy) / 2 = 70.00"
        );
        let one_sided = Weights([3.0, 1.0, 0.0, 5.0]);
        assert!((one_sided.score(&dimensions).expect("score") - 80.0).abs() < 1e-9);
        assert_eq!(even.score(&dimensions[2..]), None);
    }
}
