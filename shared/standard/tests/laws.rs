//! What holds for every form and every text: it never panics, and the standard form of a standard form is itself.

use chrono_tz::Tz;
use proptest::prelude::*;
use standard::money::{Excess, MoneyRule};
use standard::number::Mark;
use standard::phone::PhoneRule;
use standard::region::{Answer, RegionRule, Scheme};
use standard::text::{Blanks, Case, TextForm};
use standard::time::{Gap, Numbers, Order, Overlap, TimeRule};
use standard::unit::{Unit, UnitRule};
use standard::{Form, LocalCase, Synonyms, Unknown};

fn forms() -> Vec<Form> {
    let mut forms = vec![
        Form::Flag,
        Form::Email(LocalCase::Lower),
        Form::Email(LocalCase::Keep),
    ];
    for case in [Case::Keep, Case::Lower, Case::Upper] {
        for blanks in [Blanks::Keep, Blanks::Trim, Blanks::Collapse] {
            let all = TextForm {
                case,
                blanks,
                ..TextForm::default()
            };
            forms.push(Form::Text(all));
            forms.push(Form::Text(TextForm {
                compatibility: false,
                ..all
            }));
            forms.push(Form::Text(TextForm {
                width: false,
                compatibility: false,
                controls: false,
                ..all
            }));
        }
    }
    for region in [
        None,
        Some("CN"),
        Some("US"),
        Some("IT"),
        Some("GB"),
        Some("RU"),
        Some("BR"),
    ] {
        forms.push(Form::Phone(PhoneRule::new(region).expect("country")));
    }
    for order in [Order::Certain, Order::Ymd, Order::Dmy, Order::Mdy] {
        for numbers in [
            Numbers::Digits,
            Numbers::Excel1900,
            Numbers::Excel1904,
            Numbers::UnixSeconds,
            Numbers::UnixMillis,
        ] {
            let rule = TimeRule {
                order,
                numbers,
                zone: Tz::Asia__Shanghai,
                ..TimeRule::default()
            };
            forms.push(Form::Date(rule));
            forms.push(Form::Time(rule));
            forms.push(Form::Time(TimeRule {
                zone: Tz::America__Sao_Paulo,
                gap: Gap::Next,
                overlap: Overlap::Second,
                ..rule
            }));
        }
    }
    for mark in [Mark::Certain, Mark::Point, Mark::Comma] {
        forms.push(Form::Number(mark));
        for currency in [None, Some("CNY"), Some("JPY"), Some("KWD"), Some("USD")] {
            for excess in [Excess::Refuse, Excess::Round] {
                let currency = currency.map(str::to_owned);
                forms.push(Form::Money(MoneyRule {
                    currency,
                    mark,
                    excess,
                    decimals: None,
                }));
            }
        }
        for unit in ["kg", "ft", "m2", "ml", "°F", "min", "MB", "尺"] {
            let rule = UnitRule::new(Unit::find(unit).expect("unit"));
            forms.push(Form::Unit(UnitRule { mark, ..rule }));
        }
    }
    for scheme in [Scheme::Seven, Scheme::Six, Scheme::Four] {
        forms.push(Form::Region(RegionRule {
            to: Answer::MacroRegion,
            scheme,
        }));
    }
    for to in [
        Answer::Province,
        Answer::ProvinceShort,
        Answer::ProvinceLatin,
        Answer::ProvinceCode,
        Answer::City,
        Answer::CityCode,
    ] {
        forms.push(Form::Region(RegionRule {
            to,
            ..RegionRule::default()
        }));
    }
    for unknown in [
        Unknown::Refuse,
        Unknown::Keep,
        Unknown::Become("other".to_owned()),
    ] {
        let table = [
            ("female".to_owned(), vec!["F".to_owned(), "女".to_owned()]),
            ("male".to_owned(), vec!["M".to_owned()]),
        ];
        forms.push(Form::Enum(Synonyms::new(table, unknown).expect("table")));
    }
    forms
}

/// Checks the laws for every form.
fn laws(raw: &str) {
    for form in forms() {
        let Ok(once) = form.apply(raw) else { continue };
        let told: std::collections::HashSet<_> = once.changes.iter().collect();
        assert_eq!(
            told.len(),
            once.changes.len(),
            "{form:?} tells a change twice: {raw:?}"
        );
        assert_eq!(
            once.value != raw,
            once.changed(),
            "{form:?} of {raw:?} tells {:?}",
            once.changes
        );
        let twice = form.apply(&once.value);
        let twice = twice.unwrap_or_else(|reason| {
            panic!("{form:?} of {raw:?} is {:?}, which {reason}", once.value)
        });
        assert_eq!(
            (&twice.value, twice.changed()),
            (&once.value, false),
            "{form:?} of {raw:?} tells {:?}",
            twice.changes
        );
        form.cell(raw)
            .expect("a cell can be read when the text can");
    }
}

#[test]
fn hold_for_awkward_texts() {
    for raw in [
        "",
        " ",
        "\0",
        "\u{feff}",
        "ŉ",
        "ß",
        "İ",
        "ﬁ",
        "ǅ",
        "\u{1f82}",
        "1.500 KWD",
        "1.234",
        "1,234",
        "-0",
        "-0.00",
        "0.5%",
        "100.5%",
        "112.5%",
        "1/3",
        "5'3\"",
        "+390669 82",
        "+7 800 555 35 35",
        "8 800 555 35 35",
        "2011-03-27 01:30",
        "0001-01-01",
        "9999-12-31",
        "2018-11-04",
        "a@b.c.xn--p1ai",
        "İ@example.com",
        "1尺",
        "０",
        "①",
        "一万五",
        "2026-01-31T10:30:00.000000001Z",
        "1769826600.123456789",
        "46053.4375",
        "¥1,234.50",
        "1.234,50 €",
        "(12.30)",
        "12.3万",
        "吉林",
        "北京市朝阳区",
        "Hainan",
        "是",
        "女",
    ] {
        laws(raw);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hold_for_any_text(raw in any::<String>()) {
        laws(&raw);
    }

    #[test]
    fn hold_for_phones(raw in "(\\+|00|)[0-9 ()./-]{4,18}( ?(x|ext\\.|转|分机) ?[0-9]{1,4})?") {
        laws(&raw);
    }

    #[test]
    fn hold_for_addresses(raw in "[A-Za-zİßé.+]{1,8}[@＠][A-Za-z0-9例.-]{1,10}[.。](com|中国|CO|xn--p1ai)") {
        laws(&raw);
    }

    #[test]
    fn hold_for_numbers_and_money(raw in "[-(+]?[¥$€]?[0-9]{1,4}([., '][0-9]{2,3}){0,3}[)-]?( ?(元|万|万元|k|EUR|kg|%|角|°C|尺|h|'|MB))?") {
        laws(&raw);
    }

    #[test]
    fn hold_for_chinese_numbers(raw in "[一二三四五六七八九十百千万亿零两0-9.元角分]{1,10}") {
        laws(&raw);
    }

    #[test]
    fn hold_for_times(raw in "([0-9]{1,4}[-/.年 ]){2}[0-9]{1,4}日?( |T)?([0-9]{1,2}[:时][0-9]{2}(:[0-9]{2})?([.][0-9]{1,9})?)?( ?(Z|am|PM|CST|\\+0800|-3:00|Europe/London|UTC))?") {
        laws(&raw);
    }

    #[test]
    fn hold_for_regions(raw in "(中国|)(江苏|吉林|北京|海南|内蒙古|苏|)(省|市|自治区|)(南京|吉林|朝阳|杭州|海南|)(市|区|)[a-z ,]{0,6}") {
        laws(&raw);
    }
}
