//! What is done with an input; whatever it is, nothing may panic and the same input gives the same answer.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use chrono_tz::Tz;
use ingestion::domain::contract::{self, Contract};
use ingestion::domain::decimal::Decimal;
use ingestion::domain::instant::{TimeFormat, read_iso};
use ingestion::domain::json;
use ingestion::domain::keys::Keys;
use ingestion::domain::profiling::{Surroundings, propose, remarks};
use ingestion::file::{Inflation, Limits, Rows, survey};
use lake::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use lake::parquet::arrow::ArrowWriter;
use lake::parquet::basic::{Compression, ZstdLevel};
use lake::parquet::file::properties::WriterProperties;
use runtime::identity::IdentityKey;

/// A parser under test: its name, its stored inputs, and what is done with one.
pub struct Target {
    pub name: &'static str,
    pub corpus: fn() -> Vec<Vec<u8>>,
    pub run: fn(&[u8]),
}

pub const TARGETS: [Target; 11] = [
    Target {
        name: "csv",
        corpus: || stored("csv"),
        run: |bytes| read(bytes, "format: csv"),
    },
    Target {
        name: "ndjson",
        corpus: || stored("ndjson"),
        run: |bytes| read(bytes, "format: ndjson"),
    },
    Target {
        name: "events",
        corpus: || stored("events"),
        run: events,
    },
    Target {
        name: "parquet",
        corpus: parquet_files,
        run: |bytes| read(bytes, "format: parquet"),
    },
    Target {
        name: "gzip",
        corpus: || packed(gzip),
        run: |bytes| read(bytes, "format: csv"),
    },
    Target {
        name: "zstd",
        corpus: || packed(zstd),
        run: |bytes| read(bytes, "format: csv"),
    },
    Target {
        name: "encoding",
        corpus: || stored("csv"),
        run: encodings,
    },
    Target {
        name: "contract",
        corpus: contracts,
        run: contract_text,
    },
    Target {
        name: "times",
        corpus: || stored("times"),
        run: times_and_numbers,
    },
    Target {
        name: "json",
        corpus: || stored("json"),
        run: json_text,
    },
    Target {
        name: "survey",
        corpus: tables,
        run: surveyed,
    },
];

const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: order, logicalType: string, required: true}
      - {name: day, logicalType: date}
      - {name: customer, logicalType: string, classification: personal}
      - {name: amount, logicalType: number}
customProperties:
  - property: clientele
    value:
      file: {FILE}
      time: {column: day, formats: ["%Y-%m-%d"]}
      currency: EUR
      identifiers: {customer_id: customer}
      types: Order Completed
      value: amount
"#;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn stored(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder().join(name))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn contracts() -> Vec<Vec<u8>> {
    let mut all = stored("contract");
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contracts");
    let mut paths: Vec<_> = std::fs::read_dir(project)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort();
    all.extend(paths.iter().map(|path| std::fs::read(path).unwrap()));
    all
}

fn tables() -> Vec<Vec<u8>> {
    [
        stored("csv"),
        stored("ndjson"),
        stored("events"),
        stored("times"),
    ]
    .concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

fn packed(pack: fn(&[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    stored("csv").iter().map(|bytes| pack(bytes)).collect()
}

fn parquet_files() -> Vec<Vec<u8>> {
    let amounts = Decimal128Array::from((0..50).map(|n| n * 101).collect::<Vec<i128>>());
    let columns: [(&str, ArrayRef); 4] = [
        ("order", Arc::new(Int64Array::from_iter_values(0..50))),
        (
            "day",
            Arc::new(StringArray::from_iter_values(
                (0..50).map(|n| format!("2024-01-{:02}", n % 28 + 1)),
            )),
        ),
        (
            "customer",
            Arc::new(StringArray::from_iter(
                (0..50).map(|n| (n % 7 > 0).then(|| format!("客户{}", n % 5))),
            )),
        ),
        (
            "amount",
            Arc::new(amounts.with_precision_and_scale(20, 2).unwrap()),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    let write = |codec| {
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_max_row_group_row_count(Some(20))
            .build();
        let mut writer =
            ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    };
    codecs.into_iter().map(write).collect()
}

fn limits() -> Limits {
    Limits {
        record_bytes: 1 << 14,
        columns: 100,
        held_rows: 4,
        inflation: Inflation {
            bytes_max: 1 << 20,
            ratio_max: 100,
        },
        ..Limits::default()
    }
}

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Reads a file to its end or its fault; returns the ids of its rows.
fn ids(path: &Path, contract: &Contract) -> (Vec<String>, Option<String>) {
    let keys = Keys::new(IdentityKey::from_bytes([7; 32]));
    let mut all = Vec::new();
    let what = (contract, "shop", &keys);
    let mut rows = match Rows::open(path, "f", what, limits(), Default::default()) {
        Ok(rows) => rows,
        Err(fault) => return (all, Some(fault.to_string())),
    };
    loop {
        match rows.read_row() {
            Ok(Some((_, draft))) => all.push(draft.message_id),
            Ok(None) => return (all, None),
            Err(fault) => return (all, Some(fault.to_string())),
        }
    }
}

fn read(bytes: &[u8], form: &str) {
    let contract = CONTRACT.replace("FILE", form);
    read_by(bytes, &contract::parse(&contract).unwrap());
}

fn read_by(bytes: &[u8], contract: &Contract) {
    let file = file(bytes);
    let first = ids(file.path(), contract);
    assert_eq!(
        first,
        ids(file.path(), contract),
        "a second reading differs"
    );
}

fn events(bytes: &[u8]) {
    let contract = "{apiVersion: v3.0.2, kind: DataContract, id: e, version: 1.0.0, customProperties: [{property: clientele, \
        value: {file: {format: events}, currency: EUR}}]}";
    read_by(bytes, &contract::parse(contract).unwrap());
}

fn encodings(bytes: &[u8]) {
    const NAMES: [&str; 8] = [
        "utf-8",
        "windows-1252",
        "gbk",
        "gb18030",
        "big5",
        "utf-16le",
        "shift_jis",
        "iso-2022-jp",
    ];
    let pick = bytes.iter().fold(0_usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
    });
    read(
        bytes,
        &format!("format: csv, encoding: {}", NAMES[pick % NAMES.len()]),
    );
}

fn contract_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(mistakes) = contract::parse(&text) {
        assert!(!mistakes.is_empty(), "it is wrong and nothing is told");
    }
}

fn times_and_numbers(bytes: &[u8]) {
    let formats = [
        "unix",
        "unix_ms",
        "rfc3339",
        "%Y-%m-%d",
        "%d/%m/%Y %H:%M",
        "%Y%m%d",
        "%Y年%m月%d日",
        "%s%.f %:z",
        "%b %d, %y",
    ];
    let formats: Vec<TimeFormat> = formats
        .iter()
        .filter_map(|it| TimeFormat::parse(it))
        .collect();
    for text in String::from_utf8_lossy(bytes).lines() {
        for zone in [Tz::UTC, Tz::Asia__Shanghai, Tz::America__Sao_Paulo] {
            formats.iter().for_each(|format| {
                let _ = format.read(text, zone);
            });
            let _ = read_iso(text, zone);
        }
        if let Some(number) = Decimal::parse(text) {
            let _ = (
                number.in_units(2),
                number.times(number),
                number.plus(number.negated()),
                number.is_whole(),
            );
            let again = Decimal::parse(&number.to_string());
            assert!(
                again.is_none_or(
                    |again| again.partial_cmp(&number) == Some(std::cmp::Ordering::Equal)
                ),
                "{text}"
            );
        }
        let _ = TimeFormat::parse(text);
    }
}

fn json_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(value) = json::parse(&text) {
        let _ = value.cell();
        if value.to_value().is_ok() {
            assert!(
                serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                "{text}"
            );
        }
    }
}

/// Whatever a file looks like, what is proposed for it is a contract, and the file fits it.
fn surveyed(bytes: &[u8]) {
    let file = file(bytes);
    let Ok(found) = survey(file.path(), "f", &limits(), Default::default()) else {
        return;
    };
    let around = Surroundings {
        file_name: "f\n".into(),
        source: "shop".into(),
        zone: None,
        currency: None,
        today: chrono::NaiveDate::default(),
    };
    let _ = remarks(&found);
    let yaml = propose(&found, &around);
    if found.columns.is_empty() && found.shape.format != "events" {
        return;
    }
    let contract = contract::parse(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{yaml}"));
    let (_, fault) = ids(file.path(), &contract);
    assert!(
        fault
            .as_ref()
            .is_none_or(|it| !it.contains("header does not fit")),
        "{fault:?}\n{yaml}"
    );
}
