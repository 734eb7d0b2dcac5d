//! Response curves for channels without history. Assumptions all, and marked so in every answer.
//!
//! Each is per customer: spend in minor units on one customer against revenue in thousandths of that customer's lifetime
//! value, for a currency with a hundred minor units. They say three things that are widely seen and easy to argue about:
//! cheap channels saturate at small spend, dear ones reach further, and nothing moves more than a few per cent of a
//! customer's value in one plan. A tenant that measures should replace them.

use super::curve::Curve;

/// A channel's assumed response.
#[derive(Debug, Clone, Copy)]
pub struct ChannelDefault {
    /// Name of the channel.
    pub channel: &'static str,
    /// Response per customer.
    pub curve: Curve,
    /// The assumption in one sentence.
    pub sentence: &'static str,
}

/// The table of assumptions, by name of the channel.
pub const CHANNELS: [ChannelDefault; 5] = [
    ChannelDefault {
        channel: "direct_mail",
        // One letter costs 60 to 90; two reach nearly everybody who reacts at all.
        curve: Curve::Exponential {
            ceiling: 45.0,
            scale: 120.0,
        },
        sentence: "direct_mail is assumed to add at most 4.5 % of lifetime value, 63 % of it at 1.20 per customer",
    },
    ChannelDefault {
        channel: "email",
        // A mail costs about 1 with its production; after a handful per plan further ones are ignored.
        curve: Curve::Exponential {
            ceiling: 15.0,
            scale: 6.0,
        },
        sentence: "email is assumed to add at most 1.5 % of lifetime value, 63 % of it at 0.06 per customer",
    },
    ChannelDefault {
        channel: "paid_social",
        // Bought impressions reach customers unevenly, so saturation is slow: half only at 0.60 per customer.
        curve: Curve::Hill {
            ceiling: 35.0,
            half: 60.0,
            shape: 1.0,
        },
        sentence: "paid_social is assumed to add at most 3.5 % of lifetime value, half of it at 0.60 per customer",
    },
    ChannelDefault {
        channel: "push",
        // Nearly free, seen by those alone who installed the app, and soon switched off.
        curve: Curve::Exponential {
            ceiling: 8.0,
            scale: 3.0,
        },
        sentence: "push is assumed to add at most 0.8 % of lifetime value, 63 % of it at 0.03 per customer",
    },
    ChannelDefault {
        channel: "sms",
        // A message costs 4 to 6 and is read; more than a few per plan drive customers away.
        curve: Curve::Exponential {
            ceiling: 18.0,
            scale: 20.0,
        },
        sentence: "sms is assumed to add at most 1.8 % of lifetime value, 63 % of it at 0.20 per customer",
    },
];

/// Returns the assumption for a channel, `None` when there is none.
pub fn of(channel: &str) -> Option<&'static ChannelDefault> {
    CHANNELS.iter().find(|default| default.channel == channel)
}

/// Scales a response per customer to a group: `customers` of them, worth `clv_minor` together in minor units.
///
/// A group without customers or without value responds to nothing.
pub fn for_group(per_customer: &Curve, customers: i64, clv_minor: i64) -> Curve {
    if customers <= 0 || clv_minor <= 0 {
        return Curve::nothing();
    }
    per_customer.scaled(customers as f64, clv_minor as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_sound_and_found_by_name() {
        for default in &CHANNELS {
            assert!(
                default.curve.violations("c").is_empty(),
                "{}",
                default.channel
            );
            assert!(default.sentence.starts_with(default.channel));
            assert_eq!(
                of(default.channel).map(|found| found.channel),
                Some(default.channel)
            );
        }
        assert!(CHANNELS.is_sorted_by_key(|default| default.channel));
        assert!(of("television").is_none());
    }

    #[test]
    fn a_group_responds_as_its_customers_do() {
        let sms = of("sms").map(|default| default.curve).unwrap();
        // 200 customers worth 50.00 each; 0.20 on each of them gives 63 % of 1.8 % of 10,000.00.
        let group = for_group(&sms, 200, 1_000_000);
        assert!((group.value(4_000.0) - 18_000.0 * (1.0 - (-1.0_f64).exp())).abs() < 1e-6);
        assert_eq!(for_group(&sms, 0, 1_000_000).value(1e6), 0.0);
        assert_eq!(for_group(&sms, 10, -5).value(1e6), 0.0);
    }
}
