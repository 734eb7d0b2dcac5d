//! Lines over time, with a band of what was expected.

use std::fmt::Write;

use super::Unit;
use super::axis::{self, Scale};
use crate::{Svg, escape};

/// Values side by side as lines.
#[derive(Clone, Debug, Default)]
pub struct LineChart {
    /// What it shows, for readers who cannot see it.
    pub title: String,
    /// Labels of the values, for example days.
    pub labels: Vec<String>,
    /// Up to four lines.
    pub lines: Vec<Line>,
    /// What was expected.
    pub band: Option<Band>,
    /// Values of the first line that stand out: index and what to say of it.
    pub marks: Vec<(usize, String)>,
    /// Ends of the scale; by the values when absent.
    pub range: Option<(f64, f64)>,
    /// How values are written.
    pub unit: Unit,
}

/// A line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Name for the legend.
    pub name: String,
    /// Values, one per label; the line has a gap where there is none.
    pub values: Vec<Option<f64>>,
}

/// A band between two lines.
#[derive(Clone, Debug, Default)]
pub struct Band {
    /// Name for the legend.
    pub name: String,
    /// Lower and upper end, one pair per label.
    pub values: Vec<Option<(f64, f64)>>,
}

/// Most points that get a dot of their own.
const DOTS_MAX: usize = 120;

impl LineChart {
    /// Draws it.
    pub fn draw(&self) -> Svg {
        let band = self.band.iter().flat_map(|it| it.values.iter().flatten());
        let all = self
            .lines
            .iter()
            .flat_map(|line| line.values.iter().flatten().copied())
            .chain(band.flat_map(|(low, high)| [*low, *high]));
        let scale = Scale::new(all, self.range);
        let mut svg = String::with_capacity(4096);
        axis::open(&mut svg, &self.title, &self.told());
        axis::grid(&mut svg, &scale, self.unit);
        axis::labels(&mut svg, &self.labels);
        if let Some(band) = &self.band {
            self.draw_band(&mut svg, &scale, band);
        }
        for (index, line) in self.lines.iter().enumerate().take(4) {
            self.draw_line(&mut svg, &scale, index, line);
        }
        self.draw_marks(&mut svg, &scale);
        let lines = self
            .lines
            .iter()
            .enumerate()
            .take(4)
            .map(|(index, line)| (line.name.as_str(), format!("fill{index}")));
        let band = self
            .band
            .iter()
            .map(|it| (it.name.as_str(), "band".to_owned()));
        axis::legend(
            &mut svg,
            lines.chain(band).filter(|(name, _)| !name.is_empty()),
        );
        svg.push_str("</svg>");
        Svg(svg)
    }

    /// Sums the chart up in a sentence.
    fn told(&self) -> String {
        let mut told = String::new();
        for line in &self.lines {
            let known = line.values.iter().flatten().copied();
            let (low, high) = known
                .clone()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| {
                    (low.min(it), high.max(it))
                });
            if let Some(last) = known.last() {
                let [low, high, last] = [low, high, last].map(|it| self.unit.write(it));
                let _ = write!(told, "{}: from {low} to {high}, last {last}. ", line.name);
            }
        }
        told
    }

    fn draw_line(&self, svg: &mut String, scale: &Scale, number: usize, line: &Line) {
        let count = self.labels.len();
        let mut path = String::new();
        let mut pen_up = true;
        let mut dots = String::new();
        for (index, value) in line.values.iter().enumerate().take(count) {
            let Some(value) = value.filter(|it| it.is_finite()) else {
                pen_up = true;
                continue;
            };
            let (x, y) = (axis::x(index, count), scale.y(value));
            let _ = write!(path, "{}{x:.1} {y:.1}", if pen_up { "M" } else { "L" });
            pen_up = false;
            if count <= DOTS_MAX {
                let told = format!("{}: {}", self.labels[index], self.unit.write(value));
                let _ = write!(
                    dots,
                    "<circle class=\"dot fill{number}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\"><title>{}</title></circle>",
                    escape(&told)
                );
            }
        }
        let _ = write!(
            svg,
            "<path class=\"line stroke{number}\" d=\"{path}\"/>{dots}"
        );
    }

    fn draw_band(&self, svg: &mut String, scale: &Scale, band: &Band) {
        let count = self.labels.len();
        let mut from = 0;
        let values = &band.values[..band.values.len().min(count)];
        for part in values.split(Option::is_none) {
            let points: Vec<(f64, f64, f64)> = part
                .iter()
                .flatten()
                .enumerate()
                .map(|(index, (low, high))| {
                    (axis::x(from + index, count), scale.y(*low), scale.y(*high))
                })
                .collect();
            from += part.len() + 1;
            let mut path = String::new();
            for (index, (x, _, high)) in points.iter().enumerate() {
                let _ = write!(
                    path,
                    "{}{x:.1} {high:.1}",
                    if index == 0 { "M" } else { "L" }
                );
            }
            for (x, low, _) in points.iter().rev() {
                let _ = write!(path, "L{x:.1} {low:.1}");
            }
            if !path.is_empty() {
                let _ = write!(svg, "<path class=\"band\" d=\"{path}Z\"/>");
            }
        }
    }

    fn draw_marks(&self, svg: &mut String, scale: &Scale) {
        let Some(line) = self.lines.first() else {
            return;
        };
        for (index, told) in &self.marks {
            let Some(Some(value)) = line.values.get(*index) else {
                continue;
            };
            let (x, y) = (axis::x(*index, self.labels.len()), scale.y(*value));
            let _ = write!(
                svg,
                "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{}</title></circle>",
                escape(told)
            );
        }
    }
}
