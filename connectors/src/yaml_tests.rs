use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::manifest::text::OneOrMany;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    #[expect(dead_code, reason = "only its reading matters")]
    window: Window,
    #[serde(default)]
    #[expect(dead_code, reason = "only its reading matters")]
    tags: BTreeMap<String, String>,
    #[expect(dead_code, reason = "only its reading matters")]
    kind: Option<Kind>,
    #[expect(dead_code, reason = "only its reading matters")]
    list: Option<Vec<OneOrMany<String>>>,
    #[expect(dead_code, reason = "only its reading matters")]
    flag: Option<bool>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[expect(dead_code, reason = "only its reading matters")]
    Inner(Window),
    Plain,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    #[expect(dead_code, reason = "only its reading matters")]
    initial: u32,
}

fn error(text: &str) -> String {
    load::<Sample>("a.yaml", text).unwrap_err().to_string()
}

#[test]
fn unknown_field_is_located_and_explained() {
    insta::assert_snapshot!(
        error("window:\n  initail: 5\n"),
        @"a.yaml:2:3: unknown field `initail`; did you mean `initial`?"
    );
    insta::assert_snapshot!(error("window: { initial: 5 }\nzzz: 1\n"), @"a.yaml:2:1: unknown field `zzz`; expected one of window, tags, kind, list, flag");
}

#[test]
fn missing_field_and_wrong_type_are_located() {
    insta::assert_snapshot!(error("window: {}\n"), @"a.yaml:1:9: field `initial` is missing; add `initial:` here");
    insta::assert_snapshot!(error("window:\n  initial: many\n"), @"a.yaml:2:12: expected a whole number, 0 or more");
}

#[test]
fn wrong_shape_is_described_in_yaml_terms() {
    let mut report = String::new();
    for text in [
        "",
        "# nothing else\n",
        "hello\n",
        "window: 5\n",
        "window:\n  initial: { a: 1 }\n",
        "tags:\n  a:\n  b: x\n",
        "tags: [a]\n",
        "list: a\n",
        "list:\n  - {from}\n",
        "flag: yes\n",
        "kind: inner\nflag: true\n",
        "kind: { inner: { initial: 1 }, plain: }\n",
        "kind: [plain]\n",
        "window: { initial: 1 }\n---\nflag: true\n",
    ] {
        writeln!(report, "{text:?}\n    {}", error(text)).unwrap();
    }
    insta::assert_snapshot!(report, @r##"
    ""
        a.yaml:1:1: the file is empty
    "# nothing else\n"
        a.yaml:2:1: the file is empty
    "hello\n"
        a.yaml:1:1: expected a map; write `{ ... }`
    "window: 5\n"
        a.yaml:1:9: expected a map; write `{ ... }`
    "window:\n  initial: { a: 1 }\n"
        a.yaml:2:12: expected a single value; put quotes around text that begins with a brace or a bracket
    "tags:\n  a:\n  b: x\n"
        a.yaml:2:4: missing value
    "tags: [a]\n"
        a.yaml:1:7: expected a map; write `{ ... }`
    "list: a\n"
        a.yaml:1:7: expected a list; write `[ ... ]`
    "list:\n  - {from}\n"
        a.yaml:2:5: expected a value or a list of values, found map; put quotes around it: "{from}"
    "flag: yes\n"
        a.yaml:1:7: expected `true` or `false`
    "kind: inner\nflag: true\n"
        a.yaml:1:7: expected a map; write `{ ... }`
    "kind: { inner: { initial: 1 }, plain: }\n"
        a.yaml:1:32: expected one key only; keep one of them
    "kind: [plain]\n"
        a.yaml:1:7: expected a map; write `{ ... }`
    "window: { initial: 1 }\n---\nflag: true\n"
        a.yaml:3:1: second YAML document; keep one document per file
    "##);
}

#[test]
fn duplicate_key_is_rejected() {
    insta::assert_snapshot!(error("window: { initial: 1 }\nwindow: { initial: 2 }\n"), @"a.yaml:2:1: duplicate key `window`; keep one of them");
}

#[test]
fn excessive_nesting_is_rejected_with_position() {
    let nested = |depth| format!("tags: {}x{}\n", "[".repeat(depth), "]".repeat(depth));
    for depth in [DEPTH_MAX, 60, 5_000] {
        let error = error(&nested(depth));
        assert!(error.starts_with("a.yaml:1:"), "{error}");
    }
    let deepest = nested(DEPTH_MAX - 1);
    let found: Result<serde_json::Value, _> = load("a.yaml", &deepest);
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn oversized_anchor_is_rejected_with_position() {
    let named = |count| format!("tags: {{}}\nlist: &all [{}]\n", "x, ".repeat(count));
    let refused = error(&named(REPEATABLE_MAX));
    assert!(refused.starts_with("a.yaml:2:"), "{refused}");
    let found: Result<serde_json::Value, _> = load("a.yaml", &named(REPEATABLE_MAX / 2));
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn empty_document_reports_missing_field_at_start() {
    for text in ["---\n", "---\n---\nwindow: { initial: 1 }\n"] {
        let error = error(text);
        assert!(error.starts_with("a.yaml:1:1: field `"), "{error}");
    }
}

#[test]
fn broken_yaml_is_located() {
    assert!(error("window: [\n").starts_with("a.yaml:"));
}

#[test]
fn own_error_points_at_closest_field() {
    let text = "window:\n  initial: 5\ntags:\n  - a\n  - b\n";
    let at = |field| {
        let error = invalid("a.yaml", text, field, "is wrong", None);
        (error.line, error.column)
    };
    assert_eq!(at("window.initial"), (2, 12));
    assert_eq!(at("window.absent"), at("window"));
    assert_eq!(at("tags[1]"), (5, 5));
}

#[test]
fn unusual_numbers_keep_error_position() {
    for number in [
        "2.5",
        "1e400",
        ".inf",
        "18446744073709551616",
        "-9223372036854775809",
    ] {
        let text = format!("first: {number}\nwindow:\n  initial: 5\n");
        let error = invalid("a.yaml", &text, "window.initial", "is wrong", None);
        assert_eq!((error.line, error.column), (3, 12), "{number}");
    }
}

#[test]
fn only_close_words_are_suggested() {
    assert_eq!(
        did_you_mean("initail", ["initial", "settle"]),
        Some("initial")
    );
    assert_eq!(did_you_mean("retries", ["initial", "settle"]), None);
}
