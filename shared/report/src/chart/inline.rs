//! Small drawings for the cells of a table.

use std::fmt::Write;

use crate::{Svg, escape, format};

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 24.0;

/// Draws values as a small line, with a dot at the last. `range` are the ends of its scale.
pub fn spark(title: &str, values: &[Option<f64>], range: Option<(f64, f64)>) -> Svg {
    let known: Vec<(usize, f64)> = values
        .iter()
        .enumerate()
        .filter_map(|(index, value)| Some((index, value.filter(|it| it.is_finite())?)))
        .collect();
    let (low, high) = range.unwrap_or_else(|| {
        known.iter().fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(low, high), (_, it)| (low.min(*it), high.max(*it)),
        )
    });
    let x = |index: usize| 3.0 + (WIDTH - 6.0) * index as f64 / (values.len().max(2) - 1) as f64;
    let y = |value: f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        HEIGHT - 4.0 - share.clamp(0.0, 1.0) * (HEIGHT - 8.0)
    };
    let mut svg = open("spark", title);
    let mut path = String::new();
    let mut before = None;
    for (index, value) in &known {
        let joined = before == index.checked_sub(1) && before.is_some();
        let _ = write!(
            path,
            "{}{:.1} {:.1}",
            if joined { "L" } else { "M" },
            x(*index),
            y(*value)
        );
        before = Some(*index);
    }
    let _ = write!(svg, "<path class=\"line stroke0\" d=\"{path}\"/>");
    if let Some((index, value)) = known.last() {
        let _ = write!(
            svg,
            "<circle class=\"fill0\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
            x(*index),
            y(*value)
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// Draws five numbers as a box with whiskers: smallest, quartiles with the median between them, largest.
///
/// Whiskers end at three times the box's width beyond it, with an arrow where values lie further out.
pub fn box_plot(title: &str, [min, q1, median, q3, max]: [f64; 5]) -> Svg {
    let mut svg = open("spark", title);
    let reach = (q3 - q1) * 3.0;
    let whole = reach <= 0.0;
    let low = if whole { min } else { min.max(q1 - reach) };
    let high = if whole { max } else { max.min(q3 + reach) };
    if ![min, q1, median, q3, max].iter().all(|it| it.is_finite()) {
        svg.push_str("</svg>");
        return Svg(svg);
    }
    let x = |value: f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        6.0 + share.clamp(0.0, 1.0) * (WIDTH - 12.0)
    };
    let middle = HEIGHT / 2.0;
    let told = [
        "smallest",
        "first quartile",
        "median",
        "third quartile",
        "largest",
    ]
    .into_iter()
    .zip([min, q1, median, q3, max])
    .map(|(name, value)| format!("{name} {}", format::short(value)))
    .collect::<Vec<_>>()
    .join(", ");
    let _ = write!(
        svg,
        "<title>{}</title><line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
         <rect class=\"box\" x=\"{:.1}\" y=\"5\" width=\"{:.1}\" height=\"14\"/>\
         <line class=\"median\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"5\" y2=\"19\"/>",
        escape(&told),
        x(low),
        x(high),
        x(q1),
        (x(q3) - x(q1)).max(1.0),
        x(median),
        x(median)
    );
    for (further, at, out) in [(min < low, x(low), -5.0), (max > high, x(high), 5.0)] {
        let _ = match further {
            true => write!(
                svg,
                "<path class=\"arrow\" d=\"M{at:.1} {:.1}L{:.1} {middle}L{at:.1} {:.1}Z\"/>",
                middle - 4.0,
                at + out,
                middle + 4.0
            ),
            false => write!(
                svg,
                "<line class=\"whisker\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"8\" y2=\"16\"/>"
            ),
        };
    }
    svg.push_str("</svg>");
    Svg(svg)
}

fn open(class: &str, title: &str) -> String {
    let title = escape(title);
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    )
}
