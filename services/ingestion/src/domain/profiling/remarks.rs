//! What a person should look at in a file, in order of weight.

use super::survey::{Key, Kind, Survey};
use super::yaml::comment;

/// Share of missing values, in percent, from which on a column is worth a remark.
const MISSING_PERCENT: u64 = 5;

/// Returns sentences without personal values.
pub fn remarks(survey: &Survey) -> Vec<String> {
    let mut all: Vec<(u32, String)> = Vec::new();
    if survey.rows == 0 {
        return vec!["the file has no rows".to_owned()];
    }
    if survey.odd_rows > 0 {
        let text = format!("{} rows cannot be read as the others are", survey.odd_rows);
        all.push((0, text));
    }
    if survey.dropped_columns {
        all.push((0, "there are more columns than are looked at".to_owned()));
    }
    for name in &survey.left_out {
        all.push((2, format!("`{}` is a list and no column", comment(name))));
    }
    let timed = survey
        .columns
        .iter()
        .any(|it| matches!(it.kind, Kind::Time { .. }));
    if !timed && survey.shape.format != "events" {
        all.push((
            1,
            "no column tells a time: the contract gives every event the same day".to_owned(),
        ));
    }
    if survey.shape.name_encoding {
        let text = format!(
            "the encoding {} is a guess from the letters beyond ASCII",
            survey.shape.encoding
        );
        all.push((2, text));
    }
    if survey.key == Key::Content && survey.shape.format != "events" {
        let text = "no column tells a row from every other: equal rows are counted one by one";
        all.push((4, text.to_owned()));
    }
    for column in &survey.columns {
        let name = comment(&column.name);
        if let Kind::Time {
            pattern,
            other: Some(other),
            ..
        } = &column.kind
        {
            let text = format!(
                "`{name}` reads as {pattern} and as {other}: say which, no day in it tells"
            );
            all.push((1, text));
        }
        if column.dressed > 0 {
            let text = format!(
                "`{name}` holds {} amounts with signs of a currency or of thousands",
                column.dressed
            );
            all.push((3, text));
        }
        if column.wrong > 0 {
            all.push((
                3,
                format!(
                    "`{name}` holds {} values that do not fit its type",
                    column.wrong
                ),
            ));
        }
        if let Some(class) = column.personal {
            all.push((5, format!("`{name}` looks like personal data: {class}")));
        }
        if column.missing * 100 >= survey.rows * MISSING_PERCENT {
            let percent = column.missing as f64 * 100.0 / survey.rows as f64;
            all.push((
                6,
                format!("`{name}` is missing in {percent:.1} % of the rows"),
            ));
        }
        if column.distinct == 1 && column.missing == 0 {
            all.push((7, format!("`{name}` has the same value in every row")));
        }
    }
    all.sort_by_key(|(weight, _)| *weight);
    all.into_iter().map(|(_, text)| text).collect()
}
