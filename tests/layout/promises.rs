//! Every promise of `docs/SEMANTICS.md` is quoted at a test, and the tests that it names exist.

use std::collections::BTreeSet;

use crate::tree::{assert_none, files, read, relative, root};

/// Number of promises.
const PROMISES: usize = 9;

/// The promises, word for word, without the quotation mark.
fn promises(document: &str) -> Vec<String> {
    let lines = document.lines().filter_map(|line| line.strip_prefix("> P"));
    lines.map(|rest| format!("P{}", rest.trim_end())).collect()
}

/// The last segments of the names in backticks from each `Proven by` to the next heading.
fn proving_tests(document: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut proving = false;
    for line in document.lines() {
        if line.starts_with('#') {
            proving = false;
        }
        let mut rest = line;
        if let Some(at) = line.to_lowercase().find("proven by") {
            proving = true;
            rest = &line[at..];
        }
        if proving {
            let named = rest.split('`').skip(1).step_by(2);
            names.extend(
                named
                    .filter_map(|name| name.rsplit("::").next())
                    .map(str::to_owned),
            );
        }
    }
    names
}

/// The comments of a source file, each run of lines as one.
fn comments(source: &str) -> Vec<String> {
    let mut comments = vec![String::new()];
    for line in source.lines() {
        match line.trim_start().strip_prefix("//") {
            Some(rest) => {
                let words = rest.trim_start_matches(['/', '!']).split_whitespace();
                for word in words {
                    if let Some(comment) = comments.last_mut() {
                        comment.push_str(word);
                        comment.push(' ');
                    }
                }
            }
            None => comments.push(String::new()),
        }
    }
    comments
}

/// The names of all functions of a source file.
fn functions(source: &str) -> impl Iterator<Item = &str> {
    source
        .split("fn ")
        .skip(1)
        .filter_map(|rest| rest.split(['(', '<']).next())
}

#[test]
fn every_promise_is_quoted_at_test() {
    let promises = promises(&read(&root().join("docs/SEMANTICS.md")));
    for number in 1..=PROMISES {
        let start = format!("P{number} ");
        let stated = promises
            .iter()
            .filter(|promise| promise.starts_with(&start))
            .count();
        assert_eq!(
            stated, 1,
            "docs/SEMANTICS.md states P{number} in a line `> P{number} ...`"
        );
    }
    // The conformance suites are tests that other rooms run.
    let with_tests = files("rs")
        .into_iter()
        .map(|path| (relative(&path), read(&path)))
        .filter(|(path, text)| path.contains("conformance") || text.contains("test]"))
        .map(|(_, text)| text);
    let comments: Vec<_> = with_tests.flat_map(|text| comments(&text)).collect();
    let unquoted = |promise: &&String| {
        !comments
            .iter()
            .any(|comment| comment.contains(promise.as_str()))
    };
    let problems: Vec<_> = promises
        .iter()
        .filter(unquoted)
        .map(|promise| format!("no test quotes: {promise}"))
        .collect();
    assert_none(&problems);
}

#[test]
fn every_test_named_as_proof_exists() {
    let named = proving_tests(&read(&root().join("docs/SEMANTICS.md")));
    assert!(
        named.len() >= PROMISES,
        "a promise without a test: {named:?}"
    );
    let sources: Vec<_> = files("rs").iter().map(|path| read(path)).collect();
    let existing: BTreeSet<_> = sources.iter().flat_map(|text| functions(text)).collect();
    let problems: Vec<_> = named
        .iter()
        .filter(|name| !existing.contains(name.as_str()))
        .map(|name| format!("docs/SEMANTICS.md names the test `{name}`, which does not exist"))
        .collect();
    assert_none(&problems);
}

#[test]
fn promises_and_proofs_are_parsed_from_document() {
    let document = "> P1 complete: all of it.\nwords `not_a_test`\n\nProven by:\n- `core::one`\n\
                    - `state::deep::two`, `three`\n\n## Next\n`neither`\nproven by `four`\n";
    assert_eq!(promises(document), ["P1 complete: all of it."]);
    assert_eq!(proving_tests(document), ["one", "two", "three", "four"]);
}

#[test]
fn quotation_can_wrap_but_not_differ() {
    let source =
        "/// P1 complete:\n/// all of it.\n#[test]\nfn one() {}\n// P2 resume: most of it.\n";
    let comments = comments(source);
    let quotes = |promise| comments.iter().any(|comment| comment.contains(promise));
    assert!(quotes("P1 complete: all of it."));
    assert!(!quotes("P2 resume: all of it."));
    assert_eq!(functions(source).collect::<Vec<_>>(), ["one"]);
}
