use api::ingestion::{
    DimensionScore, MissingPattern, NumberSummary, QualityAlert, QualityReason, QualityReport,
};

use super::*;

/// Tells of a source whose names are all `name`, over `count` days.
fn told(name: &str, count: usize) -> Told {
    let dimension = |dimension: QualityDimension, good: i64, checked: i64| DimensionScore {
        dimension: dimension.into(),
        score: (checked > 0).then(|| good as f64 / checked as f64),
        good,
        checked,
    };
    let day = |n: usize| format!("2026-03-{:02}", n + 1);
    let points = |low: f64| {
        let point = |n: usize| QualityPoint {
            day: day(n),
            score: (n % 9 != 4).then(|| low + (n * 7 % 13) as f64 * (100.0 - low) / 13.0),
            records: 900 + (n as i64 * 37) % 200,
        };
        (0..count).map(point).collect::<Vec<_>>()
    };
    let field = |n: usize| FieldQuality {
        field: format!("{name}{n}"),
        score: Some(99.9 - n as f64 * 6.0),
        dimensions: vec![
            dimension(
                QualityDimension::Completeness,
                28_000 - n as i64 * 2_000,
                28_450,
            ),
            dimension(QualityDimension::Accuracy, 27_000, 28_000),
            dimension(QualityDimension::Consistency, 0, 0),
        ],
        records: 28_450,
        missing: 450 + n as i64 * 2_000,
        distinct: 1 << (n * 3),
        numbers: (n % 2 == 0).then(|| NumberSummary {
            count: 28_000,
            min: -3.5,
            max: 12_500.25,
            mean: 84.2,
            deviation: 120.5,
            q1: 12.0,
            median: 41.9,
            q3: 99.0,
        }),
        standardised: [(name.to_owned(), 1_200)].into(),
        cleaned: [(format!("imputed:{name}"), 310)].into(),
        outliers: [("box_plot".to_owned(), 17)].into(),
        missing_patterns: vec![MissingPattern {
            day: day(1),
            records: 930,
            missing: 412,
            lift: 5.3,
        }],
    };
    Told {
        tenant: "default".into(),
        report: QualityReport {
            source: format!("sources/{name}"),
            from_day: day(0),
            to_day: day(count - 1),
            records: 28_450,
            score: Some(94.31),
            formula: "100 * (1 * 9/10 completeness + 1 * 97/100 accuracy) / 2 = 94.31".into(),
            dimensions: vec![
                dimension(QualityDimension::Completeness, 190_000, 200_000),
                dimension(QualityDimension::Accuracy, 190_000, 192_000),
                dimension(QualityDimension::Consistency, 84, 100),
                dimension(QualityDimension::Timeliness, 0, 0),
            ],
            fields: (0..6).map(field).collect(),
            reasons: vec![QualityReason {
                reason: name.into(),
                field: name.into(),
                records: 812,
            }],
            as_of: None,
            values_untold: 5,
        },
        days: points(80.0),
        fields: (0..6).map(|n| points(40.0 + 10.0 * n as f64)).collect(),
        alerts: vec![QualityAlert {
            description: format!("missing values of `{name}`: 44.30 % on {}", day(1)),
            day: day(1),
            ..QualityAlert::default()
        }],
    }
}

#[test]
fn stays_self_contained_whatever_names_there_are() {
    for name in [
        "amount",
        "订单金额（元）",
        "</td><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "'><img src=https://example.org/x>",
        "{{ name }}",
        "x\u{202e}lmth.exe",
    ] {
        let html = page(&told(name, 28)).render();
        assert_eq!(
            report::inspect::offences(&html),
            Vec::<String>::new(),
            "{name}"
        );
        assert!(
            html.contains(&report::escape(&format!("{name}0"))),
            "{name}"
        );
        assert!(!html.contains("NaN"), "{name}");
    }
}

#[test]
fn a_source_without_records_has_a_page_too() {
    let html = page(&Told::default()).render();
    assert_eq!(report::inspect::offences(&html), Vec::<String>::new());
    assert!(
        html.contains("No fields were observed.") && html.contains("No record was quarantined.")
    );
    let one = page(&told("x", 1)).render();
    assert!(!one.contains("Day by day"));
}

/// Writes pages to look at into the folder that `CLIENTELE_PAGES` names.
#[test]
fn can_be_looked_at() {
    let Some(folder) = std::env::var_os("CLIENTELE_PAGES") else {
        println!("NOT RUN: CLIENTELE_PAGES names no folder");
        return;
    };
    for (file, name, days) in [
        ("plain.html", "amount", 28),
        ("chinese.html", "订单金额", 90),
    ] {
        let html = page(&told(name, days)).render();
        std::fs::write(std::path::Path::new(&folder).join(file), html).expect("a folder");
    }
}
