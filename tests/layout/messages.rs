//! docs/reference/messages.md holds every message of the programs, as their source has it. A message
//! that is missing there fails the test.

mod literals;

use std::collections::BTreeMap;
use std::path::Path;

use self::literals::{Literal, literals};
use crate::tree::{files, read, relative, root};

const DOCUMENT: &str = "docs/reference/messages.md";

const INTRODUCTION: &str = "\
# Messages

Every text that the programs print, log or store as a reason, by source file, for searching a message that you see.
This page is made from the source: `UPDATE_DOCS=1 cargo test --workspace --test layout` writes it.

- `{name}` stands for a value, and `{…}` for one without a name.
- The first word is the kind: `error` for the message of an error type; `ERROR`, `WARN`, `INFO` or `DEBUG` for a log
  line; `text` for any other text, mostly a part of an error, a reason, or a line of output.
- A message is often put together: `sink {sink} cannot be used: {problem}` contains a text of the sink as its `problem`.
- The subject of a log line is in its fields, such as `source`, `window` and `sink`.

[RUNBOOK.md](../RUNBOOK.md) explains alarms, [exit-codes.md](exit-codes.md) the exit codes.
";

/// The rooms whose texts people meet.
const ROOMS: [&str; 8] = [
    "cli",
    "worker",
    "orchestrator",
    "function",
    "connectors",
    "sink",
    "state",
    "core",
];

/// Calls, macros and attributes whose literals nobody reads in a running program.
const INTERNAL: [&str; 18] = [
    "expect",
    "expect_err",
    "assert!",
    "assert_eq!",
    "assert_ne!",
    "debug_assert!",
    "debug_assert_eq!",
    "panic!",
    "unreachable!",
    "cfg",
    "cfg_attr",
    "prepare",
    "prepare_cached",
    "execute",
    "execute_batch",
    "query_row",
    "include_str!",
    "concat!",
];

/// First words of SQL.
const SQL: [&str; 10] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "PRAGMA", "CREATE", "ALTER", "DROP", "SET",
];

/// Method names at the end of an argument that do not name its value.
const UNNAMED: [&str; 20] = [
    "display",
    "to_string",
    "to_owned",
    "as_str",
    "as_ref",
    "as_deref",
    "join",
    "clone",
    "get",
    "unwrap_or",
    "unwrap_or_default",
    "map_or",
    "trim",
    "take",
    "into_owned",
    "self",
    "u64",
    "usize",
    "as",
    "u16",
];

/// Returns true for a source file whose texts reach people.
fn is_production(name: &str) -> bool {
    let room = name.split('/').next().unwrap_or_default();
    let is_test = name.ends_with("_tests.rs")
        || [
            "tests",
            "testing",
            "fake",
            "conformance",
            "failing",
            "scripted",
            "properties",
            "test_table",
            "world",
        ]
        .iter()
        .any(|word| name.contains(&format!("/{word}/")) || name.contains(&format!("{word}.rs")));
    ROOMS.contains(&room) && name.contains("/src/") && !is_test
}

/// The source without its module of tests, which is last.
fn without_tests(source: &str) -> &str {
    let modules = source.match_indices("#[cfg(test)]\nmod ");
    let mut inline = modules.filter(|(at, _)| {
        let module = source[*at..].lines().nth(1).unwrap_or_default();
        module.ends_with('{')
    });
    let tests = inline.next().map(|(at, _)| at);
    &source[..tests.unwrap_or(source.len())]
}

/// The kind of a literal, if people read it.
fn kind(literal: &Literal) -> Option<&'static str> {
    let around = || literal.around.iter().map(String::as_str);
    if around().any(|name| INTERNAL.contains(&name))
        || ["reason", "doc"].contains(&literal.before.as_str())
    {
        return None;
    }
    let words = literal.text.split_whitespace();
    let is_word = |word: &&str| {
        let word = word.trim_matches(|c| "(),.;:".contains(c));
        word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let is_prose = words.clone().count() > 1 && words.clone().any(|word| is_word(&word));
    let first = words.clone().next().unwrap_or_default();
    if !is_prose
        || SQL.contains(&first)
        || ["= ?", "ORDER BY", "SELECT "]
            .iter()
            .any(|it| literal.text.contains(it))
    {
        return None;
    }
    let levels = [
        ("error!", "ERROR"),
        ("warn!", "WARN"),
        ("info!", "INFO"),
        ("debug!", "DEBUG"),
    ];
    let level = levels
        .iter()
        .find(|(name, _)| around().any(|it| it == *name));
    Some(match level {
        Some((_, level)) => level,
        None if literal.around.last().is_some_and(|name| name == "error") => "error",
        None => "text",
    })
}

/// The text with a name for each value, from its arguments.
fn named(literal: &Literal) -> String {
    let arguments = arguments(&literal.rest);
    let mut arguments = arguments.iter();
    let (mut shown, mut rest) = (String::new(), literal.text.as_str());
    while let Some(at) = rest.find(['{', '}']) {
        shown.push_str(&rest[..at]);
        let tail = &rest[at..];
        if tail.starts_with('}') && !tail.starts_with("}}") {
            shown.push('}');
            rest = &tail[1..];
            continue;
        }
        if tail.starts_with("{{") || tail.starts_with("}}") {
            shown.push_str(&tail[..1]);
            rest = &tail[2..];
            continue;
        }
        let end = tail.find('}').unwrap_or(tail.len() - 1);
        let inner = tail.get(1..end).unwrap_or_default();
        if inner.starts_with(' ') {
            // Braces of another language, such as YAML.
            shown.push('{');
            rest = &tail[1..];
            continue;
        }
        let name = inner.split(':').next().unwrap_or_default();
        let name = match name {
            "" => arguments.next().map_or("…", String::as_str),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => "…",
            name => name,
        };
        shown.push_str(&format!("{{{name}}}"));
        rest = &tail[end + 1..];
    }
    shown.push_str(rest);
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names of the values in `rest`, the arguments after a literal.
fn arguments(rest: &str) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in rest.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("one at least").push(c);
    }
    parts.iter().skip(1).map(|part| name_of(part)).collect()
}

/// The last identifier of an argument that says what it is.
fn name_of(argument: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = argument.split(|c| !is_part(c));
    let is_name = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.len() > 1
            && !UNNAMED.contains(word)
    };
    match words.rfind(is_name) {
        Some("len") => "number",
        name => name.unwrap_or("…"),
    }
    .to_owned()
}

/// The messages of one file, each once, in order.
fn messages(source: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for literal in literals(without_tests(source)) {
        let line = kind(&literal).map(|kind| format!("{kind:<5}  {}", named(&literal)));
        lines.extend(line.filter(|line| !lines.contains(line)));
    }
    lines
}

fn page() -> String {
    let mut rooms: BTreeMap<usize, String> = BTreeMap::new();
    for path in files("rs") {
        let name = relative(&path);
        if !is_production(&name) {
            continue;
        }
        let lines = messages(&read(&path));
        let room = ROOMS.iter().position(|room| name.starts_with(room));
        if let (false, Some(room)) = (lines.is_empty(), room) {
            let text = format!("\n{name}:\n\n```text\n{}\n```\n", lines.join("\n"));
            rooms.entry(room).or_default().push_str(&text);
        }
    }
    let mut page = INTRODUCTION.to_owned();
    for (room, text) in rooms {
        page.push_str(&format!("\n## {}\n{text}", ROOMS[room]));
    }
    page
}

#[test]
fn every_message_is_documented() {
    let (path, page) = (root().join(DOCUMENT), page());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).expect("the document is writable");
        return;
    }
    assert!(
        path.exists() && read(&path) == page,
        "{DOCUMENT} is out of date; run this test with UPDATE_DOCS=1, and read the difference"
    );
}

#[test]
fn new_error_variant_and_log_line_are_found() {
    let source = r#"
        #[derive(Debug, thiserror::Error)]
        enum Trouble {
            #[error("the file {} is full: {problem}", path.display())]
            Full { path: PathBuf, problem: String },
            #[error("unknown outcome: {0}")]
            Unknown(String),
        }
        fn f() { tracing::warn!(%source, "source {} is late", definition.name); g("two words"); }
        fn h() { x.expect("never shown"); y("word"); z("SELECT a FROM b"); }
        #[cfg(test)]
        mod tests {
        fn t() { warn!("in a test"); }
        }
    "#;
    let source = source.replace("\n        ", "\n");
    assert_eq!(
        messages(&source),
        [
            "error  the file {path} is full: {problem}",
            "error  unknown outcome: {…}",
            "WARN   source {name} is late",
            "text   two words",
        ]
    );
    assert!(is_production("sink/src/http/post.rs"));
    for other in [
        "sink/src/http_tests.rs",
        "state/src/conformance/claims.rs",
        "tests/sim/run.rs",
    ] {
        assert!(!is_production(other), "{other}");
    }
}

#[test]
fn values_are_named_by_their_arguments() {
    for (argument, name) in [
        (" self.dir.display()", "dir"),
        (" grouped(total.adopted)", "adopted"),
        (" short(message)", "message"),
        (" 3", "…"),
    ] {
        assert_eq!(name_of(argument), name, "{argument}");
    }
    assert!(Path::new(DOCUMENT).is_relative());
}
