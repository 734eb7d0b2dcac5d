//! Bad requests, each with every field at fault.

use super::*;

fn log(gain_minor: f64) -> Option<pb::ResponseCurve> {
    let shape = pb::response_curve::Shape::Log(pb::LogCurve {
        gain_minor,
        scale_minor: 100.0,
    });
    Some(pb::ResponseCurve { shape: Some(shape) })
}

fn cell(segment: &str, channel: &str) -> pb::Cell {
    pb::Cell {
        segment: segment.into(),
        channel: channel.into(),
        curve: log(500.0),
        ..Default::default()
    }
}

fn request(cells: Vec<pb::Cell>) -> pb::AllocateBudgetRequest {
    let budget = Some(Money {
        currency_code: "GBP".into(),
        minor_units: 1_000,
    });
    pb::AllocateBudgetRequest {
        budget,
        cells,
        ..Default::default()
    }
}

#[track_caller]
fn check(request: pb::AllocateBudgetRequest, expected: &[(&str, &str)]) {
    let found = parse(request).map_or_else(|found| found, |_| Vec::new());
    let found: Vec<_> = found.iter().map(|v| (v.field.as_str(), v.reason)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_sound_request_passes() {
    check(request(vec![cell("a", "email"), cell("b", "email")]), &[]);
    check(request(Vec::new()), &[]);
}

#[test]
fn all_violations_are_listed_at_once() {
    let mut bad = request(vec![
        pb::Cell {
            curve: log(f64::NAN),
            ..cell("a", "email")
        },
        pb::Cell {
            curve: log(-1.0),
            min_spend_minor: -5,
            ..cell("a", "email")
        },
        pb::Cell {
            min_spend_minor: 50,
            max_spend_minor: Some(40),
            ..cell("", "sms")
        },
        pb::Cell {
            curve: None,
            ..cell("a", "television")
        },
        pb::Cell {
            curve: Some(pb::ResponseCurve { shape: None }),
            customers: -1,
            ..cell("b", "sms")
        },
    ]);
    bad.margin = Some(f64::NAN);
    bad.total_rule = 9;
    bad.budget = Some(Money {
        currency_code: "gbp".into(),
        minor_units: SPEND_MAX + 1,
    });
    bad.segments = vec!["segments/x".into()];
    let bound = |name: &str| pb::SliceBound {
        name: name.into(),
        min_spend_minor: 0,
        max_spend_minor: Some(1),
    };
    bad.channel_bounds = vec![bound("email"), bound("email"), bound("radio")];
    bad.segment_bounds = vec![bound("nobody")];
    check(
        bad,
        &[
            ("budget.currency_code", "INVALID_FORMAT"),
            ("budget.minor_units", "OUT_OF_RANGE"),
            ("total_rule", "UNKNOWN"),
            ("margin", "OUT_OF_RANGE"),
            ("segments", "NOT_ALLOWED"),
            ("cells[0].curve.log.gain_minor", "OUT_OF_RANGE"),
            ("cells[1]", "DUPLICATE"),
            ("cells[1].min_spend_minor", "OUT_OF_RANGE"),
            ("cells[1].curve.log.gain_minor", "OUT_OF_RANGE"),
            ("cells[2].segment", "REQUIRED"),
            ("cells[2].max_spend_minor", "CROSSED"),
            ("cells[3].curve", "REQUIRED"),
            ("cells[4].customers", "OUT_OF_RANGE"),
            ("cells[4].curve.shape", "REQUIRED"),
            ("channel_bounds[1].name", "DUPLICATE"),
            ("segment_bounds[0].name", "UNKNOWN"),
            ("channel_bounds[2].name", "UNKNOWN"),
        ],
    );
}

#[test]
fn channels_without_a_default_need_a_curve() {
    let mut bad = request(Vec::new());
    let spec = |channel: &str| pb::ChannelSpec {
        channel: channel.into(),
        per_customer_curve: None,
    };
    bad.channels = vec![spec("email"), spec("radio"), spec("email")];
    check(
        bad,
        &[
            ("channels[1].per_customer_curve", "REQUIRED"),
            ("channels[2].channel", "DUPLICATE"),
        ],
    );
}

#[test]
fn too_many_cells_are_refused_as_one() {
    let cells = (0..10_001)
        .map(|i| cell(&format!("s{i}"), "email"))
        .collect();
    check(request(cells), &[("cells", "TOO_MANY")]);
}
