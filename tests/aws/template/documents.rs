//! The commands and samples in the documents: commands parse, and samples are valid.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use windlass_tests::windlass::binary;

use super::resolved::{output, read};

const DOCUMENTS: [&str; 2] = ["docs/RUNBOOK.md", "infra/README.md"];

/// The code blocks of one language in a document.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = read(document);
    let pieces: Vec<_> = text.split("```").collect();
    // Every second piece is code, and begins with its language.
    let code = pieces.iter().skip(1).step_by(2);
    code.filter_map(|block| block.strip_prefix(&format!("{language}\n")))
        .map(str::to_owned)
        .collect()
}

/// The arguments of every `windlass` command in the documents, with names for placeholders.
fn commands() -> Vec<Vec<String>> {
    let blocks = DOCUMENTS.iter().flat_map(|document| blocks(document, "sh"));
    let lines: Vec<String> = blocks
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let commands = lines
        .iter()
        .filter_map(|line| line.strip_prefix("windlass "));
    commands
        .map(|command| {
            let command = command.split(" #").next().unwrap_or_default();
            let word = |word: &str| match word {
                "SOURCE" => "okta".to_owned(),
                "WINDOW" => "okta/0123456789ab/live/2026-01-01T00:00:00.000Z".to_owned(),
                word => word.to_owned(),
            };
            command.split_whitespace().map(word).collect()
        })
        .collect()
}

#[test]
fn every_documented_command_exists() {
    let windlass = binary().expect("windlass can be built");
    let commands = commands();
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        // The preceding arguments are parsed first; then only the help is printed.
        output(Command::new(&windlass).args(command).arg("--help"));
    }
}

/// Runs the runbook's recipe for restoring records, with an `aws` that copies files.
#[test]
fn runbook_restores_error_records_unaltered() {
    let recipe = blocks("docs/RUNBOOK.md", "sh")
        .into_iter()
        .find(|block| block.contains("rawData"))
        .expect("the runbook brings back records under errors/");
    let folder = tempfile::tempdir().unwrap();
    // Three records in two lines: one as Firehose de-aggregates them, and two that it left packed.
    let first = r#"{"a":"Zo\u00eb ☂","n":1e2}"#;
    let packed = "{\"b\":1}\n{\"c\":2}\n";
    let mut errors = String::new();
    for raw in [first, packed] {
        let raw = STANDARD.encode(raw);
        errors.push_str(&format!("{{\"errorCode\":\"x\",\"rawData\":\"{raw}\"}}\n"));
    }
    let mut gzip = Command::new("gzip")
        .stdin(std::process::Stdio::piped())
        .stdout(fs::File::create(folder.path().join("errors.gz")).unwrap())
        .spawn()
        .unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    stdin.write_all(errors.as_bytes()).unwrap();
    drop(stdin);
    assert!(gzip.wait().unwrap().success());
    let aws = folder.path().join("aws");
    let script = "#!/bin/sh\nif [ \"$4\" = - ]; then cat errors.gz; else cp \"$3\" put; echo \"$4\" > where; fi\n";
    fs::write(&aws, script).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    output(
        Command::new("sh")
            .args(["-ec", &recipe])
            .current_dir(folder.path())
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .env("BUCKET", "records"),
    );
    let put = fs::read_to_string(folder.path().join("put")).unwrap();
    assert_eq!(put, format!("{first}\n{packed}"));
    let place = fs::read_to_string(folder.path().join("where")).unwrap();
    assert!(place.starts_with("s3://records/records/hour="), "{place}");
}

#[test]
fn every_documented_policy_is_valid_json() {
    let policies = blocks("infra/README.md", "json");
    assert_eq!(policies.len(), 2);
    for policy in policies {
        let policy: Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(policy["Version"], "2012-10-17");
        assert!(policy["Statement"].is_array());
    }
}
