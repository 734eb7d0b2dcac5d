//! Rows of the simulated sources, each as its source would write it.

use super::model::{self, CHANNELS, Customer, OUTLETS, Purchase, Truth, World};
use super::words::{DEPARTMENTS, review};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// A line of `orders.ndjson`: one order, or the return of one (then its total is negative).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    /// Number of the row in the shop; unique.
    pub(crate) row_id: String,
    /// Number of the order.
    pub(crate) order_id: String,
    /// `sale` or `return`.
    pub(crate) kind: &'static str,
    /// When, as RFC 3339 in UTC.
    pub(crate) ordered_at: String,
    /// Customer number; absent for guests at a till.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer_id: Option<String>,
    /// E-mail address; absent for guests and in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// Where it was placed.
    pub(crate) outlet: &'static str,
    /// Product.
    pub(crate) product: &'static str,
    /// Department of the product.
    pub(crate) department: &'static str,
    /// Pieces; negative when returned.
    pub(crate) quantity: i64,
    /// Total in whole currency units with two decimals.
    pub(crate) total: String,
}

/// A line of `browsing.ndjson`: a product looked at, or put into the basket.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    /// Number of the row.
    pub(crate) row_id: String,
    /// When.
    pub(crate) seen_at: String,
    /// `Product Viewed` or `Product Added`.
    pub(crate) action: &'static str,
    /// Browser or telephone.
    pub(crate) device_id: String,
    /// Customer number once the visitor has signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer_id: Option<String>,
    /// Session of the visit.
    pub(crate) session_id: String,
    /// Product.
    pub(crate) product: &'static str,
    /// Department of the product.
    pub(crate) department: &'static str,
    /// Where: `web` or `app`.
    pub(crate) outlet: &'static str,
}

/// A line of `touches.ndjson`: a campaign that reached a customer, with what it cost.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Touch {
    /// Number of the row.
    pub(crate) row_id: String,
    /// When.
    pub(crate) touched_at: String,
    /// Customer's e-mail address as the campaign tool knows it.
    pub(crate) email: String,
    /// Channel.
    pub(crate) channel: &'static str,
    /// Campaign.
    pub(crate) campaign: String,
    /// `sent`, `opened` or `clicked`.
    pub(crate) touch: &'static str,
    /// Cost of the touch in whole currency units with two decimals; only a sent one costs.
    pub(crate) cost: String,
}

/// A line of `reviews.ndjson`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Review {
    /// Number of the row.
    pub(crate) row_id: String,
    /// When.
    pub(crate) posted_at: String,
    /// Customer number.
    pub(crate) customer_id: String,
    /// Product.
    pub(crate) product: &'static str,
    /// 1 (bad) to 5 (good).
    pub(crate) rating: u8,
    /// `zh` or `en`.
    pub(crate) language: &'static str,
    /// What the customer wrote.
    pub(crate) text: String,
}

/// A line of `surveys.ndjson`: an answer to 'would you recommend us?'.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Survey {
    /// Number of the row.
    pub(crate) row_id: String,
    /// When.
    pub(crate) answered_at: String,
    /// Customer's e-mail address.
    pub(crate) email: String,
    /// Net promoter question, 0 to 10.
    pub(crate) nps: u8,
    /// Satisfaction, 1 to 5.
    pub(crate) csat: u8,
}

/// All rows of one customer.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Rows of `orders.ndjson`.
    pub(crate) orders: Vec<Order>,
    /// Rows of `browsing.ndjson`.
    pub(crate) views: Vec<View>,
    /// Rows of `touches.ndjson`.
    pub(crate) touches: Vec<Touch>,
    /// Rows of `reviews.ndjson`.
    pub(crate) reviews: Vec<Review>,
    /// Rows of `surveys.ndjson`.
    pub(crate) surveys: Vec<Survey>,
}

/// Tells everything that one customer left in the five sources.
pub(crate) fn tell(
    truth: &Truth,
    world: &World,
    customer: &Customer,
    purchases: &[Purchase],
    rng: &mut ChaCha8Rng,
) -> Rows {
    let mut rows = Rows::default();
    let end = world.start.and_time(chrono::NaiveTime::MIN).and_utc()
        + Duration::days(i64::from(world.days));
    for (number, purchase) in purchases.iter().enumerate() {
        let (department, products) = DEPARTMENTS[department(customer, rng)];
        let (product, price) = products[rng.random_range(0..products.len())];
        let guest = number > 0 && rng.random_bool(truth.guest_share);
        let order = order(
            customer, purchase, number, department, product, price, guest, rng,
        );
        let back = purchase.time + Duration::days(rng.random_range(2..15));
        if !guest && back < end && rng.random_bool(truth.refund_share) {
            rows.orders.push(Order {
                row_id: format!("{}-R", order.row_id),
                kind: "return",
                ordered_at: text(back),
                quantity: -order.quantity,
                total: money(-purchase.cents),
                ..order.clone()
            });
        }
        if order.outlet != "store" {
            visit(
                customer,
                number,
                purchase.time,
                product,
                department,
                order.outlet,
                rng,
                &mut rows.views,
            );
        }
        if !guest {
            opinions(
                customer,
                number,
                purchase.time,
                end,
                product,
                rng,
                &mut rows,
            );
        }
        rows.orders.push(order);
    }
    touches(world, customer, purchases, rng, &mut rows.touches);
    rows
}

fn department(customer: &Customer, rng: &mut ChaCha8Rng) -> usize {
    if rng.random_bool(0.7) {
        customer.department
    } else {
        rng.random_range(0..DEPARTMENTS.len())
    }
}

#[allow(clippy::too_many_arguments)]
fn order(
    customer: &Customer,
    purchase: &Purchase,
    number: usize,
    department: &'static str,
    product: &'static str,
    price: i64,
    guest: bool,
    rng: &mut ChaCha8Rng,
) -> Order {
    let outlet = if guest {
        "store"
    } else if rng.random_bool(0.75) {
        customer.preferred_outlet
    } else {
        OUTLETS[rng.random_range(0..OUTLETS.len())]
    };
    Order {
        row_id: format!("{}-O{number:04}", customer.customer_id),
        order_id: format!("{}-{number:04}", customer.customer_id),
        kind: "sale",
        ordered_at: text(purchase.time),
        customer_id: (!guest).then(|| customer.customer_id.clone()),
        email: (!guest && outlet != "store").then(|| email(customer)),
        outlet,
        product,
        department,
        quantity: (purchase.cents / price).max(1),
        total: money(purchase.cents),
    }
}

/// A visit before an order: some views, a basket, and a sign-in on the way.
#[allow(clippy::too_many_arguments)]
fn visit(
    customer: &Customer,
    number: usize,
    ordered: DateTime<Utc>,
    product: &'static str,
    department: &'static str,
    outlet: &'static str,
    rng: &mut ChaCha8Rng,
    views: &mut Vec<View>,
) {
    let looks = rng.random_range(1..4);
    let signs_in_at = rng.random_range(0..=looks);
    for look in 0..=looks {
        let last = look == looks;
        let (seen_department, products) = DEPARTMENTS[customer.department];
        let seen = if last {
            product
        } else {
            products[rng.random_range(0..products.len())].0
        };
        views.push(View {
            row_id: format!("{}-V{number:04}-{look}", customer.customer_id),
            seen_at: text(ordered - Duration::minutes(3 * (looks - look) + 4)),
            action: if last {
                "Product Added"
            } else {
                "Product Viewed"
            },
            device_id: format!("dev-{}-{outlet}", customer.customer_id.to_lowercase()),
            customer_id: (look >= signs_in_at).then(|| customer.customer_id.clone()),
            session_id: format!("s-{}-{number:04}", customer.customer_id.to_lowercase()),
            product: seen,
            department: if last { department } else { seen_department },
            outlet,
        });
    }
}

/// A review after one order in six, a survey answer after one in eight.
fn opinions(
    customer: &Customer,
    number: usize,
    ordered: DateTime<Utc>,
    end: DateTime<Utc>,
    product: &'static str,
    rng: &mut ChaCha8Rng,
    rows: &mut Rows,
) {
    // Whoever stays is happier: the one link between mood and loss that analyses should find.
    let mood = 1.0 - customer.leave_probability;
    let posted = ordered + Duration::days(rng.random_range(2..12));
    let rating =
        (1.0 + 4.0 * (mood + 0.5 * (rng.random::<f64>() - 0.5)).clamp(0.0, 1.0)).round() as u8;
    let pick = rng.random_range(0..3);
    if rng.random_bool(1.0 / 6.0) && posted < end {
        rows.reviews.push(Review {
            row_id: format!("{}-W{number:04}", customer.customer_id),
            posted_at: text(posted),
            customer_id: customer.customer_id.clone(),
            product,
            rating,
            language: customer.language,
            text: review(customer.language, rating, product, pick),
        });
    }
    let answered = ordered + Duration::days(rng.random_range(1..20));
    let nps = (10.0 * (mood + 0.4 * (rng.random::<f64>() - 0.5)).clamp(0.0, 1.0)).round() as u8;
    if rng.random_bool(1.0 / 8.0) && answered < end {
        rows.surveys.push(Survey {
            row_id: format!("{}-S{number:04}", customer.customer_id),
            answered_at: text(answered),
            email: email(customer),
            nps,
            csat: rating,
        });
    }
}

/// Campaigns go out every four weeks over one channel each; customers react mostly on the one they prefer.
fn touches(
    world: &World,
    customer: &Customer,
    purchases: &[Purchase],
    rng: &mut ChaCha8Rng,
    touches: &mut Vec<Touch>,
) {
    let Some(first) = purchases.first() else {
        return;
    };
    for (wave, day) in (0..world.days).step_by(28).enumerate() {
        let (channel, cost) = CHANNELS[wave % CHANNELS.len()];
        let sent = model::instant(world, f64::from(day), rng);
        if sent <= first.time || !rng.random_bool(0.6) {
            continue;
        }
        let reaction = if channel == customer.preferred_channel {
            0.5
        } else {
            0.12
        };
        let opened = rng.random_bool(reaction);
        let clicked = opened && rng.random_bool(reaction);
        let steps = [
            ("sent", true, 0),
            ("opened", opened, 3),
            ("clicked", clicked, 4),
        ];
        for (step, (touch, happens, hours)) in steps.into_iter().enumerate() {
            if happens {
                touches.push(Touch {
                    row_id: format!("{}-T{wave:03}-{step}", customer.customer_id),
                    touched_at: text(sent + Duration::hours(hours)),
                    email: email(customer),
                    channel,
                    campaign: format!("wave-{wave:02}"),
                    touch,
                    cost: money(if step == 0 { cost } else { 0 }),
                });
            }
        }
    }
}

fn email(customer: &Customer) -> String {
    format!("{}@example.com", customer.customer_id.to_lowercase())
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns cents as whole units with two decimals.
fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_small_and_negative_amounts() {
        assert_eq!(money(5), "0.05");
        assert_eq!(money(-5), "-0.05");
        assert_eq!(money(-123_456), "-1234.56");
    }
}
