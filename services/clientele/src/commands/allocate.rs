//! `clientele allocate`: where the next unit of budget earns most.

use super::{reasons::Reasons, segment};
use crate::cli::{Allocate, Output, ServiceName};
use crate::clients::Clients;
use crate::{money, output};
use anyhow::bail;
use api::campaign::{
    AllocateBudgetRequest, AllocateBudgetResponse, ChannelSpec, SliceBound, TotalRule,
};
use api::common::Money;
use api::profile::GetTenantRequest;
use std::collections::HashMap;

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    allocate: Allocate,
    output: Output,
) -> anyhow::Result<()> {
    let tenant = clients
        .tenants()
        .get_tenant(clients.request(GetTenantRequest {
            tenant_id: clients.tenant().to_owned(),
        }))
        .await
        .map_err(clients.failed(ServiceName::Profile))?
        .into_inner();
    let request = request(&allocate, &tenant.currency_code)?;
    let answer = ask(clients, request).await?;
    let names = match output {
        Output::Table => segment::names(&segment::list(clients).await?.segments),
        Output::Json => HashMap::new(),
    };
    output::message(output, &answer, |it| {
        describe(it, &tenant.currency_code, &names)
    })
}

/// Asks for an allocation.
pub(crate) async fn ask(
    clients: &Clients,
    request: AllocateBudgetRequest,
) -> anyhow::Result<AllocateBudgetResponse> {
    let answer = clients
        .budgets()
        .allocate_budget(clients.request(request))
        .await;
    Ok(answer
        .map_err(clients.failed(ServiceName::CampaignRecommendation))?
        .into_inner())
}

fn request(allocate: &Allocate, currency: &str) -> anyhow::Result<AllocateBudgetRequest> {
    let bounds = |texts: &[String]| {
        texts
            .iter()
            .map(|it| bound(it, currency))
            .collect::<anyhow::Result<Vec<_>>>()
    };
    let segment_bounds = bounds(&allocate.segment_bound)?
        .into_iter()
        .map(|it| SliceBound {
            name: segment::name(&it.name),
            ..it
        })
        .collect();
    Ok(AllocateBudgetRequest {
        budget: Some(Money {
            currency_code: currency.to_owned(),
            minor_units: money::parse(&allocate.budget, currency)?,
        }),
        total_rule: if allocate.exactly {
            TotalRule::Exactly
        } else {
            TotalRule::AtMost
        } as i32,
        segments: allocate
            .segments
            .iter()
            .map(|it| segment::name(it))
            .collect(),
        channels: allocate
            .channels
            .iter()
            .map(|it| ChannelSpec {
                channel: it.clone(),
                ..Default::default()
            })
            .collect(),
        channel_bounds: bounds(&allocate.channel_bound)?,
        segment_bounds,
        margin: allocate.margin,
        ..Default::default()
    })
}

/// Reads NAME=MIN..MAX; either end may be left out.
fn bound(text: &str, currency: &str) -> anyhow::Result<SliceBound> {
    let Some((name, (min, max))) = text
        .split_once('=')
        .and_then(|(name, range)| Some((name, range.split_once("..")?)))
    else {
        bail!(
            "'{text}' is no bound: write NAME=MIN..MAX, for example email=100..5000 or email=..5000"
        );
    };
    let min = if min.is_empty() {
        0
    } else {
        money::parse(min, currency)?
    };
    let max = if max.is_empty() {
        None
    } else {
        Some(money::parse(max, currency)?)
    };
    Ok(SliceBound {
        name: name.to_owned(),
        min_spend_minor: min,
        max_spend_minor: max,
    })
}

/// Describes an allocation for people: cells that get something by spend, the reasons, then totals and assumptions.
/// `names` are what segments are called, by resource name.
pub(crate) fn describe(
    answer: &AllocateBudgetResponse,
    currency: &str,
    names: &HashMap<String, String>,
) -> String {
    let mut cells: Vec<_> = answer.cells.iter().collect();
    cells.sort_by(|x, y| {
        y.spend_minor
            .cmp(&x.spend_minor)
            .then_with(|| (&x.segment, &x.channel).cmp(&(&y.segment, &y.channel)))
    });
    let reasons = Reasons::of(cells.iter().copied());
    let idle = cells.iter().filter(|it| it.spend_minor == 0).count();
    let mut table = output::table(
        &[
            "segment",
            "channel",
            "spend",
            "expected profit",
            "marginal return",
            "curve",
            "reason",
        ],
        &["spend", "expected profit", "marginal return"],
    );
    for it in cells.iter().filter(|it| it.spend_minor > 0) {
        let name = names.get(&it.segment).map_or_else(
            || it.segment.trim_start_matches("segments/"),
            String::as_str,
        );
        table.add_row([
            name.to_owned(),
            it.channel.clone(),
            money::format(it.spend_minor, currency),
            money::format_f64(it.expected_profit_minor, currency),
            format!("{:.3}", it.marginal_return),
            if it.assumed { "assumed" } else { "learned" }.to_owned(),
            format!("({})", reasons.number(it)),
        ]);
    }
    let table = match idle == cells.len() {
        true => "Nothing is spent.".to_owned(),
        false => table.to_string(),
    };
    let assumptions: String = answer
        .assumptions
        .iter()
        .map(|it| format!("  - {it}\n"))
        .collect();
    let assumed = if assumptions.is_empty() {
        String::new()
    } else {
        format!("assumed, not learned:\n{assumptions}")
    };
    format!(
        "{table}\nreasons:\n{}\n{}{assumed}{}",
        reasons.legend(),
        output::pairs(&totals(answer, currency, idle)),
        output::freshness(answer.freshness.as_ref())
    )
}

fn totals(
    answer: &AllocateBudgetResponse,
    currency: &str,
    idle: usize,
) -> Vec<(&'static str, String)> {
    let amount = |minor| format!("{} {currency}", money::format(minor, currency));
    let budget = answer.budget.as_ref().map_or(0, |it| it.minor_units);
    let price = answer.shadow_price_total;
    let next = match price {
        price if price > 0.0 => format!("would add {price:.4} of profit"),
        price if price < 0.0 => format!("would lose {:.4}", -price),
        _ => "would change nothing".to_owned(),
    };
    vec![
        (
            "spent",
            format!(
                "{} of {}",
                money::format(answer.spend_minor, currency),
                amount(budget)
            ),
        ),
        (
            "expected profit",
            amount(answer.expected_profit_minor.round() as i64),
        ),
        ("cells without spend", idle.to_string()),
        ("one unit more of budget", next),
        (
            "marginal profit reaches zero",
            format!("at {}", amount(answer.profitable_spend_minor)),
        ),
        (
            "gap to the optimum",
            format!("at most {}", amount(answer.gap.ceil() as i64)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_may_leave_an_end_out() {
        let both = bound("email=1..2.50", "GBP").unwrap();
        assert_eq!(
            (
                both.name.as_str(),
                both.min_spend_minor,
                both.max_spend_minor
            ),
            ("email", 100, Some(250))
        );
        assert_eq!(
            bound("email=..2", "GBP").unwrap().max_spend_minor,
            Some(200)
        );
        assert_eq!(bound("email=2..", "GBP").unwrap().max_spend_minor, None);
        assert!(bound("email", "GBP").is_err());
        assert!(bound("email=5", "GBP").is_err());
    }
}
