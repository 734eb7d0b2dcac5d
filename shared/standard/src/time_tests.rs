use super::*;

fn shanghai(order: Order) -> TimeRule {
    TimeRule {
        order,
        zone: Tz::Asia__Shanghai,
        ..TimeRule::default()
    }
}

#[track_caller]
fn day(order: Order, raw: &str, expected: Result<&str, Reason>) {
    let read = shanghai(order).day(raw).map(|it| it.value.to_string());
    assert_eq!(read, expected.map(str::to_owned), "{raw}");
}

#[track_caller]
fn instant(rule: TimeRule, raw: &str, expected: Result<&str, Reason>) {
    let read = rule.instant(raw).map(|it| it.value.to_string());
    assert_eq!(read, expected.map(str::to_owned), "{raw}");
}

#[test]
fn reads_days_in_many_forms() {
    for raw in [
        "2026-01-31",
        "2026/1/31",
        "2026.01.31",
        "20260131",
        "2026年1月31日",
        "2026 年 1 月 31 号",
        "二〇二六年一月三十一日",
        "31 Jan 2026",
        "Jan 31, 2026",
        "January 31st 2026",
        "31-Jan-26",
        "31.01.2026",
        "31/01/2026",
        "1/31/2026",
        "2026-Jan-31",
        "Sat, 31 Jan 2026",
        "2026年1月31日 星期六",
        "31 janvier 2026",
        "31. Januar 2026",
        "31 de enero de 2026",
        "２０２６－０１－３１",
        "2026-01-31 10:30",
        "2026-01-31T23:30:00+08:00",
        " 2026-1-31 ",
        "31 janv. 2026",
        "le 31 janvier 2026",
    ] {
        day(Order::Certain, raw, Ok("2026-01-31"));
    }
    day(Order::Certain, "2026-01-31T23:30:00Z", Ok("2026-02-01"));
}

#[test]
fn follows_the_declared_order() {
    day(Order::Dmy, "03/04/2026", Ok("2026-04-03"));
    day(Order::Mdy, "03/04/2026", Ok("2026-03-04"));
    day(Order::Ymd, "26/03/04", Ok("2026-03-04"));
    day(Order::Dmy, "03/04/26", Ok("2026-04-03"));
    day(Order::Dmy, "03.04.99", Ok("1999-04-03"));
    day(Order::Dmy, "31012026", Ok("2026-01-31"));
    day(Order::Mdy, "01312026", Ok("2026-01-31"));
    day(Order::Dmy, "20260131", Ok("2026-01-31"));
    day(Order::Dmy, "01/31/2026", Err(Reason::Time));
    day(Order::Dmy, "2026-01-31", Ok("2026-01-31"));
    day(Order::Certain, "03/04/2026", Err(Reason::AmbiguousDate));
    day(Order::Certain, "03/03/2026", Ok("2026-03-03"));
    day(Order::Certain, "03/04/26", Err(Reason::AmbiguousDate));
    day(Order::Certain, "03.04.2026", Ok("2026-04-03"));
}

#[test]
fn reads_times_with_zones_and_halves_of_the_day() {
    for raw in [
        "2026-01-31 10:30",
        "2026-01-31T10:30:00",
        "2026-01-31T02:30:00Z",
        "2026-01-31T10:30:00+08:00",
        "2026-01-31 10:30:00 +0800",
        "20260131T103000",
        "20260131103000",
        "2026年1月31日 10时30分",
        "2026年1月31日上午10点半",
        "2026年1月31日星期六上午10点30分",
        "31 Jan 2026 10:30 AM",
        "Sat, 31 Jan 2026 02:30:00 GMT",
        "2026-01-31 10:30 CST",
        "2026-01-31 10:30 Asia/Shanghai",
        "2026-01-31T10:30+08:00[Asia/Shanghai]",
        "2026-01-31 10:30 北京时间",
        "2026-01-31 10:30 GMT+8",
        "1/31/2026 10:30 a.m.",
        "31/01/2026 10h30",
        "2026-01-30 21:30 EST5",
        "2026-01-30 19:30 PDT",
    ] {
        let expected = if raw.ends_with("EST5") {
            Err(Reason::Time)
        } else {
            Ok("2026-01-31T02:30:00Z")
        };
        instant(shanghai(Order::Certain), raw, expected);
    }
    instant(
        shanghai(Order::Certain),
        "2026年1月31日下午3点",
        Ok("2026-01-31T07:00:00Z"),
    );
    instant(
        shanghai(Order::Certain),
        "2026年1月31日 晚上8:05",
        Ok("2026-01-31T12:05:00Z"),
    );
    instant(
        shanghai(Order::Certain),
        "2026-01-31 12 am",
        Ok("2026-01-30T16:00:00Z"),
    );
    instant(
        shanghai(Order::Certain),
        "2026-01-31 12:00 PM",
        Ok("2026-01-31T04:00:00Z"),
    );
    instant(
        shanghai(Order::Certain),
        "2026-01-31",
        Ok("2026-01-30T16:00:00Z"),
    );
    instant(
        shanghai(Order::Certain),
        "2026-01-31 24:00",
        Ok("2026-01-31T16:00:00Z"),
    );
    instant(
        TimeRule::default(),
        "2016-12-31T23:59:60Z",
        Ok("2017-01-01T00:00:00Z"),
    );
    instant(
        TimeRule::default(),
        "2026-01-31 10:30 CST",
        Err(Reason::AmbiguousZone),
    );
    instant(
        TimeRule::default(),
        "2026-01-31 10:30:00.123456",
        Ok("2026-01-31T10:30:00.123456Z"),
    );
    instant(
        TimeRule::default(),
        "2026-01-31 10:30:00,5",
        Ok("2026-01-31T10:30:00.500Z"),
    );
}

#[test]
fn reads_counts_only_when_they_are_declared() {
    let rule = |numbers| TimeRule {
        numbers,
        ..shanghai(Order::Certain)
    };
    instant(
        rule(Numbers::UnixSeconds),
        "1769826600",
        Ok("2026-01-31T02:30:00Z"),
    );
    instant(
        rule(Numbers::UnixSeconds),
        "1769826600.5",
        Ok("2026-01-31T02:30:00.500Z"),
    );
    instant(
        rule(Numbers::UnixMillis),
        "1769826600000",
        Ok("2026-01-31T02:30:00Z"),
    );
    instant(
        rule(Numbers::UnixSeconds),
        "-62135596800",
        Ok("0001-01-01T00:00:00Z"),
    );
    instant(
        rule(Numbers::UnixSeconds),
        "2026-01-31 10:30",
        Ok("2026-01-31T02:30:00Z"),
    );
    instant(
        rule(Numbers::Excel1900),
        "46053.4375",
        Ok("2026-01-31T02:30:00Z"),
    );
    instant(
        rule(Numbers::Excel1904),
        "44591.4375",
        Ok("2026-01-31T02:30:00Z"),
    );
    instant(rule(Numbers::Excel1900), "60", Err(Reason::Time));
    assert_eq!(
        rule(Numbers::Excel1900)
            .day("1")
            .map(|it| it.value.to_string()),
        Ok("1900-01-01".to_owned())
    );
    assert_eq!(
        rule(Numbers::Excel1900)
            .day("46053")
            .map(|it| it.value.to_string()),
        Ok("2026-01-31".to_owned())
    );
    for raw in ["1769826600", "1769826600000", "46053", "46053.4375"] {
        instant(rule(Numbers::Digits), raw, Err(Reason::Time));
    }
}

#[test]
fn settles_gaps_and_overlaps_by_policy() {
    let london = |gap, overlap| TimeRule {
        zone: Tz::Europe__London,
        gap,
        overlap,
        ..TimeRule::default()
    };
    let gap = "2011-03-27 01:30";
    instant(
        london(Gap::AsIfNotSet, Overlap::First),
        gap,
        Ok("2011-03-27T01:30:00Z"),
    );
    instant(
        london(Gap::Next, Overlap::First),
        gap,
        Ok("2011-03-27T01:00:00Z"),
    );
    instant(london(Gap::Refuse, Overlap::First), gap, Err(Reason::Gap));
    let twice = "2011-10-30 01:30";
    instant(
        london(Gap::AsIfNotSet, Overlap::First),
        twice,
        Ok("2011-10-30T00:30:00Z"),
    );
    instant(
        london(Gap::AsIfNotSet, Overlap::Second),
        twice,
        Ok("2011-10-30T01:30:00Z"),
    );
    instant(
        london(Gap::AsIfNotSet, Overlap::Refuse),
        twice,
        Err(Reason::Overlap),
    );
    instant(
        london(Gap::AsIfNotSet, Overlap::Refuse),
        "2011-10-30 01:30 BST",
        Ok("2011-10-30T00:30:00Z"),
    );
    assert_eq!(
        london(Gap::Next, Overlap::First)
            .instant(gap)
            .expect("time")
            .changes,
        ["time", "gap"]
    );
    let apia = TimeRule {
        zone: Tz::Pacific__Apia,
        gap: Gap::Next,
        ..TimeRule::default()
    };
    instant(apia, "2011-12-30 12:00", Ok("2011-12-30T10:00:00Z"));
}

#[test]
fn refuses_what_is_no_day_or_time() {
    for raw in [
        "yesterday",
        "2026-02-30",
        "2026-13-01",
        "2026-01",
        "2026年1月",
        "10:30",
        "2026-01-31 25:00",
        "2026-01-31 10:60",
        "2026-01-31 13:00 am",
        "0000-01-01",
        "10000-01-01",
        "2026-01-31 10:30 +25:00",
        "2026-01-31 2026-02-01",
        "1/2",
        "31 Foo 2026",
        "2026-01-31 x",
        "----",
        "9999-12-31T23:59:59-12:00",
        "2026-01-31-01",
        "12345678",
        "二十十年一月一日",
        "2026-01-31Z",
    ] {
        assert!(shanghai(Order::Dmy).instant(raw).is_err(), "{raw}");
    }
    instant(TimeRule::default(), "", Err(Reason::Empty));
}
