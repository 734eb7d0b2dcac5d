use std::io::Write;

use super::*;
use crate::domain::contract;
use crate::domain::keys::Keys;

const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: customer, logicalType: string, required: true}
      - {name: day, logicalType: date, required: true}
      - {name: note, logicalType: string}
      - {name: amount, logicalType: number, required: true}
customProperties:
  - property: clientele
    value:
      file: {format: csv}
      time: {column: day, formats: "%Y-%m-%d"}
      currency: EUR
      identifiers: {customer_id: customer}
      types: Order Completed
      value: amount
      properties: {note: note}
"#;

fn limits() -> Limits {
    Limits {
        record_bytes: 4096,
        distinct_rows: 1000,
        columns: 50,
        ..Limits::default()
    }
}

fn read(contract: &str, bytes: &[u8]) -> (Vec<(u64, Draft)>, Option<String>) {
    let contract = contract::parse(contract).expect("contract");
    let keys = Keys::new(runtime::identity::IdentityKey::from_bytes([7; 32]));
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(bytes).expect("write");
    let mut all = Vec::new();
    let opened = Rows::open(
        file.path(),
        "orders.csv",
        (&contract, "shop", &keys),
        limits(),
        Arc::default(),
    );
    let mut rows = match opened {
        Ok(rows) => rows,
        Err(fault) => return (all, Some(fault.to_string())),
    };
    loop {
        match rows.read_row() {
            Ok(Some(row)) => all.push(row),
            Ok(None) => return (all, None),
            Err(fault) => return (all, Some(fault.to_string())),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compress");
    encoder.finish().expect("compress")
}

#[track_caller]
fn check_fault(bytes: &[u8], rows: usize, expected: &str) {
    let (read, fault) = read(CONTRACT, bytes);
    assert_eq!((read.len(), fault.as_deref()), (rows, Some(expected)));
}

const GOOD: &[u8] =
    b"customer,day,note,amount\na,2024-01-01,\"x, \"\"y\"\"\nz\",1.50\r\n\nb,2024-01-02,,2\n";

#[test]
fn reads_quotes_blank_lines_and_either_line_end() {
    for bytes in [
        GOOD.to_vec(),
        gzip(GOOD),
        [b"\xef\xbb\xbf", GOOD].concat(),
        GOOD[..GOOD.len() - 1].to_vec(),
    ] {
        let (rows, fault) = read(CONTRACT, &bytes);
        assert_eq!(fault, None);
        assert_eq!(
            rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [2, 5]
        );
        assert!(
            rows.iter().all(|(_, draft)| draft.violations.is_empty()),
            "{rows:?}"
        );
        assert_eq!(
            rows[0].1.value.as_ref().map(|value| value.minor_units),
            Some(150)
        );
        assert!(format!("{:?}", rows[0].1.properties).contains(r#"x, \"y\"\nz"#));
    }
}

#[test]
fn takes_columns_in_any_order() {
    let (rows, fault) = read(CONTRACT, b"amount,note,day,customer\n1.50,,2024-01-01,a\n");
    assert_eq!(fault, None);
    assert_eq!(rows[0].1.identifiers[0].value, "a");
    assert_eq!(rows[0].1.violations, []);
}

#[test]
fn tells_a_wrong_header() {
    check_fault(
        b"customer,day,comment,amount\n",
        0,
        "orders.csv: line 1, column 3: the header does not fit the contract `orders`: missing `note`, not expected `comment`",
    );
    check_fault(b"", 0, "orders.csv: the file is empty");
    check_fault(&gzip(b""), 0, "orders.csv: the file is empty");
}

#[test]
fn tells_where_a_gzip_was_cut() {
    let long: Vec<u8> = [
        GOOD.to_vec(),
        (0..5000)
            .flat_map(|n| format!("c{n},2024-01-01,,{n}\n").into_bytes())
            .collect(),
    ]
    .concat();
    let cut = &gzip(&long)[..2000];
    let (rows, fault) = read(CONTRACT, cut);
    let fault = fault.expect("fault");
    assert!(
        fault.ends_with("the gzip data end in the middle: the file was cut off"),
        "{fault}"
    );
    assert!(fault.starts_with("orders.csv: line "), "{fault}");
    assert!(!rows.is_empty());
}

#[test]
fn tells_bytes_that_are_no_text_by_their_line() {
    let told = CONTRACT.replace("{format: csv}", "{format: csv, encoding: utf-8}");
    let (rows, fault) = read(
        &told,
        b"customer,day,note,amount\na,2024-01-01,x,1\na,2024-01-01,caf\xe9,1\n",
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(
        fault.as_deref(),
        Some(
            "orders.csv: line 3, column 3: the byte 0xe9 is not UTF-8; name the file's encoding in the contract, as in `file: {encoding: windows-1252}`"
        )
    );
    let told = CONTRACT.replace("{format: csv}", "{format: csv, encoding: gb18030}");
    let (rows, fault) = read(
        &told,
        b"customer,day,note,amount\na,2024-01-01,\xbf\xcd\xbb\xa7,1\na,2024-01-01,\xff,1\n",
    );
    assert!(format!("{:?}", rows[0].1.properties).contains("\u{5ba2}\u{6237}"));
    assert_eq!(
        fault.as_deref(),
        Some(
            "orders.csv: line 3: the byte 0xff is not of the encoding gb18030 that the contract names"
        )
    );
}

#[test]
fn stops_at_an_endless_line() {
    let mut long = b"customer,day,note,amount\na,2024-01-01,".to_vec();
    long.extend(std::iter::repeat_n(b'x', 10_000));
    check_fault(
        &long,
        0,
        "orders.csv: line 2, column 3: the record is longer than 4096 bytes",
    );
    check_fault(
        b"customer,day,note,amount\na,2024-01-01,\"never closed,1\nb,2024-01-02,,2\n",
        0,
        "orders.csv: line 2, column 3: a quotation mark is opened and never closed",
    );
}

#[test]
fn keeps_what_is_wrong_with_a_row_to_the_row() {
    let (rows, fault) = read(CONTRACT, b"customer,day,note,amount\na,2024-01-01\nb,2024-13-01,,1\nc,2024-01-03,,x\nd,2024-01-04,,4\n");
    assert_eq!(fault, None);
    let reasons: Vec<_> = rows
        .iter()
        .map(|(_, draft)| draft.violations.first().map(|first| first.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            Some("WRONG_CELL_COUNT"),
            Some("INVALID_TIME"),
            Some("INVALID_NUMBER"),
            None
        ]
    );
}

#[test]
fn reads_cells_between_blanks() {
    let contract = CONTRACT.replace(
        "{format: csv}",
        "{format: csv, delimiter: blanks, header: false}",
    );
    let (rows, fault) = read(
        &contract,
        b" 00004  2024-01-01 x 29.33 \r\n 00005 2024-01-02\ty  14.96",
    );
    assert_eq!(fault, None);
    assert_eq!(rows[0].1.identifiers[0].value, "00004");
    assert_eq!(
        rows[1].1.value.as_ref().map(|value| value.minor_units),
        Some(1496)
    );
}

#[test]
fn reads_json_lines() {
    let contract = CONTRACT
        .replace("{format: csv}", "{format: ndjson}")
        .replace("name: customer,", "name: buyer.id,")
        .replace("customer_id: customer", "customer_id: buyer.id");
    let (rows, fault) = read(
        &contract,
        b"{\"buyer\":{\"id\":17},\"day\":\"2024-01-01\",\"amount\":2.55}\n\n{\"buyer\":\n{\"day\":\"2024-01-01\",\"amount\":\"1\"}\n",
    );
    assert_eq!(fault, None);
    assert_eq!(rows[0].1.violations, []);
    assert_eq!(
        rows[0].1.value.as_ref().map(|value| value.minor_units),
        Some(255)
    );
    assert_eq!(rows[1].1.violations[0].reason, "INVALID_JSON");
    assert_eq!(
        (rows[2].0, rows[2].1.violations[0].reason),
        (4, "MISSING_VALUE")
    );
}

#[test]
fn reads_whole_events() {
    let contract = r#"
apiVersion: v3.0.2
kind: DataContract
id: events
version: 1.0.0
customProperties:
  - property: clientele
    value:
      file: {format: events}
      currency: EUR
"#;
    let line = br#"{"messageId":"m1","type":"Order Completed","event_time":"2024-01-01T10:00:00Z","identifiers":[{"namespace":"customer_id","value":"a"}],"value":{"currencyCode":"EUR","minorUnits":"150"},"properties":{"order_id":"o1"}}
{"message_id":"m2","colour":"red"}
"#;
    let (rows, fault) = read(contract, line);
    assert_eq!(fault, None);
    assert_eq!(rows[0].1.violations, []);
    assert_eq!(
        (rows[0].1.message_id.as_str(), rows[0].1.source.as_str()),
        ("m1", "shop")
    );
    assert_eq!(
        rows[1].1.violations[0].description,
        "line 2, colour: an event has no such field"
    );
}
