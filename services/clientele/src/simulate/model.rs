//! The generative model: what customers are like, and what they do.
//!
//! Purchases follow the 'buy till you die' story that lifetime-value models assume, so that a fit can be judged against
//! the truth: a customer buys at a rate drawn from a gamma distribution and leaves for ever after a purchase with a
//! probability drawn from a beta distribution; the value of a purchase is gamma distributed with a scale that is itself
//! gamma distributed over customers. The season thins purchases. Everything else (visits, campaign touches, reviews,
//! surveys) hangs on that life.

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Exp, Gamma};
use serde::Serialize;

/// Channels through which a campaign can touch a customer, with the cost of one touch in cents.
pub(crate) const CHANNELS: [(&str, i64); 5] = [
    ("email", 2),
    ("sms", 8),
    ("push", 1),
    ("paid_social", 45),
    ("direct_mail", 140),
];
/// Where an order can be placed.
pub(crate) const OUTLETS: [&str; 3] = ["web", "app", "store"];

/// Parameters of the model: the truth that a fit should find again.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Truth {
    /// Shape of the gamma distribution of weekly purchase rates.
    pub(crate) r: f64,
    /// Rate of that distribution, in weeks.
    pub(crate) alpha: f64,
    /// First parameter of the beta distribution of the probability to leave after a purchase.
    pub(crate) a: f64,
    /// Second parameter of that distribution.
    pub(crate) b: f64,
    /// Shape of the value of a purchase within a customer.
    pub(crate) p: f64,
    /// Shape of the distribution of its rate over customers.
    pub(crate) q: f64,
    /// Rate of that distribution, in whole currency units.
    pub(crate) v: f64,
    /// Height of the yearly season: purchases swing by this share around their mean and peak in early December.
    pub(crate) season: f64,
    /// Share of orders placed without any identifier (guests at a till).
    pub(crate) guest_share: f64,
    /// Share of orders that are sent back in full.
    pub(crate) refund_share: f64,
    /// Share of rows that a source sends twice.
    pub(crate) resend_share: f64,
}

impl Default for Truth {
    fn default() -> Self {
        Self {
            r: 0.75,
            alpha: 5.0,
            a: 0.8,
            b: 4.5,
            p: 6.0,
            q: 4.0,
            v: 16.0,
            season: 0.3,
            guest_share: 0.04,
            refund_share: 0.03,
            resend_share: 0.005,
        }
    }
}

/// Size and place in time of the simulated world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// Customers who buy at least once.
    pub(crate) customers: u32,
    /// Seed; the same seed and size give the same bytes.
    pub(crate) seed: u64,
    /// First day.
    pub(crate) start: NaiveDate,
    /// Days that are observed.
    pub(crate) days: u32,
}

/// One customer's own traits and true life.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Customer {
    /// Customer number in the shop, for example `C000017`.
    pub(crate) customer_id: String,
    /// True weekly purchase rate.
    pub(crate) weekly_rate: f64,
    /// True probability to leave after a purchase.
    pub(crate) leave_probability: f64,
    /// True mean value of a purchase in whole currency units.
    pub(crate) mean_value: f64,
    /// True if the customer had not left when the observation ended.
    pub(crate) alive_at_end: bool,
    /// Repeat purchases in the observed time.
    pub(crate) repeat_purchases: u32,
    /// Channel to whose touches the customer reacts most.
    pub(crate) preferred_channel: &'static str,
    /// Outlet where the customer mostly buys.
    pub(crate) preferred_outlet: &'static str,
    /// Language of the customer's reviews: `zh` or `en`.
    pub(crate) language: &'static str,
    /// Department the customer mostly buys from.
    pub(crate) department: usize,
}

/// One purchase.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    /// When it was made.
    pub(crate) time: DateTime<Utc>,
    /// Its value in cents, at least 1.
    pub(crate) cents: i64,
}

/// Returns the random source of one customer: independent of how many others there are.
pub(crate) fn customer_rng(seed: u64, index: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(index) + 1);
    rng
}

/// Draws one customer and all purchases in the observed time, by time.
pub(crate) fn live(
    truth: &Truth,
    world: &World,
    index: u32,
    rng: &mut ChaCha8Rng,
) -> anyhow::Result<(Customer, Vec<Purchase>)> {
    let weekly_rate = Gamma::new(truth.r, 1.0 / truth.alpha)?
        .sample(rng)
        .max(1e-6);
    let leave_probability = Beta::new(truth.a, truth.b)?.sample(rng);
    let spend_rate = Gamma::new(truth.q, 1.0 / truth.v)?.sample(rng).max(1e-6);
    let value = Gamma::new(truth.p, 1.0 / spend_rate)?;
    let preferred_channel = CHANNELS[rng.random_range(0..CHANNELS.len())].0;
    let preferred_outlet = OUTLETS[rng.random_range(0..OUTLETS.len())];
    let language = if rng.random_bool(0.4) { "zh" } else { "en" };
    let department = rng.random_range(0..super::words::DEPARTMENTS.len());

    // Acquisition: first purchases are spread over the first half of the observed time.
    let end = f64::from(world.days);
    let mut day = rng.random_range(0.0..end / 2.0);
    let mut purchases = Vec::new();
    // The season thins a faster process, so the mean rate over a year stays the customer's own.
    let gap = Exp::new(weekly_rate / 7.0 * (1.0 + truth.season))?;
    let mut alive = true;
    while day < end {
        purchases.push(Purchase {
            time: instant(world, day, rng),
            cents: cents(value.sample(rng)),
        });
        if rng.random_bool(leave_probability) {
            alive = false;
            break;
        }
        loop {
            day += gap.sample(rng);
            if day >= end || rng.random::<f64>() < season(truth, world, day) / (1.0 + truth.season)
            {
                break;
            }
        }
    }
    purchases.sort_by_key(|purchase| purchase.time);
    let customer = Customer {
        customer_id: format!("C{:06}", index + 1),
        weekly_rate,
        leave_probability,
        mean_value: truth.p / spend_rate,
        alive_at_end: alive,
        repeat_purchases: purchases.len().saturating_sub(1) as u32,
        preferred_channel,
        preferred_outlet,
        language,
        department,
    };
    Ok((customer, purchases))
}

/// Returns the season's factor on a day, with mean 1 over a year.
pub(crate) fn season(truth: &Truth, world: &World, day: f64) -> f64 {
    let date = world.start + Duration::days(day as i64);
    let peak = 340.0;
    let phase = (f64::from(date.ordinal()) - peak) / 365.25 * std::f64::consts::TAU;
    1.0 + truth.season * phase.cos()
}

/// Returns a time of that day, mostly in the evening.
pub(crate) fn instant(world: &World, day: f64, rng: &mut impl Rng) -> DateTime<Utc> {
    let hour = if rng.random_bool(0.6) {
        rng.random_range(17..22)
    } else {
        rng.random_range(8..17)
    };
    let second = hour * 3600 + rng.random_range(0..3600);
    world.start.and_time(chrono::NaiveTime::MIN).and_utc()
        + Duration::days(day as i64)
        + Duration::seconds(second)
}

fn cents(units: f64) -> i64 {
    ((units * 100.0).round() as i64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(customers: u32) -> World {
        World {
            customers,
            seed: 7,
            start: NaiveDate::from_ymd_opt(2025, 1, 1).unwrap(),
            days: 540,
        }
    }

    #[test]
    fn means_follow_the_truth() {
        let truth = Truth::default();
        let world = world(4_000);
        let mut rate = 0.0;
        let mut leave = 0.0;
        for index in 0..world.customers {
            let mut rng = customer_rng(world.seed, index);
            let (customer, purchases) = live(&truth, &world, index, &mut rng).unwrap();
            assert!(!purchases.is_empty());
            rate += customer.weekly_rate / f64::from(world.customers);
            leave += customer.leave_probability / f64::from(world.customers);
        }

        // Four standard errors of the means of gamma(0.75, 5) and beta(0.8, 4.5).
        assert!((rate - truth.r / truth.alpha).abs() < 0.011, "{rate}");
        assert!(
            (leave - truth.a / (truth.a + truth.b)).abs() < 0.010,
            "{leave}"
        );
    }

    #[test]
    fn season_has_mean_one_over_a_year() {
        let truth = Truth::default();
        let mean = (0..365)
            .map(|day| season(&truth, &world(1), f64::from(day)))
            .sum::<f64>()
            / 365.0;
        assert!((mean - 1.0).abs() < 1e-3, "{mean}");
    }

    #[test]
    fn a_customer_does_not_depend_on_how_many_there_are() {
        let truth = Truth::default();
        let draw = |customers| {
            let mut rng = customer_rng(7, 3);
            live(&truth, &world(customers), 3, &mut rng)
                .unwrap()
                .0
                .weekly_rate
        };
        assert_eq!(draw(10).to_bits(), draw(1_000).to_bits());
    }
}
