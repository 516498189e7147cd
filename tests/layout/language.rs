//! Habits of language stay rare in documents, comments and messages, and names of tests stay
//! short. CONTRIBUTING lists the rules.

mod doc_comments;
mod habits;
mod prose;
mod test_names;

use std::collections::BTreeMap;

use crate::tree::{assert_none, files, read, relative};

/// Number of files that a failure lists.
const WORST_FILES: usize = 8;

/// Place of a finding: the path of the file, and the line from 1.
type Place = (String, usize);

/// The files with the most findings, each with its lines.
fn worst(places: &[Place]) -> String {
    let mut by_file: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (file, line) in places {
        by_file.entry(file).or_default().push(*line);
    }
    let mut by_file: Vec<_> = by_file.into_iter().collect();
    by_file.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.len()));
    let listed = by_file.iter().take(WORST_FILES).map(|(file, lines)| {
        let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        format!("\n  {file}:{}", lines.join(","))
    });
    listed.collect()
}

/// The paths and texts of all files that end in `extension`.
fn texts(extension: &str) -> Vec<(String, String)> {
    let files = files(extension);
    let texts = files.iter().map(|path| (relative(path), read(path)));
    texts.collect()
}

#[test]
fn documents_and_comments_are_free_of_habits() {
    let mut count = habits::Count::default();
    for (file, text) in texts("md") {
        count.add(&file, &prose::of_document(&text));
    }
    for (file, text) in texts("rs") {
        count.add(&file, &prose::of_comments(&text));
    }
    assert_none(&count.problems());
}

#[test]
fn messages_are_free_of_habits() {
    let mut count = habits::Count::default();
    for (file, text) in texts("rs") {
        count.add(&file, &prose::of_messages(&file, &text));
    }
    assert_none(&count.problems());
}

#[test]
fn doc_comments_open_with_noun_or_verb() {
    let mut count = doc_comments::Count::default();
    for (file, text) in texts("rs") {
        count.add(&file, &text);
    }
    assert_none(&count.problems());
}

#[test]
fn test_names_are_short_claims() {
    let mut count = test_names::Count::default();
    for (file, text) in texts("rs") {
        count.add(&file, &text);
    }
    assert_none(&count.problems());
}

#[test]
fn failure_lists_worst_files_with_lines() {
    let place = |file: &str, line| (file.to_owned(), line);
    let places = [place("a.rs", 3), place("b.rs", 1), place("b.rs", 9)];
    assert_eq!(worst(&places), "\n  b.rs:1,9\n  a.rs:3");
}
