//! `clientele keys`: the masking keys, on the machine that holds them.

use crate::cli::{KeysCommand, Output};
use crate::output;
use anyhow::{Context, bail};
use ingestion::domain::keys::Keys;
use runtime::identity::IdentityKey;
use serde_json::json;
use std::io::BufRead;
use std::path::Path;
use vault::KeyRing;

/// Runs the command.
pub(crate) fn run(command: &KeysCommand, tenant: &str, output: Output) -> anyhow::Result<()> {
    match command {
        KeysCommand::List { data_dir } => {
            let ring = ring(data_dir)?;
            let ids: Vec<String> = ring.ids().map(|id| id.to_string()).collect();
            let active = ring.active().to_string();
            match output {
                Output::Json => output::json(&json!({"keys": ids, "active": active})),
                Output::Table => {
                    let line = |id: &String| match *id == active {
                        true => format!("{id}  active: seals and opens\n"),
                        false => format!("{id}  opens what it sealed\n"),
                    };
                    output::text(&ids.iter().map(line).collect::<String>())
                }
            }
        }
        KeysCommand::Rotate { data_dir } => {
            // Keys in a folder that nobody reads would be of no use.
            ring(data_dir)?;
            let folder = data_dir.join("keys/masking");
            vault::folder::create(&folder)?;
            let id = vault::folder::rotate(&folder)?;
            match output {
                Output::Json => output::json(&json!({"active": id.to_string()})),
                Output::Table => output::text(&format!(
                    "{id} seals from now on; a running service takes it up within seconds. The other keys go on to open what they sealed: keep them."
                )),
            }
        }
        KeysCommand::Open { data_dir, field } => each_line(|value| {
            let opened = ring(data_dir)?.open((tenant, field), value);
            Ok(opened.map(|it| it.to_string())?)
        }),
        KeysCommand::Reseal { data_dir, field } => each_line(|value| {
            // The sealed text itself is the salt: what is sealed again stays apart from its like.
            let again = ring(data_dir)?.reseal((tenant, field), value.as_bytes(), value);
            Ok(again?.unwrap_or_else(|| value.to_owned()))
        }),
    }
}

/// Returns the keys of a suite's folder.
fn ring(folder: &Path) -> anyhow::Result<KeyRing> {
    let identity = folder.join("keys/identity.key");
    if !identity.exists() {
        bail!(
            "there is no suite in {}: name its folder with --data-dir",
            folder.display()
        );
    }
    let mut ring = Keys::new(IdentityKey::load(&identity)?)
        .masking()
        .ring
        .clone();
    vault::folder::load(&folder.join("keys/masking"), &mut ring)?;
    Ok(ring)
}

/// Reads values from standard input, one per line, and writes what becomes of each.
fn each_line(change: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<()> {
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        let changed = change(line.trim()).with_context(|| format!("line {}", number + 1))?;
        output::text(&changed)?;
    }
    Ok(())
}
