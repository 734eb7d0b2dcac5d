//! Sentences with labelled personal data, from a seed.

use std::ops::Range;

use text::Kind;

/// Makes sentences.
pub(crate) struct Corpus(u64);

/// A sentence in the making.
struct Draft {
    text: String,
    labels: Vec<(Kind, Range<usize>)>,
}

const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "欧阳",
    "司马",
];
const GIVEN: &[&str] = &[
    "伟", "芳", "娜", "敏", "静", "秀英", "丽", "强", "磊", "洋", "艳", "小明", "建国", "雨桐",
    "子轩", "晓东",
];
const FIRST: &[&str] = &[
    "Anna", "Brian", "Chloe", "David", "Emma", "Farid", "Grace", "Hugo", "Ines", "Jack", "Maëlle",
    "O'Neil",
];
const LAST: &[&str] = &[
    "Smith", "Jones", "Taylor", "Garcia", "Müller", "Dubois", "Novak", "Rossi", "Kowalski",
    "Brown", "McDonald",
];
const CITIES: &[(&str, &str, &str)] = &[
    ("北京市", "", "朝阳区"),
    ("上海市", "", "浦东新区"),
    ("广东省", "深圳市", "南山区"),
    ("浙江省", "杭州市", "西湖区"),
    ("四川省", "成都市", "武侯区"),
    ("湖北省", "武汉市", "洪山区"),
    ("江苏省", "南京市", "鼓楼区"),
    ("陕西省", "西安市", "雁塔区"),
];
const ROADS: &[&str] = &[
    "建国路",
    "人民路",
    "中山东路",
    "解放大道",
    "长江路",
    "学院街",
    "幸福巷",
    "科技南路",
    "文三路",
    "花园街",
    "复兴西路",
];
const BLOCKS: &[&str] = &[
    "阳光花园",
    "翠湖小区",
    "锦绣家园",
    "金色公寓",
    "和平新村",
    "明珠大厦",
    "梧桐苑",
];
const STREETS: &[&str] = &[
    "Baker",
    "Oak",
    "Maple",
    "High",
    "Church",
    "King",
    "Elm",
    "Station",
    "Victoria",
    "Park",
    "Mill",
    "Green Hill",
];
const KINDS_OF_STREET: &[&str] = &[
    "Street",
    "Road",
    "Avenue",
    "Lane",
    "Drive",
    "St",
    "Rd",
    "Ave",
    "Boulevard",
    "Close",
    "Crescent",
    "Way",
];
const TOWNS: &[(&str, &str)] = &[
    ("London", "NW1 6XE"),
    ("Leeds", "LS1 4DY"),
    ("Springfield", "IL 62704"),
    ("Austin", "TX 78701"),
    ("Boston", "MA 02108"),
];
const DOMAINS: &[&str] = &[
    "example.com",
    "example.co.uk",
    "mail.example.org",
    "qq.example",
    "shop-mail.example.net",
    "163.example",
];

/// What customers write around it.
const CHINESE: &[&str] = &[
    "东西不错，物流也快。",
    "用了三天就坏了，很失望！",
    "客服态度很好，",
    "已经等了5天还没到，",
    "包装破损，希望退款；",
    "第2次购买了，",
    "性价比高，推荐。",
    "双11买的，花了1299元，",
    "尺码偏小，建议大一号。",
    "和描述一致，",
    "麻烦尽快处理，谢谢！",
    "屏幕6.7寸，电池5000毫安，",
];
const ENGLISH: &[&str] = &[
    "Great product, fast delivery. ",
    "It broke after 3 days! ",
    "The staff were friendly, ",
    "I have waited for 2 weeks now. ",
    "Five stars; would buy again. ",
    "Not worth $49.99, ",
    "The size runs small. ",
    "Arrived on time, well packed. ",
    "Please help me soon. ",
    "I paid 1,299.00 for it. ",
];

impl Corpus {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a sentence with the places of all personal data in it.
    pub(crate) fn sentence(&mut self) -> (String, Vec<(Kind, Range<usize>)>) {
        let chinese = self.chance(2);
        let around = if chinese { CHINESE } else { ENGLISH };
        let mut draft = Draft {
            text: String::new(),
            labels: Vec::new(),
        };
        draft.text.push_str(self.pick(around));
        for _ in 0..1 + self.below(3) {
            match self.below(5) {
                0 | 1 => self.near_miss(chinese, &mut draft),
                _ => self.personal(chinese, &mut draft),
            }
            draft.text.push_str(if chinese { "。" } else { ". " });
            if self.chance(3) {
                draft.text.push_str(self.pick(around));
            }
        }
        (draft.text, draft.labels)
    }

    fn personal(&mut self, chinese: bool, draft: &mut Draft) {
        let kind = Kind::ALL[self.below(7)];
        let (before, after): (&[&str], &[&str]) = match (kind, chinese) {
            (Kind::Phone, true) => (
                &[
                    "我的电话是",
                    "请打",
                    "手机：",
                    "联系方式 ",
                    "有问题打我",
                    "电话",
                    "，",
                    "回电",
                ],
                &["", "，谢谢", " 找我", "（下午在）"],
            ),
            (Kind::Phone, false) => (
                &[
                    "call me on ",
                    "my number is ",
                    "phone: ",
                    "text ",
                    "reach me at ",
                    "Tel. ",
                    "ring ",
                ],
                &["", " after 5 pm", ", thanks"],
            ),
            (Kind::Email, true) => (
                &["邮箱是", "发到", "请回复", "我的邮箱："],
                &["", "，谢谢", "即可"],
            ),
            (Kind::Email, false) => (
                &["write to ", "my email is ", "contact ", "<"],
                &["", ", please", "> works"],
            ),
            (Kind::IdNumber, true) => (
                &["身份证", "证件号", "我的身份证号码是", "实名信息", ""],
                &["", "，请核对", "已上传"],
            ),
            (Kind::IdNumber, false) => (
                &["my Chinese ID is ", "ID number ", "identity card "],
                &["", ", as asked", " on file"],
            ),
            (Kind::Card, true) => (
                &["卡号", "银行卡", "退款到", "请退到"],
                &["", "，谢谢", "这张卡"],
            ),
            (Kind::Card, false) => (
                &["charged card ", "my card number is ", "refund to ", "Visa "],
                &["", " twice", ", exp 12/27"],
            ),
            (Kind::Ip, true) => (&["登录IP是", "来自", "地址 "], &["", "，异常"]),
            (Kind::Ip, false) => (
                &["login from ", "my IP is ", "blocked address "],
                &["", ", why", " again"],
            ),
            (Kind::Address, true) => (
                &["地址：", "请寄到", "我住在", "送到了", "收货地址是"],
                &["", "，别送错", "，谢谢"],
            ),
            (Kind::Address, false) => (
                &["send it to ", "I live at ", "address: ", "deliver to "],
                &["", ", please", " instead"],
            ),
            (Kind::Name, _) => (&[""], &[""]),
        };
        draft.text.push_str(self.pick(before));
        if kind == Kind::Name {
            self.name(chinese, draft);
        } else {
            let value = self.value(kind, chinese);
            draft.label(kind, &value);
        }
        draft.text.push_str(self.pick(after));
    }

    fn value(&mut self, kind: Kind, chinese: bool) -> String {
        match kind {
            Kind::Phone if chinese || self.chance(4) => self.chinese_phone(),
            Kind::Phone => self.foreign_phone(),
            Kind::Email => {
                let (first, last) = (
                    self.pick(FIRST).to_lowercase().replace(['ë', '\''], "e"),
                    self.pick(LAST).to_lowercase().replace('ü', "u"),
                );
                let number = self.below(1000);
                let local = match self.below(5) {
                    0 => format!("{first}.{last}"),
                    1 => format!("{first}{number}"),
                    2 => format!("{first}_{last}+shop"),
                    3 => self.digits(9),
                    _ => format!("{}{last}", &first[..1]),
                };
                format!("{local}@{}", self.pick(DOMAINS))
            }
            Kind::IdNumber => self.id_number(),
            Kind::Card => self.card(),
            Kind::Ip => match self.below(4) {
                0 => format!(
                    "2001:db8:{:x}::{:x}",
                    1 + self.below(65_000),
                    1 + self.below(65_000)
                ),
                _ => format!(
                    "{}.{}.{}.{}",
                    1 + self.below(126 - 1),
                    self.below(256),
                    self.below(256),
                    1 + self.below(254)
                )
                .replace("127.", "128."),
            },
            Kind::Address if chinese => self.chinese_address(),
            _ => self.english_address(),
        }
    }

    fn chinese_phone(&mut self) -> String {
        let mobile = format!(
            "1{}{}",
            self.pick(&[
                "30", "35", "38", "39", "50", "58", "59", "76", "80", "86", "88", "91", "99"
            ]),
            self.digits(8)
        );
        let parts = |separator: &str| [&mobile[..3], &mobile[3..7], &mobile[7..]].join(separator);
        match self.below(10) {
            0 => parts(" "),
            1 => parts("-"),
            2 => format!("+86 {mobile}"),
            3 => format!("+86-{}", parts("-")),
            4 => format!(
                "0{}-{}{}",
                self.pick(&["10", "21", "755", "571", "28"]),
                2 + self.below(7),
                self.digits(7)
            ),
            5 => format!(
                "({}){}{}",
                self.pick(&["010", "021", "0571"]),
                2 + self.below(7),
                self.digits(7)
            ),
            6 => mobile
                .chars()
                .map(|c| char::from_u32(c as u32 - 0x30 + 0xff10).unwrap_or(c))
                .collect(),
            _ => mobile,
        }
    }

    fn foreign_phone(&mut self) -> String {
        let (area, exchange) = (2 + self.below(8), 2 + self.below(8));
        let (two, three, four) = (self.digits(2), self.digits(2), self.digits(4));
        match self.below(8) {
            0 => format!("({area}{two}) {exchange}{three}-{four}"),
            1 => format!("{area}{two}-{exchange}{three}-{four}"),
            2 => format!("+1 {area}{two} {exchange}{three} {four}"),
            3 => format!("{area}{two}.{exchange}{three}.{four}"),
            4 => format!("+44 7{} {}", self.digits(3), self.digits(6)),
            5 => format!("07{} {}", self.digits(3), self.digits(6)),
            6 => format!(
                "+33 6 {} {} {} {}",
                self.digits(2),
                self.digits(2),
                self.digits(2),
                self.digits(2)
            ),
            _ => format!("+49 30 {}", self.digits(8)),
        }
    }

    fn id_number(&mut self) -> String {
        let place = self.pick(&[
            "110105", "310115", "440305", "330106", "510107", "420111", "320106", "610113",
        ]);
        let (year, month, day) = (
            1950 + self.below(60),
            1 + self.below(12),
            1 + self.below(28),
        );
        if self.chance(8) {
            return format!(
                "{place}{:02}{month:02}{day:02}{}",
                year % 50 + 50,
                self.digits(3)
            );
        }
        let body = format!("{place}{year}{month:02}{day:02}{}", self.digits(3));
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = body
            .bytes()
            .zip(weights)
            .map(|(byte, weight)| u32::from(byte - b'0') * weight)
            .sum();
        let check = char::from(b"10X98765432"[(sum % 11) as usize]);
        match self.below(8) {
            0 => format!("{} {} {}{check}", &body[..6], &body[6..14], &body[14..]),
            1 => format!("{body}{}", check.to_ascii_lowercase()),
            _ => format!("{body}{check}"),
        }
    }

    fn card(&mut self) -> String {
        let (prefix, length) = [
            ("4", 16),
            ("51", 16),
            ("54", 16),
            ("622202", 19),
            ("621700", 19),
            ("6228", 19),
            ("37", 15),
            ("6011", 16),
            ("625", 16),
        ][self.below(9)];
        let mut body = format!("{prefix}{}", self.digits(length - 1 - prefix.len()));
        let check = (0..10)
            .find(|check| luhn(&format!("{body}{check}")))
            .unwrap_or(0);
        body.push(char::from(b'0' + check as u8));
        match self.below(3) {
            0 if length != 15 => {
                let pieces: Vec<&str> = (0..length.div_ceil(4))
                    .map(|at| &body[4 * at..(4 * at + 4).min(length)])
                    .collect();
                pieces.join(if self.chance(2) { " " } else { "-" })
            }
            _ => body,
        }
    }

    fn chinese_address(&mut self) -> String {
        let (province, city, district) = CITIES[self.below(CITIES.len())];
        let region = match self.below(4) {
            0 => String::new(),
            1 => district.to_owned(),
            2 => format!(
                "{}{district}",
                if city.is_empty() { province } else { city }
            ),
            _ => format!("{province}{city}{district}"),
        };
        let (road, block) = (self.pick(ROADS), self.pick(BLOCKS));
        let (number, building, room) = (
            1 + self.below(400),
            1 + self.below(30),
            101 + self.below(2000),
        );
        match self.below(6) {
            0 => format!("{region}{road}{number}号"),
            1 => format!("{region}{road}{number}号{building}号楼{room}室"),
            2 => format!("{region}{road}{number}号{block}{building}栋{room}"),
            3 => format!(
                "{region}{block}{building}栋{}单元{room}室",
                1 + self.below(4)
            ),
            4 => format!("{region}{road}{number}弄{building}号{room}室"),
            _ => format!("{region}{road} {number} 号"),
        }
    }

    fn english_address(&mut self) -> String {
        let (number, street, kind) = (
            1 + self.below(900),
            self.pick(STREETS),
            self.pick(KINDS_OF_STREET),
        );
        let (town, code) = TOWNS[self.below(TOWNS.len())];
        match self.below(10) {
            7 => format!("{number} {} {}", street.to_lowercase(), kind.to_lowercase()),
            8 => format!(
                "{number} rue {}",
                ["de la Paix", "Victor Hugo", "des Lilas"][number % 3]
            ),
            9 => format!(
                "{} {number}",
                ["Hauptstraße", "Goethestr.", "Mozartweg"][number % 3]
            ),
            0 => format!("{number} {street} {kind}"),
            1 => format!("{number} {street} {kind}, {town}"),
            2 => format!("{number} {street} {kind}, {town}, {code}"),
            3 => format!(
                "{number} {street} {kind}, Apt {}, {town}",
                1 + self.below(90)
            ),
            4 => format!("{number}B {street} {kind}, {town} {code}"),
            5 => format!(
                "{number} {} Street",
                self.pick(&["oak", "maple", "baker", "victoria"])
            )
            .replace("Street", "street"),
            _ => format!("P.O. Box {}", 100 + self.below(9000)),
        }
    }

    fn name(&mut self, chinese: bool, draft: &mut Draft) {
        if chinese {
            let name = format!("{}{}", self.pick(SURNAMES), self.pick(GIVEN));
            let surname = self.pick(SURNAMES).to_owned();
            let (before, name, after) = match self.below(6) {
                0 => ("我叫", name, "，等回复"),
                1 => ("收件人：", name, "，急用"),
                2 => ("姓名", name, "，请查"),
                3 => ("感谢", surname, "师傅送货上门"),
                4 => ("客服", name, "小姐很耐心"),
                _ => ("请", surname, "先生联系我"),
            };
            draft.text.push_str(before);
            draft.label(Kind::Name, &name);
            draft.text.push_str(after);
        } else {
            let (first, last) = (self.pick(FIRST), self.pick(LAST));
            let (before, name, after) = match self.below(5) {
                0 => ("my name is ", format!("{first} {last}"), ", please reply"),
                1 => ("thanks to Mr. ", last.to_owned(), " at the desk"),
                2 => ("Dr ", format!("{first} {last}"), " was rude"),
                3 => ("Ms ", last.to_owned(), " helped me"),
                _ => ("Name: ", format!("{first} {last}"), ""),
            };
            draft.text.push_str(before);
            draft.label(Kind::Name, &name);
            draft.text.push_str(after);
        }
    }

    /// Adds what looks like personal data and is none.
    fn near_miss(&mut self, chinese: bool, draft: &mut Draft) {
        let (day, month, year) = (
            1 + self.below(28),
            1 + self.below(12),
            2015 + self.below(11),
        );
        let number = |corpus: &mut Self, count: usize| {
            format!("{}{}", 1 + corpus.below(9), corpus.digits(count - 1))
        };
        // The hardest are the rarest.
        let die = self.below(142);
        let text = match (if die < 140 { die % 14 } else { die - 126 }, chinese) {
            // Numbers of the form of a telephone's or a card's that are none.
            (14, true) => format!("会员13{}", self.digits(9)),
            (14, false) => format!(
                "loyalty 4{} and member 15{}",
                self.digits(15),
                self.digits(9)
            ),
            (15, true) => format!("在这条路上3号来的，{}号楼很旧", self.below(9)),
            (15, false) => format!(
                "{} Park Rangers Drive vans and 3 High Court cases",
                self.below(90)
            ),
            (0, true) => format!("订单号{}", number(self, 18)),
            (0, false) => format!("order {}", number(self, 12)),
            (1, true) => format!("订单{year}{month:02}{day:02}{}已签收", self.digits(8)),
            (1, false) => format!("Order no. {year}{month:02}{day:02}-{}", self.digits(6)),
            (2, true) => {
                format!("{year}年{month}月{day}日下的单，{year}-{month:02}-{day:02} 10:30:45 发货")
            }
            (2, false) => format!(
                "ordered on {month:02}/{day:02}/{year}, shipped {year}-{month:02}-{day:02}T10:30:45"
            ),
            (3, true) => format!(
                "花了{}元，运费{}.50元",
                1000 + self.below(90_000),
                self.below(30)
            ),
            (3, false) => format!(
                "cost ${}.{:02} and {},{:03}.00 in total",
                self.below(9000),
                self.below(100),
                1 + self.below(9),
                self.below(1000)
            ),
            (4, true) => format!("货号AB-{}-{}", self.digits(4), self.digits(4)),
            (4, false) => format!(
                "SKU {}-{}-{}",
                self.digits(3),
                self.digits(3),
                self.digits(4)
            ),
            (5, true) => format!("运单号SF{}", number(self, 13)),
            (5, false) => format!("tracking 1Z{} or {}", number(self, 12), number(self, 12)),
            (6, true) => format!(
                "坐{}路公交到3号线地铁站，走了{}公里",
                1 + self.below(900),
                self.below(9)
            ),
            (6, false) => format!("ISBN 978-3-16-{}-0", number(self, 6)),
            (7, true) => format!(
                "版本{}.{}.{}.{}有问题",
                self.below(20),
                self.below(10),
                self.below(10),
                self.below(100)
            ),
            (7, false) => format!(
                "firmware version {}.{}.{}.{}",
                self.below(20),
                self.below(10),
                self.below(10),
                self.below(100)
            ),
            (8, true) => format!("编号{}", number(self, 11)),
            (8, false) => format!("invoice {}", number(self, 10)),
            (9, true) => "人民路那家店更好，路上堵了20分钟，第3号窗口".to_owned(),
            (9, false) => format!(
                "waited {} minutes on the street for 2 drivers, gate {}",
                self.below(90),
                self.below(40)
            ),
            (10, true) => format!(
                "评分{}/10，满意度{}%，{}人付款",
                self.below(10),
                self.below(100),
                number(self, 5)
            ),
            (10, false) => format!(
                "{} out of 10, {}% off, {} people agree",
                self.below(10),
                self.below(100),
                number(self, 4)
            ),
            (11, true) => format!("坐标39.{}, 116.{}", self.digits(4), self.digits(4)),
            (11, false) => format!(
                "see https://shop.example/item/{} and @shop",
                number(self, 11)
            ),
            (12, true) => format!(
                "型号X{}，电池{}毫安，重{}克",
                self.digits(4),
                number(self, 4),
                number(self, 3)
            ),
            (12, false) => format!(
                "model WH-{}XM{} weighs {} g at 10:30",
                self.digits(4),
                self.below(9),
                number(self, 3)
            ),
            // Nothing says what it is.
            (_, true) => format!("查到{}，对吗", number(self, 14)),
            (_, false) => format!("I got {} back", number(self, 17)),
        };
        draft.text.push_str(&text);
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.below(10) as u8))
            .collect()
    }
}

impl Draft {
    fn label(&mut self, kind: Kind, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        self.labels.push((kind, start..self.text.len()));
    }
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0') * (1 + at as u32 % 2);
            digit / 10 + digit % 10
        })
        .sum();
    sum.is_multiple_of(10)
}
