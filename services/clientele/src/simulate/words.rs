//! Words that simulated customers use and things that they buy.

/// Departments with their products and prices in cents.
pub(crate) const DEPARTMENTS: [(&str, [(&str, i64); 4]); 6] = [
    (
        "kitchen",
        [
            ("teapot", 2_450),
            ("chopping board", 1_890),
            ("cast-iron pan", 5_900),
            ("storage jar", 790),
        ],
    ),
    (
        "garden",
        [
            ("watering can", 1_650),
            ("pruning shears", 2_300),
            ("seed set", 690),
            ("folding chair", 4_400),
        ],
    ),
    (
        "toys",
        [
            ("wooden train", 3_200),
            ("jigsaw", 1_450),
            ("kite", 1_990),
            ("building blocks", 2_750),
        ],
    ),
    (
        "textiles",
        [
            ("linen apron", 2_150),
            ("wool blanket", 6_900),
            ("cushion", 1_790),
            ("tea towels", 990),
        ],
    ),
    (
        "lighting",
        [
            ("desk lamp", 4_900),
            ("string lights", 1_590),
            ("lantern", 2_290),
            ("candle set", 890),
        ],
    ),
    (
        "stationery",
        [
            ("notebook", 850),
            ("fountain pen", 3_900),
            ("gift wrap", 490),
            ("calendar", 1_250),
        ],
    ),
];

/// Opinions by language, from bad to good; `{}` stands for the product.
const ENGLISH: [[&str; 3]; 3] = [
    [
        "The {} broke within a week.",
        "Very disappointed with the {}, it came scratched.",
        "The {} is not worth its price and delivery took ages.",
    ],
    [
        "The {} is fine, nothing special.",
        "Decent {}, a little smaller than I thought.",
        "The {} does its job.",
    ],
    [
        "Love the {}, beautifully made.",
        "The {} is even better than in the picture, quick delivery too!",
        "Great {}, I would buy it again.",
    ],
];
const CHINESE: [[&str; 3]; 3] = [
    [
        "{}用了一个星期就坏了,很失望。",
        "{}收到时有划痕,客服也不理人。",
        "{}质量差,不值这个价,物流还特别慢。",
    ],
    [
        "{}还可以,中规中矩。",
        "{}比想象中小一点,能用。",
        "{}一般般,对得起价格。",
    ],
    [
        "{}做工精致,非常喜欢!",
        "{}比图片还好看,发货也快,好评!",
        "很满意的{},下次还会回购。",
    ],
];

/// Returns a review in `language` (`zh` or `en`) that fits a rating of 1 to 5; `pick` chooses among the wordings.
pub(crate) fn review(language: &str, rating: u8, product: &str, pick: usize) -> String {
    let mood = match rating {
        0..=2 => 0,
        3 => 1,
        _ => 2,
    };
    let wordings = if language == "zh" {
        &CHINESE[mood]
    } else {
        &ENGLISH[mood]
    };
    wordings[pick % wordings.len()].replace("{}", product)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_name_the_product_in_both_languages() {
        for language in ["zh", "en"] {
            for rating in 1..=5 {
                for pick in 0..3 {
                    assert!(review(language, rating, "teapot", pick).contains("teapot"));
                }
            }
        }
        assert!(review("zh", 5, "teapot", 0).contains("喜欢"));
    }
}
