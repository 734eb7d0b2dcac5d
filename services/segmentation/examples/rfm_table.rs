//! Prints the RFM table of an order file: `zcat orders.csv.gz | cargo run -p segmentation --example rfm_table -- online-retail`.
//!
//! Reads the public sets `cdnow` (blank-separated: customer, id, day, pieces, dollars) and `online-retail` (CSV, one line
//! of an order each). Spend is net: cancelled lines are taken off; a customer counts who bought on some day.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use anyhow::{Context, bail};
use chrono::NaiveDate;
use segmentation::domain::groups::{GroupTable, built_in};
use segmentation::domain::rfm::{Buyer, Scoring, score};
use segmentation::domain::summary::{Population, summarise};

#[derive(Default)]
struct History {
    days: BTreeSet<NaiveDate>,
    net_minor: i64,
}

fn main() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("read the orders from standard input")?;
    let (histories, currency) = match std::env::args().nth(1).as_deref() {
        Some("cdnow") => (cdnow(&text)?, "USD"),
        Some("online-retail") => (online_retail(&text)?, "GBP"),
        _ => bail!("say `cdnow` or `online-retail`"),
    };
    print(&histories, currency)
}

fn cdnow(text: &str) -> anyhow::Result<BTreeMap<String, History>> {
    let mut histories: BTreeMap<String, History> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [customer, .., day, _, value] = fields[..] else {
            continue;
        };
        let history = histories.entry(customer.to_owned()).or_default();
        history
            .days
            .insert(NaiveDate::parse_from_str(day, "%Y%m%d")?);
        history.net_minor += (value.parse::<f64>()? * 100.0).round() as i64;
    }
    Ok(histories)
}

fn online_retail(text: &str) -> anyhow::Result<BTreeMap<String, History>> {
    let mut histories: BTreeMap<String, History> = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for row in reader.records() {
        let row = row?;
        let field = |i: usize| row.get(i).unwrap_or_default();
        let (invoice, customer) = (field(0), field(6));
        if customer.is_empty() {
            continue;
        }
        let history = histories
            .entry(customer.trim_end_matches(".0").to_owned())
            .or_default();
        if !invoice.starts_with('C') {
            let day = field(4).get(..10).context("a row without a date")?;
            history
                .days
                .insert(NaiveDate::parse_from_str(day, "%Y-%m-%d")?);
        }
        history.net_minor +=
            (field(3).parse::<f64>()? * field(5).parse::<f64>()? * 100.0).round() as i64;
    }
    Ok(histories)
}

fn print(histories: &BTreeMap<String, History>, currency: &str) -> anyhow::Result<()> {
    let last = histories
        .values()
        .filter_map(|history| history.days.last())
        .max();
    let as_of = *last.context("nobody bought anything")?;
    let mut buyers = Vec::new();
    for history in histories.values() {
        let Some(&last) = history.days.last() else {
            continue;
        };
        buyers.push(Buyer {
            ordinal: buyers.len() as u32 + 1,
            recency_days: (as_of - last).num_days() as i32,
            purchase_days: history.days.len() as i32,
            net_spend_minor: history.net_minor,
        });
    }
    let (scores, edges) = score(&buyers, &Scoring::Quintiles);
    println!(
        "as of {as_of}: {} customers with a purchase, {} without",
        buyers.len(),
        histories.len() - buyers.len()
    );
    println!("edges of recency in days {:?}", edges.recency_days);
    println!("edges of purchase days   {:?}", edges.frequency);
    println!("edges of spend, minor    {:?}", edges.monetary_minor);
    let table = GroupTable::new(built_in()).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
    let all = Population::of(&buyers);
    println!();
    for (i, group) in table.groups().iter().enumerate() {
        let pairs = buyers
            .iter()
            .zip(&scores)
            .filter(|(_, scores)| table.group_of(**scores) == i);
        let members: Vec<Buyer> = pairs.map(|(buyer, _)| *buyer).collect();
        println!(
            "{:<20} {}",
            group.display_name,
            summarise(&members, all).text(currency)
        );
    }
    Ok(())
}
