//! Bad input at the command line: one clear message each, with file, line and column, and a non-zero exit code.

use std::io::Write;
use std::path::{Path, PathBuf};
use tests::suite::{Embedded, Services, run};

const CONTRACT: &str = crate::shop::TILL_CONTRACT;

struct Desk {
    folder: tempfile::TempDir,
    suite: Embedded,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("till.yaml"), CONTRACT).unwrap();
        let suite = Embedded::start(folder.path()).unwrap();
        Self { folder, suite }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports a file and returns whether it succeeded, and what was said on standard output and error.
    fn ingest(&self, file: &Path) -> (bool, String, String) {
        let mut args = self.suite.endpoint_args();
        args.extend(
            [
                "--output",
                "json",
                "ingest",
                "--source",
                "till",
                "--contract",
            ]
            .map(String::from),
        );
        args.push(self.folder.path().join("till.yaml").display().to_string());
        args.push(file.display().to_string());
        let output = run(args).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    #[track_caller]
    fn refuses(&self, name: &str, bytes: &[u8], words: &[&str]) {
        let file = self.file(name, bytes);
        let (good, _, error) = self.ingest(&file);
        assert!(!good, "{name} was taken");
        assert!(
            error.contains(name) || words.is_empty(),
            "{name}: the file is not named: {error}"
        );
        for word in words {
            assert!(
                error.to_lowercase().contains(&word.to_lowercase()),
                "{name}: no '{word}' in: {error}"
            );
        }
        assert_eq!(
            error.trim().lines().count(),
            1,
            "{name}: one sentence: {error}"
        );
    }
}

#[test]
fn every_mistake_in_a_file_is_told_in_one_sentence() {
    let desk = Desk::open();
    let header = "receipt,sold_at,customer,total\n";

    desk.refuses(
        "wrong-header.csv",
        b"receipt,sold,customer,total\n1,2025-01-01,c1,2.00\n",
        &["line 1"],
    );
    desk.refuses("empty.csv", b"", &["empty"]);
    // Its first bytes say UTF-8, and then it is not; without them it would be read as what it is.
    desk.refuses(
        "latin1.csv",
        &[
            &b"\xef\xbb\xbf"[..],
            header.as_bytes(),
            b"1,2025-01-01,Andr\xe9,2.00\n",
        ]
        .concat(),
        &["line 2", "UTF-8"],
    );
    desk.refuses("truncated.csv.gz", &truncated_gzip(header), &["gzip"]);
    let long = [
        header.as_bytes(),
        b"1,2025-01-01,",
        &vec![b'x'; 3 << 20],
        b",2.00\n",
    ]
    .concat();
    desk.refuses("long-line.csv", &long, &["line 2"]);

    let (good, _, error) = desk.ingest(&desk.folder.path().join("missing.csv"));
    assert!(!good && error.contains("missing.csv"), "{error}");
}

#[test]
fn a_row_that_is_wrong_goes_to_quarantine_with_its_line() {
    let desk = Desk::open();
    let file = desk.file("rows.csv", b"receipt,sold_at,customer,total\n1,2025-01-01,c1,2.00\n2,2025-02-30,c1,2.00\n3,2025-01-03,c1,much\n4,2025-01-04,,1.00\n");

    let (good, answer, error) = desk.ingest(&file);

    assert!(good, "{error}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["receipts"]["received"], "4", "{answer}");
    assert_eq!(answer["receipts"]["accepted"], "1");
    assert_eq!(answer["receipts"]["quarantined"], "3");
    let lines: Vec<&str> = answer["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["firstLine"].as_str().unwrap())
        .collect();
    for line in ["3", "4", "5"] {
        assert!(lines.contains(&line), "line {line} is told: {answer}");
    }
}

#[test]
fn mistakes_on_the_command_line_are_told_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let contract = folder.path().join("bad.yaml");
    std::fs::File::create(&contract)
        .unwrap()
        .write_all(b"apiVersion: v3.0.2\nkind: Something\n")
        .unwrap();
    let contract = contract.display().to_string();
    let orders = "no-such-file.csv";

    for (args, words) in [
        (
            vec!["demo", "--orders", orders, "--contract", &contract],
            vec!["contract", "mistakes"],
        ),
        (vec!["demo", "--budget", "12,5"], vec!["12,5", "25000.50"]),
        (vec!["score", "17850"], vec!["NAMESPACE=VALUE"]),
        (
            vec!["--endpoint", "127.0.0.1:1", "segment", "list"],
            vec!["SERVICE="],
        ),
        (
            vec![
                "--endpoint",
                "segmentation=http://127.0.0.1:9",
                "segment",
                "list",
            ],
            vec!["segmentation", "clientele up"],
        ),
    ] {
        let output = run(&args).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?} succeeded");
        assert!(output.stdout.is_empty(), "{args:?}");
        for word in words {
            assert!(error.contains(word), "{args:?}: no '{word}' in: {error}");
        }
        assert_eq!(
            error.trim().lines().count(),
            1,
            "{args:?}: one sentence: {error}"
        );
    }
}

fn truncated_gzip(header: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(header.as_bytes()).unwrap();
    for row in 0..2_000 {
        writeln!(encoder, "{row},2025-01-01,c{row},{}.00", row * 7919 % 1000).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    bytes[..bytes.len() / 2].to_vec()
}
