//! The `clientele` binary: the command line, any one service, or all five in one process.

mod backup;
mod cli;
mod clients;
mod commands;
mod customers;
mod demo;
mod elapsed;
mod failure;
mod host;
mod interrupt;
mod money;
mod operation;
mod output;
mod progress;
mod serve;
mod settings;
mod simulate;
mod suite;

use clap::Parser;
use cli::{AdminCommand, Cli, Command};
use clients::{Clients, Endpoints};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clientele: {error:#}");
            match error.is::<interrupt::Interrupted>() {
                true => ExitCode::from(interrupt::EXIT_CODE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// Whoever reads the output may have read enough of it.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error
        .chain()
        .any(|it| it.downcast_ref::<std::io::Error>().is_some_and(broken))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let (config, output) = (cli.config.as_deref(), cli.output);
    match cli.command {
        Command::Demo(demo) => Box::pin(demo::run(demo, &cli.tenant, config, output)).await,
        Command::Up(up) => serve::up(up, config, output).await,
        Command::Serve(service) => Box::pin(serve::serve(service, config)).await,
        Command::Simulate(simulate) => commands::simulate::run(&simulate, output),
        Command::Admin(AdminCommand::Migrate { service, data_dir }) => {
            commands::admin::migrate(service, &data_dir, config).await
        }
        Command::Admin(AdminCommand::Health(health)) => {
            interrupt::unless_stopped(commands::health::run(health, output)).await
        }
        Command::Admin(AdminCommand::Backup(command)) => {
            Box::pin(backup::backup(command, config, output)).await
        }
        Command::Admin(AdminCommand::Restore(command)) => {
            Box::pin(backup::restore(command, config, output)).await
        }
        Command::Admin(AdminCommand::Realign) => Box::pin(backup::realign(config, output)).await,
        Command::Keys(keys) => commands::keys::run(&keys, &cli.tenant, output),
        command => {
            let clients = Clients::new(Endpoints::parse(&cli.endpoint)?, &cli.tenant)?;
            interrupt::unless_stopped(call(&clients, command, output)).await
        }
    }
}

/// Runs a command that calls running services.
async fn call(clients: &Clients, command: Command, output: cli::Output) -> anyhow::Result<()> {
    match command {
        Command::Ingest(ingest) => commands::ingest::run(clients, ingest, output).await,
        Command::Source(source) => commands::source::run(clients, source, output).await,
        Command::Quality(quality) => commands::quality::run(clients, quality, output).await,
        Command::Rates(rates) => commands::rates::run(clients, rates, output).await,
        Command::Profile(profile) => commands::profile::run(clients, profile, output).await,
        Command::Score(score) => commands::score::run(clients, score, output).await,
        Command::Segment(segment) => commands::segment::run(clients, segment, output).await,
        Command::Allocate(allocate) => commands::allocate::run(clients, allocate, output).await,
        Command::Model(model) => commands::model::run(clients, model, output).await,
        Command::Quarantine(command) => commands::quarantine::run(clients, command, output).await,
        Command::Taxonomy(taxonomy) => commands::taxonomy::run(clients, taxonomy, output).await,
        Command::Admin(AdminCommand::CreateTenant(tenant)) => {
            commands::admin::create_tenant(clients, tenant, output).await
        }
        Command::Admin(AdminCommand::Rebuild) => commands::admin::rebuild(clients, output).await,
        Command::Demo(_)
        | Command::Up(_)
        | Command::Serve(_)
        | Command::Simulate(_)
        | Command::Keys(_)
        | Command::Admin(
            AdminCommand::Migrate { .. }
            | AdminCommand::Health(_)
            | AdminCommand::Backup(_)
            | AdminCommand::Restore(_)
            | AdminCommand::Realign,
        ) => {
            anyhow::bail!("this command calls no service")
        }
    }
}
