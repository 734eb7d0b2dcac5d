//! What the words just before a number say that it is.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A telephone number.
    Phone,
    /// A number of something else: an order, a parcel, a product.
    Other,
    /// Nothing.
    Nothing,
}

/// How many characters before a number are read.
const REACH: usize = 24;

const PHONE: &[&str] = &[
    "电话",
    "手机",
    "座机",
    "致电",
    "拨打",
    "联系我",
    "联系方式",
    "号码",
    "热线",
    "短信",
    "打给",
    "回电",
    "来电",
    "微信",
    "phone",
    "mobile",
    "cell",
    "call",
    "tel",
    "whatsapp",
    "dial",
    "text me",
    "reach me",
    "contact",
    "fax",
    "sms",
];
const OTHER: &[&str] = &[
    "订单",
    "单号",
    "编号",
    "运单",
    "流水",
    "货号",
    "型号",
    "批号",
    "批次",
    "发票",
    "合同",
    "票号",
    "工单",
    "序列号",
    "条码",
    "价格",
    "金额",
    "积分",
    "版本",
    "order",
    "invoice",
    "tracking",
    "sku",
    "ref",
    "serial",
    "batch",
    "item",
    "ticket",
    "isbn",
    "ean",
    "upc",
    "model",
    "part",
    "policy",
    "case",
    "parcel",
    "shipment",
    "transaction",
    "receipt",
    "price",
    "total",
    "amount",
    "asin",
    "barcode",
    "version",
    "firmware",
    "build",
    "release",
    "imei",
    "lot",
    "article",
    "product",
    "coupon",
    "voucher",
];

/// Both lists, that of telephones first. The words are few and fixed, so that the search can always be built.
static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the words stand above")]
    AhoCorasick::new(PHONE.iter().chain(OTHER)).expect("few words")
});

/// Returns what the words before a number say that it is: the nearest counts, within the clause.
pub(super) fn said(before: &str) -> Said {
    let from = before
        .char_indices()
        .rev()
        .nth(REACH - 1)
        .map_or(0, |(at, _)| at);
    let near = &before[from..];
    let ends = |c: char| {
        matches!(
            c,
            ',' | ';' | '!' | '?' | '\n' | '。' | '、' | '，' | '[' | ']'
        )
    };
    let clause = near.rsplit(ends).next().unwrap_or_default();
    // A point ends a sentence unless what it follows is short: `no. 12`, `Tel. 34`.
    let clause = match clause.rsplit_once(". ") {
        Some((first, rest)) if !is_short(first) => rest,
        _ => clause,
    };
    let clause = clause.to_lowercase();
    let mut nearest = [0; 2];
    for found in WORDS.find_overlapping_iter(&clause) {
        if is_whole(&clause, found.start(), found.end()) {
            let other = usize::from(found.pattern().as_usize() >= PHONE.len());
            nearest[other] = nearest[other].max(found.end());
        }
    }
    match nearest {
        [0, 0] => Said::Nothing,
        [phone, other] if phone > other => Said::Phone,
        _ => Said::Other,
    }
}

/// Returns whether a text ends with a word of at most three letters.
fn is_short(text: &str) -> bool {
    let letters = text.chars().rev().take_while(|c| c.is_alphabetic()).count();
    (1..=3).contains(&letters)
}

/// Returns whether a place is a word of its own, or its plural.
fn is_whole(clause: &str, start: usize, end: usize) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic();
    let (before, word, after) = (&clause[..start], &clause[start..end], &clause[end..]);
    let longer = after.starts_with(letter) && !after.starts_with('s');
    let begins_within = word.starts_with(letter) && before.ends_with(letter);
    let ends_within = word.ends_with(letter) && longer;
    !(begins_within || ends_within)
}

/// Returns whether an amount, a measure or a per cent sign follows.
pub(super) fn is_counted(after: &str) -> bool {
    const UNITS: &[&str] = &[
        "元", "块", "円", "%", "€", "£", "$", "件", "公里", "千克", "公斤", "毫升", "人", "分钟",
        "小时", "天", "km", "kg", "ml", "usd", "eur", "gbp", "rmb", "cny",
    ];
    let rest = after.strip_prefix(' ').unwrap_or(after);
    let letter = |c: char| c.is_ascii_alphanumeric();
    UNITS.iter().any(|unit| {
        let same = rest
            .get(..unit.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(unit));
        same && !(unit.ends_with(letter) && rest[unit.len()..].starts_with(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_the_nearest_word_of_the_clause() {
        for (before, expected) in [
            ("我的电话是", Said::Phone),
            ("订单号：", Said::Other),
            ("订单的联系电话", Said::Phone),
            ("订单已收到，", Said::Nothing),
            ("please call me on ", Said::Phone),
            ("hotel ", Said::Nothing),
            ("Order no. ", Said::Other),
            ("", Said::Nothing),
        ] {
            assert_eq!(said(before), expected, "{before}");
        }
        assert!(is_counted("元") && is_counted(" kg.") && !is_counted("kgs") && !is_counted("号"));
    }
}
