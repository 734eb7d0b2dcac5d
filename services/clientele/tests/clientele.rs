//! The binary as a user meets it, without any service running.

use std::process::{Command, Output};

fn clientele(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clientele"));
    command
        .args(args)
        .env_remove("CLIENTELE_ENDPOINT")
        .env_remove("CLIENTELE_TENANT")
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_every_command_of_the_main_job() {
    let help = text(&clientele(&["--help"]).stdout);
    for command in [
        "demo", "up", "serve", "simulate", "ingest", "profile", "score", "segment", "allocate",
        "model", "admin",
    ] {
        assert!(
            help.contains(&format!("  {command} ")),
            "{command} is missing in {help}"
        );
    }
}

#[test]
fn simulate_writes_the_same_bytes_for_the_same_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut answers = Vec::new();
    for name in ["one", "two"] {
        let out = folder.path().join(name);
        let args = [
            "simulate",
            "--customers",
            "80",
            "--seed",
            "9",
            "--output",
            "json",
            "--out",
        ];
        let output = clientele(&[args.as_slice(), &[out.to_str().expect("a path")]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let answer: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(answer["customers"], 80);
        answers.push(out);
    }
    for file in [
        "orders.ndjson",
        "browsing.ndjson",
        "touches.ndjson",
        "reviews.ndjson",
        "surveys.ndjson",
        "truth.json",
    ] {
        let read = |folder: &std::path::PathBuf| std::fs::read(folder.join(file)).expect("a file");
        assert_eq!(read(&answers[0]), read(&answers[1]), "{file}");
    }
}

#[test]
fn a_folder_is_used_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let lock = std::fs::File::create(folder.path().join("lock")).expect("a file");
    lock.lock().expect("a lock");

    let output = clientele(&[
        "up",
        "--base-port",
        "0",
        "--data-dir",
        folder.path().to_str().expect("a path"),
    ]);

    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("another process uses the folder"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("scoring.toml");
    std::fs::write(&config, "[database]\nuri = \"sqlite://x.db\"\n").expect("a file");

    let output = clientele(&[
        "serve",
        "scoring",
        "--config",
        config.to_str().expect("a path"),
    ]);

    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(
        error.contains("uri") && error.contains("scoring.toml"),
        "{error}"
    );
}

#[test]
fn days_and_ports_that_cannot_be_are_refused_in_plain_words() {
    let cases: [(&[&str], &str); 4] = [
        (&["demo", "--as-of", "yesterday"], "YYYY-MM-DD"),
        (&["demo", "--as-of", "2011-02-29"], "YYYY-MM-DD"),
        (
            &["model", "train", "--as-of", "9999-01-01"],
            "in the future",
        ),
        (&["up", "--base-port", "65533"], "65529"),
    ];
    for (args, told) in cases {
        let output = clientele(args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(told), "{args:?}: {error}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_demo_that_fails_tells_what_became_of_the_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let out = folder.path().join("simulated").display().to_string();
    assert!(
        clientele(&["simulate", "--customers", "50", "--out", &out])
            .status
            .success()
    );
    let orders =
        std::fs::read_to_string(folder.path().join("simulated/orders.ndjson")).expect("orders");
    let first: Vec<&str> = orders.lines().take(3).collect();
    std::fs::write(path("few.ndjson"), first.join("\n")).expect("a file");
    let contract = path("simulated/orders.yaml");

    let output = clientele(&[
        "demo",
        "--orders",
        &path("few.ndjson"),
        "--contract",
        &contract,
    ]);

    let error = text(&output.stderr);
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{error}"
    );
    assert!(error.contains("received"), "{error}");
    let last = error.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("clientele: ") && last.contains("customers"),
        "{error}"
    );
    assert!(
        !error.contains("ERROR") && !error.contains("\u{1b}["),
        "{error}"
    );
}

#[test]
fn a_table_that_no_service_owns_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("suite.toml");
    std::fs::write(&config, "[scorign.database]\nurl = \"sqlite://x.db\"\n").expect("a file");
    let path = |path: &std::path::Path| path.display().to_string();

    let output = clientele(&[
        "up",
        "--data-dir",
        &path(&folder.path().join("data")),
        "--base-port",
        "0",
        "--config",
        &path(&config),
    ]);

    let error = text(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(
        error.contains("`scorign`") && error.contains("scoring,"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_told_to_stop_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_clientele"))
        .args(["demo", "--customers", "3000"])
        .env("TMPDIR", folder.path())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let begun = std::time::Instant::now();
    // The data folder appears once the suite starts, which is when signals are heard.
    let started = || {
        walk(folder.path())
            .iter()
            .any(|it| it.ends_with("ingestion.db"))
    };
    while !started() && begun.elapsed() < std::time::Duration::from_secs(60) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let told = Command::new("kill")
        .args(["-TERM", &demo.id().to_string()])
        .status();
    assert!(told.expect("a signal is sent").success());

    let status = demo.wait().expect("an end");

    assert_eq!(status.code(), Some(130));
    let left = walk(folder.path());
    assert!(left.is_empty(), "{left:?}");
}

#[cfg(unix)]
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let inner = |path: std::path::PathBuf| match path.is_dir() {
        true => std::iter::once(path.clone()).chain(walk(&path)).collect(),
        false => vec![path],
    };
    entries.flat_map(|it| inner(it.path())).collect()
}
