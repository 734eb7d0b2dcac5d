//! Plants personal data at every door of ingestion, then looks for it in everything that is kept and told.

use crate::story::Story;
use api::common::{Event, Identifier, Item, Money};
use api::ingestion::event_service_client::EventServiceClient;
use api::ingestion::import_service_client::ImportServiceClient;
use api::ingestion::quality_service_client::QualityServiceClient;
use api::ingestion::quarantine_service_client::QuarantineServiceClient;
use api::ingestion::source_service_client::SourceServiceClient;
use api::ingestion::taxonomy_service_client::TaxonomyServiceClient;
use api::ingestion::{source, *};
use api::longrunning::WaitOperationRequest;
use api::longrunning::operations_client::OperationsClient;
use lake::arrow::array::{Array, ArrayData};
use lake::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use std::path::{Path, PathBuf};
use tests::suite::{Cluster, Embedded, Services};
use tonic::transport::Channel;
use tonic::{Request, Status};

const TENANT: &str = "secrets";
const NAME: &str = "Zelda Quixote";
const CHINESE_NAME: &str = "欧阳翠花";
const EMAIL: &str = "zelda.planted@mail.example";
const PHONE: &str = "13900139471";
const ABROAD: &str = "+44 7700 900471";
const ID: &str = "11010519491231002X";
const CARD: &str = "4111111111111111";
const ADDRESS: &str = "建国路4711号";
const PASSPORT: &str = "E47114711";
/// Everything that must not be found.
const PLANTED: [&str; 9] = [
    NAME,
    CHINESE_NAME,
    EMAIL,
    PHONE,
    ABROAD,
    ID,
    CARD,
    ADDRESS,
    PASSPORT,
];

/// A file with columns of every class and mask, and texts.
const CONTRACT: &str = "
apiVersion: v3.0.2
kind: DataContract
id: feedback
version: 1.0.0
schema:
  - name: rows
    logicalType: object
    properties:
      - {name: id, logicalType: string, required: true, primaryKey: true}
      - {name: day, logicalType: date, required: true}
      - {name: mail, logicalType: string, classification: personal/email}
      - {name: phone, logicalType: string, classification: personal/phone}
      - {name: passport, logicalType: string, classification: personal/id_number}
      - {name: card, logicalType: string, classification: personal/bank_card}
      - {name: person, logicalType: string, classification: personal/name}
      - {name: stars, logicalType: integer}
      - {name: comment, logicalType: string}
customProperties:
  - property: clientele
    value:
      file: {format: csv}
      time: {column: day, formats: ['%Y-%m-%d'], zone: UTC, delay: 0s}
      identifiers: {email: mail}
      types: Review Posted
      properties: {contact: phone, document: passport, payment: card, author: person, rating: stars, text: comment}
      mask: {phone: partial, passport: encrypt, card: token}
      tags: {comment: all}
";

const TAXONOMY: &str = "
tags:
  - {tag: logistics/delivery-time, synonyms: [slow delivery, 物流太慢], examples: [物流太慢]}
";

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_suite_keeps_no_planted_value_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("CLIENTELE_TELEMETRY__LOG", "debug")];
    let suite = Embedded::start_with(folder.path(), &settings).unwrap();
    let mut told = plant(&suite, &folder.path().join("data/lake")).await;
    told.push(("metrics".into(), suite.metrics().unwrap().into_bytes()));
    told.extend(files(folder.path()));
    assert!(told.iter().any(|(name, _)| name.ends_with("ingestion.db")));
    assert!(told.iter().any(|(name, _)| name.ends_with(".parquet")));
    find_nothing(&told);

    assert!(suite.stop().unwrap().success());
    find_nothing(&files(folder.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn five_processes_keep_no_planted_value_in_the_clear() {
    let debug = tests::suite::SERVICES.map(|it| (it, "CLIENTELE_TELEMETRY__LOG", "debug"));
    let Some(cluster) = Cluster::start("privacy", &debug).unwrap() else {
        return;
    };
    let mut told = plant(&cluster, &cluster.folder().join("lake")).await;
    told.push(("metrics".into(), cluster.metrics().unwrap().into_bytes()));
    told.push(("tables".into(), cluster.postgres.dump().unwrap()));
    told.push(("redis".into(), cluster.redis.dump().unwrap()));
    told.extend(files(cluster.folder()));
    // With the write-ahead log.
    told.extend(files(cluster.postgres.folder()));
    find_nothing(&told);
}

/// Sends planted values through every door, and returns all that was answered.
async fn plant(suite: &impl Services, lake: &Path) -> Vec<(String, Vec<u8>)> {
    let story = Story::new(suite, TENANT);
    story.create_tenant().await.unwrap();
    let channel = suite.channel("ingestion");
    let mut told = Told::default();
    taxonomy(&channel, &mut told).await;
    events(&channel, &mut told).await;
    imports(&channel, &mut told).await;
    source(&channel, &mut told).await;
    refused(&channel, &mut told).await;
    story.settle().await.unwrap();
    answers(&channel, &mut told).await;
    let written = lake_columns(lake, &mut told);
    // What is looked for arrived, in its masked forms.
    for sign in [
        "[phone]",
        "[email]",
        "[address]",
        "hash:",
        "enc:k",
        "139****9471",
        "logistics/delivery-time",
    ] {
        assert!(holds(&written, sign.as_bytes()), "no {sign} in the lake");
    }
    told.0
}

#[derive(Default)]
struct Told(Vec<(String, Vec<u8>)>);

impl Told {
    /// Keeps an answer, or an error with its details.
    fn note<T: std::fmt::Debug>(&mut self, what: &str, answer: &Result<T, Status>) {
        let mut text = format!("{answer:?}").into_bytes();
        if let Err(status) = answer {
            text.extend_from_slice(status.details());
        }
        self.0.push((format!("answer of {what}"), text));
    }
}

fn call<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let tenant = TENANT.parse().unwrap();
    request.metadata_mut().insert("x-clientele-tenant", tenant);
    request
}

fn text(text: impl Into<String>) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.into())),
    }
}

fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Struct {
    Struct {
        fields: pairs.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn comment() -> String {
    format!(
        "物流太慢! call {PHONE} or {ABROAD}, write to {EMAIL}, 身份证{ID}, card {CARD}, 送到北京市{ADDRESS}, my name is {NAME}, 我叫{CHINESE_NAME}。"
    )
}

async fn taxonomy(channel: &Channel, told: &mut Told) {
    let mut client = TaxonomyServiceClient::new(channel.clone());
    let request = CreateTaxonomyVersionRequest {
        taxonomy_id: "service".into(),
        taxonomy_yaml: TAXONOMY.into(),
        ..Default::default()
    };
    let created = client.create_taxonomy_version(call(request)).await.unwrap();
    let name = created.into_inner().name;
    let request = ActivateTaxonomyVersionRequest { name };
    client
        .activate_taxonomy_version(call(request))
        .await
        .unwrap();
    let wrong = format!("tags: [{{tag: a, synonyms: ['{EMAIL}'], colour: 1}}]");
    let request = CreateTaxonomyVersionRequest {
        taxonomy_id: "service".into(),
        taxonomy_yaml: wrong,
        ..Default::default()
    };
    told.note(
        "CreateTaxonomyVersion",
        &client.create_taxonomy_version(call(request)).await,
    );
}

fn event(number: usize, kind: &str) -> Event {
    let deep = (0..9).fold(fields([("phone", text(PHONE))]), |inner, _| {
        let inner = Value {
            kind: Some(Kind::StructValue(inner)),
        };
        fields([("in", inner), ("note", text(EMAIL))])
    });
    let list = ListValue {
        values: vec![text(comment()), text(PHONE)],
    };
    let mut properties = fields([
        ("email", text(EMAIL)),
        ("name", text(NAME)),
        ("text", text(comment())),
        ("channel", text(format!("web {PHONE} {EMAIL} {ID} {CARD}"))),
        ("user_id", text(PHONE)),
        (EMAIL, text("x")),
        (
            "list",
            Value {
                kind: Some(Kind::ListValue(list)),
            },
        ),
        (
            "paid_with",
            Value {
                kind: Some(Kind::NumberValue(CARD.parse().unwrap())),
            },
        ),
    ]);
    if number % 3 == 1 {
        let deep = Value {
            kind: Some(Kind::StructValue(deep)),
        };
        properties.fields.insert("deep".into(), deep);
    }
    Event {
        message_id: format!("m{number}"),
        source: "app".into(),
        r#type: kind.into(),
        event_time: Some(prost_types::Timestamp {
            seconds: chrono::Utc::now().timestamp() - 60,
            nanos: 0,
        }),
        identifiers: vec![
            Identifier {
                namespace: "email".into(),
                value: EMAIL.into(),
            },
            Identifier {
                namespace: "phone".into(),
                value: PHONE.into(),
            },
        ],
        items: vec![Item {
            product_id: "P1".into(),
            name: format!("Mug for {EMAIL}, {PHONE}"),
            quantity_milli: 1000,
            ..Item::default()
        }],
        properties: Some(properties),
        ..Event::default()
    }
}

async fn events(channel: &Channel, told: &mut Told) {
    let mut client = EventServiceClient::new(channel.clone());
    let mut all: Vec<Event> = (0..6)
        .map(|number| event(number, "Review Posted"))
        .collect();
    all.push(event(6, "Order Completed"));
    // Each is wrong in its own way.
    all.push(event(7, ""));
    all.push(event(8, &format!("Call from {PHONE}")));
    all.push(Event {
        event_time: None,
        message_id: format!("of {EMAIL}"),
        ..event(9, "Review Posted")
    });
    all.push(Event {
        value: Some(Money {
            currency_code: EMAIL.into(),
            minor_units: 1,
        }),
        ..event(10, "Order Completed")
    });
    let mut odd = event(11, "Review Posted");
    odd.identifiers[0].namespace = EMAIL.into();
    all.push(odd);
    let mut long = event(12, "Review Posted");
    long.identifiers[0].value = format!("{EMAIL}{}", "x".repeat(600));
    all.push(long);
    all.push(Event {
        source: EMAIL.into(),
        ..event(13, "Review Posted")
    });
    let request = BatchIngestEventsRequest {
        events: all.clone(),
        contract: String::new(),
    };
    let answer = client
        .batch_ingest_events(call(request))
        .await
        .unwrap()
        .into_inner();
    for receipt in answer.receipts {
        // A receipt repeats the caller's own message id.
        let receipt = Receipt {
            message_id: String::new(),
            ..receipt
        };
        told.note("BatchIngestEvents", &Ok(receipt));
    }
    let streamed = (20..26).map(|number| IngestEventsRequest {
        events: vec![event(number, "Ticket Opened")],
        ..Default::default()
    });
    let answers = client
        .ingest_events(call(tokio_stream::iter(streamed)))
        .await;
    let mut answers = answers.unwrap().into_inner();
    while let Some(answer) = answers.message().await.unwrap() {
        told.note("IngestEvents", &Ok(answer));
    }
}

async fn imports(channel: &Channel, told: &mut Told) {
    let header = "id,day,mail,phone,passport,card,person,stars,comment\n";
    let row = |id: &str, day: &str, stars: &str| {
        format!(
            "{id},{day},{EMAIL},{PHONE},{PASSPORT},{CARD},{NAME},{stars},\"{}\"\n",
            comment()
        )
    };
    let good = row("r1", "2026-01-02", "5");
    let rows = [
        header.to_owned(),
        good.clone(),
        row("r2", "no day", "5"),
        row(
            "r3",
            "2026-01-02",
            &format!("five, says {PHONE}").replace(',', ";"),
        ),
        row("r4", EMAIL, "9"),
        format!("{EMAIL},{PHONE},{NAME}\n"),
        row("r5", "2026-01-02", "4"),
    ];
    let file = rows.concat();
    let headless = good.clone();
    let cut = format!("{header}r1,2026-01-02,\"{EMAIL}");
    let lines = format!("{{\"id\": \"{PHONE}\", \"{EMAIL}\": [}}\n{{\"mail\": \"{EMAIL}\"}}\n");
    let ndjson = CONTRACT.replace("format: csv", "format: ndjson");
    for (name, bytes, contract) in [
        ("good.csv", file.as_str(), CONTRACT),
        ("headless.csv", &headless, CONTRACT),
        ("cut.csv", &cut, CONTRACT),
        ("lines.ndjson", &lines, &ndjson),
    ] {
        import(channel, (name, bytes), contract, told).await;
    }
    let mut client = ImportServiceClient::new(channel.clone());
    let upload = upload(channel, "left.csv", &file).await;
    let request = ProfileFileRequest {
        upload,
        source: "feedback".into(),
        ..Default::default()
    };
    let started = client
        .profile_file(call(request))
        .await
        .unwrap()
        .into_inner();
    wait(channel, started.name, "ProfileFile", told).await;
}

async fn upload(channel: &Channel, name: &str, bytes: &str) -> String {
    let mut client = ImportServiceClient::new(channel.clone());
    let piece = UploadFileRequest {
        file_name: name.into(),
        data: bytes.as_bytes().to_vec(),
    };
    let answer = client.upload_file(call(tokio_stream::once(piece))).await;
    answer.unwrap().into_inner().upload
}

async fn import(channel: &Channel, (name, bytes): (&str, &str), contract: &str, told: &mut Told) {
    let mut client = ImportServiceClient::new(channel.clone());
    let upload = upload(channel, name, bytes).await;
    let request = ImportFileRequest {
        upload,
        source: "feedback".into(),
        contract_yaml: contract.into(),
        ..Default::default()
    };
    let started = client
        .import_file(call(request))
        .await
        .unwrap()
        .into_inner();
    wait(channel, started.name, name, told).await;
}

/// Waits for an operation and keeps what it tells.
async fn wait(channel: &Channel, name: String, what: &str, told: &mut Told) {
    let mut client = OperationsClient::new(channel.clone());
    loop {
        let request = WaitOperationRequest {
            name: name.clone(),
            timeout: Some(prost_types::Duration {
                seconds: 10,
                nanos: 0,
            }),
        };
        let operation = client
            .wait_operation(call(request))
            .await
            .unwrap()
            .into_inner();
        if operation.done {
            // Its bytes, for answers are packed.
            let bytes = prost::Message::encode_to_vec(&operation);
            told.0.push((format!("operation {what}"), bytes));
            told.note(what, &Ok(operation));
            return;
        }
    }
}

/// Registers a source with a contract, and sends it records.
async fn source(channel: &Channel, told: &mut Told) {
    let mut sources = SourceServiceClient::new(channel.clone());
    let source = Source {
        contract_yaml: CONTRACT.into(),
        kind: Some(source::Kind::Push(PushSource::default())),
        ..Default::default()
    };
    let request = CreateSourceRequest {
        source_id: "form".into(),
        source: Some(source),
        ..Default::default()
    };
    sources.create_source(call(request)).await.unwrap();
    let record = |number: usize, day: &str| Event {
        message_id: format!("f{number}"),
        source: "form".into(),
        properties: Some(fields([
            ("id", text(format!("f{number}"))),
            ("day", text(day)),
            ("mail", text(EMAIL)),
            ("phone", text(PHONE)),
            ("passport", text(PASSPORT)),
            ("card", text(CARD)),
            ("person", text(NAME)),
            ("stars", text("5")),
            ("comment", text(comment())),
        ])),
        ..Event::default()
    };
    let today = chrono::Utc::now().format("%Y-%m-%d").to_string();
    let request = BatchIngestEventsRequest {
        events: vec![record(1, &today), record(2, PHONE)],
        contract: String::new(),
    };
    let mut client = EventServiceClient::new(channel.clone());
    told.note("records", &client.batch_ingest_events(call(request)).await);
}

/// Asks for what is refused, naming planted values.
async fn refused(channel: &Channel, told: &mut Told) {
    let mut events = EventServiceClient::new(channel.clone());
    let request = BatchIngestEventsRequest::default();
    told.note(
        "an empty batch",
        &events.batch_ingest_events(call(request)).await,
    );
    let mut quarantine = QuarantineServiceClient::new(channel.clone());
    let request = ListQuarantinedRequest {
        page_token: "none".into(),
        ..Default::default()
    };
    told.note(
        "a wrong page",
        &quarantine.list_quarantined(call(request)).await,
    );
}

/// Asks for everything that is told of what came in.
async fn answers(channel: &Channel, told: &mut Told) {
    let mut quarantine = QuarantineServiceClient::new(channel.clone());
    let request = ListQuarantinedRequest {
        page_size: 100,
        ..Default::default()
    };
    let listed = quarantine.list_quarantined(call(request)).await;
    let records = listed.as_ref().unwrap().get_ref().records.clone();
    assert!(records.len() >= 8, "{records:?}");
    told.note("ListQuarantinedRecords", &listed);
    for record in records {
        let request = GetQuarantinedRequest { name: record.name };
        let answer = quarantine.get_quarantined(call(request)).await;
        told.note("GetQuarantinedRecord", &answer);
    }
    let mut quality = QualityServiceClient::new(channel.clone());
    for source in ["app", "feedback", "form"] {
        let request = GetQualityReportRequest {
            source: format!("sources/{source}"),
            ..Default::default()
        };
        told.note(
            "GetQualityReport",
            &quality.get_quality_report(call(request)).await,
        );
    }
}

/// Reads the lake's files without their compression: what every column holds, one after the other.
fn lake_columns(lake: &Path, told: &mut Told) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, bytes) in files(lake) {
        if !name.ends_with(".parquet") || !bytes.starts_with(b"PAR1") {
            continue;
        }
        let file = std::fs::File::open(&name).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            for column in batch.unwrap().columns() {
                buffers(&column.to_data(), &mut written);
            }
        }
    }
    told.0.push(("columns of the lake".into(), written.clone()));
    written
}

/// Adds the bytes of an array and of what lies in it.
fn buffers(data: &ArrayData, written: &mut Vec<u8>) {
    for buffer in data.buffers() {
        written.extend_from_slice(buffer.as_slice());
    }
    for inner in data.child_data() {
        buffers(inner, written);
    }
}

/// Returns all files below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                // Its very name could tell.
                all.push((
                    path.display().to_string(),
                    path.display().to_string().into_bytes(),
                ));
                all.push((path.display().to_string(), bytes));
            }
        }
    }
    all
}

/// Fails with every place that holds a planted value: as it is, in hexadecimal digits, or as JSON and Rust write it.
fn find_nothing(told: &[(String, Vec<u8>)]) {
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let escaped = |text: &str| {
        let units = text.encode_utf16().map(|unit| match unit {
            0..=127 => char::from(unit as u8).to_string(),
            unit => format!("\\u{unit:04x}"),
        });
        units.collect::<String>()
    };
    let mut found = Vec::new();
    for (name, bytes) in told {
        let lower = bytes.to_ascii_lowercase();
        for value in PLANTED {
            let value = value.to_lowercase();
            for form in [value.clone(), hex(&value), escaped(&value)] {
                if let Some(at) = place(&lower, form.as_bytes()) {
                    let around = &lower[at.saturating_sub(80)..(at + 80).min(lower.len())];
                    let around = String::from_utf8_lossy(around).replace(char::is_control, " ");
                    found.push(format!("{value} in {name}: {around}"));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    assert!(
        found.is_empty(),
        "{} places:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn holds(bytes: &[u8], value: &[u8]) -> bool {
    place(bytes, value).is_some()
}

fn place(bytes: &[u8], value: &[u8]) -> Option<usize> {
    let first = value.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        if bytes[from + at..].starts_with(value) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}
