//! The request, checked: what it asks for, or everything that is wrong with it.

use std::collections::HashSet;

use api::campaign as pb;
use api::common::Money;

use super::curves;
use crate::domain::curve::Curve;
use crate::domain::defaults;
use crate::domain::problem::{Bounds, SPEND_MAX};
use crate::domain::violation::Violation;

const CELLS_MAX: usize = 10_000;
const SEGMENT_BYTES_MAX: usize = 128;
const CHANNEL_BYTES_MAX: usize = 64;

/// A checked request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) budget: i64,
    pub(super) currency: String,
    pub(super) exactly: bool,
    pub(super) margin: f64,
    /// Empty when the cells are to be built.
    pub(super) cells: Vec<AskedCell>,
    /// Segments to build cells for; empty means all.
    pub(super) segments: Vec<String>,
    /// Channels to build cells for.
    pub(super) channels: Vec<AskedChannel>,
    pub(super) segment_bounds: Vec<(String, Bounds)>,
    pub(super) channel_bounds: Vec<(String, Bounds)>,
}

/// A cell that the caller gave.
#[derive(Debug)]
pub(super) struct AskedCell {
    pub(super) segment: String,
    pub(super) channel: String,
    pub(super) curve: Curve,
    pub(super) bounds: Bounds,
    pub(super) assumed: bool,
    /// True when its curve is the default of its channel.
    pub(super) defaulted: bool,
}

/// A channel to build cells for.
#[derive(Debug)]
pub(super) struct AskedChannel {
    pub(super) channel: String,
    pub(super) per_customer: Curve,
    /// True when its curve is the default.
    pub(super) defaulted: bool,
}

/// Checks a request.
///
/// # Errors
/// Returns every violation with the path of its field.
pub(super) fn parse(request: pb::AllocateBudgetRequest) -> Result<Asked, Vec<Violation>> {
    let mut found = Vec::new();
    let (budget, currency) = budget(request.budget.as_ref(), &mut found);
    let exactly = match pb::TotalRule::try_from(request.total_rule) {
        Ok(pb::TotalRule::Exactly) => true,
        Ok(pb::TotalRule::AtMost | pb::TotalRule::Unspecified) => false,
        Err(_) => {
            found.push(Violation::new(
                "total_rule",
                "UNKNOWN",
                format!("no rule has the number {}", request.total_rule),
            ));
            false
        }
    };
    let margin = request.margin.unwrap_or(1.0);
    if !(margin > 0.0 && margin <= 1.0) {
        found.push(Violation::new(
            "margin",
            "OUT_OF_RANGE",
            format!("must be in (0, 1], is {margin}"),
        ));
    }
    let given = !request.cells.is_empty();
    if given && !(request.segments.is_empty() && request.channels.is_empty()) {
        let field = if request.segments.is_empty() {
            "channels"
        } else {
            "segments"
        };
        found.push(Violation::new(
            field,
            "NOT_ALLOWED",
            "must be empty when cells are given",
        ));
    }
    let cells = cells(&request.cells, &mut found);
    let channels = if given {
        Vec::new()
    } else {
        channels(&request.channels, &mut found)
    };
    let mut segments = HashSet::new();
    for (i, segment) in request.segments.iter().enumerate() {
        let field = format!("segments[{i}]");
        name(segment, SEGMENT_BYTES_MAX, &field, &mut found);
        if !segments.insert(segment) {
            found.push(Violation::new(
                field,
                "DUPLICATE",
                format!("`{segment}` is named twice"),
            ));
        }
    }
    let segment_bounds = slices(&request.segment_bounds, "segment_bounds", &mut found);
    let channel_bounds = slices(&request.channel_bounds, "channel_bounds", &mut found);
    if given {
        let known: HashSet<_> = request
            .cells
            .iter()
            .map(|cell| cell.segment.as_str())
            .collect();
        known_names(&segment_bounds, "segment_bounds", &known, &mut found);
        let known: HashSet<_> = request
            .cells
            .iter()
            .map(|cell| cell.channel.as_str())
            .collect();
        known_names(&channel_bounds, "channel_bounds", &known, &mut found);
    } else {
        let known: HashSet<_> = channels
            .iter()
            .map(|channel| channel.channel.as_str())
            .collect();
        known_names(&channel_bounds, "channel_bounds", &known, &mut found);
    }
    if !found.is_empty() {
        return Err(found);
    }
    let segments = request.segments;
    Ok(Asked {
        budget,
        currency,
        exactly,
        margin,
        cells,
        segments,
        channels,
        segment_bounds,
        channel_bounds,
    })
}

/// Lists the bounds whose name nothing in the plan bears.
pub(super) fn known_names(
    bounds: &[(String, Bounds)],
    field: &str,
    known: &HashSet<&str>,
    found: &mut Vec<Violation>,
) {
    for (i, (name, _)) in bounds.iter().enumerate() {
        if !name.is_empty() && !known.contains(name.as_str()) {
            let text = format!("no cell belongs to `{name}`");
            found.push(Violation::new(
                format!("{field}[{i}].name"),
                "UNKNOWN",
                text,
            ));
        }
    }
}

fn budget(budget: Option<&Money>, found: &mut Vec<Violation>) -> (i64, String) {
    let Some(budget) = budget else {
        found.push(Violation::new("budget", "REQUIRED", "must be set"));
        return (0, String::new());
    };
    let code = &budget.currency_code;
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let text = "must be an ISO 4217 code of three capitals";
        found.push(Violation::new(
            "budget.currency_code",
            "INVALID_FORMAT",
            text,
        ));
    }
    amount(budget.minor_units, "budget.minor_units", found);
    (budget.minor_units, code.clone())
}

fn amount(value: i64, field: &str, found: &mut Vec<Violation>) {
    if !(0..=SPEND_MAX).contains(&value) {
        found.push(Violation::new(
            field,
            "OUT_OF_RANGE",
            format!("must be from 0 to 10^15, is {value}"),
        ));
    }
}

fn name(value: &str, bytes_max: usize, field: &str, found: &mut Vec<Violation>) {
    if value.is_empty() {
        found.push(Violation::new(field, "REQUIRED", "must not be empty"));
    } else if value.len() > bytes_max {
        let text = format!("must be at most {bytes_max} bytes, is {}", value.len());
        found.push(Violation::new(field, "TOO_LONG", text));
    }
}

fn bounds(min: i64, max: Option<i64>, field: &str, found: &mut Vec<Violation>) -> Bounds {
    amount(min, &format!("{field}.min_spend_minor"), found);
    if let Some(max) = max {
        let path = format!("{field}.max_spend_minor");
        amount(max, &path, found);
        if max < min {
            found.push(Violation::new(
                path,
                "CROSSED",
                format!("must not be below the minimum {min}, is {max}"),
            ));
        }
    }
    Bounds { min, max }
}

fn slices(
    given: &[pb::SliceBound],
    field: &str,
    found: &mut Vec<Violation>,
) -> Vec<(String, Bounds)> {
    let mut seen = HashSet::new();
    let mut parsed = Vec::new();
    for (i, slice) in given.iter().enumerate() {
        let path = format!("{field}[{i}]");
        name(
            &slice.name,
            SEGMENT_BYTES_MAX,
            &format!("{path}.name"),
            found,
        );
        if !seen.insert(slice.name.as_str()) {
            let text = format!("`{}` is bounded twice", slice.name);
            found.push(Violation::new(format!("{path}.name"), "DUPLICATE", text));
        }
        parsed.push((
            slice.name.clone(),
            bounds(slice.min_spend_minor, slice.max_spend_minor, &path, found),
        ));
    }
    parsed
}

fn cells(given: &[pb::Cell], found: &mut Vec<Violation>) -> Vec<AskedCell> {
    if given.len() > CELLS_MAX {
        let text = format!("must be at most {CELLS_MAX}, are {}", given.len());
        found.push(Violation::new("cells", "TOO_MANY", text));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut parsed = Vec::with_capacity(given.len());
    for (i, cell) in given.iter().enumerate() {
        let field = format!("cells[{i}]");
        name(
            &cell.segment,
            SEGMENT_BYTES_MAX,
            &format!("{field}.segment"),
            found,
        );
        name(
            &cell.channel,
            CHANNEL_BYTES_MAX,
            &format!("{field}.channel"),
            found,
        );
        if !seen.insert((cell.segment.as_str(), cell.channel.as_str())) {
            let text = format!(
                "`{}` and `{}` are together in two cells",
                cell.segment, cell.channel
            );
            found.push(Violation::new(&field, "DUPLICATE", text));
        }
        let bounds = bounds(cell.min_spend_minor, cell.max_spend_minor, &field, found);
        if let Some(curve) = cell_curve(cell, &field, found) {
            let defaulted = cell.curve.is_none();
            let (segment, channel) = (cell.segment.clone(), cell.channel.clone());
            let assumed = cell.curve_assumed || defaulted;
            parsed.push(AskedCell {
                segment,
                channel,
                curve,
                bounds,
                assumed,
                defaulted,
            });
        }
    }
    parsed
}

fn cell_curve(cell: &pb::Cell, field: &str, found: &mut Vec<Violation>) -> Option<Curve> {
    for (value, path) in [(cell.customers, "customers"), (cell.clv_minor, "clv_minor")] {
        if value < 0 {
            let text = format!("must not be negative, is {value}");
            found.push(Violation::new(
                format!("{field}.{path}"),
                "OUT_OF_RANGE",
                text,
            ));
        }
    }
    let path = format!("{field}.curve");
    match (&cell.curve, defaults::of(&cell.channel)) {
        (Some(curve), _) => curves::parse(curve, &path, found),
        (None, Some(default)) => Some(defaults::for_group(
            &default.curve,
            cell.customers,
            cell.clv_minor,
        )),
        (None, None) => {
            let text = format!(
                "must be set: channel `{}` has no default curve",
                cell.channel
            );
            found.push(Violation::new(path, "REQUIRED", text));
            None
        }
    }
}

fn channels(given: &[pb::ChannelSpec], found: &mut Vec<Violation>) -> Vec<AskedChannel> {
    if given.is_empty() {
        let all = defaults::CHANNELS.iter();
        let asked = all.map(|d| AskedChannel {
            channel: d.channel.to_owned(),
            per_customer: d.curve,
            defaulted: true,
        });
        return asked.collect();
    }
    let mut seen = HashSet::new();
    let mut parsed = Vec::new();
    for (i, spec) in given.iter().enumerate() {
        let field = format!("channels[{i}]");
        name(
            &spec.channel,
            CHANNEL_BYTES_MAX,
            &format!("{field}.channel"),
            found,
        );
        if !seen.insert(spec.channel.as_str()) {
            let text = format!("`{}` is named twice", spec.channel);
            found.push(Violation::new(
                format!("{field}.channel"),
                "DUPLICATE",
                text,
            ));
        }
        let path = format!("{field}.per_customer_curve");
        let curve = match (&spec.per_customer_curve, defaults::of(&spec.channel)) {
            (Some(curve), _) => curves::parse(curve, &path, found),
            (None, Some(default)) => Some(default.curve),
            (None, None) => {
                let text = format!(
                    "must be set: channel `{}` has no default curve",
                    spec.channel
                );
                found.push(Violation::new(path, "REQUIRED", text));
                None
            }
        };
        if let Some(per_customer) = curve {
            let defaulted = spec.per_customer_curve.is_none();
            parsed.push(AskedChannel {
                channel: spec.channel.clone(),
                per_customer,
                defaulted,
            });
        }
    }
    parsed
}

#[cfg(test)]
mod tests;
