//! `clientele allocate`: where the next unit of budget earns most.

use super::segment;
use crate::cli::{Allocate, Output, ServiceName};
use crate::clients::Clients;
use crate::{money, output};
use anyhow::bail;
use api::campaign::{
    AllocateBudgetRequest, AllocateBudgetResponse, ChannelSpec, SliceBound, TotalRule,
};
use api::common::Money;
use api::profile::GetTenantRequest;

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
    output::message(output, &answer, |it| describe(it, &tenant.currency_code))
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

/// Describes an allocation for people: cells that get something by spend, then totals and assumptions.
pub(crate) fn describe(answer: &AllocateBudgetResponse, currency: &str) -> String {
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
    let mut cells: Vec<_> = answer
        .cells
        .iter()
        .filter(|it| it.spend_minor > 0)
        .collect();
    cells.sort_by(|x, y| {
        y.spend_minor
            .cmp(&x.spend_minor)
            .then_with(|| (&x.segment, &x.channel).cmp(&(&y.segment, &y.channel)))
    });
    for it in &cells {
        table.add_row([
            it.segment.trim_start_matches("segments/").to_owned(),
            it.channel.clone(),
            money::format(it.spend_minor, currency),
            money::format_f64(it.expected_profit_minor, currency),
            format!("{:.3}", it.marginal_return),
            if it.assumed { "assumed" } else { "learned" }.to_owned(),
            it.reason.clone(),
        ]);
    }
    let budget = answer.budget.as_ref().map_or(0, |it| it.minor_units);
    let idle = answer.cells.len() - cells.len();
    let rows = [
        (
            "spent",
            format!(
                "{} of {} {currency}",
                money::format(answer.spend_minor, currency),
                money::format(budget, currency)
            ),
        ),
        (
            "expected profit",
            format!(
                "{} {currency}",
                money::format_f64(answer.expected_profit_minor, currency)
            ),
        ),
        ("cells without spend", idle.to_string()),
        (
            "price of the total",
            format!("{:.4} per further unit", answer.shadow_price_total),
        ),
        (
            "marginal profit reaches zero",
            format!(
                "at {} {currency}",
                money::format(answer.profitable_spend_minor, currency)
            ),
        ),
        (
            "gap to the optimum",
            format!(
                "at most {} {currency}",
                money::format(answer.gap.ceil() as i64, currency)
            ),
        ),
    ];
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
        "{table}\n{}{assumed}{}",
        output::pairs(&rows),
        output::freshness(answer.freshness.as_ref())
    )
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
