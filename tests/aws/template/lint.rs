//! Checks of the template without a deployment.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use windlass_tests::aws::tools;

use super::resolved::{Resolved, output, parameters, project, read, translated};

fn lint(template: &Path) {
    let venv = tools::venv().expect("the template tools can be installed");
    output(Command::new(venv.join("bin/cfn-lint")).arg(template));
}

#[test]
fn cfn_lint_accepts_template() {
    lint(&project("infra/template.yaml"));
}

#[test]
fn cfn_lint_accepts_transformed_template() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("translated.json");
    fs::write(&file, translated().to_string()).unwrap();
    lint(&file);
}

#[test]
fn every_parameter_is_described_bounded_and_defaulted() {
    for (name, declared) in parameters() {
        let about = declared["Description"].as_str().unwrap_or_default();
        assert!(about.ends_with('.'), "{name}: {about}");
        assert!(!declared["Default"].is_null(), "{name} has no default");
        let bounded = ["AllowedPattern", "AllowedValues", "MaxValue"];
        assert!(
            bounded.iter().any(|bound| declared.get(bound).is_some()),
            "{name} takes anything"
        );
    }
}

#[test]
fn every_parameter_is_in_readme() {
    let readme = read("infra/README.md");
    for name in parameters().keys() {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn records_and_state_outlive_stack() {
    let resolved = Resolved::with(&[]);
    let kept: Vec<_> = resolved
        .resources()
        .filter(|(_, resource)| resource["DeletionPolicy"] == "Retain")
        .map(|(id, resource)| {
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
            id
        })
        .collect();
    assert_eq!(kept, ["RecordsBucket", "StateTable"]);
}

#[test]
fn readme_lists_exactly_the_scanner_skips() {
    let readme = read("infra/README.md");
    let listed = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| CKV_"));
    let mut listed: Vec<_> = listed
        .filter_map(|rest| rest.split_whitespace().next())
        .map(|number| format!("CKV_{number}"))
        .collect();
    listed.sort();
    let resources = translated()["Resources"].as_object().unwrap();
    let skips = resources
        .values()
        .filter_map(|resource| resource["Metadata"]["checkov"]["skip"].as_array())
        .flatten();
    let mut skipped: Vec<_> = skips
        .map(|skip| {
            let reason = skip["comment"].as_str().unwrap_or_default();
            assert!(reason.len() > 20, "{skip}");
            skip["id"].as_str().unwrap().to_owned()
        })
        .collect();
    skipped.sort();
    skipped.dedup();
    assert_eq!(skipped, listed);
}

#[test]
fn outputs_hold_values_for_apply() {
    let outputs = translated()["Outputs"].as_object().unwrap();
    for name in ["State", "Sinks", "StateTableName", "StreamName", "Rejects"] {
        assert!(outputs.contains_key(name), "{name}");
    }
    assert!(
        outputs
            .values()
            .all(|output| output["Description"].is_string())
    );
    let sinks: &Value = &outputs["Sinks"]["Value"]["Fn::Sub"][0];
    assert!(sinks.as_str().unwrap().starts_with("sinks: { lake: {"));
}
