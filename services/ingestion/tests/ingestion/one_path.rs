//! One path: the same data sent by stream, by batch and as a file give the same events, states and quality figures, however
//! they are parted.

use std::collections::BTreeMap;

use api::common::{Event, StandardEvent};
use api::ingestion::source::Kind as SourceKind;
use api::ingestion::*;
use features::{AsOf, CustomerState};
use futures::StreamExt;
use lake::Lake;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use store::DatabaseConfig;

use crate::harness::{Ingestion, on_each_database};

const COLUMNS: [&str; 7] = [
    "id", "at", "customer", "price", "currency", "note", "rating",
];

/// Records: every stage has something to do.
const RECORDS: &str = r#"
apiVersion: v3.1.0
kind: DataContract
id: records
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true, primaryKey: true}
      - {name: at, logicalType: timestamp, required: true, logicalTypeOptions: {format: yyyy-MM-dd HH:mm:ss}}
      - {name: customer, logicalType: string, classification: personal}
      - {name: price, logicalType: number, required: true, logicalTypeOptions: {minimum: -1000, maximum: 1000}}
      - {name: currency, logicalType: string, quality: [{metric: invalidValues, arguments: {validValues: [GBP, USD]}, mustBe: 0}]}
      - {name: note, logicalType: string, logicalTypeOptions: {maxLength: 40}}
      - {name: rating, logicalType: integer}
customProperties:
  - property: clientele
    value:
      file: {format: csv, missing: ["n/a"]}
      time: {column: at, zone: Europe/London, delay: 0s}
      currency: GBP
      identifiers: {customer_id: customer}
      types:
        - {when: {column: price, below: 0}, type: Order Refunded, mark: returned}
        - {type: Order Completed}
      value: price
      properties: {order_id: id, note: note, rating: rating, currency: currency}
      standardise: {note: text, currency: {as: text, case: upper}}
      clean: {rating: {missing: {constant: 3}}}
      rules:
        - {name: dear_and_bad, when: price > 500, must: rating > 1, action: flag}
        - {name: refunds_have_notes, must: price >= 0 || note != null}
"#;

/// Events, whose columns are paths.
const EVENTS: &str = r#"
apiVersion: v3.1.0
kind: DataContract
id: events
version: 1.0.0
schema:
  - name: events
    properties:
      - {name: value, logicalType: number, logicalTypeOptions: {maximum: 900}}
      - {name: identifiers.customer_id, logicalType: string, classification: personal}
      - {name: properties.note, logicalType: string, logicalTypeOptions: {maxLength: 40}}
      - {name: properties.rating, logicalType: integer}
customProperties:
  - property: clientele
    value:
      file: {format: events}
      time: {delay: 0s}
      currency: GBP
      standardise: {properties.note: text}
      clean: {properties.rating: {missing: {constant: 3}}}
      rules: [{name: bad, must: properties.rating > 1, action: flag}]
"#;

type Row = [String; 7];

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }
}

/// Rows in all states of repair, some of them twice.
fn rows(dice: &mut Dice, count: usize) -> Vec<Row> {
    let today = chrono::Utc::now().date_naive();
    let mut rows: Vec<Row> = Vec::new();
    for number in 0..count {
        if number > 0 && dice.below(12) == 0 {
            let again = dice.below(rows.len() as u64) as usize;
            rows.push(rows[again].clone());
            continue;
        }
        let day = today - chrono::TimeDelta::days(2 + dice.below(60) as i64);
        let price = dice.pick(&["12.50", "600", "-3.20", "1200", "abc", "", "0.005", "７.5"]);
        let at = match dice.below(15) {
            0 => "yesterday".to_owned(),
            hour => format!("{day} {hour:02}:{:02}:00", dice.below(60)),
        };
        rows.push([
            format!("o{number}"),
            at,
            match dice.below(10) {
                0 => String::new(),
                customer => format!("c{customer}"),
            },
            price.to_owned(),
            dice.pick(&["GBP", "gbp", "USD", "XXX", ""]).to_owned(),
            dice.pick(&[
                "fine",
                "ｆｉｎｅ　ｔｏｏ",
                "n/a",
                "快递很慢",
                "call 07700 900123",
                "an overlong note that nobody would ever write into a till",
            ])
            .to_owned(),
            dice.pick(&["5", "1", "n/a", "many", "3.0"]).to_owned(),
        ]);
    }
    rows
}

fn csv(rows: &[Row]) -> Vec<u8> {
    let mut text = COLUMNS.join(",") + "\n";
    for row in rows {
        text.push_str(&row.join(","));
        text.push('\n');
    }
    text.into_bytes()
}

fn text(value: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.to_owned())),
    }
}

fn record(row: &Row) -> Event {
    let fields = COLUMNS.iter().zip(row);
    let fields = fields.map(|(name, value)| ((*name).to_owned(), text(value)));
    Event {
        source: "shop".into(),
        properties: Some(Struct {
            fields: fields.collect(),
        }),
        ..Event::default()
    }
}

/// Events of the same rows, with the lines that a file of them has.
fn events(rows: &[Row]) -> (Vec<Event>, Vec<u8>) {
    let (mut events, mut lines) = (Vec::new(), String::new());
    for row in rows {
        let time = chrono::NaiveDateTime::parse_from_str(&row[1], "%Y-%m-%d %H:%M:%S").ok();
        let time = time.map(|time| time.and_utc());
        let pence = row[3]
            .parse::<f64>()
            .ok()
            .map(|price| (price * 100.0).round() as i64);
        let mut event = Event {
            message_id: row[0].clone(),
            source: "shop".into(),
            r#type: "Order Completed".into(),
            event_time: time.map(runtime::time::to_proto),
            value: pence.map(|minor_units| api::common::Money {
                currency_code: "GBP".into(),
                minor_units,
            }),
            ..Event::default()
        };
        if !row[2].is_empty() {
            event.identifiers.push(api::common::Identifier {
                namespace: "customer_id".into(),
                value: row[2].clone(),
            });
        }
        let mut fields = BTreeMap::from([("note".to_owned(), text(&row[5]))]);
        if let Ok(rating) = row[6].parse() {
            let kind = Some(Kind::NumberValue(rating));
            fields.insert("rating".to_owned(), Value { kind });
        }
        event.properties = Some(Struct { fields });
        let mut line = api::json::to_value(&event);
        // A file tells the source apart from its rows.
        line.as_object_mut().unwrap().remove("source");
        lines.push_str(&line.to_string());
        lines.push('\n');
        events.push(event);
    }
    (events, lines.into_bytes())
}

/// Everything that is compared, in an order of its own.
#[derive(Debug, PartialEq)]
struct Outcome {
    receipts: ReceiptCounts,
    events: Vec<StandardEvent>,
    features: BTreeMap<String, String>,
    quality: QualityReport,
}

#[derive(Clone, Copy, Debug)]
enum Door {
    Stream,
    Batch,
    Import,
}

/// A database of its own beside the given one.
fn beside(database: &DatabaseConfig, name: &str) -> DatabaseConfig {
    DatabaseConfig {
        url: database.url.replace("ingestion.db", &format!("{name}.db")),
        schema: database
            .schema
            .as_ref()
            .map(|schema| format!("{schema}_{name}")),
        ..database.clone()
    }
}

/// Sends by one door, in parts that the dice choose, and gathers what came of it.
async fn through(
    door: Door,
    database: DatabaseConfig,
    contract: &str,
    (sent, file): (Vec<Event>, Vec<u8>),
    dice: &mut Dice,
) -> Outcome {
    let mut ingestion = Ingestion::start(database).await;
    let source = Source {
        kind: Some(SourceKind::Push(PushSource {})),
        contract_yaml: contract.into(),
        ..Source::default()
    };
    let request = CreateSourceRequest {
        source_id: "shop".into(),
        source: Some(source),
        ..CreateSourceRequest::default()
    };
    ingestion.sources.create_source(request).await.unwrap();
    let mut parts = Vec::new();
    let mut rest = sent.as_slice();
    while !rest.is_empty() {
        let (part, left) = rest.split_at(rest.len().min(1 + dice.below(60) as usize));
        parts.push(part.to_vec());
        rest = left;
    }
    match door {
        Door::Batch => {
            for part in parts {
                ingestion.ingest(part).await;
            }
        }
        Door::Stream => {
            let messages: Vec<IngestEventsRequest> = parts
                .into_iter()
                .zip(0..)
                .map(|(events, sequence)| IngestEventsRequest { sequence, events })
                .collect();
            let messages = futures::stream::iter(messages);
            let answers = ingestion.events.ingest_events(messages).await.unwrap();
            let mut answers = answers.into_inner();
            while let Some(answer) = answers.next().await {
                answer.unwrap();
            }
        }
        Door::Import => {
            let name = if file.starts_with(b"{") {
                "orders.ndjson"
            } else {
                "orders.csv"
            };
            ingestion
                .import("default", (name, &file), "")
                .await
                .unwrap();
        }
    }
    let status = ingestion.settled().await;
    let receipts = status.sources[0].receipts.unwrap();
    let mut events = ingestion.peer.record.lock().unwrap().events.clone();
    for event in &mut events {
        // When something could be known is a matter of the door.
        event.known_time = None;
    }
    events.sort_by(|one, other| one.event_id.cmp(&other.event_id));
    let features = states(&ingestion).await;
    let quality = quality(&mut ingestion).await;
    ingestion.stop().await;
    Outcome {
        receipts,
        events,
        features,
        quality,
    }
}

/// Returns the features that follow from the lake, by fragment.
async fn states(ingestion: &Ingestion) -> BTreeMap<String, String> {
    let lake = Lake::open(&ingestion.config.lake.path).await.unwrap();
    let request = lake::ReplayRequest {
        tenant: "default".into(),
        as_of_day: 30_000,
        known_by: chrono::Utc::now() + chrono::TimeDelta::days(9_000),
    };
    let go_on = |_| std::ops::ControlFlow::Continue(());
    let fragments = lake.replay_fragments(&request, go_on).await.unwrap();
    let day = i32::try_from(chrono::Utc::now().timestamp() / 86_400).unwrap();
    let features = fragments.iter().map(|(id, fragment)| {
        let mut state = CustomerState::default();
        state.merge(fragment);
        (id.clone(), format!("{:?}", state.features(AsOf::day(day))))
    });
    features.collect()
}

/// Returns the quality figures, which tell of every record that was committed.
async fn quality(ingestion: &mut Ingestion) -> QualityReport {
    let request = GetQualityReportRequest {
        source: "sources/shop".into(),
        ..GetQualityReportRequest::default()
    };
    let report = ingestion.quality.get_quality_report(request).await;
    QualityReport {
        as_of: None,
        ..report.unwrap().into_inner()
    }
}

/// Compares the three doors for data and partings of a seed.
async fn compare(database: &DatabaseConfig, name: &str, contract: &str, seed: u64) {
    let mut dice = Dice(seed);
    let rows = rows(&mut dice, 250);
    let data = match contract == RECORDS {
        true => (rows.iter().map(record).collect(), csv(&rows)),
        false => events(&rows),
    };
    let mut outcomes = Vec::new();
    for door in [Door::Batch, Door::Stream, Door::Import] {
        let own = beside(database, &format!("{name}{seed}{door:?}").to_lowercase());
        outcomes.push(through(door, own, contract, data.clone(), &mut dice).await);
    }
    let counts = outcomes[0].receipts;
    assert!(
        counts.accepted > 20 && counts.quarantined > 20 && counts.rejected == 0,
        "{counts:?}"
    );
    assert!(outcomes[0].quality.records > counts.accepted);
    let flagged = |it: &StandardEvent| !it.corrections.is_empty();
    assert!(
        outcomes[0].events.iter().any(flagged),
        "nothing was cleaned"
    );
    for outcome in &outcomes[1..] {
        let seed = format!("{name}, seed {seed}");
        assert_eq!(outcome.receipts, counts, "{seed}");
        for (one, other) in outcome.events.iter().zip(&outcomes[0].events) {
            assert_eq!(one, other, "{seed}");
        }
        assert_eq!(outcome.features, outcomes[0].features, "{seed}");
        assert_eq!(outcome.quality, outcomes[0].quality, "{seed}");
        assert!(*outcome == outcomes[0], "{seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_out_the_same_through_every_door() {
    on_each_database(|database| async move {
        for seed in [1, 2] {
            compare(&database, "records", RECORDS, seed).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_out_the_same_through_every_door() {
    on_each_database(|database| async move {
        compare(&database, "events", EVENTS, 3).await;
    })
    .await;
}
