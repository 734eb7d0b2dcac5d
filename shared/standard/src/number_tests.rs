use super::*;

#[track_caller]
fn check(mark: Mark, raw: &str, expected: Result<&str, Reason>) {
    let read = number(raw, mark).map(|it| it.value.to_string());
    assert_eq!(read, expected.map(str::to_owned), "{raw}");
}

#[test]
fn reads_numbers_whose_separators_are_certain() {
    for (raw, expected) in [
        ("0", "0"),
        ("12", "12"),
        ("-0.50", "-0.5"),
        ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"),
        ("1 234,50", "1234.5"),
        ("1'234.50", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("12,34,567.8", "1234567.8"),
        ("1,234", "1234"),
        ("0.125", "0.125"),
        ("1,5", "1.5"),
        ("12.3456", "12.3456"),
        ("(12.30)", "-12.3"),
        ("12-", "-12"),
        ("+3.", "3"),
        (".25", "0.25"),
        ("１２３．５", "123.5"),
        ("1.2E+03", "1200"),
        ("1.25e-1", "0.125"),
        ("12.5%", "0.125"),
        ("1.5k", "1500"),
        ("2 million", "2000000"),
        ("−7", "-7"),
        ("125.43999999999998", "125.43999999999998"),
        ("1234.567", "1234.567"),
        ("٣٤٫", "x"),
    ] {
        let expected = if expected == "x" {
            Err(Reason::Number)
        } else {
            Ok(expected)
        };
        check(Mark::Certain, raw, expected);
    }
}

#[test]
fn refuses_to_guess() {
    check(Mark::Certain, "1.234", Err(Reason::AmbiguousNumber));
    check(Mark::Point, "1.234", Ok("1.234"));
    check(Mark::Comma, "1.234", Ok("1234"));
    check(Mark::Comma, "1,234", Ok("1.2340"));
    check(Mark::Comma, "1.2340", Ok("1.2340"));
    check(Mark::Comma, "1234.50", Ok("1234.5"));
    check(Mark::Point, "1,234", Ok("1234"));
    check(Mark::Point, "1,23", Err(Reason::Number));
}

#[test]
fn reads_chinese_numbers() {
    for (raw, expected) in [
        ("12.3万", "123000"),
        ("1.5亿", "150000000"),
        ("3亿5000万", "350000000"),
        ("3万5千", "35000"),
        ("一万二千三百四十五", "12345"),
        ("十五", "15"),
        ("二十", "20"),
        ("一百零三", "103"),
        ("壹仟贰佰叁拾肆", "1234"),
        ("二〇二六", "2026"),
        ("两万", "20000"),
        ("负三", "-3"),
        ("一万亿", "1000000000000"),
        ("5百万", "5000000"),
        ("1,234.5万", "12345000"),
    ] {
        check(Mark::Certain, raw, Ok(expected));
    }
    for raw in ["万", "百", "1万万万元", "三三万x"] {
        assert!(number(raw, Mark::Certain).is_err(), "{raw}");
    }
}

#[test]
fn refuses_what_is_no_number() {
    for raw in [
        "abc",
        "-",
        ".",
        "1.2.3.4,5,6",
        "12,3,4",
        "0x10",
        "NaN",
        "inf",
        "1e",
        "1..2",
        "--1",
        "1 2",
        "1 23 456",
        "$5",
    ] {
        check(Mark::Certain, raw, Err(Reason::Number));
    }
    check(Mark::Certain, "1e99", Err(Reason::OutOfRange));
    check(Mark::Certain, &"9".repeat(31), Err(Reason::OutOfRange));
    check(Mark::Certain, "", Err(Reason::Empty));
}

#[test]
fn rounds_half_to_even() {
    for (mantissa, scale, places, expected) in [
        (25, 1, 0, "2"),
        (35, 1, 0, "4"),
        (-25, 1, 0, "-2"),
        (1235, 3, 2, "1.24"),
        (5, 0, 2, "5"),
    ] {
        assert_eq!(
            Exact::new(mantissa, scale)
                .expect("number")
                .rounded(places)
                .to_string(),
            expected
        );
    }
}
