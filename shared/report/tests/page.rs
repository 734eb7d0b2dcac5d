//! A page out of hostile and Chinese names.

use report::chart::{Band, Columns, Line, LineChart, Stack, Unit, box_plot, spark};
use report::{Block, Cell, Fact, Heat, Page, Section, Table, Tone, inspect};

const HOSTILE: [&str; 8] = [
    "</title><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style><style>@import 'x'</style>",
    "{{ 7 * 7 }}{% for x in y %}",
    "<svg><use href='//example.org/x#a'/></svg>",
    "--><iframe srcdoc=x></iframe><!--",
    "a\u{202e}gpj.exe\0",
];
const CHINESE: &str = "订单质量报告：金额（元）";

fn page(name: &str) -> Page {
    let values = vec![Some(0.9), None, Some(0.5), Some(f64::NAN), Some(1.0)];
    let labels: Vec<String> = (0..5).map(|day| format!("{name}{day}")).collect();
    let line = LineChart {
        title: name.into(),
        labels: labels.clone(),
        lines: vec![Line {
            name: name.into(),
            values: values.clone(),
        }],
        band: Some(Band {
            name: name.into(),
            values: vec![Some((0.2, 0.8)), None, Some((0.1, 0.9)), None, None],
        }),
        marks: vec![(0, name.into()), (1, name.into()), (99, name.into())],
        range: None,
        unit: Unit::Percent,
    };
    let columns = Columns {
        title: name.into(),
        labels,
        stacks: vec![
            Stack {
                name: name.into(),
                values: vec![1.0, 2.0, f64::INFINITY, -3.0],
                fault: false,
            },
            Stack {
                name: name.into(),
                values: vec![],
                fault: true,
            },
        ],
        unit: Unit::Number,
    };
    let cells = vec![
        Cell::Text(name.into()),
        Cell::Lines(vec![name.into(), name.into()]),
        Cell::Number(name.into()),
        Cell::Bar(Some(1.7), name.into(), Tone::Warn),
        Cell::Bar(None, name.into(), Tone::Plain),
        Cell::Drawing(spark(name, &values, Some((0.0, 1.0)))),
        Cell::Drawing(box_plot(name, [-100.0, 1.0, 2.0, 3.0, 1e9])),
        Cell::Tag(Tone::Bad, name.into()),
    ];
    let table = Table {
        columns: vec![name.into(); 8],
        rows: vec![cells],
        empty: String::new(),
    };
    let nothing = Table {
        columns: vec![],
        rows: vec![],
        empty: name.into(),
    };
    let heat = Heat {
        columns: vec![name.into(); 2],
        rows: vec![(name.into(), vec![Some(0.3), None])],
        caption: name.into(),
    };
    let fact = Fact {
        name: name.into(),
        value: name.into(),
        detail: name.into(),
        tone: Tone::Good,
    };
    let blocks = vec![
        Block::Text(name.into()),
        Block::Note(Tone::Bad, name.into()),
        Block::Code(name.into()),
        Block::Facts(vec![fact]),
        Block::Table(table),
        Block::Table(nothing),
        Block::Chart(line.draw(), name.into()),
        Block::Chart(columns.draw(), name.into()),
        Block::Heat(heat),
    ];
    Page {
        title: name.into(),
        subtitle: name.into(),
        sections: vec![Section {
            heading: name.into(),
            blocks,
        }],
        footer: name.into(),
    }
}

#[test]
fn no_name_gets_out_of_its_place() {
    let tags = |html: &str| html.matches('<').count();
    for name in HOSTILE {
        let html = page(name).render();
        assert_eq!(inspect::offences(&html), Vec::<String>::new(), "{name}");
        // A name adds words, never a tag: there are as many as with letters only.
        let plain = page(&"p".repeat(name.chars().count())).render();
        assert_eq!(tags(&html), tags(&plain), "{name}");
        assert!(!html.contains('\u{202e}') && !html.contains('\0'));
    }
}

#[test]
fn chinese_names_stand_as_they_are() {
    let html = page(CHINESE).render();
    assert!(html.contains(&format!("<h1>{CHINESE}</h1>")));
    assert!(
        html.contains(&format!(
            "<text class=\"name\" x=\"73.0\" y=\"15\">{CHINESE}</text>"
        )),
        "legend"
    );
    assert_eq!(inspect::offences(&html), Vec::<String>::new());
}

#[test]
fn nothing_to_draw_is_no_mistake() {
    let line = LineChart::default().draw();
    let columns = Columns::default().draw();
    for svg in [
        line.as_str(),
        columns.as_str(),
        spark("", &[], None).as_str(),
    ] {
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
    let html = Page::default().render();
    assert_eq!(inspect::offences(&html), Vec::<String>::new());
}

#[test]
fn a_band_has_gaps_where_the_line_has() {
    let chart = LineChart {
        labels: (0..5).map(|it| it.to_string()).collect(),
        band: Some(Band {
            name: "expected".into(),
            values: vec![
                Some((0.0, 1.0)),
                Some((0.0, 1.0)),
                None,
                Some((0.0, 1.0)),
                Some((0.5, 1.0)),
            ],
        }),
        ..LineChart::default()
    };
    assert_eq!(
        chart
            .draw()
            .as_str()
            .matches("<path class=\"band\"")
            .count(),
        2
    );
}
