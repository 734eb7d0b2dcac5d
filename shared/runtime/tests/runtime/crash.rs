use runtime::crash;
use std::process::{Command, Output};

/// What the child process does; by itself it passes three points and ends.
#[test]
fn passes_three_points() {
    for _ in 0..3 {
        crash::point("stepped");
    }
    crash::point("arrived");
}

fn child(stop_at: &str) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("hits");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runtime::crash::passes_three_points"])
        .env("CLIENTELE_CRASH_AT", stop_at)
        .env("CLIENTELE_CRASH_LOG", &log)
        .output()
        .unwrap();
    (output, std::fs::read_to_string(log).unwrap())
}

#[test]
fn stops_the_process_at_the_hit_that_was_named() {
    let (output, hits) = child("stepped:2");

    assert_eq!(output.status.code(), Some(crash::EXIT_CODE));
    assert_eq!(hits, "stepped\nstepped\n");
}

#[test]
fn lets_a_process_go_that_never_comes_to_the_point() {
    let (output, hits) = child("stepped:4");

    assert!(output.status.success());
    assert_eq!(hits, "stepped\nstepped\nstepped\narrived\n");
}
