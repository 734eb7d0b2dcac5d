//! Exchange rates: kept, listed, and applied to events.

use api::common::{Event, Item, Money};
use api::ingestion::*;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{Ingestion, codes, on_each_database, order};

fn rate(day: &str, currency: &str, rate: &str) -> ExchangeRate {
    ExchangeRate {
        day: day.into(),
        from_currency: currency.into(),
        to_currency: "GBP".into(),
        rate: rate.into(),
        update_time: None,
    }
}

fn money(currency: &str, minor_units: i64) -> Option<Money> {
    Some(Money {
        currency_code: currency.into(),
        minor_units,
    })
}

fn today(before: i64) -> String {
    let day = chrono::Utc::now().date_naive() - chrono::Days::new(before as u64);
    day.to_string()
}

impl Ingestion {
    async fn set_rates(
        &mut self,
        rates: Vec<ExchangeRate>,
        request_id: &str,
    ) -> Result<SetRatesResponse, Status> {
        let request = SetRatesRequest {
            rates,
            request_id: request_id.into(),
        };
        Ok(self.rates.set_rates(request).await?.into_inner())
    }

    async fn list_rates(&mut self, request: ListRatesRequest) -> ListRatesResponse {
        self.rates.list_rates(request).await.unwrap().into_inner()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_events_at_the_rate_of_their_day() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let dollars = |id: &str| Event {
            value: money("USD", 1001),
            items: vec![Item {
                product_id: "p".into(),
                quantity_milli: 1000,
                unit_price: money("JPY", 1000),
                ..Item::default()
            }],
            ..order(id, "ann", 0)
        };
        let receipts = ingestion.ingest(vec![dollars("m1")]).await;
        assert_eq!(codes(&receipts), "q");
        let reasons: Vec<_> = receipts[0]
            .violations
            .iter()
            .map(|it| (it.field.as_str(), it.reason.as_str()))
            .collect();
        assert_eq!(
            reasons,
            [
                ("value.currency_code", "NO_EXCHANGE_RATE"),
                ("items[0].unit_price.currency_code", "NO_EXCHANGE_RATE"),
            ]
        );

        // The rate of five days ago is the nearest earlier one; that of a month ago is too old.
        let rates = vec![
            rate(&today(5), "USD", "0.75"),
            rate(&today(30), "USD", "9"),
            rate(&today(1), "JPY", "0.0053"),
        ];
        let id = Uuid::new_v4().to_string();
        let answer = ingestion.set_rates(rates.clone(), &id).await.unwrap();
        assert_eq!((answer.set, answer.removed), (3, 0));
        let again = ingestion.set_rates(rates, &id).await.unwrap();
        assert_eq!(again, answer);

        assert_eq!(codes(&ingestion.ingest(vec![dollars("m1")]).await), "a");
        ingestion.settled().await;
        let applied = {
            let record = ingestion.peer.record.lock().unwrap();
            record.events[0].clone()
        };
        assert_eq!(applied.value, money("GBP", 751));
        assert_eq!(applied.original_value, money("USD", 1001));
        assert_eq!(applied.items[0].unit_price, money("GBP", 530));

        let removed = vec![rate(&today(5), "USD", "")];
        let answer = ingestion.set_rates(removed, "").await.unwrap();
        assert_eq!((answer.set, answer.removed), (0, 1));
        assert_eq!(codes(&ingestion.ingest(vec![dollars("m2")]).await), "q");
        ingestion.stop().await;
    })
    .await;
}

#[tokio::test]
async fn lists_rates_by_pages_and_names_every_mistake() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let rates = (1..=9)
            .flat_map(|day| {
                let day = format!("2024-01-0{day}");
                [rate(&day, "USD", "0.75"), rate(&day, "EUR", "0.85")]
            })
            .collect();
        ingestion.set_rates(rates, "").await.unwrap();

        let mut seen = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = ingestion
                .list_rates(ListRatesRequest {
                    from_day: "2024-01-02".into(),
                    to_day: "2024-01-08".into(),
                    page_size: 4,
                    page_token,
                    ..ListRatesRequest::default()
                })
                .await;
            assert!(page.rates.len() <= 4);
            seen.extend(
                page.rates
                    .iter()
                    .map(|it| (it.from_currency.clone(), it.day.clone())),
            );
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen.len(), 14);
        assert!(seen.is_sorted());
        let only = ListRatesRequest {
            from_currency: "EUR".into(),
            ..ListRatesRequest::default()
        };
        let only = ingestion.list_rates(only).await;
        assert_eq!(only.rates.len(), 9);
        assert_eq!(
            (
                only.rates[0].rate.as_str(),
                only.rates[0].to_currency.as_str()
            ),
            ("0.85", "GBP")
        );

        let wrong = vec![
            rate("2024-13-01", "usd", "0"),
            ExchangeRate {
                to_currency: "USD".into(),
                ..rate("2024-01-01", "GBP", "1")
            },
            rate("2024-01-01", "USD", "1"),
            rate("2024-01-01", "USD", "2"),
        ];
        let status = ingestion.set_rates(wrong, "").await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let fields: Vec<_> = runtime::fault::violations(&status)
            .into_iter()
            .map(|it| it.field)
            .collect();
        assert_eq!(
            fields,
            [
                "rates[0].day",
                "rates[0].from_currency",
                "rates[0].rate",
                "rates[1].from_currency",
                "rates[1].to_currency",
                "rates[3].day",
            ]
        );
        ingestion.stop().await;
    })
    .await;
}
