//! Upright bars, stacked.

use std::fmt::Write;

use super::axis::{self, Scale};
use super::{BOTTOM, HEIGHT, LEFT, RIGHT, Unit, WIDTH};
use crate::{Svg, escape};

/// Bars side by side, each of parts on top of each other.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// What it shows, for readers who cannot see it.
    pub title: String,
    /// Labels of the bars.
    pub labels: Vec<String>,
    /// Parts of the bars, the lowest first; at most four.
    pub stacks: Vec<Stack>,
    /// How values are written.
    pub unit: Unit,
}

/// One part of every bar.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// Name for the legend.
    pub name: String,
    /// Values, zero or more, one per label.
    pub values: Vec<f64>,
    /// True for what should not be there: drawn in the colour of faults.
    pub fault: bool,
}

impl Columns {
    /// Draws it.
    pub fn draw(&self) -> Svg {
        let count = self.labels.len();
        let value = |stack: &Stack, index: usize| {
            let value = stack.values.get(index).copied().unwrap_or_default();
            if value.is_finite() {
                value.max(0.0)
            } else {
                0.0
            }
        };
        let height = |index| self.stacks.iter().map(|it| value(it, index)).sum::<f64>();
        let highest = (0..count).map(height).fold(0.0, f64::max);
        let scale = Scale::new([0.0, highest].into_iter(), None);
        let mut svg = String::with_capacity(4096);
        axis::open(&mut svg, &self.title, &self.told(count, &height));
        axis::grid(&mut svg, &scale, self.unit);
        axis::labels(&mut svg, &self.labels);
        let room = (WIDTH - LEFT - RIGHT) / count.max(1) as f64;
        let width = (room * 0.8).clamp(0.5, 48.0);
        for index in 0..count {
            let mut below = 0.0;
            for (number, stack) in self.stacks.iter().enumerate().take(4) {
                let part = value(stack, index);
                if part == 0.0 {
                    continue;
                }
                let (bottom, top) = (scale.y(below), scale.y(below + part));
                below += part;
                let told = format!(
                    "{}: {} {}",
                    self.labels[index],
                    stack.name,
                    self.unit.write(part)
                );
                let _ = write!(
                    svg,
                    "<rect class=\"{}\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                    class(stack, number),
                    axis::x(index, count) - width / 2.0,
                    (bottom - top).max(0.5),
                    escape(&told)
                );
            }
        }
        let y = HEIGHT - BOTTOM;
        let _ = write!(
            svg,
            "<line class=\"base\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\"/>",
            WIDTH - RIGHT
        );
        let named = self.stacks.iter().enumerate().take(4);
        axis::legend(
            &mut svg,
            named.map(|(number, it)| (it.name.as_str(), class(it, number))),
        );
        svg.push_str("</svg>");
        Svg(svg)
    }

    fn told(&self, count: usize, height: &impl Fn(usize) -> f64) -> String {
        let highest = (0..count).max_by(|a, b| height(*a).total_cmp(&height(*b)));
        highest.map_or_else(String::new, |index| {
            let value = self.unit.write(height(index));
            format!(
                "{count} bars, the highest at {}: {value}.",
                self.labels[index]
            )
        })
    }
}

fn class(stack: &Stack, number: usize) -> String {
    match stack.fault {
        true => "fault".to_owned(),
        false => format!("fill{number}"),
    }
}
