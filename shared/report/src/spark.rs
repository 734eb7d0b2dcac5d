//! A line of a chart in the height of a line of text.

/// Returns values as a row of blocks, low to high, a dot where there is none. `range` is what the lowest and the highest
/// block stand for; without it they stand for the smallest and largest value.
pub fn spark_text(values: &[Option<f64>], range: Option<(f64, f64)>) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().flatten().copied().filter(|it| it.is_finite());
    let (low, high) = range.unwrap_or_else(|| {
        (
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        )
    });
    let block = |value: f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            1.0
        };
        BLOCKS[(share.clamp(0.0, 1.0) * 7.0).round() as usize]
    };
    let letter = |value: &Option<f64>| match value {
        Some(value) if value.is_finite() => block(*value),
        _ => '·',
    };
    values.iter().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_low_and_high_and_gaps() {
        assert_eq!(spark_text(&[Some(0.0), None, Some(1.0)], None), "▁·█");
        assert_eq!(spark_text(&[Some(5.0), Some(5.0)], None), "██");
        assert_eq!(spark_text(&[Some(50.0)], Some((0.0, 100.0))), "▅");
        assert_eq!(spark_text(&[Some(f64::NAN)], None), "·");
        assert_eq!(spark_text(&[], None), "");
    }
}
