use super::*;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    name: String,
    token: Secret,
    server: ServerPart,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerPart {
    port: u16,
    #[serde(with = "duration")]
    timeout: Duration,
    verbose: bool,
}

const DEFAULTS: &str = r#"
name = "default"
token = "from-defaults"
[server]
port = 1
timeout = "2s"
verbose = false
"#;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn load_with(file: Option<&str>, pairs: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = file.map(|text| {
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        path
    });
    load_from(DEFAULTS, path.as_deref(), variables(pairs))
}

#[track_caller]
fn check_sentence(file: Option<&str>, pairs: &[(&str, &str)], parts: &[&str]) {
    let sentence = load_with(file, pairs).unwrap_err().to_string();
    for part in parts {
        assert!(sentence.contains(part), "`{sentence}` lacks `{part}`");
    }
}

#[test]
fn later_sources_win() {
    let settings = load_with(
        Some("name = \"file\"\n[server]\nport = 2\ntimeout = \"3s\""),
        &[
            ("CLIENTELE_SERVER__PORT", "3"),
            ("CLIENTELE_SERVER__VERBOSE", "true"),
            ("HOME", "/"),
        ],
    )
    .unwrap();

    assert_eq!(settings.name, "file");
    assert_eq!(settings.server.port, 3);
    assert_eq!(settings.server.timeout, Duration::from_secs(3));
    assert!(settings.server.verbose);
}

#[test]
fn names_an_unknown_key_and_where_it_was_set() {
    check_sentence(
        Some("[server]\nprot = 2"),
        &[],
        &["unknown key `server.prot`", "settings.toml", "port"],
    );
    check_sentence(
        Some("nmae = \"x\""),
        &[],
        &["unknown key `nmae`", "settings.toml", "expected"],
    );
    check_sentence(
        None,
        &[("CLIENTELE_SERVER__PROT", "2")],
        &[
            "unknown key `server.prot`",
            "the variable CLIENTELE_SERVER__PROT",
        ],
    );
    check_sentence(
        None,
        &[("CLIENTELE_NMAE", "x")],
        &["unknown key `nmae`", "CLIENTELE_NMAE"],
    );
}

#[test]
fn names_a_value_that_does_not_fit() {
    check_sentence(
        Some("[server]\nport = \"many\""),
        &[],
        &["server.port", "settings.toml"],
    );
    check_sentence(
        Some("[server]\ntimeout = \"soon\""),
        &[],
        &["`soon` is no length of time", "timeout"],
    );
    check_sentence(Some("[server"), &[], &["settings.toml", "not valid TOML"]);
    check_sentence(
        None,
        &[("CLIENTELE_SERVER__PORT", "many")],
        &["server.port", "CLIENTELE_SERVER__PORT"],
    );
}

#[test]
fn names_a_file_that_is_missing() {
    let error =
        load_from::<Settings>(DEFAULTS, Some(Path::new("/nowhere/settings.toml")), []).unwrap_err();

    assert!(error.to_string().contains("/nowhere/settings.toml"));
}

#[test]
fn leaves_variables_that_are_not_settings_alone() {
    let settings = load_with(
        None,
        &[
            ("CLIENTELE_CRASH_AT", "claimed:1"),
            ("CLIENTELE_DATA", "/data"),
        ],
    );

    assert!(settings.is_ok());
}

#[test]
fn never_prints_a_secret() {
    let settings = load_with(None, &[("CLIENTELE_TOKEN", "hunter2")]).unwrap();

    assert_eq!(settings.token.expose(), "hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
    check_sentence(
        Some("[token]\nhunter2 = 1"),
        &[],
        &["a secret must be text"],
    );
    let sentence = load_with(Some("[token]\nhunter2 = 1"), &[])
        .unwrap_err()
        .to_string();
    assert!(!sentence.contains("hunter2"));
}
