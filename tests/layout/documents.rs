//! Links between documents lead to existing targets.

use std::path::Path;

use crate::tree::{assert_none, files, read, relative, root};

/// The targets of the inline links of a document, without those in code.
fn links(markdown: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between backticks is code.
        for text in line.split('`').step_by(2) {
            links.extend(
                text.split("](")
                    .skip(1)
                    .filter_map(|rest| rest.split(')').next()),
            );
        }
    }
    links
}

/// The anchors of a document's headings.
fn anchors(markdown: &str) -> Vec<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The links of one document without an existing target.
fn dead(path: &Path, markdown: &str) -> Vec<String> {
    let outside = |link: &str| link.contains("://") || link.starts_with("mailto:");
    let leads_nowhere = |link: &&str| {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        if file.is_empty() {
            return !anchors(markdown).iter().any(|known| known == anchor);
        }
        let target = path.parent().unwrap_or(Path::new("")).join(file);
        let is_document = target
            .extension()
            .is_some_and(|extension| extension == "md");
        !target.exists()
            || (is_document
                && !anchor.is_empty()
                && !anchors(&read(&target)).iter().any(|known| known == anchor))
    };
    let inside = links(markdown).into_iter().filter(|link| !outside(link));
    inside
        .filter(leads_nowhere)
        .map(|link| format!("{}: {link}", relative(path)))
        .collect()
}

#[test]
fn every_document_link_has_target() {
    let problems: Vec<_> = files("md")
        .iter()
        .flat_map(|path| dead(path, &read(path)))
        .collect();
    assert_none(&problems);
}

#[test]
fn broken_document_link_is_found() {
    let here = root().join("README.md");
    let text = "# Try it\n[a](missing.md) [b](#try-it) [c](#nothing) [d](https://x.example/y.md)\n\
                `[e](code.md)` [f](README.md#no-such-heading)\n```\n[g](fenced.md)\n```\n";
    let found = dead(&here, text);
    assert_eq!(
        found,
        [
            "README.md: missing.md",
            "README.md: #nothing",
            "README.md: README.md#no-such-heading"
        ]
    );
}
