//! The rooms that each room may use: arrows point to a strictly lower level, and access to the
//! outside stays in one room.

use std::process::Command;

use serde_json::Value;

use crate::tree::{assert_none, read, root};

/// Each room with the lower rooms that it may use.
const ROOMS: [(&str, &[&str]); 10] = [
    ("aws", &[]),
    ("core", &[]),
    ("state", &["core"]),
    ("sink", &["aws", "core"]),
    ("connectors", &["aws", "core"]),
    ("function", &["core"]),
    ("orchestrator", &["core", "state", "function"]),
    (
        "worker",
        &["core", "state", "sink", "connectors", "function"],
    ),
    (
        "cli",
        &[
            "core",
            "state",
            "sink",
            "connectors",
            "function",
            "orchestrator",
            "worker",
        ],
    ),
    (
        "tests",
        &[
            "core",
            "state",
            "sink",
            "connectors",
            "function",
            "orchestrator",
            "worker",
            "cli",
        ],
    ),
];

/// External crates that only certain rooms may use, so that their purpose stays there.
const CONFINED: [(&str, &[&str]); 19] = [
    ("anyhow", &["cli", "tests"]),
    ("async-compression", &["connectors"]),
    // Credentials and region: only for programs, and for a sink in another account.
    (
        "aws-config",
        &["sink", "function", "orchestrator", "worker", "cli", "tests"],
    ),
    ("aws-sdk-dynamodb", &["state", "tests"]),
    ("aws-sdk-firehose", &["sink"]),
    ("aws-sdk-kinesis", &["sink"]),
    ("aws-sdk-lambda", &["orchestrator"]),
    // The SDK's runtime, for calls without an SDK crate.
    ("aws-runtime", &["aws"]),
    ("aws-sdk-secretsmanager", &["connectors"]),
    ("aws-smithy-runtime", &["aws"]),
    ("backon", &["worker"]),
    ("clap", &["cli", "tests"]),
    ("comfy-table", &["cli"]),
    ("indicatif", &["cli"]),
    ("jsonwebtoken", &["connectors"]),
    ("lambda_runtime", &["function"]),
    ("oauth2", &["connectors"]),
    ("reqwest", &["connectors"]),
    ("rusqlite", &["state"]),
];

/// Crates that `core` may use only behind a feature: the rest of it has no I/O, clock or
/// randomness.
const NOT_IN_CORE: [&str; 4] = ["fastrand", "getrandom", "reqwest", "tokio"];

/// One `[dependencies]`, `[dev-dependencies]` or `[build-dependencies]` line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    optional: bool,
    dev: bool,
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs, for it runs this");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// The folder of a package of this workspace; the name of any other crate.
fn room(package: &str) -> String {
    match package.strip_prefix("windlass-") {
        Some(room) => room.to_owned(),
        None if package == "windlass" => "cli".to_owned(),
        None => package.to_owned(),
    }
}

fn edges(metadata: &Value) -> Vec<Edge> {
    let of = |package: &Value| {
        let from = room(&text(package, "name"));
        let edge = |dependency: &Value| Edge {
            from: from.clone(),
            to: room(&text(dependency, "name")),
            optional: dependency["optional"].as_bool().unwrap_or(false),
            dev: text(dependency, "kind") == "dev",
        };
        list(package, "dependencies")
            .iter()
            .map(edge)
            .collect::<Vec<_>>()
    };
    list(metadata, "packages").iter().flat_map(of).collect()
}

/// One message for each forbidden edge.
fn wrong(edges: &[Edge]) -> Vec<String> {
    edges.iter().filter_map(wrong_one).collect()
}

fn wrong_one(edge: &Edge) -> Option<String> {
    let Edge { from, to, .. } = edge;
    let Some((_, below)) = ROOMS.iter().find(|(room, _)| room == from) else {
        return Some(format!("{from} is a room without a level"));
    };
    let is_room = ROOMS.iter().any(|(room, _)| room == to);
    // A room may use itself in its own tests, to enable its test features.
    let itself = from == to && edge.dev;
    if is_room && !itself && !below.contains(&to.as_str()) {
        return Some(format!("{from} uses {to}, which is not below it"));
    }
    let confined = CONFINED.iter().find(|(name, _)| name == to);
    if let Some((_, rooms)) = confined.filter(|(_, rooms)| !rooms.contains(&from.as_str())) {
        return Some(format!(
            "{from} uses {to}, which belongs to {}",
            rooms.join(", ")
        ));
    }
    let bare = from == "core" && !edge.dev && !edge.optional;
    (bare && NOT_IN_CORE.contains(&to.as_str()))
        .then(|| format!("core uses {to} without a feature"))
}

#[test]
fn dependencies_point_down_and_stay_in_rooms() {
    let edges = edges(&metadata());
    assert!(edges.len() > 20, "the manifests were not read: {edges:?}");
    assert_none(&wrong(&edges));
}

#[test]
fn rooms_match_workspace_members() {
    let metadata = metadata();
    let mut members: Vec<_> = list(&metadata, "packages")
        .iter()
        .map(|package| room(&text(package, "name")))
        .collect();
    members.sort();
    let mut rooms: Vec<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    rooms.sort();
    assert_eq!(members, rooms);
}

#[test]
fn core_needs_features_for_tokio_and_randomness() {
    let metadata = metadata();
    let packages = list(&metadata, "packages");
    let core = packages
        .iter()
        .find(|package| package["name"] == "windlass-core")
        .unwrap();
    let features = core["features"].as_object().unwrap();
    assert!(!features.contains_key("default"));
    for (feature, enables) in features {
        let enables = enables.to_string();
        let system = enables.contains("tokio") || enables.contains("getrandom");
        assert_eq!(system, feature == "system", "{feature}: {enables}");
    }
}

#[test]
fn members_inherit_lints_edition_and_license() {
    let mut problems = Vec::new();
    for (room, _) in ROOMS {
        let manifest = read(&root().join(room).join("Cargo.toml"));
        for expected in [
            "[lints]\nworkspace = true\n",
            "\nedition.workspace = true\n",
            "\nlicense.workspace = true\n",
            "\npublish.workspace = true\n",
            "\nrust-version.workspace = true\n",
            "\nversion.workspace = true\n",
        ] {
            if !manifest.contains(expected) {
                problems.push(format!("{room}/Cargo.toml lacks {:?}", expected.trim()));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn only_tests_room_enables_protocol_breaks() {
    let holds = |room: &str| read(&root().join(room).join("Cargo.toml")).contains("\"breaks\"");
    let rooms: Vec<_> = ROOMS.iter().map(|(room, _)| *room).collect();
    let (with, without): (Vec<&str>, Vec<&str>) = rooms.into_iter().partition(|room| holds(room));
    assert_eq!(with, ["tests"], "the feature `breaks` is for tests/ alone");
    let workspace = read(&root().join("Cargo.toml"));
    let defaults = workspace
        .lines()
        .find(|line| line.starts_with("default-members"))
        .expect("a build of everything that is shipped leaves tests/ out");
    for room in without {
        assert!(defaults.contains(&format!("\"{room}\"")), "{room}");
    }
    assert!(!defaults.contains("\"tests\""));
}

fn edge(from: &str, to: &str) -> Edge {
    Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        optional: false,
        dev: false,
    }
}

#[test]
fn upward_or_sideways_dependency_is_found() {
    for (from, to) in [
        ("core", "state"),
        ("state", "worker"),
        ("state", "sink"),
        ("orchestrator", "connectors"),
        ("worker", "orchestrator"),
        ("worker", "cli"),
        ("elsewhere", "core"),
    ] {
        assert_eq!(
            wrong(&[edge("worker", "core"), edge(from, to)]).len(),
            1,
            "{from} -> {to}"
        );
    }
}

#[test]
fn crate_outside_its_room_is_found() {
    for (from, to) in [
        ("worker", "reqwest"),
        ("cli", "rusqlite"),
        ("state", "anyhow"),
        ("worker", "aws-sdk-lambda"),
    ] {
        assert_eq!(wrong(&[edge(from, to)]).len(), 1, "{from} -> {to}");
    }
    assert_eq!(wrong(&[edge("core", "tokio")]).len(), 1);
    let behind_a_feature = Edge {
        optional: true,
        ..edge("core", "tokio")
    };
    assert_eq!(wrong(&[behind_a_feature]), [""; 0]);
}

#[test]
fn room_uses_itself_only_in_tests() {
    assert_eq!(wrong(&[edge("state", "state")]).len(), 1);
    let in_tests = Edge {
        dev: true,
        ..edge("state", "state")
    };
    assert_eq!(wrong(&[in_tests]), [""; 0]);
}
