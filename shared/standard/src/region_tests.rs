use std::collections::HashSet;

use super::*;

#[track_caller]
fn check(to: Answer, raw: &str, expected: Result<&str, Reason>) {
    let rule = RegionRule {
        to,
        ..RegionRule::default()
    };
    assert_eq!(
        rule.read(raw).map(|it| it.value),
        expected.map(str::to_owned),
        "{raw}"
    );
}

#[test]
fn knows_every_province_and_the_cities_once() {
    assert_eq!(TABLE.lines().count(), PLACES.len());
    assert_eq!(
        PLACES.iter().filter(|place| place.is_province()).count(),
        34
    );
    let codes: HashSet<u32> = PLACES.iter().map(|place| place.code).collect();
    assert_eq!(codes.len(), PLACES.len());
    for place in PLACES.iter() {
        assert!(
            codes.contains(&(place.province() * 10_000)) && place.name.starts_with(place.short),
            "{place}"
        );
    }
}

#[test]
fn finds_provinces_by_all_their_names() {
    for raw in [
        "江苏省",
        "江苏",
        "苏",
        "苏省",
        "Jiangsu",
        "JIANGSU PROVINCE",
        "jiangsu sheng",
        "320000",
        "32",
        "3201",
        "320106",
        "南京",
        "南京市",
        "江苏省南京市鼓楼区",
        "江苏 南京",
        "中国江苏省",
        "Nanjing, Jiangsu, China",
        "Nanjing",
    ] {
        check(Answer::Province, raw, Ok("江苏省"));
    }
    check(Answer::Province, "内蒙古", Ok("内蒙古自治区"));
    check(Answer::Province, "Inner Mongolia", Ok("内蒙古自治区"));
    check(Answer::Province, "广西壮族自治区", Ok("广西壮族自治区"));
    check(
        Answer::Province,
        "Guangxi Zhuang Autonomous Region",
        Ok("广西壮族自治区"),
    );
    check(Answer::Province, "Hong Kong SAR", Ok("香港特别行政区"));
    check(Answer::Province, "Shanxi", Ok("山西省"));
    check(Answer::Province, "Shaanxi", Ok("陕西省"));
    check(Answer::Province, "Xi'an", Ok("陕西省"));
    check(Answer::Province, "吉林", Ok("吉林省"));
    check(Answer::Province, "海南", Ok("海南省"));
    check(Answer::Province, "北京市朝阳区", Ok("北京市"));
    check(Answer::Province, "北京朝阳区", Ok("北京市"));
    check(Answer::ProvinceShort, "新疆维吾尔自治区", Ok("新疆"));
    check(Answer::ProvinceLatin, "陕西", Ok("Shaanxi"));
    check(Answer::ProvinceCode, "上海", Ok("310000"));
}

#[test]
fn finds_cities() {
    check(Answer::City, "江苏省南京市鼓楼区", Ok("南京市"));
    check(Answer::City, "吉林", Ok("吉林市"));
    check(Answer::City, "上海", Ok("上海市"));
    check(Answer::City, "恩施", Ok("恩施土家族苗族自治州"));
    check(Answer::CityCode, "Suzhou, Jiangsu", Ok("320500"));
    check(Answer::CityCode, "Suzhou, Anhui", Ok("341300"));
    check(Answer::CityCode, "429004", Ok("429004"));
    check(Answer::City, "江苏", Err(Reason::Region));
}

#[test]
fn finds_regions_of_several_provinces() {
    for (raw, seven, six, four) in [
        ("浙江", "华东", "华东", "东部"),
        ("广东", "华南", "中南", "东部"),
        ("河南", "华中", "中南", "中部"),
        ("广西", "华南", "中南", "西部"),
        ("辽宁", "东北", "东北", "东北"),
        ("内蒙古", "华北", "华北", "西部"),
        ("台湾", "港澳台", "港澳台", "港澳台"),
        ("成都", "西南", "西南", "西部"),
    ] {
        for (scheme, expected) in [
            (Scheme::Seven, seven),
            (Scheme::Six, six),
            (Scheme::Four, four),
        ] {
            let rule = RegionRule {
                to: Answer::MacroRegion,
                scheme,
            };
            assert_eq!(
                rule.read(raw).map(|it| it.value),
                Ok(expected.to_owned()),
                "{raw}"
            );
            assert!(!rule.read(expected).expect("region").changed());
        }
    }
    check(Answer::MacroRegion, "East China", Ok("华东"));
    check(Answer::MacroRegion, "华东区", Ok("华东"));
    check(Answer::MacroRegion, "中南", Err(Reason::Region));
}

#[test]
fn refuses_what_it_does_not_know_for_certain() {
    for raw in [
        "Bavaria",
        "亚特兰蒂斯",
        "990000",
        "12345",
        "1234567",
        "苏格兰",
    ] {
        check(Answer::Province, raw, Err(Reason::Region));
    }
    check(Answer::Province, "Taizhou", Err(Reason::AmbiguousRegion));
    check(Answer::Province, "Yulin", Err(Reason::AmbiguousRegion));
    check(
        Answer::Province,
        "江苏省杭州市",
        Err(Reason::RegionsDisagree),
    );
    check(
        Answer::Province,
        "Hangzhou, Jiangsu",
        Err(Reason::RegionsDisagree),
    );
    check(Answer::Province, "", Err(Reason::Empty));
}
