//! Administrative regions of China (GB/T 2260): provinces, cities of prefecture level, and regions of several provinces.

mod search;

use std::fmt;
use std::sync::LazyLock;

use crate::text::plain;
use crate::{Reason, Standardised};

/// Provinces, then their cities: code, full name, short name, name in Latin letters, and other names. Facts of GB/T 2260 as
/// it stood in 2023, with Laiwu, which became a part of Jinan in 2019, kept for the files that name it.
const TABLE: &str = include_str!("region/china.txt");

/// A province or a city.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Code of six digits, `320000` for a province and `320100` for a city.
    pub code: u32,
    /// Full name, for example `江苏省`.
    pub name: &'static str,
    /// Short name, for example `江苏`.
    pub short: &'static str,
    /// Name in Latin letters, for example `Jiangsu`.
    pub latin: &'static str,
    /// Other names.
    others: &'static str,
}

impl Place {
    /// Returns true for a province, an autonomous region, a municipality or a special administrative region.
    pub fn is_province(&self) -> bool {
        self.code.is_multiple_of(10_000)
    }

    /// Returns the first two digits of the code, which are the province's.
    pub fn province(&self) -> u32 {
        self.code / 10_000
    }
}

/// Every province and city, by code.
static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let place = |line: &'static str| {
        let mut fields = line.splitn(5, ' ');
        let digits = fields.next()?;
        let number = digits.parse::<u32>().ok()?;
        let code = number * 10u32.pow(6 - u32::try_from(digits.len()).ok()?);
        let (name, short, latin) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Place {
            code,
            name,
            short,
            latin,
            others: fields.next().unwrap_or_default(),
        })
    };
    TABLE.lines().filter_map(place).collect()
});

/// How provinces are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scheme {
    /// 华北 东北 华东 华中 华南 西南 西北 and 港澳台.
    #[default]
    Seven,
    /// As the six great regions of the nineteen-fifties: 华北 东北 华东 中南 西南 西北, and 港澳台.
    Six,
    /// As the National Bureau of Statistics reports: 东部 中部 西部 东北, and 港澳台.
    Four,
}

impl Scheme {
    /// Returns the region that a province belongs to, by the first two digits of its code.
    pub fn region_of(self, province: u32) -> &'static str {
        let seven = match province {
            11..=15 => "华北",
            21..=23 => "东北",
            31..=37 => "华东",
            41..=43 => "华中",
            44..=46 => "华南",
            50..=54 => "西南",
            61..=65 => "西北",
            _ => "港澳台",
        };
        match (self, province) {
            (Self::Seven, _) => seven,
            (Self::Six, 41..=46) => "中南",
            (Self::Six, _) => seven,
            (Self::Four, 11..=13 | 31..=33 | 35 | 37 | 44 | 46) => "东部",
            (Self::Four, 14 | 34 | 36 | 41..=43) => "中部",
            (Self::Four, 21..=23) => "东北",
            (Self::Four, 15 | 45 | 50..=65) => "西部",
            (Self::Four, _) => "港澳台",
        }
    }

    /// Returns the region of a name in Chinese or English.
    fn named(self, text: &str) -> Option<&'static str> {
        const NAMES: &[(&str, &[&str])] = &[
            ("华北", &["northchina", "huabei", "华北地区", "华北区"]),
            (
                "东北",
                &[
                    "northeastchina",
                    "northeast",
                    "dongbei",
                    "东北地区",
                    "东北区",
                ],
            ),
            ("华东", &["eastchina", "huadong", "华东地区", "华东区"]),
            ("华中", &["centralchina", "huazhong", "华中地区", "华中区"]),
            ("华南", &["southchina", "huanan", "华南地区", "华南区"]),
            (
                "中南",
                &[
                    "southcentralchina",
                    "centralsouthchina",
                    "zhongnan",
                    "中南地区",
                    "中南区",
                ],
            ),
            (
                "西南",
                &["southwestchina", "southwest", "xinan", "西南地区", "西南区"],
            ),
            (
                "西北",
                &["northwestchina", "northwest", "xibei", "西北地区", "西北区"],
            ),
            ("东部", &["eastern", "easternregion", "东部地区"]),
            ("中部", &["central", "centralregion", "中部地区"]),
            ("西部", &["western", "westernregion", "西部地区"]),
            ("港澳台", &["港澳台地区"]),
        ];
        let key = search::key(text);
        let known = NAMES
            .iter()
            .find(|(name, others)| *name == key || others.contains(&key.as_str()))?
            .0;
        let used = PLACES
            .iter()
            .any(|place| self.region_of(place.province()) == known);
        used.then_some(known)
    }
}

/// What a region's text becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Answer {
    /// The province's full name, `江苏省`.
    #[default]
    Province,
    /// The province's short name, `江苏`.
    ProvinceShort,
    /// The province's name in Latin letters, `Jiangsu`.
    ProvinceLatin,
    /// The province's code of six digits, `320000`.
    ProvinceCode,
    /// The city's full name, `南京市`; a municipality is its own city.
    City,
    /// The city's code of six digits, `320100`.
    CityCode,
    /// The region of several provinces, `华东`.
    MacroRegion,
}

/// How regions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RegionRule {
    /// What the text becomes.
    pub to: Answer,
    /// How provinces are put together.
    pub scheme: Scheme,
}

impl RegionRule {
    /// Returns the region; told as `region`.
    ///
    /// Understands codes of GB/T 2260 (so postal codes must not be given to it), full and short names, the provinces' single
    /// characters, names in Latin letters, addresses that begin with a province or a city, and `Nanjing, Jiangsu`. A name
    /// alone means the province before the city (吉林, 海南). Names in Latin letters that several provinces share (Taizhou)
    /// need their province.
    pub fn read(&self, raw: &str) -> Result<Standardised, Reason> {
        let value = plain(raw)?;
        if self.to == Answer::MacroRegion
            && let Some(region) = self.scheme.named(&value)
        {
            return Ok(Standardised::new(region.to_owned(), raw, "region"));
        }
        let wants_city = matches!(self.to, Answer::City | Answer::CityCode);
        let place = search::find(&value, wants_city)?;
        let province = PLACES
            .iter()
            .find(|province| province.is_province() && province.province() == place.province())
            .ok_or(Reason::Region)?;
        // Beijing, Tianjin, Shanghai, Chongqing, Hong Kong and Macao are cities themselves.
        let is_city =
            !place.is_province() || matches!(place.province(), 11 | 12 | 31 | 50 | 81 | 82);
        let city = is_city.then_some(place).ok_or(Reason::Region);
        let answer = match self.to {
            Answer::Province => province.name.to_owned(),
            Answer::ProvinceShort => province.short.to_owned(),
            Answer::ProvinceLatin => province.latin.to_owned(),
            Answer::ProvinceCode => province.code.to_string(),
            Answer::City => city?.name.to_owned(),
            Answer::CityCode => city?.code.to_string(),
            Answer::MacroRegion => self.scheme.region_of(province.province()).to_owned(),
        };
        Ok(Standardised::new(answer, raw, "region"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
#[path = "region_tests.rs"]
mod tests;
