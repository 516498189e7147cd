//! Limits of the code: long files, rooms without a subject, silenced lints, unfinished work.

use std::path::Path;

use crate::tree::{assert_none, files, read, relative};

/// Maximum length of a source file in lines, tests included.
const LINES_MAX: usize = 400;

/// Module names without a subject.
const EMPTY_NAMES: [&str; 6] = ["common", "helpers", "misc", "types", "util", "utils"];

/// Forbidden text in source files. In pieces, because this is a source file.
const FORBIDDEN: [&str; 6] = [
    concat!("#[", "allow("),
    concat!("#![", "allow("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
    concat!("dbg", "!("),
];

/// The problems of one source file.
fn wrong(path: &Path, text: &str) -> Vec<String> {
    let name = relative(path);
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        problems.push(format!(
            "{name} has {lines} lines, which is more than {LINES_MAX}"
        ));
    }
    let names = path.with_extension("");
    let empty = names
        .iter()
        .filter_map(|part| part.to_str())
        .find(|part| EMPTY_NAMES.contains(part));
    if let Some(empty) = empty {
        problems.push(format!("{name}: the name `{empty}` has no subject"));
    }
    for (number, line) in text.lines().enumerate() {
        for forbidden in FORBIDDEN {
            if line.contains(forbidden) {
                problems.push(format!("{name}:{}: {forbidden}", number + 1));
            }
        }
    }
    problems
}

#[test]
fn source_files_are_short_named_and_finished() {
    let problems: Vec<_> = files("rs")
        .iter()
        .flat_map(|path| wrong(path, &read(path)))
        .collect();
    assert_none(&problems);
}

#[test]
fn rule_breaking_source_files_are_found() {
    let long = "\n".repeat(LINES_MAX + 1);
    for name in ["core/src/plan.rs", "core/src/plan_tests.rs"] {
        assert_eq!(wrong(Path::new(name), &long).len(), 1, "{name}");
        assert_eq!(wrong(Path::new(name), &long[1..]).len(), 0, "{name}");
    }
    for name in ["core/src/utils.rs", "core/src/common/plan.rs"] {
        assert_eq!(wrong(Path::new(name), "").len(), 1, "{name}");
    }
    for forbidden in FORBIDDEN {
        assert_eq!(
            wrong(Path::new("core/src/plan.rs"), forbidden).len(),
            1,
            "{forbidden}"
        );
    }
    assert_eq!(
        wrong(Path::new("core/src/plan.rs"), "fn plan() {}\n").len(),
        0
    );
}
