//! `clientele rates`: sets and lists exchange rates.

use super::request_id;
use crate::cli::{Output, RatesCommand, ServiceName};
use crate::clients::Clients;
use crate::output;
use anyhow::{Context, bail};
use api::ingestion::{
    ExchangeRate, ListRatesRequest, ListRatesResponse, SetRatesRequest, SetRatesResponse,
};
use std::path::Path;

const SERVICE: ServiceName = ServiceName::Ingestion;
/// Rates of one call.
const BATCH: usize = 1000;
/// Header of a file of rates.
const HEADER: [&str; 4] = ["day", "from", "to", "rate"];

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: RatesCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        RatesCommand::Set { file } => {
            let answer = set(clients, &read(&file)?).await?;
            output::message(output, &answer, |it| {
                format!("{} rates set, {} removed", it.set, it.removed)
            })
        }
        RatesCommand::List { currency, from, to } => {
            let day =
                |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
            let request = ListRatesRequest {
                from_currency: currency.unwrap_or_default(),
                from_day: day(from),
                to_day: day(to),
                page_size: BATCH as i32,
                page_token: String::new(),
            };
            let answer = list(clients, request).await?;
            output::message(output, &answer, |it| match it.rates.is_empty() {
                true => "No rates: set them with 'clientele rates set FILE'.".into(),
                false => table(&it.rates),
            })
        }
    }
}

async fn set(clients: &Clients, rates: &[ExchangeRate]) -> anyhow::Result<SetRatesResponse> {
    let mut all = SetRatesResponse::default();
    for rates in rates.chunks(BATCH) {
        let request = SetRatesRequest {
            rates: rates.to_vec(),
            request_id: request_id(),
        };
        let answer = clients.rates().set_rates(clients.request(request)).await;
        let answer = answer.map_err(clients.failed(SERVICE))?.into_inner();
        all.set += answer.set;
        all.removed += answer.removed;
    }
    Ok(all)
}

async fn list(
    clients: &Clients,
    mut request: ListRatesRequest,
) -> anyhow::Result<ListRatesResponse> {
    let mut all = ListRatesResponse::default();
    loop {
        let page = clients
            .rates()
            .list_rates(clients.request(request.clone()))
            .await
            .map_err(clients.failed(SERVICE))?
            .into_inner();
        all.rates.extend(page.rates);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// Reads a file of rates: CSV with the columns day, from, to and rate.
fn read(file: &Path) -> anyhow::Result<Vec<ExchangeRate>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read '{}'", file.display()))?;
    parse(&text).with_context(|| format!("'{}' is no file of rates", file.display()))
}

fn parse(text: &str) -> anyhow::Result<Vec<ExchangeRate>> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split(',').map(|cell| cell.trim().to_owned());
        cells.collect()
    };
    let header = lines.next().unwrap_or_default();
    if cells(header) != HEADER {
        bail!("the first line must be '{}'", HEADER.join(","));
    }
    let mut rates = Vec::new();
    for (number, line) in lines
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let cells = cells(line);
        let [day, from, to, rate] = cells.as_slice() else {
            bail!("line {}: four values are expected", number + 2);
        };
        rates.push(ExchangeRate {
            day: day.clone(),
            from_currency: from.clone(),
            to_currency: to.clone(),
            rate: rate.clone(),
            update_time: None,
        });
    }
    if rates.is_empty() {
        bail!("it holds no rate");
    }
    Ok(rates)
}

fn table(rates: &[ExchangeRate]) -> String {
    let mut table = output::table(&["Day", "From", "To", "Rate", "Set"], &["Rate"]);
    for rate in rates {
        table.add_row([
            rate.day.clone(),
            rate.from_currency.clone(),
            rate.to_currency.clone(),
            rate.rate.clone(),
            output::time(rate.update_time.as_ref()),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_file_of_rates() {
        let rates = parse("day,from,to,rate\n2024-01-02,USD,GBP,0.785\n\n2024-01-03, EUR ,GBP,\n");
        let rates = rates.unwrap();
        assert_eq!(rates.len(), 2);
        assert_eq!(rates[1].from_currency, "EUR");
        assert_eq!(rates[1].rate, "");
    }

    #[test]
    fn says_what_is_no_file_of_rates() {
        for (text, told) in [
            ("day,rate\n", "first line"),
            ("day,from,to,rate\n", "no rate"),
            ("day,from,to,rate\n2024-01-02,USD\n", "line 2"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
