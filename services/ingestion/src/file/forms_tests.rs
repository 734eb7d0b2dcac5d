//! The same rows in every form and compression, and what is refused in each.

use std::io::Write;
use std::sync::Arc;

use lake::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use lake::arrow::datatypes::Int32Type;
use lake::parquet::arrow::ArrowWriter;
use lake::parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use lake::parquet::file::properties::WriterProperties;

use super::columnar::Columnar;
use super::{FileFault, Inflation, Limits, Rows};
use crate::domain::contract;
use crate::domain::draft::Draft;
use crate::domain::keys::Keys;

const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: order, logicalType: string, required: true}
      - {name: day, logicalType: date, required: true}
      - {name: customer, logicalType: string, required: true}
      - {name: amount, logicalType: number, required: true}
customProperties:
  - property: clientele
    value:
      file: {format: csv}
      time: {column: day, formats: "%Y-%m-%d"}
      currency: EUR
      identifiers: {customer_id: customer}
      key: [order]
      types: Order Completed
      value: amount
"#;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(bytes).expect("write");
    file
}

fn rows(contract: &str, bytes: &[u8], limits: &Limits) -> Result<Vec<Draft>, FileFault> {
    let contract = contract::parse(contract).expect("contract");
    let keys = Keys::new(runtime::identity::IdentityKey::from_bytes([7; 32]));
    let file = file(bytes);
    let what = (&contract, "shop", &keys);
    let mut rows = Rows::open(file.path(), "f", what, limits.clone(), Arc::default())?;
    let mut all = Vec::new();
    while let Some((_, draft)) = rows.read_row()? {
        all.push(draft);
    }
    Ok(all)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("compress");
    encoder.finish().expect("compress")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).expect("compress")
}

fn parquet(columns: Vec<(&str, ArrayRef)>, codec: Codec) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("batch");
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_max_row_group_row_count(Some(300))
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("writer");
    writer.write(&batch).expect("write");
    writer.into_inner().expect("file")
}

/// A thousand orders as CSV, NDJSON and Parquet.
fn orders(codec: Codec) -> [(&'static str, Vec<u8>); 3] {
    let mut csv = "order,day,customer,amount\n".to_owned();
    let mut json = String::new();
    let (mut ids, mut days, mut names, mut amounts) = (vec![], vec![], vec![], vec![]);
    for n in 0..1000_i64 {
        let (name, day) = (format!("客户 {}", n % 7), n % 27);
        let amount = format!("{}.{:02}", n / 3, n % 100);
        csv += &format!("{n},2024-01-{:02},{name},{amount}\n", day + 1);
        json += &format!(
            "{{\"order\":{n},\"day\":\"2024-01-{:02}\",\"customer\":\"{name}\",\"amount\":{amount}}}\n",
            day + 1
        );
        ids.push(n);
        days.push(19_723 + day as i32);
        names.push(name);
        amounts.push(i128::from(n / 3 * 100 + n % 100));
    }
    let names: DictionaryArray<Int32Type> = names.iter().map(String::as_str).collect();
    let amounts = Decimal128Array::from(amounts)
        .with_precision_and_scale(20, 2)
        .expect("decimals");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("order", Arc::new(Int64Array::from(ids))),
        ("day", Arc::new(Date32Array::from(days))),
        ("customer", Arc::new(names)),
        ("amount", Arc::new(amounts)),
    ];
    let parquet = parquet(columns, codec);
    [
        ("csv", csv.into_bytes()),
        ("ndjson", json.into_bytes()),
        ("parquet", parquet),
    ]
}

#[test]
fn reads_the_same_rows_in_every_form_and_compression() {
    let codecs = [
        Codec::UNCOMPRESSED,
        Codec::SNAPPY,
        Codec::ZSTD(ZstdLevel::default()),
        Codec::GZIP(GzipLevel::default()),
    ];
    let limits = Limits::default();
    let facts = |draft: &Draft| {
        let value = draft.value.as_ref().map(|it| it.minor_units);
        let name = draft.identifiers.first().map(|it| it.value.clone());
        (
            draft.message_id.clone(),
            draft.event_time,
            name,
            value,
            draft.violations.len(),
        )
    };
    let mut expected = None;
    for codec in codecs {
        for (form, bytes) in orders(codec) {
            let contract = CONTRACT.replace("format: csv", &format!("format: {form}"));
            for packed in [gzip(&bytes), zstd(&bytes), bytes] {
                let read = rows(&contract, &packed, &limits).expect("rows");
                let read: Vec<_> = read.iter().map(facts).collect();
                assert_eq!(read.len(), 1000, "{form}");
                assert_eq!(
                    expected.get_or_insert_with(|| read.clone()),
                    &read,
                    "{form}"
                );
            }
        }
    }
}

fn cells(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<Vec<String>>, FileFault> {
    let file = file(&parquet(columns, Codec::SNAPPY));
    let mut reader = Columnar::open(file.path(), "f", &Limits::default(), Arc::default())?;
    let mut all = Vec::new();
    while reader.next()? {
        all.push(reader.cells().into_iter().map(str::to_owned).collect());
    }
    Ok(all)
}

#[test]
fn loses_nothing_of_a_parquet_value() {
    let zoned = vec![
        Some(1_704_103_200_123_456),
        Some(-62_135_596_800_000_000),
        Some(253_402_300_799_000_000),
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "zoned",
            Arc::new(TimestampMicrosecondArray::from(zoned.clone()).with_timezone("Asia/Shanghai")),
        ),
        ("local", Arc::new(TimestampMicrosecondArray::from(zoned))),
        (
            "exact",
            Arc::new(
                Decimal128Array::from(vec![Some(-1), None, Some(12_345_678_901_234_567_890_123)])
                    .with_precision_and_scale(38, 4)
                    .expect("decimal"),
            ),
        ),
        (
            "real",
            Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NAN), None])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![Some("a\"b\n"), Some(""), None])),
        ),
    ];
    let expected = [
        [
            "2024-01-01T10:00:00.123456Z",
            "2024-01-01T10:00:00.123456",
            "-0.0001",
            "0.1",
            "true",
            "a\"b\n",
        ],
        [
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00",
            "",
            "NaN",
            "false",
            "",
        ],
        [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59",
            "1234567890123456789.0123",
            "",
            "",
            "",
        ],
    ];
    assert_eq!(cells(columns).expect("rows"), expected);
}

#[test]
fn refuses_nested_columns_and_damaged_files() {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a")]);
    let nested = cells(vec![("tags", Arc::new(list.finish()) as ArrayRef)]);
    assert_eq!(
        nested.map_err(|fault| fault.to_string()),
        Err(
            "f: the column `tags` is nested; only flat columns are read: flatten it, or use NDJSON"
                .into()
        )
    );
    let [.., (_, whole)] = orders(Codec::SNAPPY);
    let contract = CONTRACT.replace("format: csv", "format: parquet");
    let mut refused = 0;
    for at in (0..whole.len()).step_by(71) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        refused += usize::from(rows(&contract, &damaged, &Limits::default()).is_err());
        let cut = rows(&contract, &whole[..at], &Limits::default());
        assert!(cut.is_err(), "cut at {at}");
    }
    assert!(refused > 0);
}

#[track_caller]
fn check_bomb(form: &str, bytes: &[u8], limits: &Limits, expected: &str) {
    let contract = CONTRACT.replace("format: csv", &format!("format: {form}"));
    let fault = rows(&contract, bytes, limits)
        .expect_err("a bomb")
        .to_string();
    assert!(fault.contains(expected), "{fault}");
}

#[test]
fn bounds_what_comes_out_of_a_compressed_file() {
    let row = b"1,2024-01-01,a,1\n";
    let mut bomb = b"order,day,customer,amount\n".to_vec();
    bomb.extend(row.iter().cycle().take(24 << 20));
    let limits = Limits::default();
    let ratio = "grows to more than 300 times its size in decompression";
    check_bomb("csv", &zstd(&bomb), &limits, ratio);
    check_bomb(
        "csv",
        &gzip(&gzip_zeros()),
        &limits,
        "the record is longer than",
    );
    let inflation = Inflation {
        bytes_max: 1 << 20,
        ratio_max: 300,
    };
    let small = Limits {
        inflation,
        ..limits
    };
    let absolute = "larger than 1048576 bytes after decompression";
    check_bomb("csv", &gzip(&bomb), &small, absolute);
    let [.., (_, orders)] = orders(Codec::SNAPPY);
    let padded = [orders, vec![0; 4 << 20]].concat();
    check_bomb("parquet", &zstd(&padded), &small, absolute);
}

fn gzip_zeros() -> Vec<u8> {
    vec![b'x'; 8 << 20]
}

#[test]
fn reads_a_long_run_of_one_text_in_little_memory() {
    // A dictionary of one text of 200 KB for 5,000 rows: a gigabyte, were it copied.
    let text = "x".repeat(200_000);
    let names: DictionaryArray<Int32Type> = std::iter::repeat_n(text.as_str(), 5000).collect();
    let file = file(&parquet(
        vec![("text", Arc::new(names) as ArrayRef)],
        Codec::SNAPPY,
    ));
    let mut reader =
        Columnar::open(file.path(), "f", &Limits::default(), Arc::default()).expect("open");
    let mut count = 0;
    while reader.next().expect("row") {
        count += 1;
    }
    assert_eq!(count, 5000);
}

#[test]
fn refuses_ten_thousand_columns() {
    let header: Vec<String> = (0..10_000).map(|n| format!("c{n}")).collect();
    let text = format!("{}\n", header.join(","));
    let fault = rows(CONTRACT, text.as_bytes(), &Limits::default()).expect_err("a fault");
    assert_eq!(
        fault.to_string(),
        "f: line 1: the file has 10000 columns; at most 2000 are read"
    );
}

#[test]
fn says_what_is_no_text() {
    let [.., (_, parquet)] = orders(Codec::SNAPPY);
    for (bytes, expected) in [
        (parquet.as_slice(), "this is a Parquet file"),
        (
            b"PK\x03\x04rest".as_slice(),
            "a ZIP archive or an Excel workbook",
        ),
        (b"\xfd7zXZ\x00rest".as_slice(), "use gzip or zstd"),
    ] {
        let fault = rows(CONTRACT, bytes, &Limits::default()).expect_err("a fault");
        assert!(fault.to_string().contains(expected), "{fault}");
    }
    let contract = CONTRACT.replace("format: csv", "format: parquet");
    let fault = rows(&contract, b"order,day\n1,2,3,4,5,6\n", &Limits::default());
    assert_eq!(
        fault.expect_err("a fault").to_string(),
        "f: this is no Parquet file"
    );
}
