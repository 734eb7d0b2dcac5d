//! `clientele demo`: from order history to an allocation, through five real services, then exits.

mod document;
mod report;

use crate::cli::{Demo, Output, ServiceName};
use crate::clients::Clients;
use crate::commands::ingest::{self, Contract};
use crate::commands::{allocate, day, model, request_id, segment};
use crate::elapsed::Elapsed;
use crate::settings::Embedded;
use crate::simulate::{self, Truth, World};
use crate::suite::{Ports, Suite};
use crate::{interrupt, money, output, serve};
use anyhow::{Context, bail};
use api::campaign::{AllocateBudgetRequest, TotalRule};
use api::common::Money;
use api::ingestion::ImportFileResponse;
use api::profile::ListCustomersRequest;
use api::scoring::TrainModelRequest;
use api::segmentation::{ComputeRfmSegmentsRequest, ComputeRfmSegmentsResponse};
use document::{Answers, Document};
use std::path::{Path, PathBuf};

/// Share of the customers' lifetime value that is the budget when none is given.
const BUDGET_SHARE: f64 = 0.02;

/// A file to import.
struct Input {
    file: PathBuf,
    source: String,
    contract: Contract,
}

/// Runs the command.
pub(crate) async fn run(
    demo: Demo,
    tenant: &str,
    config: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir().context("create a temporary folder")?;
    let data_dir = demo
        .data_dir
        .clone()
        .unwrap_or_else(|| temporary.path().join("data"));
    // Mistakes in what was given are told before anything is started.
    let inputs = inputs(&demo, temporary.path()).await?;
    let currency = inputs[0].contract.currency.clone();
    let budget = demo
        .budget
        .as_deref()
        .map(|it| money::parse(it, &currency))
        .transpose()?;

    let settings = Embedded::load(config)?;
    let telemetry = serve::telemetry(&settings, "error")?;
    let mut imports = Vec::new();
    let mut elapsed = Elapsed::begin();
    let starting = Suite::start(&data_dir, Ports::Any, &settings);
    let suite = interrupt::unless_stopped(starting).await?;
    elapsed.stage("start");
    let clients = Clients::new(suite.endpoints(), tenant)?;
    let work = work(&clients, &demo, &inputs, budget, &mut imports, elapsed);
    let outcome = interrupt::unless_stopped(work).await;
    let stopped = suite.stop().await;
    telemetry.shutdown(serve::FLUSH_LIMIT).await;

    let answers = match outcome {
        Ok(answers) => answers,
        Err(error) => {
            // What was taken in until then often tells why.
            for imported in &imports {
                eprintln!("{}", ingest::describe(imported));
            }
            return Err(error);
        }
    };
    stopped?;
    match output {
        Output::Json => output::json(&Document::new(&answers, &imports)),
        Output::Table => output::text(&report::write(&answers, &imports, &currency)),
    }
}

async fn inputs(demo: &Demo, temporary: &Path) -> anyhow::Result<Vec<Input>> {
    if let (Some(orders), Some(contract)) = (&demo.orders, &demo.contract) {
        let contract = ingest::read_contract(contract).await?;
        ingest::check_file(orders).await?;
        return Ok(vec![Input {
            file: orders.clone(),
            source: "orders".into(),
            contract,
        }]);
    }
    let start = chrono::NaiveDate::from_ymd_opt(2025, 1, 1).context("a first day")?;
    let world = World {
        customers: demo.customers,
        seed: demo.seed,
        start,
        days: 540,
    };
    let simulation = simulate::write(&Truth::default(), &world, &temporary.join("simulated"))?;
    let mut inputs = Vec::new();
    for source in simulation.sources {
        let contract = ingest::read_contract(&source.contract).await?;
        inputs.push(Input {
            file: source.file,
            source: source.name.into(),
            contract,
        });
    }
    Ok(inputs)
}

async fn work(
    clients: &Clients,
    demo: &Demo,
    inputs: &[Input],
    budget: Option<i64>,
    imports: &mut Vec<ImportFileResponse>,
    mut elapsed: Elapsed,
) -> anyhow::Result<Answers> {
    let tenant = ingest::ensure_tenant(clients, &inputs[0].contract).await?;
    elapsed.stage("tenant");

    for input in inputs {
        imports.push(
            ingest::import(
                clients,
                &input.file,
                &input.source,
                &input.contract.text,
                false,
            )
            .await?,
        );
    }
    elapsed.stage("import");

    ingest::wait_until_settled(clients).await?;
    let customers = customers(clients).await?;
    elapsed.stage("apply");

    let request = TrainModelRequest {
        as_of: day(demo.as_of),
        promote: true,
        request_id: request_id(),
        ..Default::default()
    };
    let model = model::train(clients, request).await?;
    elapsed.stage("train");

    let request = ComputeRfmSegmentsRequest {
        as_of: model.as_of.clone(),
        request_id: request_id(),
        ..Default::default()
    };
    let segments = segment::compute(clients, request).await?;
    elapsed.stage("segment");

    let minor_units = match budget {
        Some(budget) => budget,
        None => default_budget(&segments, &tenant.currency_code)?,
    };
    let request = AllocateBudgetRequest {
        budget: Some(Money {
            currency_code: tenant.currency_code.clone(),
            minor_units,
        }),
        total_rule: TotalRule::Exactly as i32,
        ..Default::default()
    };
    let allocation = allocate::ask(clients, request).await?;
    elapsed.stage("allocate");

    Ok(Answers {
        customers,
        model,
        segments,
        allocation,
        elapsed,
    })
}

async fn customers(clients: &Clients) -> anyhow::Result<i64> {
    let request = clients.request(ListCustomersRequest {
        page_size: 1,
        ..Default::default()
    });
    let answer = clients
        .profiles()
        .list_customers(request)
        .await
        .map_err(clients.failed(ServiceName::Profile))?;
    Ok(answer.into_inner().total_size)
}

/// Returns 2 % of the customers' lifetime value in whole units, at least one unit.
fn default_budget(segments: &ComputeRfmSegmentsResponse, currency: &str) -> anyhow::Result<i64> {
    let values = segments
        .segments
        .iter()
        .map(|it| it.summary.as_ref().and_then(|it| it.clv.as_ref()));
    let Some(values) = values
        .map(|it| it.map(|it| it.minor_units))
        .collect::<Option<Vec<i64>>>()
    else {
        bail!(
            "the lifetime values are not known, so there is no default budget: give one with --budget"
        );
    };
    let unit = 10_i64.pow(money::decimals(currency));
    let share = (values.iter().sum::<i64>() as f64 * BUDGET_SHARE) as i64;
    Ok((share / unit * unit).max(unit))
}
