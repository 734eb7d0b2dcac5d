//! Sketches do not depend on order or partition, survive storing, and equal the batch answer within their stated error.

use proptest::prelude::*;
use sketch::{Column, Figures, Keep, Lexicon, Numbers, RELATIVE_ERROR, Salt};

fn salt() -> Salt {
    Salt::new([7; 32])
}

/// A cell: nothing, a number, or a text.
type Cell = Option<(String, Option<f64>)>;

fn cells(most: usize) -> impl Strategy<Value = Vec<Cell>> {
    let number = prop_oneof![
        (-50i32..50).prop_map(f64::from),
        -1e6f64..1e6,
        (-8f64..8.0).prop_map(|power| 10f64.powf(power)),
        Just(0.0)
    ];
    let cell = prop_oneof![
        1 => Just(None),
        6 => number.prop_map(|number| Some((number.to_string(), Some(number)))),
        3 => "[a-f]{1,4}|[甲乙丙]{1,2}|.{0,80}".prop_map(|text| Some((text, None))),
    ];
    prop::collection::vec(cell, 0..most)
}

fn column(cells: &[Cell]) -> Column {
    let mut column = Column::default();
    for cell in cells {
        let text = cell.as_ref().map(|(text, _)| text.as_str());
        let number = cell.as_ref().and_then(|(_, number)| *number);
        column.add(text, number, &salt(), Keep::Values);
    }
    column
}

fn merged(left: &Column, right: &Column) -> Column {
    let mut both = left.clone();
    both.merge(right);
    both
}

/// Quantile as most statistics programs compute it.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn neither_order_nor_parts_show(cells in cells(900), cuts in (0usize..900, 0usize..900)) {
        let whole = column(&cells);
        let (first, second) = (cuts.0.min(cuts.1).min(cells.len()), cuts.0.max(cuts.1).min(cells.len()));
        let [a, b, c] = [&cells[..first], &cells[first..second], &cells[second..]].map(column);
        prop_assert_eq!(&merged(&merged(&a, &b), &c), &whole);
        prop_assert_eq!(&merged(&a, &merged(&b, &c)), &whole);
        prop_assert_eq!(&merged(&merged(&c, &a), &b), &whole);
        prop_assert_eq!(&merged(&whole, &Column::default()), &whole);
        let mut reversed = cells;
        reversed.reverse();
        prop_assert_eq!(column(&reversed).to_bytes(), whole.to_bytes());
    }

    #[test]
    fn storing_changes_nothing(cells in cells(700)) {
        let column = column(&cells);
        prop_assert_eq!(&Column::from_bytes(&column.to_bytes()).expect("sketch"), &column);
        let json = serde_json::to_string(&column).expect("json");
        prop_assert_eq!(&serde_json::from_str::<Column>(&json).expect("sketch"), &column);
        let bytes = column.to_bytes();
        for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            prop_assert!(Column::from_bytes(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if let Ok(column) = Column::from_bytes(&bytes) {
            let _ = column.figures();
            let _ = column.distinct.count();
        }
    }

    #[test]
    fn figures_equal_the_batch_answer(numbers in prop::collection::vec(
        prop_oneof![0.01f64..10_000.0, (-6f64..9.0).prop_map(|power| 10f64.powf(power))], 2..3000)) {
        let mut sketch = Numbers::default();
        numbers.iter().for_each(|number| sketch.add(*number));
        let found = Figures::of(&sketch).expect("numbers");
        let mut sorted = numbers.clone();
        sorted.sort_by(f64::total_cmp);
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = (squares / (numbers.len() - 1) as f64).sqrt();
        prop_assert!((found.mean - mean).abs() <= 1e-9 * mean);
        prop_assert!((found.deviation - deviation).abs() <= 1e-9 * deviation.max(mean));
        prop_assert_eq!((found.min, found.max), (sorted[0], sorted[sorted.len() - 1]));
        for (share, told) in [(0.25, found.q1), (0.5, found.median), (0.75, found.q3)] {
            let exact = quantile(&sorted, share);
            let error = if sketch.is_exact() { 1e-12 } else { RELATIVE_ERROR * 1.000_001 };
            prop_assert!((told - exact).abs() <= error * exact, "{share}: {told} for {exact}");
        }
        let median = quantile(&sorted, 0.5);
        let mut distances: Vec<f64> = numbers.iter().map(|number| (number - median).abs()).collect();
        distances.sort_by(f64::total_cmp);
        let mad = quantile(&distances, 0.5);
        prop_assert!((found.mad - mad).abs() <= 2.0 * RELATIVE_ERROR * (median + mad), "{} for {mad}", found.mad);
    }

    #[test]
    fn distinct_values_are_counted(count in prop_oneof![0u64..300, 300u64..40_000]) {
        let mut column = Column::default();
        for value in 0..count {
            column.add(Some(&value.to_string()), None, &salt(), Keep::Counts);
        }
        let told = column.distinct.count() as f64;
        // Four standard errors.
        let error = if count <= 256 { 0.0 } else { 4.0 * 1.04 / 64.0 };
        prop_assert!((told - count as f64).abs() <= error * count as f64, "{told} for {count}");
    }
}

fn lexicon(pairs: &[(u16, u16)]) -> Lexicon {
    let mut lexicon = Lexicon::default();
    for (from, to) in pairs {
        let (from, to) = (from.to_string(), to.to_string());
        lexicon.add_word("from", salt().hash(&from), &from);
        lexicon.add_pair("rule", salt().hash(&from), salt().hash(&to), &to);
    }
    lexicon
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn lexicons_know_no_order_either(pairs in prop::collection::vec(
        prop_oneof![(0u16..20, 0u16..40), (0u16..9000, 0u16..3)], 0..9000), cut in 0usize..9000) {
        let whole = lexicon(&pairs);
        let cut = cut.min(pairs.len());
        let (left, right) = (lexicon(&pairs[..cut]), lexicon(&pairs[cut..]));
        let mut both = right.clone();
        both.merge(&left);
        prop_assert_eq!(&both, &whole);
        let mut turned = left;
        turned.merge(&right);
        prop_assert_eq!(turned.to_bytes(), whole.to_bytes());
        prop_assert_eq!(Lexicon::from_bytes(&whole.to_bytes()).expect("lexicon"), whole);
    }
}

#[test]
fn frequent_values_are_counted_while_they_are_few() {
    let mut column = Column::default();
    for at in 0..1000 {
        column.add(
            Some(["red", "red", "green"][at % 3]),
            None,
            &salt(),
            Keep::Values,
        );
    }
    column.add(None, None, &salt(), Keep::Values);
    let mode = column.values.mode().expect("mode");
    assert_eq!((mode.value.as_str(), mode.count), ("red", 667));
    assert_eq!((column.missing, column.records), (1, 1001));
    for at in 0..1000 {
        column.add(Some(&format!("value {at}")), None, &salt(), Keep::Values);
    }
    assert!(!column.values.is_complete() && column.values.mode().is_none());
}

#[test]
fn personal_columns_keep_no_value() {
    let mut column = Column::default();
    column.add(
        Some("13800138000"),
        Some(13_800_138_000.0),
        &salt(),
        Keep::Counts,
    );
    assert!(column.figures().is_none() && column.values.ranked().is_empty());
    assert!(column.texts.shapes.ranked().is_empty());
    assert_eq!((column.distinct.count(), column.texts.longest), (1, 11));
}

#[test]
fn a_column_stays_small() {
    let mut column = Column::default();
    for at in 0..200_000u64 {
        let number = (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as f64 / 1e4;
        column.add(
            Some(&number.to_string()),
            Some(number),
            &salt(),
            Keep::Values,
        );
    }
    let bytes = column.to_bytes().len();
    println!("a column of 200,000 different numbers takes {bytes} bytes");
    assert!(bytes < 16 * 1024);
}
