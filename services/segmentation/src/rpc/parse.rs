//! The request for a computation, checked.

use api::segmentation::{ComputeRfmSegmentsRequest, CutPoints, RfmGroup, RfmScoring};
use chrono::NaiveDate;
use runtime::fault::{Invalid, Violations};
use uuid::Uuid;

use crate::domain::groups::{self, Group, GroupTable};
use crate::domain::rfm::Scoring;

/// Most groups of one table.
const GROUPS_MAX: usize = 125;

/// A checked request.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Day as of which to compute, `None` for the day of the newest event.
    pub(crate) as_of: Option<NaiveDate>,
    /// How scores are given.
    pub(crate) scoring: Scoring,
    /// Named groups.
    pub(crate) table: GroupTable,
    /// Idempotency key.
    pub(crate) request_id: Option<Uuid>,
}

/// Checks a request.
pub(crate) fn parse(request: &ComputeRfmSegmentsRequest) -> Result<Asked, Invalid> {
    let mut found = Violations::new();
    let as_of = match request.as_of.as_str() {
        "" => None,
        text => {
            // Written back it must be the same: parsing alone lets signs and blanks pass.
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()
                .filter(|day| day.to_string() == text);
            found.require(
                day.is_some(),
                "as_of",
                "INVALID_FORMAT",
                format!("must be YYYY-MM-DD, is `{text}`"),
            );
            day
        }
    };
    let scoring = scoring(request, &mut found);
    let given: Vec<Group> = match request.groups.as_slice() {
        [] => groups::built_in(),
        given => given.iter().map(group).collect(),
    };
    let table = if given.len() > GROUPS_MAX {
        found.push(
            "groups",
            "TOO_MANY",
            format!("must be at most {GROUPS_MAX}, are {}", given.len()),
        );
        None
    } else {
        let listed = |mistakes: Vec<groups::Mistake>| {
            mistakes
                .into_iter()
                .for_each(|one| found.push(one.field, one.reason, one.text));
        };
        GroupTable::new(given).map_err(listed).ok()
    };
    let request_id = match request.request_id.as_str() {
        "" => None,
        text => found.take("request_id", "INVALID_FORMAT", Uuid::parse_str(text)),
    };
    match (found.is_empty(), scoring, table) {
        (true, Some(scoring), Some(table)) => Ok(Asked {
            as_of,
            scoring,
            table,
            request_id,
        }),
        _ => Err(found
            .finish()
            .err()
            .unwrap_or_else(|| Invalid::field("groups", "INVALID", "cannot be used"))),
    }
}

fn group(group: &RfmGroup) -> Group {
    Group {
        segment_id: group.segment_id.clone(),
        display_name: group.display_name.clone(),
        ranges: [
            (group.recency_min, group.recency_max),
            (group.frequency_min, group.frequency_max),
            (group.monetary_min, group.monetary_max),
        ],
    }
}

fn scoring(request: &ComputeRfmSegmentsRequest, found: &mut Violations) -> Option<Scoring> {
    let given = [
        ("recency_cut_points", &request.recency_cut_points),
        ("frequency_cut_points", &request.frequency_cut_points),
        ("monetary_cut_points", &request.monetary_cut_points),
    ];
    match RfmScoring::try_from(request.scoring) {
        Ok(RfmScoring::Unspecified | RfmScoring::Quintiles) => {
            for (field, _) in given.iter().filter(|(_, points)| points.is_some()) {
                found.push(
                    *field,
                    "NOT_ALLOWED",
                    "must be absent unless scores are given by cut points",
                );
            }
            Some(Scoring::Quintiles)
        }
        Ok(RfmScoring::CutPoints) => {
            let [recency, frequency, monetary] =
                given.map(|(field, points)| cut_points(points.as_ref(), field, found));
            Some(Scoring::CutPoints {
                recency: recency?,
                frequency: frequency?,
                monetary: monetary?,
            })
        }
        Err(_) => {
            found.push(
                "scoring",
                "UNKNOWN",
                format!("no scoring has the number {}", request.scoring),
            );
            None
        }
    }
}

fn cut_points(points: Option<&CutPoints>, field: &str, found: &mut Violations) -> Option<[f64; 4]> {
    let Some(points) = points else {
        found.push(
            field,
            "REQUIRED",
            "must be set when scores are given by cut points",
        );
        return None;
    };
    let Ok(values) = <[f64; 4]>::try_from(points.values.as_slice()) else {
        let text = format!("must be four values, are {}", points.values.len());
        found.push(format!("{field}.values"), "WRONG_COUNT", text);
        return None;
    };
    let rising = values.iter().all(|value| value.is_finite())
        && values.windows(2).all(|pair| pair[0] < pair[1]);
    found
        .require(
            rising,
            format!("{field}.values"),
            "NOT_RISING",
            "must be finite and rise",
        )
        .then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_request_means_quintiles_and_the_built_in_table() {
        let asked = parse(&ComputeRfmSegmentsRequest::default()).unwrap();
        assert_eq!(asked.scoring, Scoring::Quintiles);
        assert_eq!(asked.table.groups().len(), 11);
        assert!(asked.as_of.is_none() && asked.request_id.is_none());
    }

    #[test]
    fn days_are_of_one_form_only() {
        for bad in [
            "1997-9-30",
            "1997-09- 3",
            "+997-09-30",
            " 1997-9-30",
            "1997-02-30",
        ] {
            let request = ComputeRfmSegmentsRequest {
                as_of: bad.into(),
                ..Default::default()
            };
            assert_eq!(
                parse(&request).unwrap_err().all()[0].field,
                "as_of",
                "{bad}"
            );
        }
    }

    #[test]
    fn every_mistake_is_listed() {
        let request = ComputeRfmSegmentsRequest {
            as_of: "1997-9-31".into(),
            scoring: RfmScoring::CutPoints.into(),
            recency_cut_points: Some(CutPoints {
                values: vec![1.0, 2.0, 2.0, 4.0],
            }),
            frequency_cut_points: Some(CutPoints { values: vec![1.0] }),
            groups: vec![RfmGroup {
                segment_id: "all".into(),
                ..Default::default()
            }],
            request_id: "no".into(),
            ..Default::default()
        };
        let invalid = parse(&request).unwrap_err();
        let fields: Vec<_> = invalid.all().iter().map(|one| one.field.as_str()).collect();
        let expected = [
            "as_of",
            "recency_cut_points.values",
            "frequency_cut_points.values",
            "monetary_cut_points",
        ];
        assert_eq!(fields[..4], expected);
        // Six ranges out of range, 125 scores without a group.
        assert_eq!(fields.len(), 4 + 6 + 125 + 1);
        assert_eq!(fields.last(), Some(&"request_id"));
    }
}
