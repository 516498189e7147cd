//! Names in files and documents agree.

use crate::tree::{assert_none, files, read, root};

/// The built-in connectors, by their manifests.
fn connectors() -> Vec<String> {
    let manifests = root().join("connectors").join("manifests");
    let mut names: Vec<_> = files("yaml")
        .iter()
        .filter(|path| path.parent() == Some(&manifests))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no manifest in {}", manifests.display());
    names
}

/// Returns true if a table row in `document` names `connector`.
fn is_listed(document: &str, connector: &str) -> bool {
    let name = format!("`{connector}`");
    document
        .lines()
        .any(|line| line.trim_start().starts_with('|') && line.contains(&name))
}

#[test]
fn every_connector_has_fixtures_and_readme_row() {
    let readme = read(&root().join("README.md"));
    let mut problems = Vec::new();
    for connector in connectors() {
        let fixtures = root().join("connectors").join("fixtures").join(&connector);
        if !fixtures.is_dir() {
            problems.push(format!(
                "{connector} has no folder connectors/fixtures/{connector}"
            ));
        }
        if !is_listed(&readme, &connector) {
            problems.push(format!(
                "README.md has no table row that names `{connector}`"
            ));
        }
    }
    assert_none(&problems);
}

#[test]
fn connector_mentioned_in_prose_is_not_listed() {
    assert!(is_listed(
        "| connector | reads |\n| `okta` | the log |\n",
        "okta"
    ));
    assert!(!is_listed("The `okta` connector.\n", "okta"));
    assert!(!is_listed("| `okta_system_log` |\n", "okta"));
}
