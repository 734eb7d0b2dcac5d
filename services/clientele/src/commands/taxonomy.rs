//! `clientele taxonomy`: how free text becomes tags.

use super::request_id;
use crate::cli::{Output, ServiceName, TaxonomyCommand};
use crate::clients::Clients;
use crate::output;
use anyhow::{Context, bail};
use api::ingestion::{
    ActivateTaxonomyVersionRequest, CreateTaxonomyVersionRequest, ExampleResult,
    GetTaxonomyVersionRequest, ListTaxonomyVersionsRequest, ListTaxonomyVersionsResponse,
    TagTextsRequest, TagTextsResponse, TaxonomyVersion,
};
use std::path::{Path, PathBuf};

const SERVICE: ServiceName = ServiceName::Ingestion;

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: TaxonomyCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        TaxonomyCommand::Create { file, id, activate } => {
            let created = create(clients, &file, id, false).await?;
            let version = match activate {
                true => self::activate(clients, created.name).await?,
                false => created,
            };
            output::message(output, &version, told)
        }
        TaxonomyCommand::Test { file, text } => test(clients, &file, text, output).await,
        TaxonomyCommand::Activate { version } => {
            let activated = activate(clients, name(&version)?).await?;
            output::message(output, &activated, told)
        }
        TaxonomyCommand::Show { version } => {
            let request = GetTaxonomyVersionRequest {
                name: name(&version)?,
            };
            let answer = clients
                .taxonomies()
                .get_taxonomy_version(clients.request(request))
                .await
                .map_err(clients.failed(SERVICE))?;
            output::message(output, &answer.into_inner(), |it| it.taxonomy_yaml.clone())
        }
        TaxonomyCommand::List { id, page_token } => {
            let request = ListTaxonomyVersionsRequest {
                parent: id.map(|id| format!("taxonomies/{id}")).unwrap_or_default(),
                page_size: 0,
                page_token,
            };
            let answer = clients
                .taxonomies()
                .list_taxonomy_versions(clients.request(request))
                .await
                .map_err(clients.failed(SERVICE))?;
            output::message(output, &answer.into_inner(), table)
        }
    }
}

async fn create(
    clients: &Clients,
    file: &Path,
    id: Option<String>,
    validate_only: bool,
) -> anyhow::Result<TaxonomyVersion> {
    let taxonomy_yaml =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let request = CreateTaxonomyVersionRequest {
        taxonomy_id: id.or(stem.map(str::to_owned)).unwrap_or_default(),
        taxonomy_yaml,
        request_id: match validate_only {
            true => String::new(),
            false => request_id(),
        },
        validate_only,
    };
    let answer = clients
        .taxonomies()
        .create_taxonomy_version(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?;
    Ok(answer.into_inner())
}

async fn activate(clients: &Clients, name: String) -> anyhow::Result<TaxonomyVersion> {
    let request = ActivateTaxonomyVersionRequest { name };
    let answer = clients
        .taxonomies()
        .activate_taxonomy_version(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?;
    Ok(answer.into_inner())
}

/// Tells how the examples of a file come out, or tags texts by a stored version.
async fn test(
    clients: &Clients,
    file: &str,
    texts: Vec<String>,
    output: Output,
) -> anyhow::Result<()> {
    if !texts.is_empty() {
        let request = TagTextsRequest {
            name: name(file)?,
            texts: texts.clone(),
        };
        let answer = clients
            .taxonomies()
            .tag_texts(clients.request(request))
            .await
            .map_err(clients.failed(SERVICE))?;
        return output::message(output, &answer.into_inner(), |it| tagged(&texts, it));
    }
    let checked = create(clients, &PathBuf::from(file), None, true).await?;
    let failed = checked.examples.iter().filter(|it| fails(it)).count();
    output::message(output, &checked, |it| {
        let mut text: String = it
            .examples
            .iter()
            .filter(|it| fails(it))
            .map(difference)
            .collect();
        text.push_str(&told(it));
        text
    })?;
    match failed {
        0 => Ok(()),
        count => bail!("{count} of {} examples fail", checked.examples.len()),
    }
}

fn fails(example: &ExampleResult) -> bool {
    example.expected != example.found
}

fn difference(example: &ExampleResult) -> String {
    format!(
        "{}\n  expected: {}\n  found:    {}\n",
        example.text,
        listed(&example.expected),
        listed(&example.found)
    )
}

fn listed(tags: &[String]) -> String {
    match tags.is_empty() {
        true => "no tag".into(),
        false => tags.join(", "),
    }
}

fn told(version: &TaxonomyVersion) -> String {
    let good = version.examples.iter().filter(|it| !fails(it)).count();
    let name = match version.name.as_str() {
        "" => "not stored".to_owned(),
        name => name.to_owned(),
    };
    let force = match version.active {
        true => ", in force",
        false => "",
    };
    let (tags, examples) = (version.tags, version.examples.len());
    format!("{name}{force}: {tags} tags, {good} of {examples} examples come out as they should")
}

fn tagged(texts: &[String], answer: &TagTextsResponse) -> String {
    let mut table = output::table(&["text", "tag", "evidence"], &[]);
    for (text, found) in texts.iter().zip(&answer.results) {
        if found.tags.is_empty() {
            table.add_row([text.as_str(), "", ""]);
        }
        for tag in &found.tags {
            table.add_row([text.as_str(), &tag.tag, &tag.evidence]);
        }
    }
    table.to_string()
}

fn table(answer: &ListTaxonomyVersionsResponse) -> String {
    if answer.versions.is_empty() {
        return "No taxonomies yet: store one with 'clientele taxonomy create'.".into();
    }
    let mut table = output::table(
        &["version", "in force", "tags", "stored", "put in force"],
        &["tags"],
    );
    for it in &answer.versions {
        table.add_row([
            it.name.clone(),
            if it.active { "yes" } else { "" }.to_owned(),
            it.tags.to_string(),
            output::time(it.create_time.as_ref()),
            output::time(it.activate_time.as_ref()),
        ]);
    }
    match answer.next_page_token.as_str() {
        "" => table.to_string(),
        token => format!("{table}\nnext page: --page-token {token}"),
    }
}

/// Returns the name of a version that is written as `service@3`, `service`, or in full.
fn name(text: &str) -> anyhow::Result<String> {
    if text.starts_with("taxonomies/") {
        return Ok(text.to_owned());
    }
    let (id, version) = text.split_once('@').unwrap_or((text, "active"));
    if id.is_empty() || version.is_empty() {
        bail!("'{text}' is no version: write, for example, service@3");
    }
    Ok(format!("taxonomies/{id}/versions/{version}"))
}
