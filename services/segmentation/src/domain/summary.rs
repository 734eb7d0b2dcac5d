//! What the members of a segment are like, in numbers and in one sentence.

use super::rfm::Buyer;

/// Description of a segment's members.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Members.
    pub customers: i64,
    /// Share of all customers with a purchase, 0 to 1.
    pub customer_share: f64,
    /// Net spend in minor units.
    pub net_spend_minor: i64,
    /// Share of all net spend; 0 when there is none.
    pub net_spend_share: f64,
    /// Median days since the last purchase.
    pub median_recency_days: f64,
    /// Mean purchase days.
    pub mean_purchase_days: f64,
    /// Mean value of a purchase day in minor units.
    pub mean_purchase_value_minor: f64,
}

/// All customers with a purchase, which shares are of.
#[derive(Debug, Clone, Copy)]
pub struct Population {
    /// Customers.
    pub customers: i64,
    /// Their net spend in minor units.
    pub net_spend_minor: i64,
}

impl Population {
    /// Counts a population.
    pub fn of(buyers: &[Buyer]) -> Self {
        Self {
            customers: buyers.len() as i64,
            net_spend_minor: buyers.iter().map(|b| b.net_spend_minor).sum(),
        }
    }
}

/// Describes the members of a segment.
pub fn summarise(members: &[Buyer], all: Population) -> Summary {
    let own = Population::of(members);
    let purchase_days: i64 = members
        .iter()
        .map(|buyer| i64::from(buyer.purchase_days))
        .sum();
    let share = |part: i64, whole: i64| {
        if whole == 0 {
            0.0
        } else {
            part as f64 / whole as f64
        }
    };
    let mut recencies: Vec<i32> = members.iter().map(|buyer| buyer.recency_days).collect();
    recencies.sort_unstable();
    let median = match recencies.len() {
        0 => 0.0,
        n if n % 2 == 1 => f64::from(recencies[n / 2]),
        n => f64::midpoint(f64::from(recencies[n / 2 - 1]), f64::from(recencies[n / 2])),
    };
    Summary {
        customers: own.customers,
        customer_share: share(own.customers, all.customers),
        net_spend_minor: own.net_spend_minor,
        net_spend_share: share(own.net_spend_minor, all.net_spend_minor),
        median_recency_days: median,
        mean_purchase_days: share(purchase_days, own.customers),
        mean_purchase_value_minor: share(own.net_spend_minor, purchase_days),
    }
}

impl Summary {
    /// Says it in one sentence. `currency` is an ISO 4217 code.
    pub fn text(&self, currency: &str) -> String {
        if self.customers == 0 {
            return "Nobody is in this segment.".to_owned();
        }
        let digits = minor_digits(currency);
        let value = self.mean_purchase_value_minor / 10_f64.powi(digits as i32);
        let times = if (self.mean_purchase_days - 1.0).abs() < 0.05 {
            "once".to_owned()
        } else {
            format!("on {:.1} days", self.mean_purchase_days)
        };
        format!(
            "{} {}, {:.1} % of all with {:.1} % of net spend: they bought {times} on average, {value:.digits$} {currency} a \
             time, and half of them last bought within {:.0} days.",
            self.customers,
            if self.customers == 1 {
                "customer"
            } else {
                "customers"
            },
            100.0 * self.customer_share,
            100.0 * self.net_spend_share,
            self.median_recency_days.ceil(),
        )
    }
}

/// Returns how many digits a currency's minor unit has behind the point.
fn minor_digits(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer(recency_days: i32, purchase_days: i32, net_spend_minor: i64) -> Buyer {
        Buyer {
            ordinal: 1,
            recency_days,
            purchase_days,
            net_spend_minor,
        }
    }

    #[test]
    fn shares_and_means_are_of_the_population() {
        let all = [
            buyer(2, 3, 9_000),
            buyer(10, 1, 1_000),
            buyer(30, 1, 2_000),
            buyer(50, 5, 8_000),
        ];
        let summary = summarise(&all[..2], Population::of(&all));
        assert_eq!((summary.customers, summary.net_spend_minor), (2, 10_000));
        assert_eq!(
            (summary.customer_share, summary.net_spend_share),
            (0.5, 0.5)
        );
        assert_eq!(
            (summary.median_recency_days, summary.mean_purchase_days),
            (6.0, 2.0)
        );
        assert_eq!(summary.mean_purchase_value_minor, 2_500.0);
        assert_eq!(
            summary.text("GBP"),
            "2 customers, 50.0 % of all with 50.0 % of net spend: they bought on 2.0 days on average, 25.00 GBP a time, \
             and half of them last bought within 6 days."
        );
    }

    #[test]
    fn an_empty_segment_says_so() {
        let summary = summarise(
            &[],
            Population {
                customers: 0,
                net_spend_minor: 0,
            },
        );
        assert_eq!(summary, Summary::default());
        assert_eq!(summary.text("GBP"), "Nobody is in this segment.");
    }

    #[test]
    fn values_have_the_digits_of_their_currency() {
        let all = [buyer(1, 1, 4_200)];
        let summary = summarise(&all, Population::of(&all));
        assert!(
            summary
                .text("JPY")
                .contains("bought once on average, 4200 JPY a time"),
            "{}",
            summary.text("JPY")
        );
        assert!(summary.text("KWD").contains("4.200 KWD a time"));
        assert!(summary.text("CLF").contains("0.4200 CLF a time"));
    }

    #[test]
    fn half_of_the_members_bought_within_the_days_told() {
        let all = [buyer(2, 1, 100), buyer(3, 1, 100)];
        let text = summarise(&all, Population::of(&all)).text("GBP");
        assert!(
            text.ends_with("half of them last bought within 3 days."),
            "{text}"
        );
    }
}
