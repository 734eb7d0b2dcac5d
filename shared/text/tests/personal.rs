//! Measures how much of the personal data in free text is found, and how much else is taken for it.
//!
//! The corpus is made here, by a seeded generator, so that every place is known: sentences as customers write them, in Chinese
//! and English, with personal data and with what only looks like it. It says what the detector does with such sentences, not what
//! share of all the world's texts it understands.

mod corpus;

use std::collections::BTreeMap;
use std::time::Instant;

use corpus::Corpus;
use text::{Detector, Kind, Names};

/// Sentences of the corpus.
const SENTENCES: usize = 12_000;

#[derive(Default)]
struct Measure {
    labels: usize,
    covered: usize,
    exact: usize,
    findings: usize,
    right: usize,
    missed: Vec<String>,
    wrong: Vec<String>,
}

impl Measure {
    fn precision(&self) -> f64 {
        self.right as f64 / self.findings.max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.covered as f64 / self.labels.max(1) as f64
    }
}

fn measured() -> BTreeMap<Kind, Measure> {
    let detector = Detector::new(&Names::default()).expect("detector");
    let mut measures: BTreeMap<Kind, Measure> = BTreeMap::new();
    let mut corpus = Corpus::new(20_261_122);
    for _ in 0..SENTENCES {
        let (sentence, labels) = corpus.sentence();
        let found = detector.detect(&sentence);
        for (kind, place) in &labels {
            let measure = measures.entry(*kind).or_default();
            // Covered by anything: what matters is that it is gone.
            let covered =
                |it: &text::Finding| it.place.start <= place.start && it.place.end >= place.end;
            let exact = |it: &text::Finding| it.place == *place && it.kind == *kind;
            measure.labels += 1;
            measure.exact += usize::from(found.iter().any(exact));
            match found.iter().any(covered) {
                true => measure.covered += 1,
                false => measure.missed.push(sentence.clone()),
            }
        }
        for finding in &found {
            let measure = measures.entry(finding.kind).or_default();
            let meets = |(kind, place): &(Kind, std::ops::Range<usize>)| {
                *kind == finding.kind
                    && place.start < finding.place.end
                    && finding.place.start < place.end
            };
            measure.findings += 1;
            match labels.iter().any(meets) {
                true => measure.right += 1,
                false => measure.wrong.push(format!(
                    "`{}` in: {sentence}",
                    &sentence[finding.place.clone()]
                )),
            }
        }
    }
    measures
}

#[test]
fn finds_nearly_all_and_little_else() {
    let measures = measured();
    println!("kind       places  found  precision  recall  exact");
    for (kind, it) in &measures {
        let exact = it.exact as f64 / it.labels.max(1) as f64;
        let (labels, findings, precision, recall) =
            (it.labels, it.findings, it.precision(), it.recall());
        println!(
            "{:<10} {labels:>6} {findings:>6}  {precision:>9.4} {recall:>7.4} {exact:>6.4}",
            kind.as_str()
        );
        for (what, sentences) in [("missed", &it.missed), ("wrong", &it.wrong)] {
            for sentence in sentences.iter().take(5) {
                println!("  {what}: {sentence}");
            }
        }
    }
    for (kind, precision, recall) in [
        (Kind::Email, 0.99, 0.99),
        (Kind::IdNumber, 0.98, 0.98),
        (Kind::Card, 0.95, 0.97),
        (Kind::Ip, 0.97, 0.97),
        (Kind::Phone, 0.96, 0.97),
        (Kind::Address, 0.93, 0.9),
        (Kind::Name, 0.93, 0.88),
    ] {
        let it = &measures[&kind];
        assert!(it.labels > 300, "too few of {}", kind.as_str());
        assert!(
            it.precision() >= precision,
            "precision of {}",
            kind.as_str()
        );
        assert!(it.recall() >= recall, "recall of {}", kind.as_str());
    }
}

#[test]
fn leaves_nothing_of_what_it_redacts() {
    let detector = Detector::new(&Names::default()).expect("detector");
    let mut corpus = Corpus::new(7);
    for _ in 0..2000 {
        let (sentence, _) = corpus.sentence();
        let redacted = detector.redact(&sentence);
        for finding in &redacted.findings {
            let value = &sentence[finding.place.clone()];
            let only = sentence.matches(value).count() == 1;
            assert!(!only || !redacted.text.contains(value), "{sentence}");
        }
        let again = detector.redact(&redacted.text);
        assert_eq!(again.findings, vec![], "{}", redacted.text);
    }
}

#[test]
fn reads_fast_enough_for_a_stream() {
    let detector = Detector::new(&Names::default()).expect("detector");
    let mut corpus = Corpus::new(3);
    let sentences: Vec<String> = (0..2000).map(|_| corpus.sentence().0).collect();
    let bytes: usize = sentences.iter().map(String::len).sum();
    let began = Instant::now();
    let found: usize = sentences.iter().map(|it| detector.detect(it).len()).sum();
    let seconds = began.elapsed().as_secs_f64();
    let each = seconds * 1e6 / sentences.len() as f64;
    println!(
        "{:.1} MB/s, {each:.1} us a sentence, {found} findings",
        bytes as f64 / seconds / 1e6
    );
    // A long text of one kind takes no more than its length says.
    for piece in [
        "1 ",
        "12 a ",
        "路1",
        "13812345678 ",
        "a@",
        "1.1.1.",
        "::1",
        "Mr A",
        "王先",
        "x",
        "在路1号",
        "12 rue ",
        "A",
    ] {
        let long = piece.repeat(32 * 1024 / piece.len());
        let began = Instant::now();
        detector.detect(&long);
        let millis = began.elapsed().as_millis();
        assert!(millis < 3000, "{piece}: {millis} ms");
        if millis > 100 {
            println!("{piece}: {millis} ms");
        }
    }
}
