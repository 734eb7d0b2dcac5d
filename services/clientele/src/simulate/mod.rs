//! Synthetic but realistic data of several sources, with its truth.
//!
//! Five files of newline-delimited JSON (orders, browsing, campaign touches, reviews, surveys), a data contract for each,
//! and `truth.json`: the parameters that the data was drawn from, every customer's true traits, and how many rows of
//! each kind there are. The same size and seed give the same bytes.

mod model;
mod rows;
mod words;

pub(crate) use model::{Truth, World};

use anyhow::Context;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A simulated source: its name, its file and the contract that describes it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Source {
    /// Name to import it under.
    pub(crate) name: &'static str,
    /// File of rows.
    pub(crate) file: PathBuf,
    /// Data contract.
    pub(crate) contract: PathBuf,
    /// Rows in the file.
    pub(crate) rows: u64,
    /// Rows that repeat an earlier one, byte for byte.
    pub(crate) resent: u64,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Simulation {
    /// Sources, orders first.
    pub(crate) sources: Vec<Source>,
    /// Customers.
    pub(crate) customers: u32,
    /// Rows of `orders.ndjson` without any identifier.
    pub(crate) guest_orders: u64,
    /// Rows of `orders.ndjson` that are returns.
    pub(crate) returns: u64,
    /// The truth that the data was drawn from.
    pub(crate) truth: PathBuf,
}

/// Contracts by source, in the order in which the files are imported.
const CONTRACTS: [(&str, &str); 5] = [
    ("orders", include_str!("contracts/orders.yaml")),
    ("browsing", include_str!("contracts/browsing.yaml")),
    ("touches", include_str!("contracts/touches.yaml")),
    ("reviews", include_str!("contracts/reviews.yaml")),
    ("surveys", include_str!("contracts/surveys.yaml")),
];

#[derive(Serialize)]
struct TruthFile<'a> {
    parameters: &'a Truth,
    seed: u64,
    start: chrono::NaiveDate,
    days: u32,
    customers: &'a [model::Customer],
}

/// Draws a world and writes it to `folder`, which is created when absent.
pub(crate) fn write(truth: &Truth, world: &World, folder: &Path) -> anyhow::Result<Simulation> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("create folder {}", folder.display()))?;
    let mut all = rows::Rows::default();
    let mut customers = Vec::with_capacity(world.customers as usize);
    for index in 0..world.customers {
        let mut rng = model::customer_rng(world.seed, index);
        let (customer, purchases) = model::live(truth, world, index, &mut rng)?;
        let mut told = rows::tell(truth, world, &customer, &purchases, &mut rng);
        all.orders.append(&mut told.orders);
        all.views.append(&mut told.views);
        all.touches.append(&mut told.touches);
        all.reviews.append(&mut told.reviews);
        all.surveys.append(&mut told.surveys);
        customers.push(customer);
    }
    let guest_orders = all
        .orders
        .iter()
        .filter(|order| order.customer_id.is_none())
        .count() as u64;
    let returns = all
        .orders
        .iter()
        .filter(|order| order.kind == "return")
        .count() as u64;

    // Times and row numbers are text that sorts as it should.
    all.orders
        .sort_by(|x, y| (&x.ordered_at, &x.row_id).cmp(&(&y.ordered_at, &y.row_id)));
    all.views
        .sort_by(|x, y| (&x.seen_at, &x.row_id).cmp(&(&y.seen_at, &y.row_id)));
    all.touches
        .sort_by(|x, y| (&x.touched_at, &x.row_id).cmp(&(&y.touched_at, &y.row_id)));
    all.reviews
        .sort_by(|x, y| (&x.posted_at, &x.row_id).cmp(&(&y.posted_at, &y.row_id)));
    all.surveys
        .sort_by(|x, y| (&x.answered_at, &x.row_id).cmp(&(&y.answered_at, &y.row_id)));

    let mut rng = model::customer_rng(world.seed, u32::MAX);
    let counts = [
        write_rows(&folder.join("orders.ndjson"), &all.orders, truth, &mut rng)?,
        write_rows(&folder.join("browsing.ndjson"), &all.views, truth, &mut rng)?,
        write_rows(
            &folder.join("touches.ndjson"),
            &all.touches,
            truth,
            &mut rng,
        )?,
        write_rows(
            &folder.join("reviews.ndjson"),
            &all.reviews,
            truth,
            &mut rng,
        )?,
        write_rows(
            &folder.join("surveys.ndjson"),
            &all.surveys,
            truth,
            &mut rng,
        )?,
    ];
    let mut sources = Vec::new();
    for ((name, contract), (rows, resent)) in CONTRACTS.into_iter().zip(counts) {
        let file = folder.join(format!("{name}.ndjson"));
        let path = folder.join(format!("{name}.yaml"));
        std::fs::write(&path, contract).with_context(|| format!("write {}", path.display()))?;
        sources.push(Source {
            name,
            file,
            contract: path,
            rows,
            resent,
        });
    }
    let path = folder.join("truth.json");
    let text = serde_json::to_string_pretty(&TruthFile {
        parameters: truth,
        seed: world.seed,
        start: world.start,
        days: world.days,
        customers: &customers,
    })?;
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    Ok(Simulation {
        sources,
        customers: world.customers,
        guest_orders,
        returns,
        truth: path,
    })
}

/// Writes rows as lines of JSON, some of them twice, and returns how many lines there are and how many are repeats.
fn write_rows<T: Serialize>(
    path: &Path,
    rows: &[T],
    truth: &Truth,
    rng: &mut ChaCha8Rng,
) -> anyhow::Result<(u64, u64)> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let mut out = BufWriter::new(file);
    let mut resent = 0;
    for row in rows {
        let copies = if rng.random_bool(truth.resend_share) {
            2
        } else {
            1
        };
        resent += copies - 1;
        for _ in 0..copies {
            serde_json::to_writer(&mut out, row)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
        .with_context(|| format!("write {}", path.display()))?;
    Ok((rows.len() as u64 + resent, resent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(seed: u64) -> World {
        World {
            customers: 60,
            seed,
            start: chrono::NaiveDate::from_ymd_opt(2025, 1, 1).unwrap(),
            days: 400,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let folders = [
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        ];
        for (folder, seed) in folders.iter().zip([1, 1, 2]) {
            write(&Truth::default(), &world(seed), folder.path()).unwrap();
        }

        let read =
            |index: usize| std::fs::read(folders[index].path().join("orders.ndjson")).unwrap();
        assert_eq!(read(0), read(1));
        assert_ne!(read(0), read(2));
    }

    #[test]
    fn files_hold_the_rows_that_are_told() {
        let folder = tempfile::tempdir().unwrap();

        let simulation = write(&Truth::default(), &world(3), folder.path()).unwrap();

        for source in &simulation.sources {
            let text = std::fs::read_to_string(&source.file).unwrap();
            assert_eq!(text.lines().count() as u64, source.rows, "{}", source.name);
            assert!(source.rows > 0, "{}", source.name);
            assert!(source.contract.exists());
        }
        let reviews = std::fs::read_to_string(folder.path().join("reviews.ndjson")).unwrap();
        assert!(reviews.contains("\"language\":\"zh\"") && reviews.contains("\"language\":\"en\""));
    }
}
