use super::*;

const SMALL: &str = "
tags:
  - tag: logistics/delivery-time
    name: Delivery time
    synonyms: [slow delivery, 物流慢, 送货太慢, late]
    patterns: ['(?:took|waited) (?:\\d+|two|three) (?:days|weeks)', '物流(?:太|很|非常)?慢']
    negated: logistics/fast
    examples:
      - 物流慢，等了很久
      - {text: 'It was not late.', tags: [logistics/fast]}
  - tag: logistics/fast
    synonyms: [fast delivery, 物流快, 送货快, 到货很快]
  - tag: logistics
    synonyms: [courier, 快递]
  - tag: quality/defect
    synonyms: [broken, does not work, 坏了, 质量差]
examples:
  - {text: 'Everything is fine, no complaints.', tags: []}
";

fn small() -> Taxonomy {
    parse(SMALL).expect("taxonomy")
}

fn tags(text: &str) -> Vec<String> {
    small()
        .find(text)
        .iter()
        .map(|it| it.tag.to_owned())
        .collect()
}

#[test]
fn finds_phrases_and_patterns_in_both_languages() {
    for (text, expected) in [
        ("Slow   DELIVERY again", vec!["logistics/delivery-time"]),
        ("We waited 12 days!", vec!["logistics/delivery-time"]),
        (
            "物流非常慢，东西也坏了",
            vec!["logistics/delivery-time", "quality/defect"],
        ),
        ("快递到了", vec!["logistics"]),
        // The tag above says nothing that the one below does not.
        ("快递送货太慢", vec!["logistics/delivery-time"]),
        ("related", vec![]),
        (
            "物流慢ａｎｄ ｂｒｏｋｅｎ",
            vec!["logistics/delivery-time", "quality/defect"],
        ),
        ("", vec![]),
    ] {
        assert_eq!(tags(text), expected, "{text}");
    }
}

#[test]
fn hears_denials_within_the_clause() {
    for (text, expected) in [
        ("It was not late", vec!["logistics/fast"]),
        (
            "It was never late, but it was broken",
            vec!["logistics/fast", "quality/defect"],
        ),
        ("Not what I wanted. Late.", vec!["logistics/delivery-time"]),
        (
            "not only late, also broken",
            vec!["logistics/delivery-time", "quality/defect"],
        ),
        ("物流不慢", vec![]),
        ("没有坏了", vec![]),
        ("我不觉得物流慢", vec!["logistics/fast"]),
        ("不是不觉得物流慢", vec!["logistics/delivery-time"]),
        ("不错，就是物流慢", vec!["logistics/delivery-time"]),
        ("it does not work", vec!["quality/defect"]),
        ("It isn't broken", vec![]),
        (
            "I will never in my whole long life order here again, broken",
            vec!["quality/defect"],
        ),
    ] {
        assert_eq!(tags(text), expected, "{text}");
    }
}

#[test]
fn tells_the_place_in_the_original() {
    let text = "很好，但 ＳＬＯＷ　 delivery！";
    let found = small();
    let found = found.find(text);
    assert_eq!(&text[found[0].place.clone()], "ＳＬＯＷ　 delivery");
}

#[test]
fn runs_its_examples() {
    assert_eq!(small().failures(), vec![]);
    let wrong = parse(&SMALL.replace("tags: []", "tags: [logistics]")).expect("taxonomy");
    assert_eq!(wrong.failures().len(), 1);
    assert_eq!(wrong.examples().len(), 3);
}

#[test]
fn lists_every_mistake_with_its_path() {
    let text = "
colour: red
tags:
  - tag: Logistics
    synonyms: ['', 5, {a: b}]
    patterns: ['(', '（慢', 'a*', '(?:a{1000}){1000}']
    negated: nowhere
    examples: [{tags: [other]}, {text: x, tags: [other]}]
  - tag: a//b
    size: 3
  - tag: fine
    negated: fine
  - tag: fine
  - 7
examples: [lonely]
";
    let found: Vec<(String, &str)> = parse(text)
        .expect_err("mistakes")
        .into_iter()
        .map(|it| (it.path, it.reason))
        .collect();
    let expected = [
        ("colour", "UNKNOWN_KEY"),
        ("tags[0].tag", "INVALID_TAG"),
        ("tags[0].synonyms[0]", "EMPTY"),
        ("tags[0].synonyms[2]", "WRONG_TYPE"),
        ("tags[0].patterns[0]", "INVALID_PATTERN"),
        ("tags[0].patterns[1]", "NOT_FOLDED"),
        ("tags[0].patterns[2]", "MATCHES_NOTHING"),
        ("tags[0].patterns[3]", "TOO_LARGE"),
        ("tags[0].negated", "UNKNOWN_TAG"),
        ("tags[0].examples[0].text", "MISSING"),
        ("tags[0].examples[1].tags[0]", "UNKNOWN_TAG"),
        ("tags[1].tag", "INVALID_TAG"),
        ("tags[1].size", "UNKNOWN_KEY"),
        ("tags[2].negated", "SAME_TAG"),
        ("tags[3].tag", "DUPLICATE"),
        ("tags[4]", "WRONG_TYPE"),
        ("examples[0]", "MISSING"),
    ];
    for (path, reason) in expected {
        assert!(
            found.contains(&(path.into(), reason)),
            "{path} {reason} is not in {found:?}"
        );
    }
    assert_eq!(
        parse("a: [1").expect_err("mistake")[0].reason,
        "INVALID_YAML"
    );
    assert!(!parse("").expect_err("mistake").is_empty());
    assert!(!parse("- 1").expect_err("mistake").is_empty());
    let large = "x".repeat(YAML_BYTES_MAX + 1);
    assert_eq!(parse(&large).expect_err("mistake")[0].reason, "TOO_LARGE");
}

#[test]
fn takes_time_in_proportion_to_the_text() {
    let hard =
        parse("tags: [{tag: a, patterns: ['(?:x+x+)+y', '.*.*=.*'], synonyms: [x, xx, xxx]}]");
    let text = "x".repeat(super::super::TEXT_BYTES_MAX - 1) + "=";
    let began = std::time::Instant::now();
    let found = hard.expect("taxonomy");
    assert_eq!(found.find(&text).len(), 1);
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
}
