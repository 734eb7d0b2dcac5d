//! `clientele score`: what customers are worth and how likely they are to come back.

use super::end_of_day;
use crate::cli::{Output, Score, ServiceName};
use crate::clients::Clients;
use crate::{customers, output};
use anyhow::bail;
use api::scoring::{BatchScoreRequest, CustomerScore, ScoreOptions, ScoreRequest, ScoreValue};

/// Runs the command: one customer by `Score`, several by `BatchScore`.
pub(crate) async fn run(clients: &Clients, score: Score, output: Output) -> anyhow::Result<()> {
    let named = score
        .customers
        .iter()
        .map(|it| customers::parse(it))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let options = ScoreOptions {
        as_of: score.as_of.map(end_of_day),
        horizon_days: score.horizon_days,
        reasons: score.reasons,
        intervals: score.intervals,
        model_version: score.model_version,
        ..Default::default()
    };
    let failed = clients.failed(ServiceName::Scoring);
    match named.as_slice() {
        [customer] => {
            let request = ScoreRequest {
                customer: Some(customer.clone()),
                options: Some(options),
            };
            let answer = clients
                .scoring()
                .score(clients.request(request))
                .await
                .map_err(failed)?
                .into_inner();
            output::message(output, &answer, |it| {
                let head = head(&it.model_version, it.as_of.as_ref(), it.freshness.as_ref());
                let scores: Vec<CustomerScore> = it.score.iter().cloned().collect();
                format!("{head}{}", describe(&scores))
            })
        }
        many if many.len() <= 1_000 => {
            let request = BatchScoreRequest {
                customers: named,
                options: Some(options),
            };
            let answer = clients
                .scoring()
                .batch_score(clients.request(request))
                .await
                .map_err(failed)?
                .into_inner();
            output::message(output, &answer, |it| {
                let head = head(&it.model_version, it.as_of.as_ref(), it.freshness.as_ref());
                format!("{head}{}", describe(&it.scores))
            })
        }
        many => bail!(
            "{} customers are too many for one call: name at most 1,000",
            many.len()
        ),
    }
}

fn head(
    model: &str,
    as_of: Option<&prost_types::Timestamp>,
    freshness: Option<&api::common::Freshness>,
) -> String {
    format!(
        "{model} as of {}\n{}",
        output::time(as_of),
        output::freshness(freshness)
    )
}

fn describe(scores: &[CustomerScore]) -> String {
    let mut table = output::table(
        &[
            "customer",
            "score",
            "value",
            "interval",
            "percentile",
            "reasons",
        ],
        &["value", "interval", "percentile"],
    );
    for score in scores {
        if !score.missing_reason.is_empty() {
            let id = if score.customer_id.is_empty() {
                "unknown"
            } else {
                &score.customer_id
            };
            table.add_row([id, &score.missing_reason]);
            continue;
        }
        for (index, value) in score.values.iter().enumerate() {
            let id = if index == 0 {
                score.customer_id.as_str()
            } else {
                ""
            };
            let reasons: Vec<&str> = value.reasons.iter().map(|it| it.text.as_str()).collect();
            let percentile = format!("{:.1}", value.percentile);
            table.add_row([
                id,
                &value.name,
                &number(value),
                &interval(value),
                &percentile,
                &reasons.join("\n"),
            ]);
        }
    }
    table.to_string()
}

fn number(value: &ScoreValue) -> String {
    format!("{:.*}", places(&value.name), value.value)
}

fn interval(value: &ScoreValue) -> String {
    let places = places(&value.name);
    value
        .interval
        .as_ref()
        .map(|it| format!("{:.places$} to {:.places$}", it.lower, it.upper))
        .unwrap_or_default()
}

fn places(name: &str) -> usize {
    match name {
        "clv_minor" => 0,
        _ => 3,
    }
}
