//! Scales, grid lines and labels that the large charts share.

use std::fmt::Write;

use super::{BOTTOM, HEIGHT, LEFT, RIGHT, TOP, Unit, WIDTH};
use crate::escape;

/// Maps values to heights.
pub(super) struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Returns a scale that holds all finite values, with round ends.
    pub(super) fn new(values: impl Iterator<Item = f64>, fixed: Option<(f64, f64)>) -> Self {
        let (mut low, mut high) = values
            .filter(|it| it.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| {
                (low.min(it), high.max(it))
            });
        if let Some((from, to)) = fixed {
            (low, high) = (from, to);
        } else if low > high {
            (low, high) = (0.0, 1.0);
        }
        if high - low <= low.abs().max(high.abs()) * 1e-9 {
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low, high) = (low - room, high + room);
        }
        let step = round_step((high - low) / 4.0);
        if fixed.is_none() {
            low = (low / step).floor() * step;
            high = (high / step).ceil() * step;
        }
        Self { low, high, step }
    }

    /// Returns the height of a value in the chart, kept inside the drawing.
    pub(super) fn y(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let first = (self.low / self.step).ceil() as i64;
        let (step, high) = (self.step, self.high);
        (0..12)
            .map(move |index| (first + index) as f64 * step)
            .take_while(move |tick| *tick <= high + step * 1e-6)
    }
}

/// Returns 1, 2 or 5 times a power of ten, at least as large as `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let times = step / power;
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|round| times <= round * (1.0 + 1e-9));
    power * round.unwrap_or(10.0)
}

/// Returns the middle of the place of the `index`-th of `count` things side by side.
pub(super) fn x(index: usize, count: usize) -> f64 {
    let width = (WIDTH - LEFT - RIGHT) / count.max(1) as f64;
    LEFT + width * (index as f64 + 0.5)
}

/// Opens a chart: its title and the description that a reader hears.
pub(super) fn open(svg: &mut String, title: &str, told: &str) {
    let (title, told) = (escape(title), escape(told));
    let _ = write!(
        svg,
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}. {told}\">"
    );
}

/// Draws grid lines with their values.
pub(super) fn grid(svg: &mut String, scale: &Scale, unit: Unit) {
    for tick in scale.ticks() {
        let y = scale.y(tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            escape(&unit.write_tick(tick))
        );
    }
}

/// Writes some of the labels below, as many as have room.
pub(super) fn labels(svg: &mut String, labels: &[String]) {
    let widest = labels.iter().map(|it| width_of(it)).fold(1.0, f64::max);
    let room = ((WIDTH - LEFT - RIGHT) / (widest + 14.0)).floor().max(1.0) as usize;
    let every = labels.len().div_ceil(room).max(1);
    for (index, label) in labels.iter().enumerate().step_by(every) {
        // The outer labels stay inside the drawing.
        let half = width_of(label) / 2.0;
        let x =
            x(index, labels.len()).clamp(half.min(WIDTH / 2.0), (WIDTH - half).max(WIDTH / 2.0));
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            escape(label)
        );
    }
}

/// Writes names with their marks above the drawing.
pub(super) fn legend<'a>(svg: &mut String, entries: impl Iterator<Item = (&'a str, String)>) {
    let mut x = LEFT;
    for (name, class) in entries {
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"6\" width=\"12\" height=\"10\" rx=\"2\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"15\">{}</text>",
            x + 17.0,
            escape(name)
        );
        x += 17.0 + width_of(name) + 18.0;
    }
}

/// Estimates the width of a text: wide letters take a whole square, narrow ones about half of one.
fn width_of(text: &str) -> f64 {
    let letter = |letter: char| if (letter as u32) < 0x2e80 { 6.6 } else { 12.0 };
    text.chars().map(letter).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_on_round_numbers() {
        let scale = Scale::new([3.0, 97.0].into_iter(), None);
        assert_eq!(scale.ticks().collect::<Vec<_>>(), [0.0, 50.0, 100.0]);
        let flat = Scale::new([5.0].into_iter(), None);
        assert!(flat.ticks().count() >= 2);
        let none = Scale::new(std::iter::empty(), None);
        assert!(none.y(0.5).is_finite());
    }

    #[test]
    fn scales_hold_what_is_huge_and_what_is_no_number() {
        let scale = Scale::new([f64::NAN, -1e300, 1e300].into_iter(), None);
        assert!(scale.ticks().count() <= 12);
        assert!(scale.y(1e308).is_finite());
    }
}
