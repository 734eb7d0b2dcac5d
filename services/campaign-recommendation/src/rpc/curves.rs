//! Response curves between the wire and the domain.

use api::campaign as pb;

use crate::domain::curve::Curve;
use crate::domain::violation::Violation;

/// Reads a curve, listing everything that is wrong with it under `field`.
pub(super) fn parse(
    curve: &pb::ResponseCurve,
    field: &str,
    found: &mut Vec<Violation>,
) -> Option<Curve> {
    use pb::response_curve::Shape;
    let Some(shape) = &curve.shape else {
        found.push(Violation::new(
            format!("{field}.shape"),
            "REQUIRED",
            "exactly one shape must be set",
        ));
        return None;
    };
    let curve = match shape {
        Shape::Hill(c) => Curve::Hill {
            ceiling: c.ceiling_minor,
            half: c.half_spend_minor,
            shape: c.shape,
        },
        Shape::Exponential(c) => Curve::Exponential {
            ceiling: c.ceiling_minor,
            scale: c.scale_minor,
        },
        Shape::Logistic(c) => Curve::Logistic {
            ceiling: c.ceiling_minor,
            scale: c.scale_minor,
        },
        Shape::Log(c) => Curve::Log {
            gain: c.gain_minor,
            scale: c.scale_minor,
        },
        Shape::Power(c) => Curve::Power {
            gain: c.gain_minor,
            scale: c.scale_minor,
            exponent: c.exponent,
        },
    };
    let violations = curve.violations(field);
    let sound = violations.is_empty();
    found.extend(violations);
    sound.then_some(curve)
}
