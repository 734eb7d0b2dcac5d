//! `clientele simulate`: writes synthetic data with known truth.

use crate::cli::{Output, Simulate};
use crate::simulate::{self, Truth, World};
use crate::{money, output};

/// Runs the command.
pub(crate) fn run(simulate: &Simulate, output: Output) -> anyhow::Result<()> {
    let world = World {
        customers: simulate.customers,
        seed: simulate.seed,
        start: simulate.start,
        days: simulate.days,
    };
    let simulation = simulate::write(&Truth::default(), &world, &simulate.out)?;
    if output == Output::Json {
        return output::json(&simulation);
    }
    let mut table = output::table(
        &["source", "rows", "sent twice", "file", "contract"],
        &["rows", "sent twice"],
    );
    for it in &simulation.sources {
        table.add_row([
            it.name.to_owned(),
            money::group(it.rows),
            money::group(it.resent),
            it.file.display().to_string(),
            it.contract.display().to_string(),
        ]);
    }
    let rows = [
        ("customers", money::group(u64::from(simulation.customers))),
        ("orders of guests", money::group(simulation.guest_orders)),
        ("returns", money::group(simulation.returns)),
        ("truth", simulation.truth.display().to_string()),
    ];
    output::text(&format!("{table}\n{}", output::pairs(&rows)))
}
