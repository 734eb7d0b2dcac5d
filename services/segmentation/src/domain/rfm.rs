//! Recency, frequency and value as scores from 1 to 5.
//!
//! Quintiles go by mid-rank over the population: a value's score is the fifth of the ranking in which the middle of all
//! customers with that value stands. So equal values get equal scores, also where one value fills several fifths (two
//! of three customers of a shop may have bought once).

/// One customer with at least one purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buyer {
    /// Dense number of the customer.
    pub ordinal: u32,
    /// Days since the last purchase, as of the day of the computation; 0 on that day.
    pub recency_days: i32,
    /// Distinct purchase days.
    pub purchase_days: i32,
    /// Net spend in minor units; negative when more was refunded than bought.
    pub net_spend_minor: i64,
}

/// Scores of one customer, each from 1 to 5, 5 being best: bought just now, often, much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scores {
    /// By days since the last purchase.
    pub recency: u8,
    /// By purchase days.
    pub frequency: u8,
    /// By net spend.
    pub monetary: u8,
}

/// How scores are given.
#[derive(Debug, Clone, PartialEq)]
pub enum Scoring {
    /// By fifths of the population.
    Quintiles,
    /// By fixed cut points: a value up to and including the first scores 1 (for recency 5).
    CutPoints {
        /// Days since the last purchase.
        recency: [f64; 4],
        /// Purchase days.
        frequency: [f64; 4],
        /// Minor units of net spend.
        monetary: [f64; 4],
    },
}

/// Edges between scores, rising. For cut points these themselves; for quintiles the smallest values that at least 20, 40,
/// 60 and 80 per cent of the customers do not exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct Edges {
    /// Days since the last purchase.
    pub recency_days: [f64; 4],
    /// Purchase days.
    pub frequency: [f64; 4],
    /// Minor units of net spend.
    pub monetary_minor: [f64; 4],
}

/// Scores all customers, in their order, and tells the edges.
pub fn score(buyers: &[Buyer], scoring: &Scoring) -> (Vec<Scores>, Edges) {
    let recency: Vec<i64> = buyers
        .iter()
        .map(|buyer| i64::from(buyer.recency_days))
        .collect();
    let frequency: Vec<i64> = buyers
        .iter()
        .map(|buyer| i64::from(buyer.purchase_days))
        .collect();
    let monetary: Vec<i64> = buyers.iter().map(|buyer| buyer.net_spend_minor).collect();
    let (edges, fifths) = match scoring {
        Scoring::Quintiles => {
            let ((r, r_edges), (f, f_edges), (m, m_edges)) = (
                quintiles(&recency),
                quintiles(&frequency),
                quintiles(&monetary),
            );
            (
                Edges {
                    recency_days: r_edges,
                    frequency: f_edges,
                    monetary_minor: m_edges,
                },
                [r, f, m],
            )
        }
        Scoring::CutPoints {
            recency: r,
            frequency: f,
            monetary: m,
        } => {
            let fifths = [cut(&recency, r), cut(&frequency, f), cut(&monetary, m)];
            (
                Edges {
                    recency_days: *r,
                    frequency: *f,
                    monetary_minor: *m,
                },
                fifths,
            )
        }
    };
    let [r, f, m] = fifths;
    let scores = (0..buyers.len())
        .map(|i| Scores {
            recency: 6 - r[i],
            frequency: f[i],
            monetary: m[i],
        })
        .collect();
    (scores, edges)
}

/// Returns the fifth of each value, 1 for the smallest, by the mid-rank of its ties, and the four edges.
///
/// The mid-rank of ranks a to b, counted from 1, is (a + b) / 2; the fifth is five times that over n, rounded up.
fn quintiles(values: &[i64]) -> (Vec<u8>, [f64; 4]) {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by_key(|&i| (values[i], i));
    let mut fifths = vec![0_u8; n];
    let mut start = 0;
    while start < n {
        let value = values[order[start]];
        let end = start + order[start..].partition_point(|&i| values[i] == value);
        let twice_mid_rank = start + 1 + end;
        let fifth = (5 * twice_mid_rank).div_ceil(2 * n).clamp(1, 5) as u8;
        order[start..end].iter().for_each(|&i| fifths[i] = fifth);
        start = end;
    }
    let edge = |k: usize| {
        (k * n)
            .div_ceil(5)
            .checked_sub(1)
            .map_or(0.0, |rank| values[order[rank]] as f64)
    };
    (fifths, [edge(1), edge(2), edge(3), edge(4)])
}

fn cut(values: &[i64], points: &[f64; 4]) -> Vec<u8> {
    values
        .iter()
        .map(|&value| 1 + points.iter().filter(|&&point| value as f64 > point).count() as u8)
        .collect()
}

#[cfg(test)]
mod tests;
