//! House rules: who may know whom, what is commented, what may not be left behind.

use prost_types::source_code_info::Location;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::crash_points::{CRASH_POINTS, PULL_POINTS};

const SERVICES: [&str; 5] = [
    "ingestion",
    "profile",
    "scoring",
    "segmentation",
    "campaign-recommendation",
];
/// Files above this many lines are reported.
const LINES_MAX: usize = 400;

/// Returns every workspace package with the workspace packages that its own code (not its tests) depends on.
fn floors() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(tests::workspace_root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let names: HashSet<String> = metadata
        .packages
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    let ours = |package: &cargo_metadata::Package| {
        let normal = package
            .dependencies
            .iter()
            .filter(|it| it.kind == cargo_metadata::DependencyKind::Normal);
        normal
            .map(|it| it.name.clone())
            .filter(|name| names.contains(name))
            .collect()
    };
    metadata
        .packages
        .iter()
        .map(|it| (it.name.to_string(), ours(it)))
        .collect()
}

#[test]
fn services_do_not_know_each_other() {
    let floors = floors();
    for service in SERVICES {
        let known = &floors[service];
        for other in SERVICES.iter().chain(&["clientele", "tests"]) {
            assert!(
                !known.contains(*other),
                "{service} depends on {other}; services meet over gRPC alone"
            );
        }
    }
}

#[test]
fn shared_crates_know_only_the_floors_below() {
    let allowed: [(&str, &[&str]); 12] = [
        ("api", &[]),
        ("features", &[]),
        ("standard", &[]),
        ("sketch", &[]),
        ("text", &[]),
        ("vault", &[]),
        ("report", &[]),
        ("runtime", &["api"]),
        ("store", &["api", "runtime"]),
        ("cache", &["api", "runtime", "features"]),
        ("lake", &["api", "runtime", "features"]),
        ("lake-query", &["api", "runtime", "features", "lake"]),
    ];
    let floors = floors();
    for (name, allowed) in allowed {
        for known in &floors[name] {
            assert!(
                allowed.contains(&known.as_str()),
                "shared/{name} depends on {known}, which is not below it"
            );
        }
    }
}

#[test]
fn the_lake_is_appended_to_without_datafusion() {
    for package in ["ingestion", "profile"] {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            .current_dir(tests::workspace_root())
            .args([
                "tree",
                "--package",
                package,
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--offline",
                "--locked",
            ])
            .output()
            .expect("cargo tree");
        let tree = String::from_utf8_lossy(&output.stdout);

        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(tree.lines().count() > 10, "the tree of {package} is empty");
        let found = tree.lines().find(|line| line.starts_with("datafusion"));
        assert_eq!(found, None, "{package} depends on DataFusion");
    }
}

#[test]
fn domain_rooms_are_pure() {
    let root = tests::workspace_root();
    let mut rooms: Vec<PathBuf> = SERVICES
        .iter()
        .map(|it| root.join("services").join(it).join("src/domain"))
        .collect();
    for pure in ["features", "standard", "sketch", "text", "report"] {
        rooms.push(root.join("shared").join(pure).join("src"));
    }
    let words = [
        "tonic::",
        "sea_orm",
        "redis::",
        "tokio::",
        "SystemTime::now",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "rand::rng()",
        "from_os_rng",
        "Uuid::new_v4",
        "Uuid::now_v7",
        "std::env::",
        "std::fs::",
    ];
    let mut broken = Vec::new();
    for file in rooms
        .iter()
        .flat_map(|room| rust_files(room))
        .filter(|file| !is_test(file))
    {
        for (number, line) in code_lines(&file) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                broken.push(format!("{}:{number}: {word}", file.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "domain rooms do no input or output and keep no clock:\n{}",
        broken.join("\n")
    );
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together here, so that this file does not find itself.
    let words = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
    ];
    let mut found = Vec::new();
    for folder in ["services", "shared", "tests"] {
        for file in rust_files(&tests::workspace_root().join(folder)) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            for (number, line) in text.lines().enumerate() {
                if words.iter().any(|word| line.contains(word.as_str())) {
                    found.push(format!(
                        "{}:{}: {}",
                        file.display(),
                        number + 1,
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "unfinished:\n{}", found.join("\n"));
}

#[test]
fn a_process_is_killed_at_every_crash_point() {
    let named = regex::Regex::new(r#"crash::point\(\s*"([^"]+)"\s*,?\s*\)"#).expect("a pattern");
    let mut points = BTreeSet::new();
    for folder in ["services", "shared"] {
        let files = rust_files(&tests::workspace_root().join(folder));
        for file in files.iter().filter(|file| !is_test(file)) {
            let lines = code_lines(file).into_iter().map(|(_, line)| line);
            let code = lines.collect::<Vec<_>>().join("\n");
            let found: Vec<_> = named
                .captures_iter(&code)
                .map(|it| it[1].to_owned())
                .collect();
            assert_eq!(
                found.len(),
                code.matches("crash::point").count(),
                "{}: a crash point is written crash::point(\"its name\")",
                file.display()
            );
            points.extend(found);
        }
    }
    let killed = CRASH_POINTS.iter().chain(&PULL_POINTS);
    let killed: BTreeSet<String> = killed.map(|it| it.name.to_owned()).collect();
    assert_eq!(
        points, killed,
        "the points of the sources and of tests/src/crash_points.rs"
    );
}

#[test]
fn long_files_are_reported() {
    let mut files = 0;
    for folder in ["services", "shared", "tests"] {
        for file in rust_files(&tests::workspace_root().join(folder)) {
            let lines = std::fs::read_to_string(&file)
                .expect("a source file")
                .lines()
                .count();
            files += 1;
            if lines > LINES_MAX {
                println!(
                    "REPORT: {} has {lines} lines, more than {LINES_MAX}",
                    file.display()
                );
            }
        }
    }
    assert!(files > 0);
}

#[test]
fn every_word_of_the_contracts_is_commented() {
    let mut bare = Vec::new();
    let mut seen = 0;
    for file in api::json::pool()
        .files()
        .filter(|it| it.name().starts_with("clientele/"))
    {
        let proto = file.file_descriptor_proto();
        let info = proto
            .source_code_info
            .as_ref()
            .expect("contracts are compiled with their comments");
        let told: HashSet<&[i32]> = info
            .location
            .iter()
            .filter(|it| is_commented(it))
            .map(|it| it.path.as_slice())
            .collect();
        for (path, name) in words(proto) {
            seen += 1;
            if !told.contains(path.as_slice()) {
                bare.push(format!("{}: {name}", file.name()));
            }
        }
    }
    assert!(seen > 300, "only {seen} words found");
    assert!(bare.is_empty(), "without a comment:\n{}", bare.join("\n"));
}

fn is_commented(location: &Location) -> bool {
    location
        .leading_comments
        .as_ref()
        .is_some_and(|comment| !comment.trim().is_empty())
}

/// Lists services, RPCs, messages, fields, enums and enum values with their paths in the descriptor.
fn words(file: &prost_types::FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut words = Vec::new();
    for (index, service) in file.service.iter().enumerate() {
        let path = vec![6, index as i32];
        words.push((path.clone(), service.name().to_owned()));
        for (method_index, method) in service.method.iter().enumerate() {
            words.push((
                [path.as_slice(), &[2, method_index as i32]].concat(),
                format!("{}.{}", service.name(), method.name()),
            ));
        }
    }
    for (index, message) in file.message_type.iter().enumerate() {
        message_words(message, vec![4, index as i32], "", &mut words);
    }
    for (index, kind) in file.enum_type.iter().enumerate() {
        enum_words(kind, vec![5, index as i32], &mut words);
    }
    words
}

fn message_words(
    message: &prost_types::DescriptorProto,
    path: Vec<i32>,
    parent: &str,
    words: &mut Vec<(Vec<i32>, String)>,
) {
    if message.options.as_ref().is_some_and(|it| it.map_entry()) {
        return;
    }
    let name = format!("{parent}{}", message.name());
    words.push((path.clone(), name.clone()));
    for (index, field) in message.field.iter().enumerate() {
        words.push((
            [path.as_slice(), &[2, index as i32]].concat(),
            format!("{name}.{}", field.name()),
        ));
    }
    for (index, nested) in message.nested_type.iter().enumerate() {
        message_words(
            nested,
            [path.as_slice(), &[3, index as i32]].concat(),
            &format!("{name}."),
            words,
        );
    }
    for (index, kind) in message.enum_type.iter().enumerate() {
        enum_words(kind, [path.as_slice(), &[4, index as i32]].concat(), words);
    }
}

fn enum_words(
    kind: &prost_types::EnumDescriptorProto,
    path: Vec<i32>,
    words: &mut Vec<(Vec<i32>, String)>,
) {
    words.push((path.clone(), kind.name().to_owned()));
    for (index, value) in kind.value.iter().enumerate() {
        words.push((
            [path.as_slice(), &[2, index as i32]].concat(),
            value.name().to_owned(),
        ));
    }
}

fn below_root(file: &Path) -> PathBuf {
    file.strip_prefix(tests::workspace_root())
        .unwrap_or(file)
        .to_owned()
}

/// Lists the Rust files below a folder; none when it does not exist.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Tells whether a file holds nothing but tests: it may read data and clocks.
fn is_test(file: &Path) -> bool {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    name == "tests"
        || name.ends_with("_tests")
        || below_root(file)
            .components()
            .any(|it| it.as_os_str() == "tests")
}

/// Returns the lines of a file that are code: no comments, and nothing after the tests begin.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(file).expect("a source file");
    let code = text
        .lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.to_owned()))
        .collect()
}
