use super::*;

#[track_caller]
fn check(to: &str, raw: &str, expected: Result<&str, Reason>) {
    let rule = UnitRule::new(Unit::find(to).expect("unit"));
    assert_eq!(
        rule.read(raw).map(|it| it.value.to_string()),
        expected.map(str::to_owned),
        "{raw} in {to}"
    );
}

#[test]
fn converts_exactly() {
    check("kg", "500 g", Ok("0.5 kg"));
    check("kg", "1斤2两", Ok("0.6 kg"));
    check("kg", "1 lb", Ok("0.45359237 kg"));
    check("g", "1 oz", Ok("28.349523125 g"));
    check("kg", "3.5公斤", Ok("3.5 kg"));
    check("kg", "㎏ 3", Err(Reason::Quantity));
    check("kg", "3㎏", Ok("3 kg"));
    check("kg", "12", Ok("12 kg"));
    check("m", "5 ft 3 in", Ok("1.6002 m"));
    check("m", "5'3\"", Ok("1.6002 m"));
    check("cm", "1,75 m", Ok("175 cm"));
    check("m", "3尺", Ok("1 m"));
    check("m2", "1亩", Ok("666.666666667 m2"));
    check("m2", "90㎡", Ok("90 m2"));
    check("m2", "3 km^2", Ok("3000000 m2"));
    check("ml", "0.75L", Ok("750 ml"));
    check("l", "1 gal", Ok("3.785411784 l"));
    check("°C", "98.6 °F", Ok("37 °C"));
    check("°C", "300 K", Ok("26.85 °C"));
    check("°F", "-40 °C", Ok("-40 °F"));
    check("°C", "36.5℃", Ok("36.5 °C"));
    check("MB", "1.5 GB", Ok("1500 MB"));
    check("B", "1 KiB", Ok("1024 B"));
    check("B", "8 Mb", Ok("1000000 B"));
}

#[test]
fn reads_durations_in_every_usual_form() {
    check("s", "1h30m", Ok("5400 s"));
    check("min", "1小时30分", Ok("90 min"));
    check("min", "两小时", Ok("120 min"));
    check("s", "1:30:05", Ok("5405 s"));
    check("h", "0:45", Ok("0.75 h"));
    check("s", "PT1H30M", Ok("5400 s"));
    check("s", "1.5 ms", Ok("0.0015 s"));
    check("d", "2 weeks", Ok("14 d"));
    check("s", "1:75", Err(Reason::Quantity));
    check("s", "30m1h", Err(Reason::Quantity));
}

#[test]
fn tells_when_decimals_do_not_end() {
    let rule = UnitRule::new(Unit::find("m").expect("unit"));
    assert_eq!(
        rule.read("1尺").expect("length").changes,
        ["unit", "rounded"]
    );
    assert!(!rule.read("0.333333333 m").expect("length").changed());
}

#[test]
fn refuses_what_is_no_quantity_of_its_kind() {
    for raw in [
        "5 m",
        "kg",
        "5 kg 3",
        "five kg",
        "5 kg - 3 g",
        "3-5 kg",
        "5 parsec",
        "1 kg 2 lb 3",
        "-",
    ] {
        check("kg", raw, Err(Reason::Quantity));
    }
    check(
        "kg",
        "99999999999999999999999999999999 kg",
        Err(Reason::OutOfRange),
    );
    check(
        "mg",
        "999999999999999999999999999999 t",
        Err(Reason::OutOfRange),
    );
    let strict = UnitRule {
        bare: None,
        ..UnitRule::new(Unit::find("kg").expect("unit"))
    };
    assert_eq!(strict.read("5"), Err(Reason::Quantity));
}

#[test]
fn every_name_means_one_unit_of_its_kind() {
    for unit in UNITS {
        assert_eq!(Unit::find(unit.symbol), Some(unit), "{}", unit.symbol);
        for name in unit.names {
            let found = Unit::among(&plain(name).expect("name"), |other| {
                other.dimension == unit.dimension
            });
            assert_eq!(found.map(|it| it.symbol), Some(unit.symbol), "{name}");
        }
        assert!(unit.numerator > 0 && unit.denominator > 0);
    }
}
